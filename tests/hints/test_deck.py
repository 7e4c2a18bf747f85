from __future__ import annotations

from dataclasses import replace

from ari_bridge.events import Priority, Source, Suggestion, SuggestionKind, SuggestionState, Verdict
from ari_bridge.hints.deck import Deck, Ruling, Shown
from ari_bridge.hints.limits import Limits

LIMITS = Limits(spacing_s=12, live_cards=3, live_s=60, repeat_s=90, similarity=0.7)
TEXTS = {
    "a": "Спросите про бюджет семьи",
    "b": "Расскажите о мастерах компании",
    "c": "Назовите точный адрес склада",
    "d": "Узнайте этаж дома и лифт",
    "e": "Пошутите насчёт погоды",
}


def card(name: str, priority: Priority = Priority.MEDIUM, content: str = "") -> Suggestion:
    text = content or TEXTS.get(name, f"Скажите слово {name}")
    return Suggestion(
        "c1", name, SuggestionKind.OTHER, f"Карточка {name}", text, priority, Source.PLAYBOOK,
        SuggestionState.COMPLETE, 1, "",
    )  # fmt: skip


def test_calm_talk_gets_one_new_card_in_twelve_seconds() -> None:
    deck = Deck(LIMITS)
    assert deck.judge(card("a"), "a", 0.0).ruling is Ruling.SHOW
    deck.add(card("a"), 0.0, "a")
    later = deck.judge(card("b"), "b", 5.0)
    assert (later.ruling, later.why, later.until) == (Ruling.LATER, "spacing", 12.0)
    assert deck.judge(card("b"), "b", 12.0).ruling is Ruling.SHOW
    assert deck.judge(card("h", Priority.HIGH), "h", 5.0).ruling is Ruling.SHOW


def test_a_withdrawn_card_gives_its_place_in_the_spacing_back() -> None:
    deck = Deck(LIMITS)
    deck.add(card("a"), 0.0, "a")
    withdrawn = deck.withdraw("a")
    assert withdrawn is not None
    assert withdrawn.state is SuggestionState.WITHDRAWN
    assert deck.withdraw("a") is None
    assert deck.get("a") is None
    assert deck.judge(card("b"), "b", 1.0).ruling is Ruling.SHOW


def test_the_same_card_is_not_shown_again_for_a_while() -> None:
    deck = Deck(LIMITS)
    deck.add(card("1-a"), 0.0, "a")
    assert deck.judge(card("2-a"), "a", 80.0).why == "repeat"
    assert deck.judge(card("2-a"), "a", 95.0).ruling is Ruling.SHOW


def test_a_useless_card_is_not_shown_again_in_the_call() -> None:
    deck = Deck(LIMITS)
    deck.add(card("1-a"), 0.0, "a")
    deck.mark("1-a", Verdict.USELESS)
    assert deck.judge(card("2-a"), "a", 1000.0).why == "useless_before"


def test_near_duplicates_are_dropped() -> None:
    deck = Deck(LIMITS)
    deck.add(card("a", content="Спросите, с чем сравнивает клиент, и предложите рассрочку."), 0.0, None)
    same = card("a", content="Спросите, с чем клиент сравнивает, предложите ему рассрочку!")
    same = Suggestion(**{**_members(same), "id": "b"})
    assert deck.judge(same, None, 20.0).why == "duplicate"
    assert deck.repeats(same, 20.0)
    assert deck.judge(card("c", content="Назовите срок монтажа и предложите замер."), None, 20.0).ruling is Ruling.SHOW


def _members(suggestion: Suggestion) -> dict[str, object]:
    return {name: getattr(suggestion, name) for name in Suggestion.__dataclass_fields__ if name != "type"}


def test_a_beginning_counts_as_a_repeat_only_once_it_says_enough() -> None:
    deck = Deck(LIMITS)
    deck.add(card("a", content="Спросите, с чем сравнивает клиент, и предложите рассрочку."), 0.0, None)
    begins = card("b", content="Спросите, с чем")
    assert not deck.repeats(Suggestion(**{**_members(begins), "title": ""}), 1.0, prefix=True)
    longer = Suggestion(**{**_members(begins), "title": "", "content": "Спросите, с чем сравнивает клиент"})
    assert deck.repeats(longer, 1.0, prefix=True)


def test_at_most_three_are_live_and_the_weakest_oldest_makes_room() -> None:
    deck = Deck(LIMITS)
    for name, at, priority in (("a", 0.0, Priority.HIGH), ("b", 12.0, Priority.LOW), ("c", 24.0, Priority.MEDIUM)):
        deck.add(card(name, priority), at, name)
    ruling = deck.judge(card("d"), "d", 36.0)
    assert (ruling.ruling, ruling.displaces) == (Ruling.SHOW, "b")
    deck.fold("b")
    deck.add(card("d"), 36.0, "d")
    assert [c.id for c in deck.live(36.0)] == ["a", "c", "d"]
    assert deck.judge(card("e", Priority.LOW), "e", 50.0).why == "crowded"
    assert [c.id for c in deck.all()] == ["a", "b", "c", "d"]


def test_a_pinned_card_stays_and_a_dismissed_one_goes() -> None:
    deck = Deck(LIMITS)
    deck.add(card("a"), 0.0, "a")
    deck.add(card("b"), 1.0, "b")
    deck.mark("a", Verdict.PINNED)
    deck.mark("b", Verdict.DISMISSED)
    assert [c.id for c in deck.live(1000.0)] == ["a"]
    assert deck.mark("unknown", Verdict.USEFUL) is None


def test_a_verdict_counts_once_and_survives_a_new_version() -> None:
    deck = Deck(LIMITS)
    deck.add(card("a"), 0.0, "a")
    deck.mark("a", Verdict.USEFUL)
    marked = deck.mark("a", Verdict.USEFUL)
    assert marked is not None
    assert marked.verdicts == (Verdict.USEFUL,)
    assert deck.replace(card("a", content="иначе")).verdicts == (Verdict.USEFUL,)


def test_cards_of_an_earlier_run_count_as_they_did() -> None:
    deck = Deck(LIMITS)
    deck.recall([Shown(card("b"), 95.0, "b"), Shown(card("a"), 20.0, "a")], 100.0)
    assert [known.id for known in deck.all()] == ["a", "b"]
    assert [live.id for live in deck.live(100.0)] == ["b"]
    assert deck.judge(card("c"), "c", 100.0).until == 107.0
    assert deck.judge(card("2-b"), "b", 120.0).why == "repeat"


def test_no_more_of_them_are_live_than_may_be_and_pinned_ones_stay() -> None:
    deck = Deck(LIMITS)
    pinned = replace(card("a"), verdicts=(Verdict.PINNED,))
    cards = [pinned, *(card(name) for name in "bcd")]
    deck.recall([Shown(one, 90.0 + at, one.id) for at, one in enumerate(cards)], 100.0)
    assert [live.id for live in deck.live(100.0)] == ["a", "c", "d"]
