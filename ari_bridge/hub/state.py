"""The fold of all events into what a page must know when it opens: the snapshot. Pure: `now` is an argument.

It keeps the messages as they were serialised, so a snapshot is a join of bytes. A call leaves `linger_s` after its end,
or when `MOST_ENDED` others have ended since: the day's calls are the history's, not the memory's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ari_bridge.events import (
    Call,
    CallEnded,
    CallEvent,
    CallStarted,
    CallStatus,
    CallUpdated,
    Checklist,
    Component,
    ComponentState,
    ComponentStatus,
    Event,
    Gap,
    Level,
    Suggestion,
    SuggestionState,
    Summary,
    SystemChanged,
    Transcript,
    rfc3339,
)
from ari_bridge.hub.access import Account
from ari_bridge.hub.protocol import Delivery, Message, cursor_of, dumps, encode

LINGER_S = 300.0
MOST_ENDED = 50
SETTLED_S = 15.0  # by then the last words and the summary of an ended call are there, or will not come
INLINE_BYTES = 256 * 1024
"""A snapshot holds whole calls up to this size; what is known of the others follows as messages, so that neither a
frame nor a stuck reader's share of memory grows with the day."""


@dataclass(slots=True)
class CallView:
    """One call as the page knows it; messages by what replaces them."""

    call: Call
    started: Message
    lines: dict[tuple[str, int], Message] = field(default_factory=dict)
    gaps: list[Message] = field(default_factory=list)
    suggestions: dict[str, tuple[Suggestion, Message]] = field(default_factory=dict)
    checklist: Checklist | None = None
    checklist_message: Message | None = None
    end: Message | None = None
    summary: Message | None = None
    ended_at: float | None = None  # monotonic seconds
    _json: bytes | None = None  # `to_json` until the next event: many pages come back at once

    def fold(self, event: CallEvent, message: Message, now: float) -> None:
        if not isinstance(event, Level):
            self._json = None
        match event:
            case CallStarted() | CallUpdated():
                self.call = event.call
                self.ended_at = now if event.call.status is CallStatus.ENDED else None
            case Transcript():
                self.lines[event.leg.value, event.utterance] = message
            case Gap():
                self.gaps.append(message)
            case Suggestion(state=SuggestionState.WITHDRAWN):
                self.suggestions.pop(event.id, None)
            case Suggestion():
                self.suggestions[event.id] = (event, message)
            case Checklist():
                self.checklist, self.checklist_message = event, message
            case CallEnded():
                self.end, self.ended_at = message, now
            case Summary():
                self.summary = message
            case Level():
                pass

    @property
    def is_told(self) -> bool:
        """Whether nothing more will come of this call."""
        return self.end is not None and (self.summary is not None or not self.lines)

    def knows(self, event: CallEvent, message: Message) -> bool:
        """Whether this was told before: a daemon that starts again tells what it finds of its calls."""
        match event:
            case Transcript():
                known = self.lines.get((event.leg.value, event.utterance))
                return known is not None and known.delivery is Delivery.CERTAIN
            case Gap():
                return any(gap.members == message.members for gap in self.gaps)
            case Suggestion():
                known_card = self.suggestions.get(event.id)
                return known_card is not None and known_card[0] == event
            case CallEnded():
                return self.end is not None
        return False

    def messages(self) -> Iterator[Message]:
        """All that is known beyond the call itself, as it was sent."""
        yield from self.lines.values()
        yield from self.gaps
        yield from (message for _, message in self.suggestions.values())
        yield from (m for m in (self.checklist_message, self.end, self.summary) if m is not None)

    def to_json(self) -> bytes:
        """The call with `transcript`, `gaps`, `suggestions`, `checklist`, `end`, `summary`."""
        if self._json is None:
            cards = (message for _, message in self.suggestions.values())
            steps = self.checklist.to_json()["steps"] if self.checklist else []
            self._json = b"".join(
                (
                    dumps(self.call.to_json())[:-1],
                    b',"transcript":[%b],"gaps":[%b]' % (_objects(self.lines.values()), _objects(self.gaps)),
                    b',"suggestions":[%b],"checklist":%b' % (_objects(cards), dumps(steps)),
                    b',"end":%b,"summary":%b}' % (_optional(self.end), _optional(self.summary)),
                )
            )
        return self._json

    def bare_json(self) -> bytes:
        """The same members, empty: what is known follows as messages."""
        return CallView(self.call, self.started).to_json()


