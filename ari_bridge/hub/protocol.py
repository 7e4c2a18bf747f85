"""The hub's wire format, without I/O: messages out, messages in, the log a client resumes from. Pure.

Every event is serialised once, whoever it goes to. What differs between clients is `prev` (the cursor of the message
last sent to *this* client), so a message is kept as bytes with the envelope left open, and `frame` joins the two.

Cursors are decimal sequence numbers of the hub, or of all hub nodes on one bus (opaque to clients). A cursor that ends
in `~` stands in the middle of a replay, or behind something that has no number yet: nobody can resume from there, so a
client that was cut off there gets a new snapshot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import takewhile
from typing import Any

from ari_bridge.events import Event, Level, SystemChanged, Transcript, Verdict, rfc3339

MAX_ID = 200  # characters of any id a client may name
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Delivery(Enum):
    """What may be done to a message for a slow reader."""

    CERTAIN = "certain"  # never coalesced, never dropped
    PARTIAL = "partial"  # the newer one of the same utterance replaces it
    DROPPABLE = "droppable"  # the newer one of the same call replaces it; not kept for resume


CoalesceKey = tuple[str, ...] | int
"""Messages with the same key replace one another; a certain message's key is its own sequence number,
a transcript's (final or not) is (call, leg, utterance)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event, serialised once.

    `members` are the event's JSON members in UTF-8 without the outer braces; `at` is RFC 3339;
    `published` is monotonic seconds.
    """

    type: str
    sequence: int
    at: str
    published: float
    members: bytes
    delivery: Delivery
    key: CoalesceKey
    call_id: str | None
    settled: bool = True
    """Whether all that was told up to here has its number: only then can a client go on after this message."""

    def frame(self, cursor: str, prev: str) -> bytes:
        """The whole message for one client."""
        return b'{"type":"%b","cursor":"%b","prev":"%b","at":"%b",%b}' % (
            self.type.encode(),
            cursor.encode(),
            prev.encode(),
            self.at.encode(),
            self.members,
        )

    def __len__(self) -> int:
        return len(self.members)


def encode(
    event: Event,
    sequence: int,
    at: datetime,
    published: float,
    *,
    settled: bool = True,
    unnumbered: CoalesceKey | None = None,
) -> Message:
    """The event as a message. Raises ValueError for a number that JSON cannot hold (NaN): our own fault.

    `unnumbered`: `sequence` is that of the message before, and this is the key of one that is certain.
    """
    call_id = None if isinstance(event, SystemChanged) else event.call_id
    delivery, key = _policy(event, sequence if unnumbered is None else unnumbered)
    members = dumps(event.to_json())[1:-1]
    return Message(event.type, sequence, rfc3339(at) or "", published, members, delivery, key, call_id, settled)


def hidden(call_id: str, sequence: int, at: datetime, published: float, *, settled: bool = True) -> Message:
    """`call_hidden`: the call is no longer this client's to see."""
    members = dumps({"call_id": call_id})[1:-1]
    key = ("hidden", call_id)
    return Message(
        "call_hidden", sequence, rfc3339(at) or "", published, members, Delivery.CERTAIN, key, call_id, settled
    )


def cursor_of(sequence: int, settled: bool) -> str:
    """As a client is given it; nobody can resume from one that is not settled."""
    return str(sequence) if settled else f"{sequence}~"


def _policy(event: Event, certain: CoalesceKey) -> tuple[Delivery, CoalesceKey]:
    if isinstance(event, Transcript):
        key = ("transcript", event.call_id, event.leg.value, str(event.utterance))
        return (Delivery.CERTAIN if event.final else Delivery.PARTIAL), key
    if isinstance(event, Level):
        return Delivery.DROPPABLE, ("level", event.call_id)
    return Delivery.CERTAIN, certain


def dumps(value: Mapping[str, Any] | list[Any]) -> bytes:
    """Compact UTF-8 JSON; a lone surrogate in speech becomes `?` rather than an error in every client's writer."""
    return _to_json(value).encode("utf-8", "replace")


