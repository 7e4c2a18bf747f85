"""The answer to a question about past calls, out of any SQL database. Pure but for `run`, which the shell gives.

People want the newest calls, so the words are looked for in windows of calls, the newest first, each wider than the one
before: a frequent word is answered out of the first window, a rare one costs little in any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ari_bridge.events import Transcript
from ari_bridge.history import HistoryPage, HistoryQuery, Hit, Snippet
from ari_bridge.numbers import number_key
from ari_bridge.russian import fold
from ari_bridge.store import rows
from ari_bridge.store.numbering import CALL_SHIFT
from ari_bridge.store.reading import Run, during, spans_of
from ari_bridge.store.search import SNIPPETS, Needle, Term, find, merged, parse
from ari_bridge.store.word_search import Found, FullText, WordSearch
from ari_bridge.store.writing import Value, milliseconds

MOST_HITS: Final = 200
FIRST_WINDOW: Final = 500  # calls
WIDER: Final = 4
MOST_NAMED: Final = 1_000  # numbers in one statement


def history(run: Run, full_text: FullText, query: HistoryQuery) -> HistoryPage:
    """See `History.history`."""
    limit = min(max(query.limit, 1), MOST_HITS)
    hits: list[Hit] = []
    last = None
    for batch in _batches(run, full_text, query, limit + 1):
        for seq, hit in _hits(run, query, batch):
            if len(hits) == limit:
                return HistoryPage(tuple(hits), last)
            hits.append(hit)
            last = seq
    return HistoryPage(tuple(hits))


def _batches(run: Run, full_text: FullText, query: HistoryQuery, size: int) -> Iterator[Sequence[Found]]:
    """Calls that may be meant, newest first, a few at a time; what remains to be seen is in `_hits`."""
    needle = parse(query.text)
    conditions, values = _restrictions(query)
    where = " AND ".join(["calls.seq BETWEEN :low AND :high", *conditions])
    join = "LEFT JOIN summaries ON summaries.call = calls.seq" if query.outcome is not None else ""
    low, high = _bounds(run, query)
    if not query.text:
        sql = f"SELECT calls.seq FROM calls {join} WHERE {where} ORDER BY calls.seq DESC LIMIT {size}"
        while found := [Found(row[0], {}) for row in run(sql, values | {"low": low, "high": high})]:
            yield found
            high = found[-1].seq - 1
        return
    words, width = WordSearch(run, full_text, needle), FIRST_WINDOW
    while low <= high:
        bottom = max(low, high - width + 1)
        with_words = words.calls(bottom, high)
        if with_words:
            among = where
            if len(with_words) <= MOST_NAMED:
                among = f"calls.seq IN ({', '.join(map(str, with_words))}) AND {where}"
            sql = f"SELECT calls.seq FROM calls {join} WHERE {among} ORDER BY calls.seq DESC"
            meant = [row[0] for row in run(sql, values | {"low": bottom, "high": high}) if row[0] in with_words]
            for start in range(0, len(meant), size):
                yield [with_words[seq] for seq in meant[start : start + size]]
        high, width = bottom - 1, width * WIDER


def _bounds(run: Run, query: HistoryQuery) -> tuple[int, int]:
    """First and last call by the times; last before first where there is none."""
    conditions, values = _times(query)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    ((low, high),) = run(f"SELECT min(seq), max(seq) FROM calls{where}", values)
    if low is None:
        return 1, 0
    return low, high if query.before is None else min(high, query.before - 1)


def _hits(run: Run, query: HistoryQuery, batch: Sequence[Found]) -> Iterator[tuple[int, Hit]]:
    """The calls as they are shown; left out is one whose words stand only where the asker was not on the call."""
    needle = parse(query.text)
    seqs = ", ".join(str(found.seq) for found in batch)
    calls = {
        row[0]: row
        for row in run(
            f"SELECT {rows.CALL_COLUMNS}, summaries.need, summaries.outcome, summaries.actions FROM calls"
            f" LEFT JOIN summaries ON summaries.call = calls.seq WHERE calls.seq IN ({seqs})",
            {},
        )
    }
    legs = _by_call(run(f"SELECT call, {rows.LEG_COLUMNS} FROM legs WHERE call IN ({seqs})", {}))
    parts = _by_call(
        run(f"SELECT call, {rows.PARTICIPATION_COLUMNS} FROM participations WHERE call IN ({seqs})", {})
        if query.seen_by is not None
        else []
    )
    lines = _lines(run, calls, batch, best=SNIPPETS if query.seen_by is None else None)
    for found in batch:
        row, said = calls[found.seq], lines[found.seq]
        call, end = rows.call_of(row, legs[found.seq]), rows.end_of(row)
        summary = rows.summary_of(call.id, row[-3:]) if row[-1] is not None else None
        if query.seen_by is not None:
            taken = [rows.participation_of(part) for part in parts[found.seq]]
            own = spans_of(taken, query.seen_by)
            said = [line for line in said if during(call, line.start_ms, own)]
            summary = summary if len(own) == len(taken) else None
        covered, snippets = _snippets(needle, said)
        if query.seen_by is None or len(covered) == len(needle.terms) or found.by_number:
            reason, duration_ms = (end.reason, end.duration_ms) if end else (None, None)
            outcome = summary.outcome if summary else None
            yield found.seq, Hit(call, reason, duration_ms, outcome, snippets, summary)


def _snippets(needle: Needle, lines: Iterable[Transcript]) -> tuple[set[Term], tuple[Snippet, ...]]:
    """The terms that occur, and the lines that show most of them, in the order they were said."""
    covered: set[Term] = set()
    shown: list[tuple[int, Snippet]] = []
    for line in lines:
        found = find(line.text, needle.terms)
        covered |= found.keys()
        if marks := merged([place for places in found.values() for place in places]):
            shown.append((len(found), Snippet(line.leg, line.utterance, line.start_ms, line.text, marks)))
    best = sorted(shown, key=lambda item: -item[0])[:SNIPPETS]
    return covered, tuple(sorted((snippet for _, snippet in best), key=lambda snippet: snippet.start_ms))


def _lines(
    run: Run, calls: Mapping[int, rows.Row], batch: Sequence[Found], best: int | None
) -> dict[int, list[Transcript]]:
    """Of each call the `best` lines by the number of terms in them; None: all that have any."""
    wanted = [line for found in batch for line in sorted(found.lines, key=lambda n: (-found.lines[n], n))[:best]]
    lines: dict[int, list[Transcript]] = defaultdict(list)
    for start in range(0, len(wanted), MOST_NAMED):
        numbers = ", ".join(map(str, wanted[start : start + MOST_NAMED]))
        for row in run(f"SELECT {rows.UTTERANCE_COLUMNS} FROM utterances WHERE seq IN ({numbers})", {}):
            seq = row[0] >> CALL_SHIFT
            lines[seq].append(rows.transcript_of(calls[seq][1], row))
    return lines


def _by_call(found: Iterable[rows.Row]) -> dict[int, list[rows.Row]]:
    by_call: dict[int, list[rows.Row]] = defaultdict(list)
    for call, *row in found:
        by_call[call].append(row)
    return by_call


def _times(query: HistoryQuery) -> tuple[list[str], dict[str, Value]]:
    conditions: list[str] = []
    values: dict[str, Value] = {}
    if query.begin is not None:
        conditions.append("calls.started_at >= :begin_at")
        values["begin_at"] = milliseconds(query.begin)
    if query.end is not None:
        conditions.append("calls.started_at < :end_at")
        values["end_at"] = milliseconds(query.end)
    return conditions, values


def _restrictions(query: HistoryQuery) -> tuple[list[str], dict[str, Value]]:
    conditions, values = _times(query)
    if query.number is not None:
        conditions.append("calls.digits LIKE :number")
        values["number"] = f"%{number_key(query.number) or '-'}%"
    if query.answered is not None:
        conditions.append(f"calls.answered_at IS {'NOT ' if query.answered else ''}NULL")
    if query.outcome is not None:
        conditions.append(r"summaries.folded_outcome LIKE :outcome ESCAPE '\'")
        values["outcome"] = _anywhere(query.outcome)
    if query.operator is not None:
        conditions.append(_took_part(":operator"))
        values["operator"] = query.operator
    if query.seen_by is not None:
        names = {f"seen{n}": extension for n, extension in enumerate(query.seen_by)}
        conditions.append(_took_part(", ".join(f":{name}" for name in names) or "NULL"))
        values |= names
    cards = []
    if query.card is not None:
        cards.append(r"s.folded_title LIKE :card ESCAPE '\'")
        values["card"] = _anywhere(query.card)
    if query.card_kind is not None:
        cards.append("s.kind = :card_kind")
        values["card_kind"] = query.card_kind.value
    if cards:
        with_cards = f"SELECT s.call FROM suggestions AS s WHERE {' AND '.join(cards)}"
        conditions.append(f"calls.seq IN ({with_cards})")
    return conditions, values


def _took_part(operators: str) -> str:
    return f"EXISTS (SELECT 1 FROM participations AS p WHERE p.call = calls.seq AND p.operator IN ({operators}))"


def _anywhere(text: str) -> str:
    escaped = fold(text).replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
