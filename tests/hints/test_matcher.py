from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.hints.matcher import compile_phrases
from ari_bridge.hints.phrases import PhraseError, parse_phrase
from ari_bridge.hints.stems import words


def found(phrase: str, text: str) -> bool:
    return bool(compile_phrases([("card", phrase)]).find(words(text)))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("дорого", "Ой, это дороговато!"),
        ("дорого", "а подороже нету"),
        ("все", "всё"),
        ("цена высокая", "высокая у вас цена"),
        ("не нужно", "мне ненужно"),
        ("не нужно", "не очень нужно"),
        ("не до", "мне не до этого"),
        ("у … дешевле", "у соседей в прошлом году было дешевле"),
        ("жена|муж обсудить", "обсудим с мужем"),
        ("=беру", "беру"),
        ("скид*", "скидочку дадите"),
        ("не надо *ть", "не надо звонить"),
        ("рассрочка", "а расрочку можно"),
        ("ну вот дорого", "дорого"),
        ("предоплата", "а предаплату вносить"),  # by sound
        ("рассрочка", "а растрочку дадите"),  # a letter wrong
        ("конкурент", "у конкуррентов ваших"),  # a letter too many
        ("гарантия", "какая у вас гаран тия"),  # in two pieces
        ("=видел", "я видела такой"),  # the past in any gender
        ("=подумаю", "ну падумаю еще"),
        ("дорого", "не ну это дорого"),  # a «не» that denies nothing
        ("за <число> отдадут", "мне за сорок тысяч отдадут"),
        ("сколько $", "а чистка сколько"),
        ("^ беру $", "ну беру"),
        ("тогда перезвоню кроме жена|муж", "ну тогда я перезвоню"),
    ],
)
def test_found(phrase: str, text: str) -> None:
    assert found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("дорого", "это недорого"),
        ("дорого", "не слишком дорого"),
        ("дорого", "по дороге домой"),
        ("не нужно", "мне нужно"),
        ("=беру", "берусь за дело"),
        ("цена высокая", "цена обсуждается а потолки у нас тут в квартире высокие"),
        ("два слова", "слова"),
        ("дорого", ""),
        ("=гарантия", "какие гарантии"),
        ("=некогда", "я никогда не спорю"),
        ("=подумаю", "я подумал"),
        ("договор", "а разговор был"),
        ("за <число> отдадут", "мне за вторую отдадут"),
        ("за <число> отдадут", "мне к отдадут за"),
        ("сколько $", "сколько комнат"),
        ("^ беру $", "я возьму трубку"),
        ("^ беру $", "завтра беру"),
        ("тогда перезвоню кроме жена|муж", "тогда спрошу мужа и перезвоню"),
    ],
)
def test_not_found(phrase: str, text: str) -> None:
    assert not found(phrase, text)


@given(st.permutations(["мне", "надо", "хорошо", "подумать"]))
def test_word_order_is_free(shuffled: list[str]) -> None:
    assert found("надо подумать", " ".join(shuffled))


def test_a_hit_tells_where_and_how_much() -> None:
    text = "Ну слушайте, цена-то у вас высокая!"
    (hit,) = compile_phrases([("card", "цена высокая")]).find(words(text))
    assert (text[hit.start : hit.end], hit.weight) == ("цена-то у вас высокая", 2)


def test_the_tightest_place_of_the_best_phrase_is_told() -> None:
    text = "дорого а цена у вас высокая"
    (hit,) = compile_phrases([("card", "дорого"), ("card", "цена высокая")]).find(words(text))
    assert text[hit.start : hit.end] == "цена у вас высокая"


def test_one_word_cannot_be_two() -> None:
    assert not found("цена|стоимость цена|стоимость", "какая цена")
    assert found("цена|стоимость цена|стоимость", "цена это стоимость")


def test_an_end_is_no_end_while_words_follow() -> None:
    matcher = compile_phrases([("card", "сколько $"), ("other", "чистка")])
    assert {hit.owner for hit in matcher.find(words("а чистка сколько"), whole=False)} == {"other"}


@pytest.mark.parametrize("bad", ["", "ну вот", "цена не", "a|", "…", "^ $", "кроме дорого", "<цена>", "=не-то"])
def test_a_phrase_that_cannot_match_is_refused(bad: str) -> None:
    with pytest.raises(PhraseError):
        parse_phrase(bad)


@given(st.text(), st.text(alphabet="абвгнеийоту |*=…^$<>", max_size=20))
def test_any_text_against_any_phrase_gives_hits_within_the_text(text: str, phrase: str) -> None:
    try:
        matcher = compile_phrases([("card", phrase)])
    except PhraseError:
        return
    for hit in matcher.find(words(text)):
        assert 0 <= hit.start < hit.end <= len(text)


def test_many_owners_are_told_apart() -> None:
    matcher = compile_phrases([("a", "дорого"), ("b", "подумать"), ("c", "гарантия")])
    for size in range(4):
        for chosen in itertools.combinations([("a", "дорого"), ("b", "надо подумать"), ("c", "гарантия")], size):
            text = " и еще ".join(part for _, part in chosen)
            assert {hit.owner for hit in matcher.find(words(text))} == {owner for owner, _ in chosen}
