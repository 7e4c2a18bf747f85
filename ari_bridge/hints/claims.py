"""What a Russian text commits to: prices, discounts, terms, promises, and anything that could hide one.

Pure. Deliberately broad: a text that commits to nothing may still give a claim, a text that commits to something must
never give none. `licence` decides which claims stand in the playbook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ari_bridge.hints.numerals import Kind, Number, Token, normal, numbers, tokens
from ari_bridge.hints.phrases import FILLERS
from ari_bridge.hints.stems import kin, stem

FREE = "free"
FOREIGN = "foreign"
DATES = frozenset({"today", "tomorrow", "weekday", "month_name"})
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Claim:
    """`value` of `unit`, said of `subject` (the nearest thing that terms are about; "" for none near).

    A promise without a number has `value` None and its concept as `unit`; what is free or dated is so of a subject.
    `on` is what a number is given on: «10 % на монтаж»; "" where that is not said.
    """

    value: Fraction | None
    unit: str
    subject: str = ""
    on: str = ""


def _any(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})")


_UNITS = {
    "percent": _any(r"%|процент\w*|проц$"),
    "rub": _any(r"₽|руб(?:л\w*|$)|р$"),
    "usd": _any(r"\$|доллар\w*|бакс\w*"),
    "eur": _any(r"€|евро$"),
    "day": _any(r"д(?:ень|ня|ней|ню|нем|ни|ням|нями|нях)$|сут(?:ки|ок|кам|ками)$|дневн\w*"),
    "week": _any(r"недел\w*"),
    "month": _any(r"месяц\w*|месячн\w*|мес$"),
    "quarter": _any(r"квартал\w*"),
    "year": _any(r"год(?:а|у|ом|ы|ов|ичн\w*)?$|лет$|летн\w*|лети[еяюй]\w*|пятилетк\w*"),
    "hour": _any(r"час(?:а|у|ом|ов|ы|ам|ами|ах)?$|часов\w*"),
    "minute": _any(r"минут\w*"),
    "times": _any(r"раз(?:а)?$|кратн\w*"),
    "piece": _any(r"шт$|штук\w*"),
}
_NEVER_BARE = frozenset({"percent", "rub", "usd", "eur"})
_TIME = frozenset({"day", "week", "month", "quarter", "year", "hour", "minute"})
_SAME_TIME = {"week": (7, "day"), "quarter": (3, "month"), "year": (12, "month")}
_TIME_WITHIN = frozenset({"на", "за", "через", "течение", "спустя", "до", "конца", "этой", "следующей", "один", "одну"})
_DURATIONS = frozenset({"неделю", "минуту", "сутки", "полчаса", "недельку", "минутку"})
_ADJECTIVE = _any(r"рабоч\w*|календарн\w*|полн\w*|цел\w*|бесплатн\w*")
_FREE = _any(r"бесплатн\w*|даром$|задаром$|безвозмездн\w*|подар\w+|презент\w*")
_WITHOUT = _any(
    r"предоплат\w*|переплат\w*|процент\w*|комисси\w*|аванс\w*|первоначальн\w*|залог\w*|доплат\w*|штраф\w*|взнос\w*|ндс$"
)
_PROMISES = {
    "discount": _any(r"скид(?:к|оч|ок)\w*|дисконт\w*"),
    "concession": _any(r"уступ\w*|сбав\w*|сброс\w*|скин(?:ем|ете|уть)$|сниз\w+|снижен\w*"),
    "cheaper": _any(r"подешевле$|дешевл\w*|удешев\w*|полцены$|выгодн\w*цен\w*"),
    "instalments": _any(r"рассроч\w*|кредит\w*|лизинг\w*"),
    "warranty": _any(r"гарант\w*|ручаюс\w*|ручаем\w*"),
    "refund": _any(
        r"возврат\w*|верн(?:ем|ете|ут|уть|у|ет)$|возвращ(?:а[ею]м?|ать|ени)\w*|компенс\w*|возмест\w*|возмещ\w*"
    ),
    "promise": _any(r"обеща\w*|пообеща\w*|клян\w*|обяз(?:уем|уюсь|уетесь)\w*|заверя\w*"),
    "bonus": _any(r"бонус\w*|к[эе]шб[эе]к\w*|промокод\w*|купон\w*|сертификат\w*|балл(?:ы|ов|ами)$|приз\w*"),
    "sale": _any(r"акци(?:я|и|ю|ей|ям|й)$|распродаж\w*|спецпредложен\w*|спеццен\w*"),
    "prepayment": _any(r"предоплат\w*|аванс\w*|задат\w*"),
    "for_ever": _any(
        r"пожизнен\w*|бессрочн\w*|навсегда$|вечн\w*|навечно$|неограниченн\w*|безлимит\w*|всегда$|никогда$"
    ),
    "whole_life": _any(r"служб[аыу]$"),
    "next_to_nothing": _any(r"символическ\w*|бесцен\w*|копе[йе][кч]\w*|грош\w*"),
    "today": _any(r"сегодня\w*|сиюминут\w*|немедленн\w*|мгновенн\w*|моментальн\w*"),
    "tomorrow": _any(r"(?:после)?завтра\w*"),
    "weekday": _any(r"понедельник\w*|вторник\w*|сред[уы]$|четверг\w*|пятниц\w*|суббот\w*|воскресен\w*|выходны\w*"),
    "month_name": _any(
        r"январ\w*|феврал\w*|март[ае]?$|апрел\w*|ма[йяе]$|июн\w*|июл\w*|август\w*|сентябр\w*|октябр\w*|ноябр\w*|декабр\w*"
    ),
    "own_cost": _any(r"нахаляву$|халяв\w*"),
    "penalty": _any(r"штраф\w*|неустойк\w*|пен[яию]$"),
}
_PAYING = _any(r"плат(?:ите|ить|ят|ишь|им)$|заплат\w*|оплат(?:ите|ить|ят|ишь)$|оплачива\w*|внос(?:ите|ить)$")
_NEVER_PAYING = frozenset({"не", "ничего", "нисколько"})
_PAYING_LATER = frozenset({"потом", "позже", "после"})
_BEST_PRICE = _any(r"лучш\w*|низк\w*|ниже$|минимальн\w*|самая$|самую$|самой$|себестоимост\w*")
_PRICE = _any(r"цен[аыуе]?$|ценой$|стоимост\w*|прайс\w*")
_SUBJECT_WORDS = """
    скидка рассрочка кредит гарантия доставка монтаж установка замер предоплата аванс чистка обслуживание ремонт
    возврат выезд диагностика консультация переплата подъем сборка настройка обучение подписка абонемент тариф цена
