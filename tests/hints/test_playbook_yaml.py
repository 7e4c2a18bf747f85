from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Priority, SuggestionKind
from ari_bridge.hints.playbook import PlaybookError
from ari_bridge.hints.playbook_yaml import parse_playbook
from tests.hints.playbooks import SMALL


def test_everything_arrives() -> None:
    playbook = parse_playbook(SMALL)
    card = playbook.cards[0]
    assert (playbook.company, playbook.products[0].price) == ("Ромашка", "12 000 рублей")
    assert (card.id, card.kind, card.priority) == ("dear", SuggestionKind.OBJECTION, Priority.HIGH)
    assert card.phrases == ("дорого",)
    assert [step.id for step in playbook.checklist] == ["hello", "survey"]


def line_of(text: str) -> int:
    return SMALL.split("\n").index(text) + 1


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("    kind: objection", "    kind: advice", "«advice» не бывает"),
        ("    priority: high", "    priority: urgent", "high"),
        ("    phrases: [дорого]", "    phrases: [ну вот]", "нет значимого слова"),
        ("    phrases: [дорого]", "    phrases: []", "ни одной фразы"),
        ("    phrases: [дорого]", "    phrases: дорого", "нужен список"),
        ("  - id: term", "  - id: dear", "уже занят"),
        ("  - id: term", "  - id: Срок", "строчные латинские"),
        ("    title: Вопрос о сроках", "    titel: Вопрос о сроках", "неизвестный ключ «titel»"),
        ("    title: Вопрос о сроках", "    title: ", "нужен текст"),
        ("    title: Вопрос о сроках", f"    title: {'а' * 61}", "длиннее 60"),
        ("    title: Вопрос о сроках", "    title: {a: b}", "нужен текст"),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, word: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        parse_playbook(SMALL.replace(old, new))
    assert caught.value.line == line_of(old)
    assert word in caught.value.reason
    assert str(caught.value).startswith(f"строка {caught.value.line}: ")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "пуст"),
        ("- a", 1, "company"),
        ("company: A\ncards:\n  - id: [", 3, "YAML"),
        ("company: A\ncards: []", 2, "ни одной карточки"),
        ("company: A", 1, "не хватает ключа «cards»"),
        ("company: A\ncompany: B\ncards: []", 2, "повторяется"),
        ("company: !!python/object/apply:os.system [ls]\ncards: []", 2, "ни одной карточки"),
        ("a" * 500_000, 0, "длиннее"),
        ("\tcompany: A", 1, "YAML"),
    ],
)
def test_files_that_are_no_playbook(text: str, line: int, word: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        parse_playbook(text)
    assert word in caught.value.reason
    assert caught.value.line in (line, line + 1)


def test_a_missing_key_names_the_card_that_lacks_it() -> None:
    with pytest.raises(PlaybookError) as caught:
        parse_playbook(SMALL.replace("    say: Гарантия 3 года на окна.\n", ""))
    assert caught.value.line == line_of("  - id: warranty")
    assert "«say»" in caught.value.reason


@given(st.text())
def test_any_text_is_a_playbook_or_a_playbook_error(text: str) -> None:
    with pytest.raises(PlaybookError):
        parse_playbook(text)


@given(st.integers(min_value=0, max_value=len(SMALL)), st.text(max_size=5))
def test_a_slip_of_the_hand_is_never_another_exception(at: int, typed: str) -> None:
    with contextlib.suppress(PlaybookError):
        parse_playbook(SMALL[:at] + typed + SMALL[at:])


def with_groups(groups: str, phrase: str = "<цена> высокая") -> str:
    return f"groups:\n{groups}\n" + SMALL.replace("phrases: [дорого]", f"phrases: ['{phrase}']")


def test_groups_are_written_out_in_the_phrases() -> None:
    playbook = parse_playbook(with_groups("  цена: цена|ценник стоимость"))
    assert playbook.cards[0].phrases == ("цена|ценник|стоимость высокая",)


@pytest.mark.parametrize(
    ("groups", "line", "word"),
    [
        ("  цена: цена\n  цена: ценник", 3, "повторяется"),
        ("  число: один", 2, "не «число»"),
        ("  две цены: один", 2, "одно слово"),
        ("  цена: ну-ка", 2, "непонятно"),
        ("  цена: цена|<деньги>", 2, "нет такой группы"),
        ("  - цена", 2, "нужны строки вида"),
        ("  чек: чек", None, "нет такой группы: «цена»"),
    ],
)
def test_a_fault_of_a_group_is_told_with_its_line(groups: str, line: int | None, word: str) -> None:
    text = with_groups(groups)
    with pytest.raises(PlaybookError) as caught:
        parse_playbook(text)
    wanted = line or text.split("\n").index("    phrases: ['<цена> высокая']") + 1
    assert (caught.value.line, word in caught.value.reason) == (wanted, True), caught.value
