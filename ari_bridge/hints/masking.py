"""Personal data out of a conversation before a model sees it: cards, passports, СНИЛС, ИНН, phones, e-mail.

Pure. Digits count however they are said («четыре две семь шесть…», «восемь девятьсот шестнадцать…») and over several
lines of one party. Amounts («сто пятьдесят тысяч рублей») stay. When in doubt a number is masked: the model needs none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ari_bridge.events import Leg
from ari_bridge.hints.claims import unit_of
from ari_bridge.hints.conversation import Line
from ari_bridge.hints.numerals import Kind, Token, digits_of, tokens
from ari_bridge.hints.phrases import FILLERS
from ari_bridge.hints.stems import fold

CARD, PASSPORT, SNILS, INN = "[карта]", "[паспорт]", "[СНИЛС]", "[ИНН]"
PHONE, EMAIL, CODE, NUMBER = "[телефон]", "[почта]", "[код]", "[номер]"

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.UNICODE)
_SPOKEN_EMAIL = re.compile(
    r"(?:[\w.+-]+\s+(?:точка|дефис|тире|подчеркивание|нижнее)?\s*){1,3}?"
    r"собака\s+(?:\S+\s+){1,3}?(?:точка\s+\S+|(?:ру|рф|ком|ru|com)\b)"
)
_BETWEEN = FILLERS | {
    "тире",
    "дефис",
    "дальше",
    "потом",
    "затем",
    "плюс",
    "код",
    "пробел",
    "еще",
    "раз",
    "да",
    "и",
    "на",
}
_CONTEXT = (
    (re.compile(r"паспорт|кем выдан|код подразделен"), PASSPORT),
    (re.compile(r"снилс|страхов\w+ свидетельств"), SNILS),
    (re.compile(r"\bинн\b"), INN),
    (re.compile(r"\bкарт[аеуы]\b|картой|карточк|номер карт|срок действи|cvv|цвв|св код"), CARD),
    (re.compile(r"\bкод[а-я]{0,2}\b|смс|пароль|пин"), CODE),
    (re.compile(r"телефон|номер[а-я]*\b|сотов|мобильн|перезвон|записыва|диктую|запиш"), PHONE),
)
CONTEXT_LINES = 4  # how long after «паспорт» a lone group of digits is still taken for a part of it
MIN_ALONE = 7  # digits that are masked without any such word
MIN_IN_CONTEXT = 3
MIN_IN_EXCERPT = 4  # of a line whose neighbours are not known: part of a number that was dictated over several


@dataclass(frozen=True, slots=True)
class _Run:
    """Numerals that stand together, `text[start:end]`; `amount`: they count or price something."""

    start: int
    end: int
    digits: str
    amount: bool


def mask(lines: Sequence[Line], alone: int = MIN_ALONE) -> list[Line]:
    """The same lines with personal data replaced by what it was.

    `alone`: so many digits are masked whatever the talk is about.
    """
    runs = [list(_runs(line.text)) for line in lines]
    chains = _chains(lines, runs)
    result = []
    for index, line in enumerate(lines):
        context = _context(lines, index)
        text = line.text
        for run in reversed(runs[index]):
            label = _label(run, chains.get((index, run.start), run.digits), context, alone)
            if label:
                text = text[: run.start] + label + text[run.end :]
        result.append(replace(line, text=_mail(text)))
    return result


def mask_text(text: str, alone: int = MIN_ALONE) -> str:
    """One text on its own."""
    return mask([Line(Leg.CLIENT, 0, text, 0)], alone)[0].text


class PersonalData:
    """A `Discretion`."""

    def conversation(self, lines: Sequence[tuple[Leg, str]]) -> list[str]:
        return [line.text for line in mask([Line(leg, number, text, 0) for number, (leg, text) in enumerate(lines)])]

    def excerpt(self, text: str) -> str:
        return mask_text(text, MIN_IN_EXCERPT)


def _mail(text: str) -> str:
    masked = _EMAIL.sub(EMAIL, text)
    match = _SPOKEN_EMAIL.search(fold(masked))
    while match:
        masked = masked[: match.start()] + EMAIL + masked[match.end() :]
        match = _SPOKEN_EMAIL.search(fold(masked))
    return masked


def _runs(text: str) -> Iterator[_Run]:
    found = tokens(fold(text))
    at = 0
    while at < len(found):
        if found[at].value is None:
            at += 1
            continue
        last = at
        for place in range(at + 1, len(found)):
            if found[place].value is not None:
                last = place
            elif found[place].form not in _BETWEEN:
                break
        yield _run(found, at, last)
        at = last + 1


def _run(found: Sequence[Token], first: int, last: int) -> _Run:
    run = found[first : last + 1]
    numerals = [token for token in run if token.value is not None]
    digits = digits_of(run)
    following = found[last + 1] if last + 1 < len(found) else None
    counted = following is not None and bool(unit_of(following))
    scaled = any(token.kind is Kind.SCALE or token.unit for token in numerals)
    return _Run(run[0].start, run[-1].end, digits, (scaled and len(numerals) <= 9) or (counted and len(digits) <= 9))


def _chains(lines: Sequence[Line], runs: Sequence[Sequence[_Run]]) -> dict[tuple[int, int], str]:
    """The joined digits of dictation over several lines: lines of one party that are nothing but a number."""
    joined: dict[tuple[int, int], str] = {}
    chain: list[tuple[int, _Run]] = []

    def close() -> None:
        digits = "".join(run.digits for _, run in chain)
        joined.update({(index, run.start): digits for index, run in chain})
        chain.clear()

    for leg in Leg:
        for index, line in enumerate(lines):
            if line.leg is not leg:
                continue
            only = _only_number(line.text, runs[index])
            if only is None or only.amount:
                if runs[index] and not runs[index][-1].amount and _ends_with(line.text, runs[index][-1]):
                    close()
                    chain.append((index, runs[index][-1]))
                    continue
                close()
            else:
                chain.append((index, only))
        close()
    return joined


def _only_number(text: str, runs: Sequence[_Run]) -> _Run | None:
    if len(runs) != 1:
        return None
    outside = tokens(fold(text[: runs[0].start] + " " + text[runs[0].end :]))
    return runs[0] if all(token.form in _BETWEEN for token in outside) else None


def _ends_with(text: str, run: _Run) -> bool:
    return all(token.form in _BETWEEN for token in tokens(fold(text[run.end :])))


def _context(lines: Sequence[Line], index: int) -> str | None:
    """What the talk is about: the newest telling word of this line and the few before, of either party."""
    for line in reversed(lines[max(0, index - CONTEXT_LINES) : index + 1]):
        folded = fold(line.text)
        for pattern, label in _CONTEXT:
            if pattern.search(folded):
                return label
    return None


def _label(run: _Run, digits: str, context: str | None, alone: int) -> str | None:
    if run.amount:
        return None
    if len(digits) >= alone:
        return _by_length(digits, context)
    if len(run.digits) >= MIN_IN_CONTEXT and context is not None:
        return context
    return None


def _by_length(digits: str, context: str | None) -> str:
    if len(digits) >= 13:
        return CARD
    if context in (PASSPORT, SNILS, INN, CARD):
        return context
    if len(digits) in (10, 11) and (digits[-11:-10] in ("7", "8") or digits[-10] == "9"):
        return PHONE
    return context if context in (PHONE, CODE) else NUMBER
