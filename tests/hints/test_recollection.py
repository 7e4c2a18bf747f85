from __future__ import annotations

from dataclasses import replace

from ari_bridge.events import Source, Suggestion, SuggestionState
from ari_bridge.hints.recollection import id_of_card, shown_before
from tests.hints.playbooks import heard, kept_call, kept_card


def ages(*cards: Suggestion, call_s: float | None = 20.0) -> list[tuple[str | None, float]]:
    record = kept_call(lines=(heard("это дорого"), heard("ещё слово", utterance=3)), cards=cards)
    return [(shown.card_id, 100.0 - shown.shown_at) for shown in shown_before(record, 100.0, call_s)]


def test_a_card_counts_from_the_words_that_brought_it() -> None:
    assert ages(kept_card("dear"), kept_card("term", utterance=3)) == [("dear", 14.0), ("term", 6.0)]


def test_words_that_never_became_final_count_as_the_last_ones() -> None:
    assert ages(kept_card("dear", utterance=2)) == [("dear", 6.0)]


def test_without_the_call_s_zero_the_last_words_are_now() -> None:
    assert ages(kept_card("dear"), kept_card("term", utterance=3), call_s=None) == [("dear", 8.0), ("term", 0.0)]


def test_a_set_back_wall_clock_makes_no_card_of_the_future() -> None:
    assert ages(kept_card("dear"), call_s=-40.0) == [("dear", 0.0)]


def test_what_is_not_the_engine_s_or_not_shown_is_left_out() -> None:
    whisper = replace(kept_card("dear"), id="w-1", source=Source.SUPERVISOR, utterance=None)
    assert ages(whisper, replace(kept_card("term"), state=SuggestionState.WITHDRAWN)) == []


def test_a_card_of_the_model_s_own_is_of_no_playbook_card() -> None:
    own = replace(kept_card("dear"), id=id_of_card("c1", 1, None), source=Source.LLM)
    assert ages(own) == [(None, 14.0)]
