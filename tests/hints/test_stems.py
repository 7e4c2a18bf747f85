from __future__ import annotations

import pytest

from ari_bridge.hints.stems import sound, stem


@pytest.mark.parametrize(
    ("said", "meant"),
    [("скитка", "скидка"), ("расрочка", "рассрочка"), ("сколко", "сколько"), ("гарантею", "гарантию")],
)
def test_misheard_words_sound_like_the_word_that_was_said(said: str, meant: str) -> None:
    assert sound(stem(said)) == sound(stem(meant))


@pytest.mark.parametrize(
    ("one", "other"), [("дорога", "дорого"), ("стоит", "сто"), ("цена", "центр"), ("думал", "подумаю")]
)
def test_strangers_stay_apart(one: str, other: str) -> None:
    assert sound(stem(one)) != sound(stem(other))
