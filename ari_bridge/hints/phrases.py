"""What a line of the playbook's `phrases` means: a few words that must stand close together («слишком дорого»).

Pure.

    слово        any form of the word («скидка», «скидку», «скидочку»), also as it is misheard («скитка»)
    слов*        any word that begins so
    *ть          any word that ends so
    =слово       exactly this form
    один|другой  either
    <группа>     any word of the playbook's group of that name; <число>: any number, in words or digits
    не слово     the word denied («не нужно», «ненужно»); without «не» a denied word does not count
    …            up to five further words may stand here
    ^ …  … $     the utterance begins, or ends, with the phrase
    … кроме слово    not where this word (or one of several) is said too

Small words («ну», «вот», «это», …) neither count nor hinder; prepositions and pronouns do so only where a phrase has
them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ari_bridge.hints.stems import fold, stem, words

_FILLERS = """
    а и ну вот э эм мм ага угу же то это типа короче значит бы ли уж блин ой ах ох так просто вообще вобще прям прямо
    таки честно говоря слушайте скажите пожалуйста наверное наверно кажется конечно
"""
PREPOSITIONS = frozenset(
    ["у", "на", "в", "во", "с", "со", "к", "ко", "по", "о", "об", "за", "из", "от", "до", "для", "при"]
)
_LIGHT = """
    про через мне меня мной тебе вам вас нам нас ему ей им их мы вы я ты
    он она они мой моя мое мои моего ваш ваша ваше ваши наш наша наше наши этот эта эту эти этого этом этим все всё там
    тут здесь сейчас еще ещё уже только тоже
"""
FILLERS = frozenset(_FILLERS.split())
LIGHT = FILLERS | PREPOSITIONS | frozenset(_LIGHT.split())
NEGATIONS = frozenset({"не", "ни"})
_INTENSIFIERS = "очень слишком так уж особо особенно сильно совсем настолько такой такая такие такое"
INTENSIFIERS = frozenset(_INTENSIFIERS.split())
SLACK = 2  # further words tolerated inside any phrase of two words or more
GAP = 5  # further words that «…» tolerates
NUMBER = "<число>"
BEGIN, END = "^", "$"
EXCEPT = "кроме"
MAX_EXPANDED = 8000
_GROUP = re.compile(r"<([^<>|\s]+)>")


class PhraseError(ValueError):
    """A phrase that can never match; the message is a Russian reason."""


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a phrase: any of the alternatives; sorted, so equal elements are equal. `number`: any numeral."""

    stems: tuple[str, ...]
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    forms: tuple[str, ...]
    number: bool = False

    @property
    def rarity(self) -> int:
        """The longer its shortest alternative, the seldomer it is heard."""
        lengths = [len(key) for key in (*self.stems, *self.prefixes, *self.suffixes, *self.forms)]
        return 1 if self.number else min(lengths)


@dataclass(frozen=True, slots=True)
class Phrase:
    """`elements[i]` must be denied where `denied[i]`; all within `span` counted words.

    `begin`, `end`: the utterance begins, ends so; `besides`: not where one of these is said too.
    """

    elements: tuple[Element, ...]
    denied: tuple[bool, ...]
    span: int
    begin: bool = False
    end: bool = False
    besides: Element | None = None


def expand(source: str, groups: Mapping[str, str]) -> str:
    """The phrase with the words of each `<group>` in its place. Raises `PhraseError` for a group that is not there."""
    for _ in range(4):  # groups may hold groups
        names = [name for name in _GROUP.findall(source) if f"<{name}>" != NUMBER]
        if not names:
            break
        for name in names:
            if name not in groups:
                raise PhraseError(f"во фразе «{source[:80]}» нет такой группы: «{name}»; группы описаны в groups")
            source = source.replace(f"<{name}>", groups[name])
            if len(source) > MAX_EXPANDED:
                raise PhraseError(f"группа «{name}» слишком велика или ссылается сама на себя")
    else:
        raise PhraseError(f"группы во фразе «{source[:80]}» ссылаются друг на друга")
    return source


def parse_phrase(source: str) -> Phrase:
    """The phrase of one playbook line, its groups expanded. Raises `PhraseError`."""
    parts, besides = source.replace("...", "…").split(), None
    if parts[-2:-1] == [EXCEPT]:
        parts, besides = parts[:-2], _element(parts[-1], source)
    begin, end = parts[:1] == [BEGIN], parts[-1:] == [END]
    elements: list[Element] = []
    denied: list[bool] = []
    slack, deny = 0, False
    for part in parts[begin : len(parts) - end]:
        if part == "…":
            slack += GAP
        elif fold(part) in NEGATIONS:
            deny = True
        elif fold(part) not in FILLERS:
            elements.append(_element(part, source))
            denied.append(deny)
            deny = False
    if not elements or deny:
        raise PhraseError(f"во фразе «{source}» нет значимого слова" + (" после «не»" if deny else ""))
    tolerance = SLACK if len(elements) > 1 else 0
    return Phrase(tuple(elements), tuple(denied), len(elements) + tolerance + slack, begin, end, besides)


def _element(part: str, source: str) -> Element:
    found: dict[str, set[str]] = {"stems": set(), "prefixes": set(), "suffixes": set(), "forms": set()}
    number = False
    for choice in part.split("|"):
        if choice == NUMBER:
            number = True
            continue
        bare = fold(choice.strip("=*"))
        if len(words(bare)) != 1 or words(bare)[0].form != bare:
            raise PhraseError(
                f"во фразе «{source[:80]}» непонятно «{choice}»: "
                "нужно одно слово, «слов*», «*ова», «=слово» или «<группа>»"
            )
        if choice.endswith("*"):
            found["prefixes"].add(bare)
        elif choice.startswith("*"):
            found["suffixes"].add(bare)
        elif choice.startswith("="):
            found["forms"].add(bare)
        else:
            found["stems"].add(stem(bare))
    return Element(**{kind: tuple(sorted(keys)) for kind, keys in found.items()}, number=number)