class HubState:
    """All calls, live and just ended, and the dependencies' states."""

    def __init__(self, mode: str = "live", linger_s: float = LINGER_S) -> None:
        self.mode = mode
        self.views: dict[str, CallView] = {}
        self.system: Mapping[Component, ComponentStatus] = {
            component: ComponentStatus(ComponentState.CONNECTING) for component in Component
        }
        self._linger_s = linger_s
        self._ended: dict[str, float] = {}  # call → when it ended, in that order

    def fold(self, event: Event, message: Message, now: float) -> bool:
        """Take the event in; False where it is no news, or cannot be: its call is not (or no longer) known."""
        if isinstance(event, SystemChanged):
            self.system = event.components
            return True
        view = self.views.get(event.call_id)
        if view is None:
            if not isinstance(event, CallStarted | CallUpdated):
                return False
            view = self.views[event.call_id] = CallView(event.call, message)
        if view.knows(event, message):
            return False
        view.fold(event, message, now)
        if isinstance(event, CallUpdated | CallEnded):
            self._ended.pop(event.call_id, None)
            if view.ended_at is not None:
                self._ended[event.call_id] = view.ended_at
        return True

    def expire(self, now: float) -> list[str]:
        """Forget calls that ended long enough, or many calls, ago; their ids."""
        gone: list[str] = []
        too_many = len(self._ended) - MOST_ENDED
        for call_id, ended_at in self._ended.items():
            may_go = len(gone) < too_many and (self.views[call_id].is_told or now - ended_at >= SETTLED_S)
            if now - ended_at < self._linger_s and not may_go:
                break
            gone.append(call_id)
        for call_id in gone:
            del self.views[call_id]
            del self._ended[call_id]
        return gone

    def forget(self, call_id: str) -> bool:
        """A call that is over; False where there is no such one."""
        if self._ended.pop(call_id, None) is None:
            return False
        del self.views[call_id]
        return True

    def drop(self, call_id: str) -> None:
        """A call of which nothing more is known, live or over."""
        self._ended.pop(call_id, None)
        del self.views[call_id]

    def suggestion(self, suggestion_id: str) -> Suggestion | None:
        for view in self.views.values():
            if suggestion_id in view.suggestions:
                return view.suggestions[suggestion_id][0]
        return None

    def live(self) -> list[CallView]:
        return [view for view in self.views.values() if view.ended_at is None]

    def ended(self) -> list[CallView]:
        return [view for view in self.views.values() if view.ended_at is not None]

    def visible(self, sees: Callable[[Call], bool]) -> list[CallView]:
        """Live calls first."""
        return [view for view in (*self.live(), *self.ended()) if sees(view.call)]

    def replay(self, call_id: str, at: datetime) -> list[Message]:
        """Everything about one call as messages, for a client that may see it from now on."""
        view = self.views[call_id]
        start = encode(CallStarted(view.call), view.started.sequence, at, view.started.published)
        return [start, *view.messages()]

    def snapshot(
        self,
        epoch: str,
        cursor: int,
        at: datetime,
        account: Account,
        views: Iterable[CallView],
        *,
        settled: bool = True,
    ) -> tuple[bytes, list[Message]]:
        """The first message of a connection, and the messages to send right after it (see `INLINE_BYTES`)."""
        calls: list[bytes] = []
        rest: list[Message] = []
        room = INLINE_BYTES
        for view in views:
            whole = view.to_json()
            room -= len(whole)
            calls.append(whole if room >= 0 else view.bare_json())
            if room < 0:
                rest.extend(view.messages())
        head = dumps(
            {
                "type": "snapshot",
                "epoch": epoch,
                "cursor": cursor_of(cursor, settled and not rest),
                "at": rfc3339(at),
                "mode": self.mode,
                "me": account.to_json(),
                "system": SystemChanged(self.system).to_json(),
            }
        )
        return b'%b,"calls":[%b]}' % (head[:-1], b",".join(calls)), rest


def _objects(messages: Iterable[Message]) -> bytes:
    return b",".join(b"{%b}" % m.members for m in messages)


def _optional(message: Message | None) -> bytes:
    return b"{%b}" % message.members if message is not None else b"null"
