"""Numbers in Russian text, in digits or in words, in any case: «150 000», «сто пятьдесят тысяч», «десяти», «полтора».

Pure. `number_tokens` gives each numeral word its value; `numbers` joins them into whole numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from ari_bridge.hints.stems import fold

_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+|[%‰₽$€]")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f.']\d{3})+(?![\d])")
_CARDINALS = {
    0: "ноль нуль ноля нуля нолю нулю нолем нулем ноле нуле",
    1: "один одна одно одного одной одну одному одним одном",
    2: "два две двух двум двумя двое двоих",
    3: "три трех трем тремя трое троих",
    4: "четыре четырех четырем четырьмя четверо четверых",
    5: "пять пяти пятью пятеро",
    6: "шесть шести шестью шестеро",
    7: "семь семи семью семеро",
    8: "восемь восьми восемью восьмью",
    9: "девять девяти девятью",
    10: "десять десяти десятью десяток десятка десятков",
    11: "одиннадцать одиннадцати одиннадцатью одинадцать",
    12: "двенадцать двенадцати двенадцатью дюжина дюжину дюжины",
    13: "тринадцать тринадцати тринадцатью",
    14: "четырнадцать четырнадцати четырнадцатью",
    15: "пятнадцать пятнадцати пятнадцатью",
    16: "шестнадцать шестнадцати шестнадцатью",
    17: "семнадцать семнадцати семнадцатью",
    18: "восемнадцать восемнадцати восемнадцатью",
    19: "девятнадцать девятнадцати девятнадцатью",
    20: "двадцать двадцати двадцатью",
    30: "тридцать тридцати тридцатью",
    40: "сорок сорока",
    50: "пятьдесят пятидесяти пятьюдесятью полтинник",
    60: "шестьдесят шестидесяти шестьюдесятью",
    70: "семьдесят семидесяти семьюдесятью",
    80: "восемьдесят восьмидесяти восемьюдесятью",
    90: "девяносто девяноста",
    100: "сто ста сотня сотни сотню сотен сотка сотку сотки стольник",
    200: "двести двухсот двумстам двумястами двухстах",
    300: "триста трехсот тремстам тремястами трехстах",
    400: "четыреста четырехсот четыремстам четырьмястами четырехстах",
    500: "пятьсот пятисот пятистам пятьюстами пятистах",
    600: "шестьсот шестисот шестистам шестьюстами шестистах",
    700: "семьсот семисот семистам семьюстами семистах",
    800: "восемьсот восьмисот восьмистам восьмьюстами восемьюстами восьмистах",
    900: "девятьсот девятисот девятистам девятьюстами девятистах",
}
_SCALES = {
    1000: "тысяча тысячи тысячу тысяче тысячей тысячью тысяч тысячам тысячами тысячах тыс тыща тыщи тыщу тыщ к "
    "косарь косаря косарей",
    1_000_000: "миллион миллиона миллиону миллионом миллионе миллионы миллионов миллионам миллионами млн лям ляма",
    1_000_000_000: "миллиард миллиарда миллиардов миллиарды миллиардом млрд",
}
_FRACTIONS = {Fraction(3, 2): "полтора полторы полутора", Fraction(2): "пара пару пары"}
_PARTS = {
    (Fraction(1, 2), "доли"): "половина половину половины половиной половине наполовину вполовину",
    (Fraction(1, 3), "доли"): "треть трети третью",
    (Fraction(1, 4), "доли"): "четверть четверти четвертью",
    (Fraction(2), "раза"): "вдвое вдвойне дважды двойной двойная двойную",
    (Fraction(3), "раза"): "втрое трижды тройной тройная",
    (Fraction(4), "раза"): "вчетверо",
}
_ORDINALS = {
    1: "перв", 2: "втор", 4: "четверт", 5: "пят", 6: "шест", 7: "седьм", 8: "восьм", 9: "девят", 10: "десят",
    11: "одиннадцат", 12: "двенадцат", 13: "тринадцат", 14: "четырнадцат", 15: "пятнадцат", 16: "шестнадцат",
    17: "семнадцат", 18: "восемнадцат", 19: "девятнадцат", 20: "двадцат", 30: "тридцат", 40: "сороков",
    50: "пятидесят", 60: "шестидесят", 70: "семидесят", 80: "восьмидесят", 90: "девяност", 100: "сот",
}  # fmt: skip
_ORDINAL = re.compile(
    "(" + "|".join(sorted(_ORDINALS.values(), key=len, reverse=True)) + r")(?:ый|ой|ая|ое|ого|ому|ую|ым|ом|ые|ых|ыми)"
)
_THIRD = re.compile(r"трет(?:ий|ья|ье|ьего|ьему|ьим|ьем|ьей|ью|ьи|ьих)")
_HALVED = r"(?=цены|года|месяца|дня|часа|недели|миллиона|тысячи|стоимости)"
_HALF = re.compile(rf"полу?{_HALVED}([^\W\d_]+)")
_HALF_APART = re.compile(rf"\bпол[\s-]+{_HALVED}")
_SUPERSCRIPT = re.compile(r"(?<=[^\W\d_])[²³]")
_COMPOUND = re.compile(
    r"(одно|двух|трех|четырех|пяти|шести|семи|восьми|девяти|десяти|одиннадцати|двенадцати|тринадцати|четырнадцати"
    r"|пятнадцати|шестнадцати|семнадцати|восемнадцати|девятнадцати|двадцати|тридцати|сорока|пятидесяти|шестидесяти"
    r"|семидесяти|восьмидесяти|девяносто|сто|двухсот|трехсот|пятисот|полутора)"
    r"(?=процентн|лет[ин]|месячн|дневн|недельн|часов|кратн|годичн|минутн|тысячн|рублев)([^\W\d_]+)"
)


class Kind(Enum):
    """What a numeral word is to the number it stands in."""

    VALUE = 1  # 0 … 999, a written number, a fraction
    SCALE = 2  # thousand and up: multiplies what stands before it
    ORDINAL = 3  # «пятого»


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign of a text: folded form, place, and what it counts for (None: no numeral).

    `unit` holds the counted thing of a word that is number and thing in one («полгода» → «года»).
    """

    form: str
    start: int
    end: int
    value: Fraction | None = None
    kind: Kind = Kind.VALUE
    unit: str = ""

    @property
    def spoken(self) -> bool:
        return self.value is not None and not self.form[0].isdecimal()


