"""What each entry means in SQL. Pure; every statement may be run twice and means the same as once.

The SQL is what SQLite and PostgreSQL have in common, with named parameters (`:name`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from ari_bridge.events import (
    Call,
    CallEnded,
    CallStarted,
    CallStatus,
    CallUpdated,
    Checklist,
    Gap,
    Leg,
    Level,
    Suggestion,
    Summary,
    Transcript,
)
from ari_bridge.history import CallFrames, Cost, FrameAccount, Incident
from ari_bridge.numbers import digits_of, number_key
from ari_bridge.russian import fold, stem, words
from ari_bridge.store.numbering import CALL_SHIFT, line_key
from ari_bridge.store.repository import Entry
from ari_bridge.store.schema import AFTER_MS, TALK_MS

Value = str | int | float | None
Statement = tuple[str, Mapping[str, Value]]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_CALL = "(SELECT seq FROM calls WHERE id = :call_id)"
UPSERT_CALL = """
INSERT INTO calls (id, client_number, client_key, digits, caller, callee, direction, status, ringing, operator,
    linkedid, client_channel, started_at, answered_at, zero_at)
VALUES (:call_id, :client_number, :client_key, :digits, :caller, :callee, :direction, :status, :ringing, :operator,
    :linkedid, :client_channel, :started_at, :answered_at, :zero_at)
ON CONFLICT (id) DO UPDATE SET
    client_number = coalesce(excluded.client_number, calls.client_number),
    client_key = CASE WHEN excluded.client_key = '' THEN calls.client_key ELSE excluded.client_key END,
    digits = excluded.digits, caller = excluded.caller, callee = excluded.callee, direction = excluded.direction,
    status = CASE WHEN calls.ended_at IS NULL THEN excluded.status ELSE calls.status END,
    ringing = excluded.ringing, operator = excluded.operator, linkedid = excluded.linkedid,
    client_channel = coalesce(excluded.client_channel, calls.client_channel),
    answered_at = coalesce(calls.answered_at, excluded.answered_at),
    zero_at = coalesce(calls.zero_at, excluded.zero_at)"""
UPSERT_LEG = """
INSERT INTO legs (call, leg, state, reason) SELECT seq, :leg, :state, :reason FROM calls WHERE id = :call_id
ON CONFLICT (call, leg) DO UPDATE SET state = excluded.state, reason = excluded.reason"""
NUMBER_LEG = f"""
UPDATE legs SET last_utterance = :utterance
WHERE call = {_CALL} AND leg = :leg AND last_utterance < :utterance"""
END_PARTICIPATION = f"""
UPDATE participations SET ended_at = :at WHERE call = {_CALL} AND ended_at IS NULL AND operator <> :operator"""
BEGIN_PARTICIPATION = """
INSERT INTO participations (call, operator, began_at) SELECT seq, :operator, :at FROM calls
WHERE id = :call_id AND NOT EXISTS (SELECT 1 FROM participations AS p
    WHERE p.call = calls.seq AND p.operator = :operator AND p.ended_at IS NULL)
ON CONFLICT DO NOTHING"""
END_CALL = """
UPDATE calls SET status = :status, ended_at = :at, cause = :cause, reason = :reason, duration_ms = :duration_ms
WHERE id = :call_id AND ended_at IS NULL"""
SUM_UP_LEGS = f"{TALK_MS} WHERE call = {_CALL}"
SUM_UP_CARDS = f"{AFTER_MS} WHERE call = {_CALL}"
INSERT_UTTERANCE = f"""
INSERT INTO utterances (seq, start_ms, end_ms, text, stems, forms)
SELECT (calls.seq << {CALL_SHIFT}) + :line, :start_ms, :end_ms, :text, :stems, :forms FROM calls WHERE id = :call_id
ON CONFLICT (seq) DO NOTHING"""
INSERT_GAP = """
INSERT INTO gaps (call, leg, start_ms, end_ms, frames, reason)
SELECT seq, :leg, :start_ms, :end_ms, :frames, :reason FROM calls WHERE id = :call_id
ON CONFLICT DO NOTHING"""
UPSERT_SUGGESTION = """
INSERT INTO suggestions (id, call, kind, title, folded_title, content, priority, source, state, utterance, quote,
    verdicts, shown_at)
