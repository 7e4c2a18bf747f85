"""Finds playbook phrases (`phrases`) in what somebody says: by stems, in any order, minding «не».

Pure. A recogniser's slips are met in four ways: by sound («скитка»), by a letter too many, too few or wrong in a long
word («рассточка»), by «не» glued to its word, and by a word in two pieces («рас срочка»).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ari_bridge.hints.numerals import is_numeral
from ari_bridge.hints.phrases import (
    FILLERS,
    INTENSIFIERS,
    LIGHT,
    NEGATIONS,
    PREPOSITIONS,
    Element,
    Phrase,
    parse_phrase,
)
from ari_bridge.hints.stems import Word, sound, stem

SOUND_FROM = 5  # stems this long match by their sound too
SLIP_FROM = 7  # stems this long match with one wrong letter too
GLUED_FROM = 7  # words this long may hold a glued «не»
JOINED_FROM = 8  # two pieces this long together may be one word
CACHE = 50_000
_PAST = re.compile(r"(.{2,}[аяиеыуо])л[аои]?(с[яь])?")

_AFTER_A_MERE_NO = frozenset(
    {"ну", "а", "но", "не", "слушайте", "знаете", "спасибо"}
)  # «не ну это дорого» denies nothing

_Ids = tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """`owner`'s phrase found at `text[start:end]`; `weight` is the number of its words."""

    owner: str
    start: int
    end: int
    weight: int


class _Spot(NamedTuple):
    place: int  # among counted words
    denied: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Sought:
    """A phrase as the index holds it."""

    owner: str
    ids: _Ids
    span: int
    begin: bool
    end: bool
    besides: int | None  # the element that must not be there


@dataclass(slots=True)
class Matcher:
    """Phrases of many owners, searched at once. Build it with `compile_phrases`."""

    _by_stem: dict[str, list[int]] = field(default_factory=dict)
    _by_sound: dict[str, list[int]] = field(default_factory=dict)
    _long_by_first: dict[str, set[str]] = field(default_factory=dict)  # stems that a slip is forgiven
    _by_prefix: list[tuple[str, int]] = field(default_factory=list)
    _by_suffix: list[tuple[str, int]] = field(default_factory=list)
    _by_form: dict[str, list[int]] = field(default_factory=dict)
    _numbers: list[int] = field(default_factory=list)
    _by_anchor: dict[int, list[_Sought]] = field(default_factory=dict)
    _known: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _joined: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def add(self, owner: str, phrase: Phrase, known: dict[Element, int]) -> None:
        """`known` gives equal elements one number; it is of no use once all phrases are in, and it is large."""
        ids = tuple(zip((self._intern(element, known) for element in phrase.elements), phrase.denied, strict=True))
        anchor = max(range(len(ids)), key=lambda i: (phrase.denied[i], phrase.elements[i].rarity))
        besides = self._intern(phrase.besides, known) if phrase.besides else None
        sought = _Sought(owner, ids, phrase.span, phrase.begin, phrase.end, besides)
        self._by_anchor.setdefault(ids[anchor][0], []).append(sought)

    def _intern(self, element: Element, known: dict[Element, int]) -> int:
        if element in known:
            return known[element]
        number = known[element] = len(known)
        for key in element.stems:
            self._by_stem.setdefault(key, []).append(number)
            if len(key) >= SOUND_FROM:
                self._by_sound.setdefault(sound(key), []).append(number)
            if len(key) >= SLIP_FROM:
                self._long_by_first.setdefault(key[0], set()).add(key)
        self._by_prefix.extend((key, number) for key in element.prefixes)
        self._by_suffix.extend((key, number) for key in element.suffixes)
        for key in {form_key(form) for form in element.forms}:
            self._by_form.setdefault(key, []).append(number)
        if element.number:
            self._numbers.append(number)
        return number

    def find(self, said: Sequence[Word], *, whole: bool = True) -> list[Hit]:
        """Every owner found in `said`, the best hit of each, in no particular order. Not `whole`: more words follow."""
        return best_of_each(self.find_all(said, whole=whole))

    def find_all(self, said: Sequence[Word], *, whole: bool = True) -> Iterator[Hit]:
        """The tightest hit of every phrase found."""
        spots, last = self._spots(said)
        for anchor in spots:
            for sought in self._by_anchor.get(anchor, ()):
                if (whole or not sought.end) and (hit := _closest(sought, spots, last)):
                    yield hit

    def _spots(self, said: Sequence[Word]) -> tuple[dict[int, list[_Spot]], int]:
        """Where each element stands, and the place of the last counted word."""
        spots: dict[int, list[_Spot]] = {}
        place, denied = 0, False
        for index, word in enumerate(said):
            following = said[index + 1].form if index + 1 < len(said) else ""
            if word.form in NEGATIONS:
                denied = following not in _AFTER_A_MERE_NO
                continue
            if elements := self._elements_of(word.form):
                _mark(spots, elements, _Spot(place, denied, word.start, word.end))
            if elements := self._glued_elements_of(word.form):
                _mark(spots, elements, _Spot(place, True, word.start, word.end))
            if elements := self._joined_elements_of(word.form, following):
                _mark(spots, elements, _Spot(place, denied, word.start, said[index + 1].end))
            if word.form not in FILLERS and word.form not in PREPOSITIONS:
                denied = denied and word.form in INTENSIFIERS
            if word.form not in LIGHT:
                place += 1
        return spots, place - 1

    def _glued_elements_of(self, form: str) -> tuple[int, ...]:
        """«неинтересно» is «не интересно»."""
        return self._elements_of(form[2:]) if form.startswith("не") and len(form) >= GLUED_FROM else ()

    def _elements_of(self, form: str) -> tuple[int, ...]:
        return _remembered(self._known, form, self._look_up)

    def _joined_elements_of(self, form: str, following: str) -> tuple[int, ...]:
        """«рас срочка» is «рассрочка»; a piece that means something by itself is no piece."""
        both = form + following
        if not following or len(both) < JOINED_FROM or following in NEGATIONS or self._by_stem.get(stem(following)):
            return ()
        return _remembered(self._joined, both, self._look_up_exactly)

    def _look_up(self, form: str) -> Iterator[int]:
        yield from (number for prefix, number in self._by_prefix if form.startswith(prefix))
        yield from (number for suffix, number in self._by_suffix if form.endswith(suffix))
        if self._numbers and is_numeral(form):
            yield from self._numbers
        yield from self._look_up_exactly(form)
        own = stem(form)
        if len(own) >= SLIP_FROM and own not in self._by_stem:
            for near in self._long_by_first.get(own[0], ()):
                if _one_letter_apart(own, near):
                    yield from self._by_stem[near]

    def _look_up_exactly(self, form: str) -> Iterator[int]:
        own = stem(form)
        yield from self._by_form.get(form_key(form), ())
        yield from self._by_stem.get(own, ())
        if len(own) >= SOUND_FROM:
            yield from self._by_sound.get(sound(own), ())


