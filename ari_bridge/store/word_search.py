"""Which calls have all the words. Pure but for `run`, which the shell gives.

Of each word the index tells only the numbers of the lines: that is enough to know the calls, since a line's number
holds its call's. The rarest word is asked for first; if it leaves few calls, the others are asked for in those only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ari_bridge.store.numbering import CALL_SHIFT, lines_of_call
from ari_bridge.store.reading import Run
from ari_bridge.store.search import Needle, Term
from ari_bridge.store.writing import Value

FEW_CALLS: Final = 64  # so few are asked one by one
_NOT_ASKED: Final = 1 << 60

_Lines = dict[int, dict[int, int]]
"""Call → its line → how many of the terms it has."""


@dataclass(frozen=True, slots=True)
class FullText:
    """How a database is asked for words.

    `lines`: SQL for the numbers between `:first` and `:last` of lines that match `:term`; `expression` makes that.
    """

    lines: str
    expression: Callable[[Term], str]


@dataclass(frozen=True, slots=True)
class Found:
    """A call that has all words, or the number: its lines, and how many of the terms each has."""

    seq: int
    lines: Mapping[int, int]
    by_number: bool = False


class WordSearch:
    """Looks for all terms in one window of calls after another."""

    def __init__(self, run: Run, full_text: FullText, needle: Needle) -> None:
        self._run = run
        self._full_text = full_text
        self._digits = needle.digits
        self._terms = list(needle.terms)  # the rarest first, as far as the windows so far tell

    def calls(self, low: int, high: int) -> dict[int, Found]:
        """Calls from `low` to `high` (`calls.seq`) that have every term somewhere, or the number."""
        found = {call: Found(call, lines) for call, lines in self._with_all_terms(low, high).items()}
        if self._digits:
            sql = "SELECT seq FROM calls WHERE seq BETWEEN :low AND :high AND digits LIKE :digits"
            for (call,) in self._run(sql, {"low": low, "high": high, "digits": f"%{self._digits}%"}):
                found[call] = Found(call, found[call].lines if call in found else {}, by_number=True)
        return found

    def _with_all_terms(self, low: int, high: int) -> _Lines:
        calls: _Lines = {}
        counts: dict[Term, int] = {}
        for term in self._terms:
            having = self._lines_in(term, list(calls)) if 0 < len(calls) <= FEW_CALLS else self._lines(term, low, high)
            counts[term] = sum(map(len, having.values()))
            calls = _merged(calls, having) if len(counts) > 1 else having
            if not calls:
                break
        self._terms.sort(key=lambda term: counts.get(term, _NOT_ASKED))
        return calls

    def _lines(self, term: Term, low: int, high: int) -> _Lines:
        first, last = lines_of_call(low)[0], lines_of_call(high)[1]
        having: _Lines = defaultdict(dict)
        values: dict[str, Value] = {"term": self._full_text.expression(term), "first": first, "last": last}
        for (line,) in self._run(self._full_text.lines, values):
            having[line >> CALL_SHIFT][line] = 1
        return having

    def _lines_in(self, term: Term, calls: list[int]) -> _Lines:
        having: _Lines = {}
        for call in calls:
            having |= self._lines(term, call, call)
        return having


def _merged(calls: _Lines, having: _Lines) -> _Lines:
    """Calls of both, with the lines of both."""
    both = {call: calls[call] for call in calls.keys() & having.keys()}
    for call, lines in both.items():
        for line in having[call]:
            lines[line] = lines.get(line, 0) + 1
    return both