def heartbeat(cursor: str, at: datetime) -> bytes:
    """It moves nothing: `cursor` equals `prev`, so that a client that lost the last message finds out."""
    return dumps({"type": "heartbeat", "cursor": cursor, "prev": cursor, "at": rfc3339(at)})


def resumed(epoch: str, cursor: str, at: datetime) -> bytes:
    """First message of a connection that goes on where the last one ended; what was missed follows."""
    return dumps({"type": "resumed", "epoch": epoch, "cursor": cursor, "prev": cursor, "at": rfc3339(at)})


KEPT_S = 5.0


class MessageLog:
    """The newest messages, for clients that come back.

    Bounds: `max_messages` and `max_bytes` of members, and `enough` of those that are older than `KEPT_S`: a page comes
    back within seconds, and who comes later gets a snapshot. The oldest go first. A partial is kept only until the
    next state of its utterance; droppable messages are not kept.
    """

    def __init__(self, max_messages: int = 20_000, max_bytes: int = 16 * 2**20, enough: int = 500) -> None:
        self._messages: dict[CoalesceKey, Message] = {}  # in order of sequence: a replaced key is re-inserted
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._enough = min(enough, max_messages)
        self._bytes = 0
        self._forgotten = 0  # highest sequence that was evicted

    def append(self, message: Message) -> None:
        if message.delivery is Delivery.DROPPABLE:
            return
        replaced = self._messages.pop(message.key, None)
        self._messages[message.key] = message
        self._bytes += len(message) - (len(replaced) if replaced else 0)
        while oldest := self._superfluous(message.published):
            del self._messages[oldest.key]
            self._bytes -= len(oldest)
            self._forgotten = oldest.sequence

    def _superfluous(self, now: float) -> Message | None:
        """The oldest message, where it is one too many."""
        count = len(self._messages)
        if count <= self._enough and self._bytes <= self._max_bytes:
            return None
        oldest = next(iter(self._messages.values()))
        too_many = count > self._max_messages or self._bytes > self._max_bytes
        return oldest if too_many or now - oldest.published > KEPT_S else None

    def since(self, sequence: int) -> list[Message] | None:
        """All kept messages after `sequence`, in order; None where some of them are no longer at hand."""
        if sequence < self._forgotten:
            return None
        missed = list(takewhile(lambda m: m.sequence > sequence, reversed(self._messages.values())))
        missed.reverse()
        return missed

    def begin(self, sequence: int) -> None:
        """Forget everything: the next message is the one after `sequence`."""
        self._messages.clear()
        self._bytes = 0
        self._forgotten = sequence

    def forget(self, call_id: str) -> None:
        """Drop all that is known of a call."""
        for key in [key for key, message in self._messages.items() if message.call_id == call_id]:
            self._bytes -= len(self._messages.pop(key))

    def find(self, sequence: int) -> Message | None:
        """The certain message of that number, where it is at hand."""
        return self._messages.get(sequence)


@dataclass(frozen=True, slots=True)
class Pong:
    pass


@dataclass(frozen=True, slots=True)
class Painted:
    """The first card of an utterance is on screen; `cursor` is that message's."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Feedback:
    id: str
    verdict: Verdict


ClientMessage = Pong | Painted | Feedback


def parse_client_message(text: str) -> ClientMessage | None:
    """What a page says; None for anything that is not in the contract (to be counted by the caller)."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    match raw.get("type"):
        case "pong":
            return Pong()
        case "painted":
            sequence = parse_cursor(raw.get("cursor"))
            return None if sequence is None else Painted(sequence)
        case "feedback":
            return parse_feedback(raw.get("id"), raw.get("verdict"))
    return None


def parse_feedback(suggestion_id: object, verdict: object) -> Feedback | None:
    if not isinstance(suggestion_id, str) or not 0 < len(suggestion_id) <= MAX_ID:
        return None
    if not isinstance(verdict, str) or verdict not in set(Verdict):
        return None
    return Feedback(suggestion_id, Verdict(verdict))


def parse_cursor(value: object) -> int | None:
    """A cursor that can be resumed from, as its sequence number; None for any other value."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    return None
