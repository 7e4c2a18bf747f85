"""What a node has to tell: until Redis has it, until it has come back from there, and as long as it may have to be told
again. Pure: time is an argument.

Redis may be away, and may come back without what it knew. So of each call that is live, or ended not long ago, the
newest state of everything is kept (`Ledger`), and whatever Redis does not have is sent again, in the order of its
numbers: nodes that know it already only learn its new place.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from ari_bridge.bus.wire import Carried, Told, may_be_lost
from ari_bridge.events import CallEnded, CallStarted, Gap, Suggestion, Transcript

LINGER_S: Final = 300.0
PATIENCE_S: Final = 0.4  # after which a node shows to its own what the bus has not told back
MOST_UNSENT: Final = 20_000  # then only the newest state of each thing stays, which the ledger has

Key = tuple[str, ...]


@dataclass(slots=True)
class Ledger:
    """The newest state of everything that was told of each call, in the order of numbers."""

    calls: dict[str, dict[Key, Told]] = field(default_factory=dict)
    _ended: dict[str, float] = field(default_factory=dict)

    def keep(self, told: Told, now: float) -> None:
        call_id, event = told.event.call_id, told.event
        over = isinstance(event, CallEnded) or (call_id not in self.calls and not isinstance(event, CallStarted))
        if over:
            self._ended.setdefault(call_id, now)
        kept = self.calls.setdefault(call_id, {})
        key = _key(event)
        kept.pop(key, None)
        kept[key] = told

    def expire(self, now: float) -> None:
        """Let go of calls that ended long enough ago."""
        while self._ended:
            call_id, ended_at = next(iter(self._ended.items()))
            if now - ended_at < LINGER_S:
                return
            del self._ended[call_id]
            self.calls.pop(call_id, None)

    def forget(self, call_id: str) -> None:
        self.calls.pop(call_id, None)
        self._ended.pop(call_id, None)

    def is_over(self, call_id: str) -> bool:
        return call_id in self._ended

    def after(self, number: int) -> list[Told]:
        """What is kept of later numbers, in their order."""
        kept = (told for call in self.calls.values() for told in call.values() if told.number > number)
        return sorted(kept, key=lambda told: told.number)


class Outlet:
    """`put` what is told; `batch` and `sent` are the sender's, `came_back` the receiver's."""

    def __init__(self, node: str, origin: str) -> None:
        self._node = node
        self.origin = origin
        self._number = 0
        self._ledger = Ledger()
        self._unsent: deque[Told] = deque()
        self._awaited: deque[tuple[float, Told]] = deque()  # until they come back, and not shown yet
        self._shown = 0  # number of the last one that was shown ahead
        self._back = 0  # number of the last one that came back

    @property
    def unsent(self) -> int:
        return len(self._unsent)

    @property
    def is_ahead(self) -> bool:
        """Whether something was shown that has not come back."""
        return self._shown > self._back

    def put(self, event: Carried, at: datetime, now: float, *, awaited: bool) -> Told:
        """`awaited`: somebody waits for it to come back."""
        self._ledger.expire(now)
        if may_be_lost(event):
            told = Told(self._node, self.origin, 0, at, event)
        else:
            self._number += 1
            told = Told(self._node, self.origin, self._number, at, event)
            self._ledger.keep(told, now)
            if awaited:
                self._awaited.append((now, told))
        self._unsent.append(told)
        if len(self._unsent) > MOST_UNSENT:
            self._send_again(after=next((t.number for t in self._unsent if t.number), 1) - 1)
        return told

    def batch(self, most: int) -> list[Told]:
        """The next to be sent."""
        return list(islice(self._unsent, most))

    def sent(self, count: int) -> None:
        """Redis has so many of them."""
        for _ in range(count):
            self._unsent.popleft()

    def drop_losable(self) -> None:
        """What was not sent in time and may be lost is not worth sending any more."""
        self._unsent = deque(told for told in self._unsent if told.number)

    def send_all_again(self) -> None:
        """Redis has lost what it knew."""
        self._send_again(after=0)

    def came_back(self, told: Told) -> bool:
        """Note one of our own; whether it was shown ahead."""
        self._back = max(self._back, told.number)
        while self._awaited and self._awaited[0][1].number <= told.number:
            self._awaited.popleft()
        return told.number <= self._shown

    def overdue(self, now: float, *, away: bool) -> list[Told]:
        """Those that ought to have come back by now, with all after them: from here on they count as shown. With
        `away` nothing will come back soon."""
        if not self._awaited or not (away or now - self._awaited[0][0] >= PATIENCE_S):
            return []
        late = [told for _, told in self._awaited]
        self._awaited.clear()
        self._shown = late[-1].number
        return late

    def is_over(self, call_id: str) -> bool:
        """Whether the call ended not long ago, or nothing but an addition to it was told here."""
        return self._ledger.is_over(call_id)

    def deadline(self) -> float | None:
        """When to ask what is overdue; None where nothing is awaited."""
        return self._awaited[0][0] + PATIENCE_S if self._awaited else None

    def forget(self, call_id: str) -> None:
        self._ledger.forget(call_id)

    def _send_again(self, after: int) -> None:
        self._unsent = deque(self._ledger.after(after))


def _key(event: Carried) -> Key:
    match event:
        case Transcript():
            return event.type, event.leg, str(event.utterance)
        case Gap():
            return event.type, event.leg, str(event.start_ms), str(event.end_ms)
        case Suggestion():
            return event.type, event.id
    return (event.type,)
