"""What hints may state: the claims that stand in the playbook, and the longest prefix of a text that keeps to them.

Pure. Nothing a caller says licenses anything; only the playbook does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ari_bridge.hints.claims import DATES, FOREIGN, FREE, UNREADABLE, Claim, claims_of, subjects_in, subjects_of
from ari_bridge.hints.matcher import Matcher, compile_phrases
from ari_bridge.hints.numerals import normal
from ari_bridge.hints.playbook import Playbook
from ari_bridge.hints.stems import words

_ENDS = re.compile(r"[.!?…;]+[»\")]*(?=\s|$)|\n")
_ABBREVIATION = re.compile(r"(?:^|[^\w])(?:тыс|руб|мес|шт|кв|млн|т|е|д|г|р|м|см|ст|ул)$", re.IGNORECASE)
_KNOWN_FOREIGN = frozenset({"sms", "crm", "pdf", "qr", "ok"})


@dataclass(frozen=True, slots=True)
class Licence:
    """Which claims are allowed, of which subjects, and what else is named beside them. Build it with `licence_of`."""

    _subjects: frozenset[str]
    _allowed: dict[tuple[object, str], frozenset[str]]
    _beside: dict[tuple[object, str], frozenset[str]]
    _forbidden: Matcher

    def allows(self, sentence: str) -> bool:
        """Whether every claim of a whole sentence stands in the playbook, and no forbidden promise in it."""
        return all(self._covers(claim) for claim in self.claims(sentence)) and not self.forbids(sentence)

    def claims(self, text: str) -> list[Claim]:
        return claims_of(text, self._subjects)

    def forbids(self, text: str) -> bool:
        return bool(self._forbidden.find(words(normal(text))))

    def _covers(self, claim: Claim) -> bool:
        if claim.unit == UNREADABLE:
            return False
        if claim.unit == FOREIGN:
            return claim.subject in _KNOWN_FOREIGN or (None, f"{FOREIGN}:{claim.subject}") in self._allowed
        if claim.value is not None and not claim.unit:
            counted = (
                (v, s) for (v, unit), s in self._allowed.items() if unit != FREE and not unit.startswith("without:")
            )
            return any(value == claim.value and self._about(claim, said_of) for value, said_of in counted)
        if claim.on and claim.on not in self._beside.get((claim.value, claim.unit), ()):
            return False
        said_of = self._allowed.get((claim.value, claim.unit))
        return said_of is not None and self._about(claim, said_of)

    @staticmethod
    def _about(claim: Claim, said_of: frozenset[str]) -> bool:
        if claim.subject:
            return claim.subject in said_of
        return (claim.unit != FREE and claim.unit not in DATES) or not said_of


def licence_of(playbook: Playbook) -> Licence:
    """Everything that the company's own words in the playbook commit to."""
    subjects = frozenset[str]().union(*(subjects_of(product.name) for product in playbook.products))
    allowed: dict[tuple[object, str], frozenset[str]] = {}
    beside: dict[tuple[object, str], frozenset[str]] = {}
    for text in _own_words(playbook):
        for sentence in sentences(text):
            found = claims_of(sentence, subjects)
            about = subjects_in(sentence, subjects)
            for claim in found:
                key = (None, f"{FOREIGN}:{claim.subject}") if claim.unit == FOREIGN else (claim.value, claim.unit)
                others = {o.subject for o in found if (o.value is not None or o.unit in DATES) and o != claim}
                said_of = (about - others) | ({claim.subject} if claim.unit != FOREIGN and claim.subject else set())
                allowed[key] = allowed.get(key, frozenset()) | said_of
                beside[key] = beside.get(key, frozenset()) | about
    forbidden = compile_phrases(("forbidden", phrase) for phrase in playbook.forbidden)
    return Licence(subjects, allowed, beside, forbidden)


def _own_words(playbook: Playbook) -> Iterator[str]:
    yield playbook.company
    yield playbook.about
    for product in playbook.products:
        yield f"{product.name}: {product.price}"
        yield f"{product.name}: {product.note}"
    yield from playbook.offers
    yield from playbook.facts
    yield from playbook.terms
    for card in playbook.cards:
        yield card.title
        yield card.say


def sentences(text: str) -> list[str]:
    """Whole sentences, with their punctuation; an unfinished one at the end counts."""
    found, rest = split_sentences(text)
    return [*found, rest] if rest.strip() else found


def split_sentences(text: str) -> tuple[list[str], str]:
    """Finished sentences and the unfinished rest; together they are the text."""
    found: list[str] = []
    start = 0
    for match in _ENDS.finditer(text):
        if match[0] == "." and _ABBREVIATION.search(text, max(0, match.start() - 8), match.start()):
            continue
        found.append(text[start : match.end()])
        start = match.end()
    return found, text[start:]


@dataclass(slots=True)
class CheckedText:
    """A text that grows; `shown` is its longest prefix that may be seen.

    Words of a sentence without claims pass as they come (the growing last word waits); from its first claim on the
    sentence waits until it is whole, and a sentence that is not licensed ends the text for good.
    """

    licence: Licence
    shown: str = ""
    blocked: bool = False
    _whole: str = ""
    _seen: int = field(default=0)

    def update(self, text: str, *, whole: bool) -> str:
        """`text` is all so far and `whole` says that nothing follows. Returns `shown`, which only grows until `whole`.

        When `whole`, `shown` is cut back to the last licensed sentence.
        """
        if not self.blocked:
            finished, rest = split_sentences(text)
            if not whole and not rest.strip() and finished:
                rest = finished.pop()  # «42 000.» may still become «42 000.50»: wait for what follows
            if whole and rest.strip():
                finished.append(rest)
            self._take(finished)
            if not self.blocked:
                self.shown = self._whole if whole else self._whole + self._open(rest)
        if whole and self.blocked:
            self.shown = self._whole
        return self.shown

    def _take(self, finished: list[str]) -> None:
        for sentence in finished[self._seen :]:
            if not self.licence.allows(sentence):
                self.blocked = True
                return
            self._whole += sentence
            self._seen += 1
        if self.licence.forbids(self._whole):
            self.blocked = True

    def _open(self, rest: str) -> str:
        """The words of the unfinished sentence up to its first claim, the growing last word excepted."""
        complete = rest[: max(rest.rfind(" "), 0)]
        shown = self.shown[len(self._whole) :] if self.shown.startswith(self._whole) else ""
        if not complete.startswith(shown):
            return shown
        for at in _word_ends(complete, len(shown)):
            if self.licence.claims(complete[:at]) or self.licence.forbids(complete[:at]):
                break
            shown = complete[:at]
        return shown


def _word_ends(text: str, start: int) -> Iterator[int]:
    at = start
    while at < len(text):
        following = text.find(" ", at + 1)
        at = following if following >= 0 else len(text)
        yield at
