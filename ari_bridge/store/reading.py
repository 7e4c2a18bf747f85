"""Calls as they are asked for, out of any SQL database. Pure but for `run`, which the shell gives.

An operator is shown the words of his own part: said while he was on the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ari_bridge.events import Call, Leg
from ari_bridge.history import CallRecord, FrameAccount, Incident, Participation, Span
from ari_bridge.store import rows
from ari_bridge.store.numbering import lines_of_call
from ari_bridge.store.writing import Value, milliseconds

TimeSpan = tuple[datetime, datetime]
Run = Callable[[str, Mapping[str, Value]], list[rows.Row]]

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
LONGEST = timedelta(days=1)  # of a call that is still going on
_NEVER = datetime.max.replace(tzinfo=UTC)


def call_record(run: Run, call_id: str, seen_by: tuple[str, ...] | None = None) -> CallRecord | None:
    """See `History.call`."""
    found = run(f"SELECT {rows.CALL_COLUMNS} FROM calls WHERE id = :id", {"id": call_id})
    if not found:
        return None
    record = _record(run, found[0])
    return record if seen_by is None else own_part(record, seen_by)


def unfinished_calls(run: Run, since: datetime) -> tuple[CallRecord, ...]:
    """See `Store.unfinished_calls`."""
    sql = f"SELECT {rows.CALL_COLUMNS} FROM calls WHERE ended_at IS NULL AND started_at >= :since ORDER BY seq"
    return tuple(_record(run, row) for row in run(sql, {"since": milliseconds(since)}))


def calls_between(run: Run, begin: datetime, end: datetime, limit: int) -> tuple[CallRecord, ...]:
    """See `History.calls_between`."""
    sql = (
        f"SELECT {rows.CALL_COLUMNS} FROM calls WHERE started_at >= :begin AND started_at < :end"
        " AND answered_at IS NOT NULL AND ended_at IS NOT NULL ORDER BY started_at DESC, seq DESC LIMIT :limit"
    )
    found = run(sql, {"begin": milliseconds(begin), "end": milliseconds(end), "limit": limit})
    return tuple(_record(run, row) for row in found)


def incidents(run: Run, begin: datetime, end: datetime) -> tuple[Incident, ...]:
    """See `History.incidents`."""
    sql = (
        f"SELECT {rows.INCIDENT_COLUMNS} FROM incidents WHERE at >= :begin AND at < :end AND call_id IS NULL"
        " ORDER BY at, number"
    )
    return tuple(map(rows.incident_of, run(sql, {"begin": milliseconds(begin), "end": milliseconds(end)})))


def own_part(record: CallRecord, seen_by: Sequence[str]) -> CallRecord | None:
    """What one who took part may see of a call; None where none of `seen_by` did."""
    parts = [p for p in record.participations if p.operator in seen_by]
    if not parts:
        return None
    own = spans_of(record.participations, seen_by)
    transcript = tuple(line for line in record.transcript if during(record.call, line.start_ms, own))
    said = {line.utterance for line in transcript if line.leg is Leg.CLIENT}
    whole = len(parts) == len(record.participations)
    cards = tuple(c for c in record.suggestions if whole or c.utterance in said)
    ids = {card.id for card in cards}
    return CallRecord(
        call=record.call,
        transcript=transcript,
        gaps=tuple(gap for gap in record.gaps if during(record.call, gap.start_ms, own)),
        frames=tuple(frame for frame in record.frames if during(record.call, frame.start_ms, own)),
        suggestions=cards,
        checklist=record.checklist,
        end=record.end,
        summary=record.summary if whole else None,
        participations=tuple(parts),
        feedback=tuple(f for f in record.feedback if f.suggestion_id in ids),
        last_utterance=record.last_utterance,
        heard=None if whole else _call_time(record.call, own),
    )


def spans_of(participations: Sequence[Participation], seen_by: Sequence[str]) -> list[TimeSpan]:
    """When the words belong to `seen_by`: from the end of the part before to the end of the own.

    What was said just before an answer was known (the pre-roll) is the part of the one who answered.
    """
    spans: list[TimeSpan] = []
    previous_end = _BEGINNING
    for part in sorted(participations, key=lambda part: part.began_at):
        end = part.ended_at or _NEVER
        if part.operator in seen_by:
            spans.append((previous_end, end))
        previous_end = max(previous_end, end)
    return spans


def during(call: Call, start_ms: int, spans: Sequence[TimeSpan]) -> bool:
    """Whether that moment of the call lies in one of the spans; without a zero nothing was said."""
    if call.zero_at is None:
        return False
    moment = call.zero_at + timedelta(milliseconds=start_ms)
    return any(begin <= moment < end for begin, end in spans)


def _call_time(call: Call, spans: Sequence[TimeSpan]) -> tuple[Span, ...]:
    """The spans on the call's time line; before its zero nothing was said."""
    if call.zero_at is None:
        return ()
    first, last = call.zero_at, call.zero_at + LONGEST
    bounded = ((max(begin, first), min(end, last)) for begin, end in spans)
    return tuple(((a - first) // _MILLISECOND, (b - first) // _MILLISECOND) for a, b in bounded if a < b)


def participations(run: Run, seq: int) -> list[Participation]:
    sql = f"SELECT {rows.PARTICIPATION_COLUMNS} FROM participations WHERE call = :call ORDER BY began_at"
    return [rows.participation_of(row) for row in run(sql, {"call": seq})]


def _in_order(frames: Iterable[FrameAccount]) -> tuple[FrameAccount, ...]:
    return tuple(sorted(frames, key=lambda frame: (frame.number, frame.leg)))


def _record(run: Run, row: rows.Row) -> CallRecord:
    seq, call_id = row[0], row[1]
    first, last = lines_of_call(seq)

    def of(columns: str, table: str, order: str) -> list[rows.Row]:
        return run(f"SELECT {columns} FROM {table} WHERE call = :call ORDER BY {order}", {"call": seq})

    def noted(columns: str, table: str) -> list[rows.Row]:
        sql = f"SELECT {columns} FROM {table} WHERE call_id = :call_id ORDER BY at, number"
        return run(sql, {"call_id": call_id})

    legs = of(rows.LEG_COLUMNS, "legs", "leg")
    lines = run(
        f"SELECT {rows.UTTERANCE_COLUMNS} FROM utterances WHERE seq BETWEEN :first AND :last ORDER BY start_ms, seq",
        {"first": first, "last": last},
    )
    feedback = run(
        f"SELECT {rows.FEEDBACK_COLUMNS} FROM feedback WHERE suggestion IN"
        " (SELECT id FROM suggestions WHERE call = :call) ORDER BY at, ordinal",
        {"call": seq},
    )
    summaries = of(rows.SUMMARY_COLUMNS, "summaries", "at")
    return CallRecord(
        call=rows.call_of(row, legs),
        transcript=tuple(rows.transcript_of(call_id, line) for line in lines),
        frames=_in_order(frame for row in of(rows.FRAME_COLUMNS, "frames", "leg") for frame in rows.frames_of(row)),
        gaps=tuple(rows.gap_of(call_id, gap) for gap in of(rows.GAP_COLUMNS, "gaps", "start_ms")),
        suggestions=tuple(
            rows.suggestion_of(call_id, card) for card in of(rows.SUGGESTION_COLUMNS, "suggestions", "shown_at, id")
        ),
        checklist=rows.checklist_of(row),
        end=rows.end_of(row),
        summary=rows.summary_of(call_id, summaries[0]) if summaries else None,
        participations=tuple(participations(run, seq)),
        feedback=tuple(map(rows.feedback_of, feedback)),
        incidents=tuple(map(rows.incident_of, noted(rows.INCIDENT_COLUMNS, "incidents"))),
        costs=tuple(map(rows.cost_of, noted(rows.COST_COLUMNS, "costs"))),
        last_utterance={Leg(leg): number for leg, _, _, number in legs},
    )
