"""Fewer partials and levels for those who look at all calls: one of a call at a time, decided once for all of them.
Pure: time is an argument.

Of each call one partial may go per interval, and one level; a message that comes meanwhile is held, the newest of its
line, until the call's turn comes. What is certain always goes at once, and takes along what is held of its line.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ari_bridge.hub.protocol import CoalesceKey, Delivery, Message

INTERVAL_S: Final = 0.5


@dataclass(slots=True, eq=False)
class _Turn:
    """A call's partials, or its levels: those held, the one that has waited longest first."""

    of: CoalesceKey
    held: dict[CoalesceKey, Message] = field(default_factory=dict)


class Turns:
    """Bounded by what is being said: a held message per open line, a turn per call that speaks."""

    def __init__(self) -> None:
        self._turns: dict[CoalesceKey, _Turn] = {}
        self._queue: deque[tuple[float, _Turn]] = deque()  # when the next of each may go, in order of time
        self._held = 0

    def admit(self, message: Message, now: float) -> bool:
        """Whether the message may go at once; otherwise it is held, or replaces what is held of its line."""
        if message.delivery is Delivery.CERTAIN:
            self._supersede(message)
            return True
        of = _turn_of(message)
        turn = self._turns.get(of)
        if turn is None:
            self._turns[of] = turn = _Turn(of)
            self._queue.append((now + INTERVAL_S, turn))
            return True
        self._held += message.key not in turn.held
        turn.held[message.key] = message  # it keeps its place among those that wait, so both legs have their turn
        return False

    def release(self, now: float) -> list[Message]:
        """The messages whose turn has come."""
        released: list[Message] = []
        while self._queue and self._queue[0][0] <= now:
            _, turn = self._queue.popleft()
            if self._turns.get(turn.of) is not turn:
                continue
            if not turn.held:
                del self._turns[turn.of]
                continue
            released.append(turn.held.pop(next(iter(turn.held))))
            self._held -= 1
            self._queue.append((now + INTERVAL_S, turn))
        return released

    def next_due(self) -> float | None:
        """When to look for a held message that may go; None when none is held."""
        return self._queue[0][0] if self._held else None

    def _supersede(self, message: Message) -> None:
        """What is held of a line goes with its final, what is held of a call with its end."""
        call_id = message.call_id or ""
        turn = self._turns.get((call_id,))
        if turn is not None and turn.held.pop(message.key, None) is not None:
            self._held -= 1
        if message.type == "call_end":
            for of in ((call_id,), ("level", call_id)):
                gone = self._turns.pop(of, None)
                self._held -= len(gone.held) if gone is not None else 0


def _turn_of(message: Message) -> CoalesceKey:
    return message.key if message.delivery is Delivery.DROPPABLE else (message.call_id or "",)