SELECT :id, seq, :kind, :title, :folded_title, :content, :priority, :source, :state, :utterance, :quote, :verdicts, :at
FROM calls WHERE id = :call_id
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, title = excluded.title, folded_title = excluded.folded_title,
    content = excluded.content, priority = excluded.priority, source = excluded.source, state = excluded.state,
    utterance = excluded.utterance, quote = excluded.quote, verdicts = excluded.verdicts"""
INSERT_FEEDBACK = """
INSERT INTO feedback (suggestion, ordinal, verdict, at)
SELECT id, :ordinal, :verdict, :at FROM suggestions WHERE id = :id
ON CONFLICT DO NOTHING"""
SET_CHECKLIST = "UPDATE calls SET checklist = :steps WHERE id = :call_id"
UPSERT_SUMMARY = """
INSERT INTO summaries (call, need, outcome, folded_outcome, actions, at)
SELECT seq, :need, :outcome, :folded_outcome, :actions, :at FROM calls WHERE id = :call_id
ON CONFLICT (call) DO UPDATE SET need = excluded.need, outcome = excluded.outcome,
    folded_outcome = excluded.folded_outcome, actions = excluded.actions, at = excluded.at"""
INSERT_INCIDENT = """
INSERT INTO incidents (at, number, call_id, component, leg, state, reason)
VALUES (:at, :number, :call_id, :component, :leg, :state, :reason) ON CONFLICT DO NOTHING"""
UPSERT_FRAMES = """
INSERT INTO frames (call, leg, accounts) SELECT seq, :leg, :accounts FROM calls WHERE id = :call_id
ON CONFLICT (call, leg) DO UPDATE SET accounts = excluded.accounts"""
INSERT_COST = """
INSERT INTO costs (at, number, call_id, leg, service, model, unit, amount, usd)
VALUES (:at, :number, :call_id, :leg, :service, :model, :unit, :amount, :usd) ON CONFLICT DO NOTHING"""


def milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MILLISECOND


def moment_of(milliseconds_since_epoch: int) -> datetime:
    return _EPOCH + _MILLISECOND * milliseconds_since_epoch


def statements(entry: Entry) -> Iterator[Statement]:
    """The statements of one entry, in order. Raises ValueError for what no line can be."""
    at = milliseconds(entry.at)
    match entry.what:
        case CallStarted(call=call) | CallUpdated(call=call):
            yield from _call(call, at)
        case Transcript() as line:
            yield from _line(line)
        case CallEnded() as end:
            yield END_PARTICIPATION, {"call_id": end.call_id, "operator": "", "at": at}
            yield (
                END_CALL,
                {
                    "call_id": end.call_id,
                    "status": CallStatus.ENDED.value,
                    "at": at,
                    "cause": end.cause,
                    "reason": end.reason,
                    "duration_ms": end.duration_ms,
                },
            )
            yield SUM_UP_LEGS, {"call_id": end.call_id}
            yield SUM_UP_CARDS, {"call_id": end.call_id}
        case Suggestion() as card:
            yield from _card(card, at)
        case Gap() as gap:
            yield (
                INSERT_GAP,
                _members(gap, "call_id", "start_ms", "end_ms", "reason")
                | {
                    "leg": gap.leg.value,
                    "frames": json.dumps(gap.frames),
                },
            )
        case Checklist() as checklist:
            steps = [[step.id, step.title, step.done] for step in checklist.steps]
            yield SET_CHECKLIST, {"call_id": checklist.call_id, "steps": json.dumps(steps, ensure_ascii=False)}
        case Summary() as summary:
            yield (
                UPSERT_SUMMARY,
                _members(summary, "call_id", "need", "outcome")
                | {
                    "folded_outcome": fold(summary.outcome),
                    "actions": json.dumps(summary.actions, ensure_ascii=False),
                    "at": at,
                },
            )
        case Incident() as incident:
            members = _members(incident, "call_id", "component", "leg", "state", "reason")
            yield INSERT_INCIDENT, members | {"at": at, "number": entry.number}
        case Cost() as cost:
            members = _members(cost, "call_id", "leg", "service", "model", "unit", "amount", "usd")
            yield INSERT_COST, members | {"at": milliseconds(cost.at), "number": entry.number}
        case CallFrames() as kept:
            for leg in Leg:
                accounts = json.dumps([frame_row(frame) for frame in kept.frames if frame.leg is leg])
                yield UPSERT_FRAMES, {"call_id": kept.call_id, "leg": leg.value, "accounts": accounts}
        case Level():
            return


def _call(call: Call, at: int | None) -> Iterator[Statement]:
    numbers = (call.client_number, call.caller, call.callee)
    yield (
        UPSERT_CALL,
        _members(call, "client_number", "caller", "callee", "operator", "linkedid", "client_channel")
        | {
            "call_id": call.id,
            "client_key": number_key(call.client_number),
            "digits": " ".join(dict.fromkeys(filter(None, map(digits_of, numbers)))),
            "direction": call.direction.value,
            "status": call.status.value,
            "ringing": json.dumps(call.ringing),
            "started_at": milliseconds(call.started_at),
            "answered_at": milliseconds(call.answered_at),
            "zero_at": milliseconds(call.zero_at),
        },
    )
    for leg in Leg:
        status = call.legs[leg]
        yield UPSERT_LEG, {"call_id": call.id, "leg": leg.value, "state": status.state.value, "reason": status.reason}
    present = call.operator if call.status in (CallStatus.ANSWERED, CallStatus.HELD) else None
    yield END_PARTICIPATION, {"call_id": call.id, "operator": present or "", "at": at}
    if present:
        yield BEGIN_PARTICIPATION, {"call_id": call.id, "operator": present, "at": at}


def _line(line: Transcript) -> Iterator[Statement]:
    key = line_key(line.leg, line.utterance)
    yield NUMBER_LEG, {"call_id": line.call_id, "leg": line.leg.value, "utterance": line.utterance}
    if not line.final:
        return
    forms = [word.form for word in words(line.text)]
    yield (
        INSERT_UTTERANCE,
        _members(line, "call_id", "start_ms", "end_ms", "text")
        | {
            "line": key,
            "stems": " ".join(map(stem, forms)),
            "forms": " ".join(forms),
        },
    )


def _card(card: Suggestion, at: int | None) -> Iterator[Statement]:
    yield (
        UPSERT_SUGGESTION,
        _members(card, "id", "call_id", "kind", "title", "content", "priority", "source", "state", "utterance", "quote")
        | {"folded_title": fold(card.title), "verdicts": json.dumps(card.verdicts), "at": at},
    )
    for ordinal, verdict in enumerate(card.verdicts):
        yield INSERT_FEEDBACK, {"id": card.id, "ordinal": ordinal, "verdict": verdict.value, "at": at}


def frame_row(frame: FrameAccount) -> list[int | float]:
    return [frame.number, frame.start_ms, frame.duration_ms, frame.lost_ms, frame.loudness_dbfs, frame.speech_ms]


def _members(value: object, *names: str) -> dict[str, Value]:
    return {name: _plain(getattr(value, name)) for name in names}


def _plain(value: Value) -> Value:
    """PostgreSQL's driver would bind an enum by its name."""
    return value.value if isinstance(value, StrEnum) else value
