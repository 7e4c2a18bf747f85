"""Every event of the daemon, once: hub JSON, journal and log context are made from these types.

Pure. An event is an immutable value; `to_json` gives the members that the WebSocket contract names
(`docs/websocket.md` is generated from this file). The envelope (`cursor`, `prev`, `at`) is the hub's.
Times that count on a call's time line are integer milliseconds from the call's zero (the first audio
of either leg); times of day are aware UTC datetimes, written as RFC 3339 with milliseconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar


class Leg(StrEnum):
    """What one party says. The client is the call's first trunk channel, whoever dialled."""

    CLIENT = "client"
    OPERATOR = "operator"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallStatus(StrEnum):
    RINGING = "ringing"
    ANSWERED = "answered"
    HELD = "held"
    ENDED = "ended"


class LegState(StrEnum):
    """Health of a leg, as people are shown it."""

    CONNECTING = "connecting"
    LIVE = "live"
    SILENT = "silent"
    NO_AUDIO = "no_audio"
    STT_DOWN = "stt_down"
    STT_WAITING = "stt_waiting"
    CLOSED = "closed"


class SuggestionKind(StrEnum):
    OBJECTION = "objection"
    QUESTION = "question"
    COMPETITOR = "competitor"
    PRICE = "price"
    TIMING = "timing"
    CLOSING = "closing"
    RISK = "risk"
    WHISPER = "whisper"
    OTHER = "other"


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Source(StrEnum):
    PLAYBOOK = "playbook"
    LLM = "llm"
    SUPERVISOR = "supervisor"


class SuggestionState(StrEnum):
    STREAMING = "streaming"
    COMPLETE = "complete"
    WITHDRAWN = "withdrawn"


class Verdict(StrEnum):
    """What an operator did with a card."""

    USEFUL = "useful"
    USELESS = "useless"
    COPIED = "copied"
    DISMISSED = "dismissed"
    PINNED = "pinned"


class Component(StrEnum):
    """The daemon's dependencies, as the page shows their state."""

    ARI = "ari"
    STT = "stt"
    LLM = "llm"
    STORE = "store"


class ComponentState(StrEnum):
    UP = "up"
    CONNECTING = "connecting"
    DEGRADED = "degraded"
    DOWN = "down"
    OFF = "off"  # not configured, on purpose or for want of a key


def rfc3339(moment: datetime | None) -> str | None:
    """UTC with milliseconds and `Z`, as `2026-11-22T10:00:00.000Z`; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class LegStatus:
    """A leg's health; `reason` is a Russian phrase for people, None where there is nothing to explain."""

    state: LegState = LegState.CONNECTING
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"state": self.state.value, "reason": self.reason}


UNSENT: Mapping[str, bool] = MappingProxyType({"unsent": True})
"""Metadata of a field that `to_json` leaves out."""


def _both_legs() -> Mapping[Leg, LegStatus]:
    return MappingProxyType({Leg.CLIENT: LegStatus(), Leg.OPERATOR: LegStatus()})


@dataclass(frozen=True, slots=True)
class Call:
    """The client's conversation, whoever of us takes part.

    `id` is ours: minted at first sight, stable, unique across PBXs. `operator` and `ringing` hold extensions
    (`PJSIP/1001` → `1001`) or, for a party reached over the trunk, its number.
    Numbers are E.164 where that can be known.
    """

    id: str
    client_number: str | None
    caller: str | None
    callee: str | None
    direction: Direction
    started_at: datetime
    status: CallStatus = CallStatus.RINGING
    ringing: tuple[str, ...] = ()
    operator: str | None = None
    answered_at: datetime | None = None
    zero_at: datetime | None = None
    legs: Mapping[Leg, LegStatus] = field(default_factory=_both_legs)
    linkedid: str | None = None
    client_channel: str | None = field(default=None, metadata=UNSENT)
    """The client's channel id in Asterisk: a restarted daemon knows the call again by it."""

    trunk: str | None = field(default=None, metadata=UNSENT)
    """The endpoint of the client's channel, `PJSIP/mango`."""
    off: tuple[str, ...] = ()
    """What the settings switch off for this call: `stt`, `llm`, `hints`, `recording`."""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "client_number": self.client_number,
            "caller": self.caller,
            "callee": self.callee,
            "direction": self.direction.value,
            "status": self.status.value,
            "ringing": list(self.ringing),
            "operator": self.operator,
            "started_at": rfc3339(self.started_at),
            "answered_at": rfc3339(self.answered_at),
            "zero_at": rfc3339(self.zero_at),
            "legs": {leg.value: self.legs[leg].to_json() for leg in Leg},
            "linkedid": self.linkedid,
            "off": list(self.off),
        }


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """State of one dependency; `reason` and `action` (the cure) are Russian phrases for the page."""

    state: ComponentState
    reason: str | None = None
    action: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"state": self.state.value, "reason": self.reason, "action": self.action}


