"""Events back out of their JSON members (`events.to_json`). Pure. Any fault of the text is a ValueError."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ari_bridge.events import (
    Call,
    CallEnded,
    CallEvent,
    CallStarted,
    CallStatus,
    CallUpdated,
    Checklist,
    ChecklistStep,
    Component,
    ComponentState,
    ComponentStatus,
    Direction,
    Gap,
    Leg,
    LegState,
    LegStatus,
    Level,
    Priority,
    Source,
    Suggestion,
    SuggestionKind,
    SuggestionState,
    Summary,
    Transcript,
    Verdict,
)

Members = Mapping[str, Any]


def event_of(kind: str, members: Members) -> CallEvent:
    """`kind` is the event's `type`."""
    try:
        return _READERS[kind](members)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"{kind}: {type(fault).__name__}: {fault}") from None


def suggestion_of(members: Members) -> Suggestion:
    return Suggestion(
        call_id=members["call_id"],
        id=members["id"],
        kind=SuggestionKind(members["kind"]),
        title=members["title"],
        content=members["content"],
        priority=Priority(members["priority"]),
        source=Source(members["source"]),
        state=SuggestionState(members["state"]),
        utterance=members["utterance"],
        quote=members["quote"],
        verdicts=tuple(map(Verdict, members["verdicts"])),
    )


def components_of(members: Members) -> dict[Component, ComponentStatus]:
    """Those that are told of, of a `system`'s members."""
    return {
        Component(name): ComponentStatus(ComponentState(status["state"]), status["reason"], status["action"])
        for name, status in members.items()
    }


def _call(members: Members) -> Call:
    legs = members["legs"]
    return Call(
        id=members["id"],
        client_number=members["client_number"],
        caller=members["caller"],
        callee=members["callee"],
        direction=Direction(members["direction"]),
        started_at=datetime.fromisoformat(members["started_at"]),
        status=CallStatus(members["status"]),
        ringing=tuple(members["ringing"]),
        operator=members["operator"],
        answered_at=_moment(members["answered_at"]),
        zero_at=_moment(members["zero_at"]),
        legs={leg: LegStatus(LegState(legs[leg]["state"]), legs[leg]["reason"]) for leg in Leg},
        linkedid=members["linkedid"],
        off=tuple(members["off"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _transcript(members: Members) -> Transcript:
    return Transcript(**{**members, "leg": Leg(members["leg"])})


def _gap(members: Members) -> Gap:
    return Gap(**{**members, "leg": Leg(members["leg"]), "frames": tuple(members["frames"])})


def _checklist(members: Members) -> Checklist:
    return Checklist(members["call_id"], tuple(ChecklistStep(**step) for step in members["steps"]))


def _summary(members: Members) -> Summary:
    return Summary(**{**members, "actions": tuple(members["actions"])})


_READERS: Mapping[str, Callable[[Members], CallEvent]] = {
    CallStarted.type: lambda members: CallStarted(_call(members["call"])),
    CallUpdated.type: lambda members: CallUpdated(_call(members["call"])),
    Transcript.type: _transcript,
    Gap.type: _gap,
    Suggestion.type: suggestion_of,
    Checklist.type: _checklist,
    Level.type: lambda members: Level(**members),
    CallEnded.type: lambda members: CallEnded(**members),
    Summary.type: _summary,
}
