"""Rows of the tables to the values they were made of. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from ari_bridge.events import (
    Call,
    CallEnded,
    CallStatus,
    Checklist,
    ChecklistStep,
    Component,
    Direction,
    Gap,
    Leg,
    LegState,
    LegStatus,
    Priority,
    Source,
    Suggestion,
    SuggestionKind,
    SuggestionState,
    Summary,
    Transcript,
    Verdict,
)
from ari_bridge.history import Cost, Feedback, FrameAccount, Incident, Participation
from ari_bridge.store.numbering import line_of
from ari_bridge.store.writing import moment_of

Row = Sequence[Any]

CALL_COLUMNS = (
    "calls.seq, calls.id, calls.client_number, calls.caller, calls.callee, calls.direction, calls.status,"
    " calls.ringing, calls.operator, calls.linkedid, calls.client_channel, calls.started_at, calls.answered_at,"
    " calls.zero_at, calls.ended_at, calls.cause, calls.reason, calls.duration_ms, calls.checklist"
)
LEG_COLUMNS = "leg, state, reason, last_utterance"
UTTERANCE_COLUMNS = "seq, start_ms, end_ms, text"
GAP_COLUMNS = "leg, start_ms, end_ms, frames, reason"
SUGGESTION_COLUMNS = "id, kind, title, content, priority, source, state, utterance, quote, verdicts"
PARTICIPATION_COLUMNS = "operator, began_at, ended_at"
INCIDENT_COLUMNS = "at, state, reason, component, call_id, leg"
FRAME_COLUMNS = "leg, accounts"
COST_COLUMNS = "at, service, model, unit, amount, usd, call_id, leg"
SUMMARY_COLUMNS = "need, outcome, actions"
FEEDBACK_COLUMNS = "suggestion, verdict, at"


def _moment(value: int | None) -> Any:
    return None if value is None else moment_of(value)


def call_of(row: Row, legs: Sequence[Row] = ()) -> Call:
    """`CALL_COLUMNS` and the call's `LEG_COLUMNS`."""
    known = {Leg(leg): LegStatus(LegState(state), reason) for leg, state, reason, _ in legs}
    return Call(
        id=row[1],
        client_number=row[2],
        caller=row[3],
        callee=row[4],
        direction=Direction(row[5]),
        status=CallStatus(row[6]),
        ringing=tuple(json.loads(row[7])),
        operator=row[8],
        linkedid=row[9],
        client_channel=row[10],
        started_at=moment_of(row[11]),
        answered_at=_moment(row[12]),
        zero_at=_moment(row[13]),
        legs=MappingProxyType({leg: known.get(leg, LegStatus(LegState.CLOSED)) for leg in Leg}),
    )


def end_of(row: Row) -> CallEnded | None:
    """`CALL_COLUMNS`."""
    return None if row[14] is None else CallEnded(row[1], row[15], row[16] or "", row[17] or 0)


def checklist_of(row: Row) -> Checklist | None:
    """`CALL_COLUMNS`."""
    if row[18] is None:
        return None
    return Checklist(row[1], tuple(ChecklistStep(*step) for step in json.loads(row[18])))


def transcript_of(call_id: str, row: Row) -> Transcript:
    _, leg, utterance = line_of(row[0])
    return Transcript(call_id, leg, utterance, row[3], "", True, row[1], row[2])


def gap_of(call_id: str, row: Row) -> Gap:
    return Gap(call_id, Leg(row[0]), row[1], row[2], tuple(json.loads(row[3])), row[4])


def suggestion_of(call_id: str, row: Row) -> Suggestion:
    return Suggestion(
        call_id=call_id,
        id=row[0],
        kind=SuggestionKind(row[1]),
        title=row[2],
        content=row[3],
        priority=Priority(row[4]),
        source=Source(row[5]),
        state=SuggestionState(row[6]),
        utterance=row[7],
        quote=row[8],
        verdicts=tuple(Verdict(verdict) for verdict in json.loads(row[9])),
    )


def summary_of(call_id: str, row: Row) -> Summary:
    return Summary(call_id, row[0], row[1], tuple(json.loads(row[2])))


def participation_of(row: Row) -> Participation:
    return Participation(row[0], moment_of(row[1]), _moment(row[2]))


def feedback_of(row: Row) -> Feedback:
    return Feedback(row[0], Verdict(row[1]), moment_of(row[2]))


def frames_of(row: Row) -> list[FrameAccount]:
    """`FRAME_COLUMNS`: the frames of one leg."""
    return [FrameAccount(Leg(row[0]), *frame) for frame in json.loads(row[1])]


def incident_of(row: Row) -> Incident:
    component, leg = Component(row[3]) if row[3] else None, Leg(row[5]) if row[5] else None
    return Incident(moment_of(row[0]), row[1], row[2], component, row[4], leg)


def cost_of(row: Row) -> Cost:
    at, service, model, unit, amount, usd, call_id, leg = row
    return Cost(moment_of(at), service, model, unit, amount, usd, call_id, Leg(leg) if leg else None)
