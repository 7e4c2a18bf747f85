"""What people type into the search field, and where it stands in a line. Pure.

A word is found in any of its forms (by stem and its kin, ё = е), `дог*` by its beginning, `"слишком дорого"` as
neighbours in any form. What looks like a telephone number is looked for among the numbers too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import product

from ari_bridge.numbers import digits_of, number_key
from ari_bridge.russian import Word, kin, stem, words

MOST_TERMS = 16
SNIPPETS = 3
KIN_OF = 3  # words of a phrase of which other stems are looked for too: 27 phrasings at the most

_TERM = re.compile(r'"(?P<phrase>[^"]*)"|(?P<plain>[^\s"]+)')
_NUMBER = re.compile(r"[+\d][\d\s()+-]{2,}")

Span = tuple[int, int]


class Match(Enum):
    STEMS = auto()  # one word, or several as neighbours
    PREFIX = auto()  # of the word as it was said


@dataclass(frozen=True, slots=True)
class Term:
    """`words`: stems, or the one prefix."""

    match: Match
    words: tuple[str, ...]

    def phrasings(self) -> Iterator[tuple[str, ...]]:
        """Every way to put the words that is the same to us: of the first few, one or another stem."""
        if self.match is Match.PREFIX:
            return iter([self.words])
        return product(*map(kin, self.words[:KIN_OF]), *((word,) for word in self.words[KIN_OF:]))


@dataclass(frozen=True, slots=True)
class Needle:
    """Every term must occur. `digits`: part of a telephone number, "" where the text cannot be one."""

    terms: tuple[Term, ...]
    digits: str = ""


def parse(text: str) -> Needle:
    """The text of a search field. Surplus terms are left out."""
    terms: dict[Term, None] = {}
    for found in _TERM.finditer(text):
        terms |= dict.fromkeys(_terms(found["phrase"], found["plain"]))
    digits = digits_of(text) if _NUMBER.fullmatch(text.strip()) else ""
    return Needle(tuple(terms)[:MOST_TERMS], number_key(digits) if len(digits) > 2 else "")


def find(text: str, terms: Sequence[Term]) -> dict[Term, list[Span]]:
    """The terms that occur in a line, with their places `text[start:end]`."""
    line = words(text)
    stems = [stem(word.form) for word in line]
    found = {term: list(_places(term, line, stems)) for term in terms}
    return {term: places for term, places in found.items() if places}


def merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """In order, without overlap."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return tuple(result)


def _terms(phrase: str | None, plain: str | None) -> Iterator[Term]:
    if phrase is not None:
        if stems := tuple(stem(word.form) for word in words(phrase)):
            yield Term(Match.STEMS, stems)
        return
    parts = words(plain or "")
    prefix = parts.pop() if parts and plain and plain.endswith("*") else None
    for word in parts:
        yield Term(Match.STEMS, (stem(word.form),))
    if prefix:
        yield Term(Match.PREFIX, (prefix.form,))


def _places(term: Term, line: Sequence[Word], stems: Sequence[str]) -> Iterator[Span]:
    if term.match is Match.PREFIX:
        yield from ((word.start, word.end) for word in line if word.form.startswith(term.words))
        return
    wanted, length = set(term.phrasings()), len(term.words)
    for first in range(len(line) - length + 1):
        if tuple(stems[first : first + length]) in wanted:
            yield line[first].start, line[first + length - 1].end
