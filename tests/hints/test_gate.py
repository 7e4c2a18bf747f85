from __future__ import annotations

import pytest

from ari_bridge.hints.gate import is_question, worth_asking


@pytest.mark.parametrize(
    "text", ["А рассрочка у вас есть?", "сколько он весит", "а когда приедет мастер", "ну и где вы"]
)
def test_questions(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize("text", ["", "мне нужен кондиционер", "я не знаю сколько там метров", "хорошо"])
def test_no_questions(text: str) -> None:
    assert not is_question(text)


@pytest.mark.parametrize(
    "text", ["", "да", "угу хорошо спасибо", "алло здравствуйте", "ну вот", "до свидания", "да да конечно"]
)
def test_small_talk_is_not_worth_money(text: str) -> None:
    assert worth_asking(text, matched=False) is None


def test_reasons() -> None:
    assert worth_asking("да", matched=True) == "playbook"
    assert worth_asking("он шумит?", matched=False) == "question"
    assert worth_asking("мне нужны три кондиционера для офиса", matched=False) == "substance"
