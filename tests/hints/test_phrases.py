from __future__ import annotations

import pytest

from ari_bridge.hints.phrases import MAX_EXPANDED, PhraseError, expand, parse_phrase

GROUPS = {"цена": "цена|ценник", "деньги": "<цена>|рубль", "я": "<ты>", "ты": "<я>"}


def test_a_group_stands_for_its_words_also_inside_another_group() -> None:
    assert expand("<цена>|чек высокий", GROUPS) == "цена|ценник|чек высокий"
    assert expand("мало <деньги>", GROUPS) == "мало цена|ценник|рубль"
    assert expand("за <число>", {}) == "за <число>"


@pytest.mark.parametrize(
    ("source", "groups", "word"),
    [
        ("<цина> высокая", GROUPS, "«цина»"),
        ("<я> сам", GROUPS, "друг на друга"),
        ("<много>", {"много": "слово|" * MAX_EXPANDED}, "велика"),
    ],
)
def test_a_group_that_leads_nowhere_is_refused(source: str, groups: dict[str, str], word: str) -> None:
    with pytest.raises(PhraseError) as caught:
        expand(source, groups)
    assert word in str(caught.value)


def test_ends_and_exceptions_are_told_apart_from_the_words() -> None:
    phrase = parse_phrase("^ не беру … сейчас $")
    assert (len(phrase.elements), phrase.denied, phrase.begin, phrase.end) == (2, (True, False), True, True)
    phrase = parse_phrase("тогда перезвоню кроме жена|=муж")
    assert phrase.besides is not None
    assert (len(phrase.elements), phrase.besides.forms) == (2, ("муж",))