"""
_SUBJECTS = frozenset(stem(word) for word in _SUBJECT_WORDS.split())
_LATIN = re.compile(r"[a-z]")
_CYRILLIC = re.compile(r"[а-я]")
_LINK = re.compile(r"https?:|www\.|\w@\w|@\w|\w\.(?:ru|com|net|org|io|me|рф|su|top|xyz|site|online)\b|[<>{}\\`|#*_=~^]")
_LETTERS_APART = re.compile(r"(?:\b[^\W\d_]\b[\s.\-]*){4,}")


def claims_of(text: str, subjects: frozenset[str] = frozenset()) -> list[Claim]:
    """All claims of one sentence. `subjects` are further stems that terms can be about (products)."""
    plain = normal(text)
    found = tokens(plain)
    things = _things(found, subjects)
    result = [Claim(None, UNREADABLE)] if _LINK.search(plain) or _LETTERS_APART.search(plain) else []
    counted: set[int] = set()
    for number in numbers(found):
        claim, used = _counted(found, number, things)
        counted.update(used)
        if claim is not None:
            result.append(claim)
    result.extend(_promises(found, counted, things))
    return result


def subjects_in(text: str, subjects: frozenset[str]) -> frozenset[str]:
    """Every subject that a sentence names."""
    return frozenset(thing for _, thing in _things(tokens(normal(text)), subjects))


def _things(found: Sequence[Token], subjects: frozenset[str]) -> list[tuple[int, str]]:
    known = _SUBJECTS | subjects
    named = ((at, next((s for s in kin(stem(token.form)) if s in known), "")) for at, token in enumerate(found))
    return [(at, thing) for at, thing in named if thing]


def subjects_of(text: str) -> frozenset[str]:
    """The content words of a product's name, as stems."""
    found = tokens(normal(text))
    return frozenset(stem(t.form) for t in found if t.value is None and len(t.form) > 3 and t.form not in FILLERS)


def unit_of(token: Token) -> str:
    """The name of the unit that a word is, "" for other words."""
    form = token.unit or token.form
    return next((name for name, pattern in _UNITS.items() if pattern.match(form)), "")


