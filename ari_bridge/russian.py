"""Russian words to stems: Snowball, plus what telephone talk needs beyond it.

Pure. `ё` equals `е`; comparatives («подороже», «дороже») and softened forms («дороговато», «скидочка») meet their
base word. The hints and the search of the history rest on the same stems. The only file that imports snowballstemmer.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import lru_cache
from typing import Any, NamedTuple

_WORD = re.compile(r"[^\W_]+")


def _russian_stemmer() -> Any:
    """Snowball's stemmer for Russian, without the thirty other languages that its package would load (3 MB)."""
    name = "snowballstemmer"
    spec = importlib.util.find_spec(name)
    if name not in sys.modules and spec is not None:
        sys.modules[name] = importlib.util.module_from_spec(spec)  # a package that has run nothing yet
    return importlib.import_module(f"{name}.russian_stemmer").RussianStemmer()


_STEMMER = _russian_stemmer()
_COMPARATIVE = re.compile(r"по(?=[^\W_]{3,}(?:же|ше|вле|рее|нее|щее|лее)$)(?!след|сторон)")
_SOFTENED = re.compile(r"(?<=..)[ое]ват$")
_NOT_SOFTENED = frozenset({"виноват", "хитроват"})

# Where Snowball splits one word into several stems or folds strangers together («стоит» and «сто»).
_BY_FORM = {
    **dict.fromkeys(("дорого", "дороже", "дорогой", "дорогое", "дорогая", "дорогие", "дорогих"), "дорог"),
    **dict.fromkeys(("дорога", "дороги", "дороге", "дорогу", "дорог", "дорогам", "дорогами", "дорогах"), "дорога"),
    **dict.fromkeys(("дешево", "дешевле", "дешевый", "дешевая", "дешевые", "дешевое"), "дешев"),
    **dict.fromkeys(("стоит", "стоят", "стоить", "стоило", "стоила", "стоил", "стоили"), "стоит"),
    **dict.fromkeys(("деньги", "денег", "деньгам", "деньгами", "деньгах", "денежки", "денежка", "денюжка"), "деньг"),
    **dict.fromkeys(("долго", "дольше", "долгий", "долгая", "долгое", "долгие"), "долг"),
    **dict.fromkeys(("цена", "цену", "цены", "цене", "ценой", "цен", "ценам"), "цен"),
    **dict.fromkeys(("ценник", "ценника", "ценники", "ценнику", "ценником"), "ценник"),
    **dict.fromkeys(("позже", "попозже", "позднее", "попозднее"), "позж"),
    **dict.fromkeys(("рано", "раньше", "пораньше"), "раньш"),
}
_BY_STEM = {"скидочк": "скидк", "рассрочечк": "рассрочк", "жен": "жен", "женщин": "женщин", "муженек": "муж"}


class Word(NamedTuple):
    """One word of a text: folded form (lower case, ё → е) and its place, `text[start:end]`."""

    form: str
    start: int
    end: int


def fold(text: str) -> str:
    """Lower case with ё → е; keeps the length, so places in the result are places in `text`."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few foreign letters grow when lowered
        lowered = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    return lowered.replace("ё", "е")


def words(text: str) -> list[Word]:
    """The words of a text in order; punctuation and hyphens only separate."""
    return [Word(match[0], match.start(), match.end()) for match in _WORD.finditer(fold(text))]


@lru_cache(maxsize=50_000)
def stem(form: str) -> str:
    """The stem of one folded word."""
    if form in _BY_FORM:
        return _BY_FORM[form]
    base = _COMPARATIVE.sub("", form, count=1) if form.startswith("по") else form
    if base in _BY_FORM:
        return _BY_FORM[base]
    found: str = _STEMMER.stemWord(base)
    if found not in _NOT_SOFTENED:
        found = _SOFTENED.sub("", found)
    return _BY_STEM.get(found, found)


_FLEETING = re.compile(r"(?<=[бвгджзйклмнпрстфхцчшщ])[ое](?=[кнц]$)")
_CLUSTER = re.compile(r"(?<=[бвгджзйклмнпрстфхцчшщ])(?=[кнц]$)")


def kin(stem: str) -> tuple[str, ...]:
    """The stem itself first, then those that other forms of its word may have: «скидк» and «скидок», «дн» and «ден».

    Snowball leaves a vowel that comes and goes before the last letter where it stands. A form too many does no harm.
    """
    if len(without := _FLEETING.sub("", stem)) < len(stem):
        return (stem, without) if len(without) > 1 else (stem,)
    both = tuple(_CLUSTER.sub(vowel, stem) for vowel in "ое")
    return (stem, *both) if both[0] != stem else (stem,)
