"""YAML text → `Playbook`; every fault names its line, for the sales lead who edits the file.

Pure. The only file that imports yaml. Nodes are read, never constructed, so no tag of the file can run anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import TypeVar

import yaml

from ari_bridge.events import Priority, SuggestionKind
from ari_bridge.hints.phrases import NUMBER, PhraseError, expand, parse_phrase
from ari_bridge.hints.playbook import Card, Playbook, PlaybookError, Product, Step

MAX_CHARS = 400_000
MAX_ITEMS = 500
MAX_TEXT = 1000
MAX_TITLE = 60
MAX_SAY = 300
MAX_GROUP = 4000
_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
_GROUP_NAME = re.compile(r"[^\W\d_]+(?:_[^\W\d_]+)*")
_KINDS = tuple(kind for kind in SuggestionKind if kind is not SuggestionKind.WHISPER)

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def parse_playbook(text: str) -> Playbook:
    """The playbook. Raises `PlaybookError` at its first fault."""
    if len(text) > MAX_CHARS:
        raise PlaybookError(0, f"файл длиннее {MAX_CHARS} знаков")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise PlaybookError(line, f"это не YAML: {error.problem or 'непонятная запись'}") from None
    except RecursionError:
        raise PlaybookError(0, "это не YAML: слишком много вложенных скобок или отступов") from None
    except yaml.YAMLError as error:
        raise PlaybookError(0, f"это не YAML: {error}") from None
    if root is None:
        raise PlaybookError(1, "файл пуст")
    return _playbook(root)


def _playbook(root: yaml.Node) -> Playbook:
    keys = _mapping(
        root,
        required=("company", "cards"),
        optional=("about", "products", "offers", "facts", "forbidden", "terms", "groups", "checklist"),
    )
    groups = _groups(keys.get("groups"))
    cards = _unique(_items(keys, "cards", partial(_card, groups)), keys["cards"])
    if not cards:
        raise PlaybookError(_line(keys["cards"]), "в cards нет ни одной карточки")
    return Playbook(
        company=_text(keys["company"]),
        about=_optional_text(keys, "about"),
        products=_items(keys, "products", _product),
        offers=_items(keys, "offers", _text),
        facts=_items(keys, "facts", _text),
        forbidden=_items(keys, "forbidden", partial(_phrase, groups)),
        terms=_items(keys, "terms", _text),
        cards=cards,
        checklist=_unique(_items(keys, "checklist", partial(_step, groups)), keys.get("checklist", root)),
    )


def _product(node: yaml.Node) -> Product:
    keys = _mapping(node, required=("name", "price"), optional=("note",))
    return Product(_text(keys["name"]), _text(keys["price"]), _optional_text(keys, "note"))


def _card(groups: Mapping[str, str], node: yaml.Node) -> Card:
    keys = _mapping(
        node,
        required=("id", "kind", "priority", "title", "say", "phrases"),
        optional=("unless", "examples", "counterexamples"),
    )
    return Card(
        id=_identifier(keys["id"]),
        kind=_choice(keys["kind"], _KINDS),
        priority=_choice(keys["priority"], tuple(Priority)),
        title=_text(keys["title"], MAX_TITLE),
        say=_text(keys["say"], MAX_SAY),
        phrases=_phrases(groups, keys["phrases"]),
        unless=_items(keys, "unless", partial(_phrase, groups)),
        examples=_items(keys, "examples", _text),
        counterexamples=_items(keys, "counterexamples", _text),
    )


def _step(groups: Mapping[str, str], node: yaml.Node) -> Step:
    keys = _mapping(node, required=("id", "title", "phrases"), optional=("examples", "counterexamples"))
    return Step(
        id=_identifier(keys["id"]),
        title=_text(keys["title"], MAX_TITLE),
        phrases=_phrases(groups, keys["phrases"]),
        examples=_items(keys, "examples", _text),
        counterexamples=_items(keys, "counterexamples", _text),
    )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _mapping(node: yaml.Node, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, yaml.Node]:
    known = (*required, *optional)
    if not isinstance(node, yaml.MappingNode):
        raise PlaybookError(_line(node), f"здесь нужны ключи {', '.join(required)}")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name not in known:
            raise PlaybookError(_line(key), f"неизвестный ключ «{name}»; бывают: {', '.join(known)}")
        if name in found:
            raise PlaybookError(_line(key), f"ключ «{name}» повторяется")
        found[name] = value
    for name in required:
        if name not in found:
            raise PlaybookError(_line(node), f"не хватает ключа «{name}»")
    return found


def _items(keys: Mapping[str, yaml.Node], name: str, read: Callable[[yaml.Node], T]) -> tuple[T, ...]:
    node = keys.get(name)
    if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
        return ()
    if not isinstance(node, yaml.SequenceNode):
        raise PlaybookError(_line(node), f"в «{name}» нужен список: каждая строка с «- »")
    if len(node.value) > MAX_ITEMS:
        raise PlaybookError(_line(node), f"в «{name}» больше {MAX_ITEMS} строк")
    return tuple(read(item) for item in node.value)


def _phrases(groups: Mapping[str, str], node: yaml.Node) -> tuple[str, ...]:
    found = _items({"phrases": node}, "phrases", partial(_phrase, groups))
    if not found:
        raise PlaybookError(_line(node), "в «phrases» нет ни одной фразы")
    return found


def _text(node: yaml.Node, limit: int = MAX_TEXT) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
        raise PlaybookError(_line(node), "здесь нужен текст (если в нём есть двоеточие, возьмите его в кавычки)")
    text = " ".join(node.value.split())
    if len(text) > limit:
        raise PlaybookError(_line(node), f"текст длиннее {limit} знаков: во время звонка его не прочтут")
    return text


def _optional_text(keys: Mapping[str, yaml.Node], name: str) -> str:
    node = keys.get(name)
    return "" if node is None or (isinstance(node, yaml.ScalarNode) and not node.value.strip()) else _text(node)


def _groups(node: yaml.Node | None) -> dict[str, str]:
    """Name → its words, with «|» between them; checked, so that a fault is told where it stands."""
    if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise PlaybookError(_line(node), "в «groups» нужны строки вида «цена: цена|ценник|стоимость»")
    found: dict[str, str] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not _GROUP_NAME.fullmatch(name) or f"<{name}>" == NUMBER:
            raise PlaybookError(_line(key), f"имя группы «{name[:40]}»: нужно одно слово, и не «число»")
        if name in found:
            raise PlaybookError(_line(key), f"группа «{name}» повторяется")
        found[name] = "|".join(_text(value, MAX_GROUP).replace("|", " ").split())
    for key, value in node.value:
        _phrase(found, value, f"<{key.value}>")
    return found


def _phrase(groups: Mapping[str, str], node: yaml.Node, text: str = "") -> str:
    """The phrase, or `text` in its stead, with its groups expanded."""
    try:
        expanded = expand(text or _text(node), groups)
        parse_phrase(expanded)
    except PhraseError as error:
        raise PlaybookError(_line(node), str(error)) from None
    return expanded


def _identifier(node: yaml.Node) -> str:
    text = _text(node)
    if not _ID.fullmatch(text):
        raise PlaybookError(_line(node), f"id «{text[:40]}»: нужны строчные латинские буквы, цифры и «_»")
    return text


def _choice(node: yaml.Node, allowed: tuple[E, ...]) -> E:
    text = _text(node)
    for value in allowed:
        if value.value == text:
            return value
    raise PlaybookError(_line(node), f"«{text[:40]}» не бывает; выберите: {', '.join(v.value for v in allowed)}")


C = TypeVar("C", Card, Step)


def _unique(found: tuple[C, ...], node: yaml.Node) -> tuple[C, ...]:
    seen: set[str] = set()
    for index, one in enumerate(found):
        if one.id in seen:
            items = node.value if isinstance(node, yaml.SequenceNode) else [node]
            raise PlaybookError(_line(items[index]), f"id «{one.id}» уже занят")
        seen.add(one.id)
    return found
