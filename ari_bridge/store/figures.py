"""The numbers of a period, out of any SQL database. Pure but for `run`, which the shell gives.

What would need every line that was said (who spoke how long, how late a card came) is worked out once, at each call's
end (`writing.py`); here rows are only added up, so a quarter of a year is read in a moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ari_bridge.events import Direction, Verdict
from ari_bridge.numbers import number_key
from ari_bridge.report import (
    LATENCY_EDGES_MS,
    Bucket,
    CardFigures,
    Cards,
    EarlierCall,
    Latency,
    NumberHistory,
    OperatorFigures,
    Report,
    ReportQuery,
    Spent,
    Talk,
    TimeBucket,
)
from ari_bridge.store import rows
from ari_bridge.store.reading import Run
from ari_bridge.store.writing import Value, milliseconds, moment_of

MOST_ROWS: Final = 200  # operators, cards, services
STEP_MS: Final = 50  # of the latencies that are told apart
LATEST_MS: Final = 60_000  # whatever comes later is as late as this
_WIDTH_MS: Final = {Bucket.HOUR: 3_600_000, Bucket.DAY: 86_400_000}

# A suggestion's id is `{call}-{utterance}-{card}` (hints/director.py): what follows the number is the playbook's card.
_CARD = """CASE WHEN s.source = 'supervisor' THEN 'whisper' WHEN s.utterance IS NULL THEN ''
    ELSE substr(s.id, length(c.id) + length(CAST(s.utterance AS TEXT)) + 3) END"""
_AT_THE_TIME = """LEFT JOIN participations AS p ON p.call = s.call AND p.began_at <= s.shown_at
    AND (p.ended_at IS NULL OR p.ended_at > s.shown_at)"""
_TALK = "coalesce(sum(l.client_ms), 0), coalesce(sum(l.operator_ms), 0)"
_LEGS = """LEFT JOIN (SELECT call, sum(CASE WHEN leg = 'client' THEN talk_ms ELSE 0 END) AS client_ms,
    sum(CASE WHEN leg = 'operator' THEN talk_ms ELSE 0 END) AS operator_ms FROM legs
    WHERE call IN (SELECT seq FROM calls WHERE started_at >= :begin AND started_at < :end) GROUP BY call) AS l
    ON l.call = c.seq"""


def report(run: Run, query: ReportQuery) -> Report:
    """See `History.report`."""
    asked = _Asked(run, query)
    talk_of, cards_of = asked.operators()
    titles, by_card, total, latency = asked.cards()
    operators = [OperatorFigures(name, talk, cards_of.get(name, Cards())) for name, talk in talk_of.items()]
    cards = [CardFigures(card, *titles[card], figures) for card, figures in by_card.items()]
    return Report(
        query=query,
        talk=asked.talk(),
        cards=total,
        buckets=asked.buckets(),
        operators=tuple(sorted(operators, key=lambda o: (-o.talk.calls, o.operator))[:MOST_ROWS]),
        by_card=tuple(sorted(cards, key=lambda c: (-c.cards.shown, c.card))[:MOST_ROWS]),
        latency=tuple(_latency(source, counts) for source, counts in sorted(latency.items())),
        costs=asked.costs(),
    )


class _Asked:
    """One report's question. `_of_operator` restricts calls `c` to those that the operator took part in."""

    def __init__(self, run: Run, query: ReportQuery) -> None:
        self._run = run
        self._query = query
        self._values: dict[str, Value] = {"begin": milliseconds(query.begin), "end": milliseconds(query.end)}
        self._of_operator = ""
        if query.operator is not None:
            self._values["operator"] = query.operator
            self._of_operator = (
                " AND EXISTS (SELECT 1 FROM participations AS o WHERE o.call = c.seq AND o.operator = :operator)"
            )

    @property
    def _period(self) -> str:
        return f"c.started_at >= :begin AND c.started_at < :end{self._of_operator}"

    def talk(self) -> Talk:
        ((calls, answered, duration, client, operator),) = self._run(
            f"SELECT count(*), count(c.answered_at), coalesce(sum(c.duration_ms), 0), {_TALK}"
            f" FROM calls AS c {_LEGS} WHERE {self._period}",
            self._values,
        )
        return Talk(calls, answered, int(duration), int(client), int(operator))

    def operators(self) -> tuple[dict[str, Talk], dict[str, Cards]]:
        only = " AND p.operator = :operator" if self._of_operator else ""
        found = self._run(
            "SELECT p.operator, count(DISTINCT c.seq), sum(coalesce(p.ended_at, p.began_at) - p.began_at),"
            f" {_TALK} FROM calls AS c JOIN participations AS p ON p.call = c.seq {_LEGS}"
            f" WHERE {self._period}{only} GROUP BY p.operator",
            self._values,
        )
        talk = {row[0]: Talk(row[1], row[1], *map(int, row[2:])) for row in found}
        shown = self._shown("coalesce(p.operator, c.operator, '')", _AT_THE_TIME)
        return talk, {row[0]: _cards(row[1:]) for row in shown}

    def cards(self) -> tuple[dict[str, tuple[str, str]], dict[str, Cards], Cards, dict[str, dict[int, int]]]:
        """Titles and kinds, figures by card, figures of all, latencies by source: how many in which step."""
        whose = _AT_THE_TIME if self._of_operator else ""
        shown = self._shown(_CARD, whose)
        figures = {row[0]: _cards(row[1:]) for row in shown}
        titles = {row[0]: (row[7] or row[8], row[9]) for row in shown}
        latency: dict[str, dict[int, int]] = defaultdict(dict)
        late = f"CASE WHEN s.after_ms < 0 THEN -1 WHEN s.after_ms > {LATEST_MS} THEN {LATEST_MS // STEP_MS}"
        late += f" ELSE s.after_ms / {STEP_MS} END"
        for source, step, count in self._run(
            f"SELECT s.source, {late}, count(*) FROM calls AS c JOIN suggestions AS s ON s.call = c.seq {whose}"
            f" WHERE {self._period}{self._at_work} AND s.after_ms IS NOT NULL GROUP BY s.source, {late}",
            self._values,
        ):
            latency[source][int(step)] = count
        return titles, figures, _added_up(figures.values()), latency

    @property
    def _at_work(self) -> str:
        return " AND coalesce(p.operator, c.operator) = :operator" if self._of_operator else ""

    def _shown(self, key: str, whose: str) -> list[rows.Row]:
        """Of each `key`: shown, used, useful, useless, dismissed, withdrawn, a title (the playbook's first), a kind."""
        verdicts = {verdict: f"s.verdicts LIKE :{verdict}" for verdict in Verdict}
        values = self._values | {verdict.value: f'%"{verdict}"%' for verdict in Verdict}
        used = " OR ".join(verdicts[v] for v in (Verdict.COPIED, Verdict.PINNED, Verdict.USEFUL))
        standing = "s.state <> 'withdrawn'"
        counted = (
            *(standing, f"{standing} AND ({used})"),
            *(f"{standing} AND {verdicts[v]}" for v in (Verdict.USEFUL, Verdict.USELESS, Verdict.DISMISSED)),
            "s.state = 'withdrawn'",
        )
        sums = ", ".join(f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END)" for condition in counted)
        titles = "max(CASE WHEN s.source = 'playbook' THEN s.title END), max(s.title), max(s.kind)"
        only = self._at_work if whose else ""
        return self._run(
            f"SELECT {key}, {sums}, {titles} FROM calls AS c JOIN suggestions AS s ON s.call = c.seq {whose}"
            f" WHERE {self._period}{only} GROUP BY {key}",
            values,
        )

    def buckets(self) -> tuple[TimeBucket, ...]:
        """Every hour or day of the period, also those without calls."""
        width = _WIDTH_MS[self._query.bucket]
        shift = self._query.offset_min * 60_000
        calls = {
            int(row[0]): (int(row[1]), int(row[2]))
            for row in self._run(
                f"SELECT (c.started_at + {shift}) / {width}, count(*), count(c.answered_at) FROM calls AS c"
                f" WHERE {self._period} GROUP BY (c.started_at + {shift}) / {width}",
                self._values,
            )
        }
        paid = {
            int(row[0]): float(row[1] or 0)
            for row in self._run(
                f"SELECT (x.at + {shift}) / {width}, sum(x.usd) FROM costs AS x WHERE x.at >= :begin AND x.at < :end"
                f"{self._paid_for} GROUP BY (x.at + {shift}) / {width}",
                self._values,
            )
        }
        first, last = ((_ms(moment) + shift) // width for moment in self._span(width))
        return tuple(
            TimeBucket(moment_of(n * width - shift), *calls.get(n, (0, 0)), paid.get(n, 0.0))
            for n in range(first, last + 1)
        )

    def _span(self, width: int) -> tuple[datetime, datetime]:
        last = self._query.end - timedelta(milliseconds=1)
        return self._query.begin, max(self._query.begin, last)

    @property
    def _paid_for(self) -> str:
        if not self._of_operator:
            return ""
        of_calls = f"SELECT c.id FROM calls AS c WHERE {self._period}"
        return f" AND x.call_id IN ({of_calls})"

    def costs(self) -> tuple[Spent, ...]:
        found = self._run(
            "SELECT x.service, x.model, x.unit, sum(x.amount), sum(x.usd) FROM costs AS x"
            f" WHERE x.at >= :begin AND x.at < :end{self._paid_for} GROUP BY x.service, x.model, x.unit"
            " ORDER BY x.service, x.model, x.unit",
            self._values,
        )
        return tuple(Spent(*row) for row in found[:MOST_ROWS])


def number_history(run: Run, number: str, limit: int) -> NumberHistory:
    """See `History.number`. Calls that still go on are left out."""
    key = number_key(number)
    if not key:
        return NumberHistory()
    which = "c.client_key = :key AND c.ended_at IS NOT NULL"
    ((total,),) = run(f"SELECT count(*) FROM calls AS c WHERE {which}", {"key": key})
    found = run(
        f"SELECT c.seq, c.id, c.started_at, c.direction, c.answered_at, c.operator, c.duration_ms, c.reason"
        f" FROM calls AS c WHERE {which} ORDER BY c.started_at DESC, c.seq DESC LIMIT :limit",
        {"key": key, "limit": limit},
    )
    summaries: Mapping[int, Any] = {}
    if found:
        seqs = ", ".join(str(row[0]) for row in found)
        sql = f"SELECT call, {rows.SUMMARY_COLUMNS} FROM summaries WHERE call IN ({seqs})"
        summaries = {row[0]: row[1:] for row in run(sql, {})}
    return NumberHistory(tuple(_earlier(row, summaries.get(row[0])) for row in found), total)


def _earlier(row: rows.Row, summary: rows.Row | None) -> EarlierCall:
    _, call_id, started_at, direction, answered_at, operator, duration_ms, reason = row
    return EarlierCall(
        call_id=call_id,
        started_at=moment_of(started_at),
        direction=Direction(direction),
        operator=operator if answered_at is not None else None,
        duration_ms=duration_ms or 0,
        reason=reason or "",
        summary=None if summary is None else rows.summary_of(call_id, summary),
    )


def _cards(counts: Iterable[Any]) -> Cards:
    return Cards(*(int(count or 0) for count in list(counts)[:6]))


def _added_up(figures: Iterable[Cards]) -> Cards:
    columns = [[getattr(cards, name) for name in Cards.__dataclass_fields__] for cards in figures]
    return Cards(*map(sum, zip(*columns, strict=True))) if columns else Cards()


def _latency(source: str, counts: Mapping[int, int]) -> Latency:
    bins = [0] * (len(LATENCY_EDGES_MS) + 1)
    for step, count in counts.items():
        bins[sum(step * STEP_MS >= edge for edge in LATENCY_EDGES_MS) if step >= 0 else 0] += count
    total = sum(bins)
    return Latency(source, total, _quantile(counts, total, 50), _quantile(counts, total, 95), tuple(bins))


def _quantile(counts: Mapping[int, int], total: int, percent: int) -> int | None:
    """The upper edge of the step in which it lies: the nearest rank, never told too short."""
    rank, seen = -(-total * percent // 100), 0
    for step, count in sorted(counts.items()):
        seen += count
        if seen >= rank:
            return 0 if step < 0 else (step + 1) * STEP_MS
    return None


def _ms(moment: datetime) -> int:
    value = milliseconds(moment)
    assert value is not None
    return value
