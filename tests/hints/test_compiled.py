from __future__ import annotations

from ari_bridge.hints.stems import words
from tests.hints.playbooks import compiled


def test_the_strongest_card_comes_first() -> None:
    hits = compiled().cards_in(words("какой срок и это дорого и гарантия"))
    assert [hit.owner for hit in hits] == ["dear", "term", "warranty"]


def test_an_exception_silences_only_the_hit_that_it_touches() -> None:
    made = compiled()
    assert [hit.owner for hit in made.cards_in(words("дорогие мои"))] == []
    far = "это дорого для меня очень правда сами понимаете " + "и так далее " * 6 + "дорогие мои"
    assert [hit.owner for hit in made.cards_in(words(far))] == ["dear"]


def test_steps() -> None:
    assert compiled().steps_in(words("меня зовут Анна, запишу на замер")) == {"hello", "survey"}