@dataclass(frozen=True, slots=True)
class CallStarted:
    """`call_start`: a call is seen for the first time (it may be ringing)."""

    type: ClassVar[str] = "call_start"
    call: Call

    @property
    def call_id(self) -> str:
        return self.call.id

    def to_json(self) -> dict[str, Any]:
        return {"call": self.call.to_json()}


@dataclass(frozen=True, slots=True)
class CallUpdated:
    """`call_update`: any member of the call changed; the whole call is sent. At hang-up: status `ended`."""

    type: ClassVar[str] = "call_update"
    call: Call

    @property
    def call_id(self) -> str:
        return self.call.id

    def to_json(self) -> dict[str, Any]:
        return {"call": self.call.to_json()}


@dataclass(frozen=True, slots=True)
class Transcript:
    """`transcript`: the whole present state of one utterance; the same (call_id, leg, utterance) replaces the line.

    `text` is confirmed and only grows; `tail` is what may still change, to be appended as it stands (it carries its own
    leading space); `final` means no tail, and the line never changes again.
    """

    type: ClassVar[str] = "transcript"
    call_id: str
    leg: Leg
    utterance: int
    text: str
    tail: str
    final: bool
    start_ms: int
    end_ms: int

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Gap:
    """`gap`: audio that never reached recognition; `frames` are the numbers of the frames it touches."""

    type: ClassVar[str] = "gap"
    call_id: str
    leg: Leg
    start_ms: int
    end_ms: int
    frames: tuple[int, ...]
    reason: str

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`suggestion`: one card; one with a known `id` replaces the card.

    `utterance` is the client's utterance that caused it and `quote` the client's words; `verdicts` is what the operator
    did with the card so far, oldest first.
    """

    type: ClassVar[str] = "suggestion"
    call_id: str
    id: str
    kind: SuggestionKind
    title: str
    content: str
    priority: Priority
    source: Source
    state: SuggestionState
    utterance: int | None
    quote: str
    verdicts: tuple[Verdict, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class ChecklistStep:
    id: str
    title: str
    done: bool

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Checklist:
    """`checklist`: the playbook's steps for this call, whole."""

    type: ClassVar[str] = "checklist"
    call_id: str
    steps: tuple[ChecklistStep, ...]

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Level:
    """`level`: loudness of both legs, 0 (silence) to 1 (full scale); at most five a second, droppable."""

    type: ClassVar[str] = "level"
    call_id: str
    client: float
    operator: float

    def to_json(self) -> dict[str, Any]:
        return {"call_id": self.call_id, "client": round(self.client, 2), "operator": round(self.operator, 2)}


@dataclass(frozen=True, slots=True)
class CallEnded:
    """`call_end`: after the last final words. `cause` is Q.850's; `duration_ms` counts from the answer."""

    type: ClassVar[str] = "call_end"
    call_id: str
    cause: int | None
    reason: str
    duration_ms: int

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Summary:
    """`summary`: what became of the call."""

    type: ClassVar[str] = "summary"
    call_id: str
    need: str
    outcome: str
    actions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class SystemChanged:
    """`system`: the state of every dependency, whole."""

    type: ClassVar[str] = "system"
    components: Mapping[Component, ComponentStatus]

    def to_json(self) -> dict[str, Any]:
        return {component.value: self.components[component].to_json() for component in Component}


CallEvent = CallStarted | CallUpdated | Transcript | Gap | Suggestion | Checklist | Level | CallEnded | Summary
Event = CallEvent | SystemChanged


def _plain(event: Any) -> dict[str, Any]:
    """A flat event's members as JSON values: enum → value, tuple → list, dataclass → its own `to_json`."""
    names = _MEMBERS.get(type(event))
    if names is None:
        names = _MEMBERS[type(event)] = tuple(f.name for f in dataclasses.fields(event))
    return {name: _value(getattr(event, name)) for name in names}


_MEMBERS: dict[type, tuple[str, ...]] = {}  # of each class, once: finding them takes longer than reading them


def _value(value: Any) -> Any:
    if type(value) in (str, int, bool):  # nearly always
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(value)
    return value