def _counted(
    found: Sequence[Token], number: Number, things: Sequence[tuple[int, str]]
) -> tuple[Claim | None, Sequence[int]]:
    """The claim of a number, and the places of the unit words that it uses up."""
    last = found[number.last - 1]
    unit, used = (unit_of(last) or stem(last.unit), [number.last - 1]) if last.unit else _unit_after(found, number.last)
    lone = number.last - number.first == 1
    if lone and last.kind is Kind.ORDINAL and unit not in _TIME | _NEVER_BARE | {"of:month"}:
        return None, used  # «второй вопрос»
    if lone and number.value == 1 and last.spoken and unit not in _TIME | _NEVER_BARE | {"times", "of:month"}:
        return None, used  # «один вопрос», «один из них»
    times, base = _SAME_TIME.get(unit, (1, unit))
    on = _given_on(found, max([number.last - 1, *used]) + 1, things)
    return Claim(number.value * times, base, _nearest(number.first, things), on), used


def _given_on(found: Sequence[Token], at: int, things: Sequence[tuple[int, str]]) -> str:
    """The subject of the «на …» that follows at place `at`, after one more word at most: «на весь монтаж»."""
    if at >= len(found) or found[at].form != "на":
        return ""
    return next((thing for place, thing in things if at < place <= at + 2), "")


def _unit_after(found: Sequence[Token], at: int) -> tuple[str, list[int]]:
    """The unit of a number that ends before `at`: a known one after up to one adjective, else the next word's stem."""
    place = at
    while place < len(found) and found[place].value is not None:  # «5–10 %»: the first takes the unit of the second
        place += 1
    if place < len(found) and _ADJECTIVE.match(found[place].form):
        place += 1
    if place >= len(found):
        return "", []
    known = unit_of(found[place])
    if known:
        return known, [place]
    if found[place].form == "числа":
        return "of:month", [place]
    word = found[place].form
    return (f"of:{stem(word)}" if len(word) > 2 and word not in FILLERS else ""), []


def _promises(found: Sequence[Token], counted: set[int], things: Sequence[tuple[int, str]]) -> Iterator[Claim]:
    for at, token in enumerate(found):
        before = found[at - 1].form if at else ""
        unit = unit_of(token) if at not in counted and token.value is None else ""
        if _WITHOUT.match(token.form) and _is_spared(found, at):
            yield Claim(Fraction(0), f"without:{stem(token.form)[:6]}")
            continue
        if _PAYING.match(token.form):
            yield from _payment(found, at, things)
        if unit in _NEVER_BARE:
            yield Claim(None, unit)
        elif unit in _TIME and (before in _TIME_WITHIN or token.form in _DURATIONS):
            times, base = _SAME_TIME.get(unit, (1, unit))
            yield Claim(Fraction(times), base, _nearest(at, things))
        if _FREE.match(token.form) or (token.form in ("счет", "счёт") and before in ("наш", "свой", "компании")):
            yield Claim(Fraction(0), FREE, _nearest(at, things))
        for concept, pattern in _PROMISES.items():
            if pattern.match(token.form):
                yield Claim(None, concept, _nearest(at, things) if concept in DATES else "")
        if _BEST_PRICE.match(token.form) and any(_PRICE.match(t.form) for t in found[max(0, at - 2) : at + 3]):
            yield Claim(None, "best_price")
        if _LATIN.search(token.form):
            yield Claim(None, UNREADABLE if _CYRILLIC.search(token.form) else FOREIGN, token.form)
        elif token.value is None and not _CYRILLIC.search(token.form) and not unit_of(token):
            yield Claim(None, UNREADABLE)


def _is_spared(found: Sequence[Token], at: int) -> bool:
    """«без предоплаты», «без первого взноса», «предоплата не нужна», «переплаты нет»."""
    before = [token.form for token in found[max(0, at - 2) : at]]
    after = found[at + 1].form if at + 1 < len(found) else ""
    return "без" in before or after in ("не", "нет")


def _payment(found: Sequence[Token], at: int, things: Sequence[tuple[int, str]]) -> Iterator[Claim]:
    """That nothing is to be paid, or only later."""
    near = {token.form for token in found[max(0, at - 2) : at + 3]}
    if near & _NEVER_PAYING:
        yield Claim(Fraction(0), FREE, _nearest(at, things))
    if near & _PAYING_LATER:
        yield Claim(None, "pay_later")


def _nearest(at: int, things: Sequence[tuple[int, str]]) -> str:
    """The subject closest to place `at`; of two equally close the one before."""
    return min(things, key=lambda thing: (abs(thing[0] - at), thing[0] > at))[1] if things else ""