def compile_phrases(phrases: Iterable[tuple[str, str]]) -> Matcher:
    """A matcher of (owner, phrase source) pairs. Raises `PhraseError`."""
    matcher, known = Matcher(), dict[Element, int]()
    for owner, source in phrases:
        matcher.add(owner, parse_phrase(source), known)
    return matcher


def best_of_each(hits: Iterable[Hit]) -> list[Hit]:
    """One hit per owner: of most words, then the tightest."""
    best: dict[str, Hit] = {}
    for hit in hits:
        if hit.owner not in best or _better(hit, best[hit.owner]):
            best[hit.owner] = hit
    return list(best.values())


def _mark(spots: dict[int, list[_Spot]], elements: tuple[int, ...], spot: _Spot) -> None:
    for element in elements:
        spots.setdefault(element, []).append(spot)


def _remembered(
    cache: dict[str, tuple[int, ...]], form: str, look_up: Callable[[str], Iterator[int]]
) -> tuple[int, ...]:
    known = cache.get(form)
    if known is None:
        if len(cache) >= CACHE:  # hostile or endless vocabulary: start afresh
            cache.clear()
        known = cache[form] = tuple(sorted(set(look_up(form))))
    return known


def form_key(form: str) -> str:
    """What an exact form is looked up by. Gender and number of a past tense do not matter («видел», «видела»).

    A longer one is taken by its sound, but its last letter is heard well, or «гарантии» would be «гарантия»; and «не»
    is never «ни» («некогда», «никогда»).
    """
    past = _PAST.fullmatch(form)
    key = past[1] + "л" + ("ся" if past[2] else "") if past else form
    if len(key) <= SOUND_FROM:
        return key
    begin = key[:2] if key.startswith(("не", "ни")) else ""
    return f"{begin}…{sound(key)}…{key[-1]}"


def _one_letter_apart(a: str, b: str) -> bool:
    """One letter wrong, missing or too many; the first is heard well."""
    if len(a) > len(b):
        a, b = b, a
    if len(b) - len(a) > 1 or a[0] != b[0]:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    return a[at + 1 :] == b[at + 1 :] if len(a) == len(b) else a[at:] == b[at + 1 :]


def _better(hit: Hit, than: Hit) -> bool:
    return (hit.weight, than.end - than.start) > (than.weight, hit.end - hit.start)


def _closest(sought: _Sought, spots: dict[int, list[_Spot]], last: int) -> Hit | None:
    """The tightest placing of all elements on different words, if it fits."""
    if sought.besides in spots:
        return None
    choices = [[s for s in spots.get(element, ()) if s.denied == denied] for element, denied in sought.ids]
    if not all(choices):
        return None
    best: list[_Spot] | None = None
    for first in choices[0]:
        chosen = [first]
        for others in choices[1:]:
            free = [s for s in others if all(s.start != c.start for c in chosen)]
            if not free:
                break
            chosen.append(min(free, key=lambda s: abs(s.place - first.place)))
        if (
            len(chosen) == len(sought.ids)
            and _fits(sought, chosen, last)
            and (best is None or _span(chosen) < _span(best))
        ):
            best = chosen
    if best is None:
        return None
    return Hit(sought.owner, min(s.start for s in best), max(s.end for s in best), len(sought.ids))


def _fits(sought: _Sought, chosen: Sequence[_Spot], last: int) -> bool:
    if sought.begin and min(s.place for s in chosen) > 0:
        return False
    if sought.end and max(s.place for s in chosen) < last:
        return False
    return _span(chosen) <= sought.span


def _span(chosen: Sequence[_Spot]) -> int:
    places = [s.place for s in chosen]
    return max(places) - min(places) + 1