@dataclass(frozen=True, slots=True)
class Number:
    """`tokens[first:last]` say `value`."""

    value: Fraction
    first: int
    last: int


_WORDS: dict[str, tuple[Fraction, Kind]] = {
    **{form: (Fraction(value), Kind.VALUE) for value, forms in _CARDINALS.items() for form in forms.split()},
    **{form: (Fraction(value), Kind.SCALE) for value, forms in _SCALES.items() for form in forms.split()},
    **{form: (value, Kind.VALUE) for value, forms in _FRACTIONS.items() for form in forms.split()},
}
_BY_PART = {form: part for part, forms in _PARTS.items() for form in forms.split()}
_BY_ORDINAL = {root: Fraction(value) for value, root in _ORDINALS.items()}


def normal(text: str) -> str:
    """Folded, compatibility forms («½», «１０», «²») resolved, invisible characters gone. Places are not kept."""
    plain = unicodedata.normalize("NFKC", _SUPERSCRIPT.sub("", text)).replace("\u2044", "/")
    return _HALF_APART.sub("пол", fold("".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Mn"))))


def tokens(text: str) -> list[Token]:
    """All tokens of folded text; «150 000» is one."""
    found: list[Token] = []
    groups = {match.start(): match for match in _GROUPED.finditer(text)}
    at = 0
    while match := (groups.get(_next(text, at)) or _TOKEN.search(text, at)):
        token = _token(match[0], match.start(), match.end())
        if token.form == "к" and not (found and found[-1].end == token.start and found[-1].form[0].isdecimal()):
            token = Token(token.form, token.start, token.end)  # «к» is «тысяч» only in «150к»
        found.append(token)
        at = match.end()
    return found


def _next(text: str, at: int) -> int:
    match = _TOKEN.search(text, at)
    return match.start() if match else len(text)


def _token(form: str, start: int, end: int) -> Token:
    if form[0].isdecimal():
        digits = re.sub(r"[ \u00a0\u202f.']", "", form) if _GROUPED.fullmatch(form) else form.replace(",", ".")
        return Token(form, start, end, Fraction(digits))
    if form in _WORDS:
        value, kind = _WORDS[form]
        return Token(form, start, end, value, kind)
    if form in _BY_PART:
        value, unit = _BY_PART[form]
        return Token(form, start, end, value, unit=unit)
    if match := _HALF.fullmatch(form):
        return Token(form, start, end, Fraction(1, 2), unit=match[1])
    if match := _COMPOUND.fullmatch(form):
        return Token(form, start, end, Fraction(1) if match[1] == "одно" else _WORDS[match[1]][0], unit=match[2])
    if match := _ORDINAL.fullmatch(form):
        return Token(form, start, end, _BY_ORDINAL[match[1]], Kind.ORDINAL)
    if _THIRD.fullmatch(form):
        return Token(form, start, end, Fraction(3), Kind.ORDINAL)
    return Token(form, start, end)


def is_numeral(form: str) -> bool:
    """Whether one folded word says how many: «сорок», «15»; not «пятый»."""
    if form[0].isdecimal():
        return form.isdecimal()
    token = _token(form, 0, len(form))
    return form != "к" and token.value is not None and token.kind is not Kind.ORDINAL


def numbers(found: Sequence[Token]) -> list[Number]:
    """Whole numbers, left to right: «сто пятьдесят тысяч» is one, «два три» are two."""
    result: list[Number] = []
    at = 0
    while at < len(found):
        if found[at].value is None:
            at += 1
            continue
        number = _whole(found, at)
        result.append(number)
        at = number.last
    return result


def _whole(found: Sequence[Token], first: int) -> Number:
    total, group, room, at = Fraction(0), Fraction(0), Fraction(10**12), first
    scale_room = Fraction(10**12)
    while at < len(found):
        token = found[at]
        value = token.value
        if value is None:
            break
        if token.kind is Kind.SCALE:
            if at > first and value >= scale_room:
                break
            total += (group if at > first and group else Fraction(1)) * value
            group, room, scale_room = Fraction(0), Fraction(1000), value
        elif at > first and (value >= room or value == 0):
            break
        else:
            group += value
            room = _room_below(token)
        at += 1
        if token.unit or token.kind is Kind.ORDINAL:
            break
    return Number(total + group, first, at)


def _room_below(token: Token) -> Fraction:
    """What may still follow inside the same group: tens after hundreds, ones after tens, nothing after the rest."""
    value = token.value or Fraction(0)
    if not token.spoken or value.denominator != 1:
        return Fraction(0)
    if value >= 100:
        return Fraction(100)
    return Fraction(10) if value >= 20 else Fraction(0)


def digits_of(found: Sequence[Token]) -> str:
    """The digits as dictated: «восемь девятьсот шестнадцать ноль пять» → "891605"."""
    parts: list[str] = []
    at = 0
    while at < len(found):
        if found[at].value is None:
            at += 1
        elif not found[at].spoken:
            parts.append("".join(c for c in found[at].form if c.isdecimal()))
            at += 1
        else:
            number = _whole(found, at)
            parts.append(str(int(number.value)))
            at = number.last
    return "".join(parts)
