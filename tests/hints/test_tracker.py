from __future__ import annotations

from ari_bridge.hints.tracker import MAX_QUOTE, Tracker, quote
from tests.hints.playbooks import compiled, heard


def owners(tracker: Tracker, text: str, *, final: bool = False, confirmed: int = 0, utterance: int = 1) -> list[str]:
    said = heard(text, final=final, confirmed=confirmed, utterance=utterance)
    return [sighting.card_id for sighting in tracker.hear(said)]


def test_a_word_counts_once_it_was_heard_twice_and_is_not_the_last() -> None:
    tracker = Tracker(compiled())
    assert owners(tracker, "а гарантия") == []
    assert owners(tracker, "а гарантия у") == ["warranty"]


def test_half_a_word_is_no_word() -> None:
    tracker = Tracker(compiled())
    assert owners(tracker, "а срок") == []
    assert owners(tracker, "а срок") == []
    assert owners(tracker, "а сроковый") == []


def test_the_last_word_counts_when_it_stands_still() -> None:
    tracker = Tracker(compiled())
    assert [owners(tracker, "а гарантия") for _ in range(3)] == [[], [], ["warranty"]]


def test_a_confirmed_word_counts_when_another_follows() -> None:
    assert owners(Tracker(compiled()), "а гарантия у вас", confirmed=len("а гарантия у")) == ["warranty"]
    assert owners(Tracker(compiled()), "а гарантия", confirmed=len("а гарантия")) == []


def test_a_card_with_exceptions_waits_for_the_exception() -> None:
    tracker = Tracker(compiled())
    for _ in range(3):
        assert owners(tracker, "это дорогие") == []
    assert owners(tracker, "это дорогие мои внуки приехали сюда") == []
    assert owners(tracker, "это дорогие мои внуки приехали сюда", final=True) == []
    for _ in range(2):
        found = owners(tracker, "это дорого для нас начальство скажет вчера пришло", utterance=2)
    assert found == ["dear"]


def test_the_final_ends_all_waiting_and_so_does_a_pause() -> None:
    assert owners(Tracker(compiled()), "это дорого", final=True) == ["dear"]
    tracker = Tracker(compiled())
    said = heard("это дорого", final=False)
    assert tracker.hear(said) == ()
    assert [sighting.card_id for sighting in tracker.settle(said)] == ["dear"]


def test_a_new_utterance_begins_afresh() -> None:
    tracker = Tracker(compiled())
    assert owners(tracker, "это дорого", final=True) == ["dear"]
    assert owners(tracker, "это", utterance=2) == []


def test_words_that_change_take_the_card_back() -> None:
    tracker = Tracker(compiled())
    assert owners(tracker, "а гарантия") == []
    assert owners(tracker, "а гарантия у") == ["warranty"]
    assert owners(tracker, "а гарантирую вам") == []


def test_the_quote_is_the_sentence_around_the_words() -> None:
    text = "Здравствуйте. Ну, это слишком дорого для нас! Подумаем."
    at = text.index("дорого")
    assert quote(text, at, at + 6) == "Ну, это слишком дорого для нас!"[:-1]


def test_a_long_sentence_is_cut_at_words_and_still_holds_the_hit() -> None:
    text = "слово " * 100 + "дорого " + "слово " * 100
    at = text.index("дорого")
    cut = quote(text, at, at + 6)
    assert "дорого" in cut
    assert len(cut) <= MAX_QUOTE
    assert set(cut.split()) == {"слово", "дорого"}
