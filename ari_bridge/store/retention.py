"""What is deleted, and when. Pure: steps in SQL, each to be repeated until it deletes nothing more.

A step deletes little at a time, so that what happens meanwhile is written in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ari_bridge.numbers import number_key
from ari_bridge.store.numbering import CALL_SHIFT
from ari_bridge.store.writing import Value, milliseconds

AT_A_TIME: Final = 200

KINDS: Final = ("calls", "utterances", "other")


@dataclass(frozen=True, slots=True)
class Step:
    """SQL, its values, and which of the `KINDS` its rows are; `ids`: SQL for calls whose recordings go too."""

    sql: str
    values: Mapping[str, Value]
    kind: str
    ids: str | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many days each kind is kept, counted from the call's start; nothing of a call outlives the call.

    `recordings`: since the last of it was written.
    """

    calls: int = 90
    speech: int = 90
    hints: int = 90
    incidents: int = 90
    costs: int = 90
    recordings: int = 90


def by_number(number: str) -> Iterator[Step]:
    """Every call with this client. Nothing for what is no number."""
    if key := number_key(number):
        yield from _calls("client_key = :key", {"key": key})


def by_age(now: datetime, keeping: Keeping) -> Iterator[Step]:
    """What is older than its kind is kept. A call that never ended counts as well: by its start."""

    def before(days: int) -> dict[str, Value]:
        return {"before": milliseconds(now - timedelta(days=days))}

    yield from _speech("started_at < :before", before(keeping.speech))
    yield from _hints("started_at < :before", before(keeping.hints))
    yield from _calls("started_at < :before", before(keeping.calls))
    yield Step(_some("incidents", "number", "at < :before"), before(keeping.incidents), "other")
    yield Step(_some("costs", "number", "at < :before"), before(keeping.costs), "other")


def _calls(which: str, values: Mapping[str, Value]) -> Iterator[Step]:
    yield from _speech(which, values)
    yield from _hints(which, values)
    for table in ("incidents", "costs"):
        condition = f"call_id IN (SELECT id FROM calls WHERE {which})"
        yield Step(f"DELETE FROM {table} WHERE {condition}", values, "other")
    for table in ("participations", "legs"):
        yield Step(f"DELETE FROM {table} WHERE call IN (SELECT seq FROM calls WHERE {which})", values, "other")
    some = f"FROM calls WHERE {which} ORDER BY seq LIMIT {AT_A_TIME}"
    yield Step(f"DELETE FROM calls WHERE seq IN (SELECT seq {some})", values, "calls", f"SELECT id {some}")


def _speech(which: str, values: Mapping[str, Value]) -> Iterator[Step]:
    yield Step(
        f"DELETE FROM utterances WHERE seq IN (SELECT u.seq FROM calls JOIN utterances AS u"
        f" ON u.seq BETWEEN calls.seq << {CALL_SHIFT} AND ((calls.seq + 1) << {CALL_SHIFT}) - 1"
        f" WHERE {which} LIMIT {AT_A_TIME * 10})",
        values,
        "utterances",
    )
    for table in ("gaps", "frames", "summaries"):
        yield Step(f"DELETE FROM {table} WHERE call IN (SELECT seq FROM calls WHERE {which})", values, "other")


def _hints(which: str, values: Mapping[str, Value]) -> Iterator[Step]:
    """Cards carry the client's words (`quote`)."""
    condition = f"call IN (SELECT seq FROM calls WHERE {which})"
    yield Step(
        f"DELETE FROM feedback WHERE suggestion IN (SELECT id FROM suggestions WHERE {condition})",
        values,
        "other",
    )
    yield Step(f"DELETE FROM suggestions WHERE {condition}", values, "other")


def _some(table: str, column: str, which: str) -> str:
    return f"DELETE FROM {table} WHERE (at, {column}) IN (SELECT at, {column} FROM {table} WHERE {which} LIMIT 1000)"
