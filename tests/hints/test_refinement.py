from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Priority, Source, Suggestion, SuggestionKind, SuggestionState
from ari_bridge.hints.commands import Orders, Publish
from ari_bridge.hints.draft import DraftError
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.policy import Trigger
from ari_bridge.hints.refinement import Refinement
from ari_bridge.hints.stage import Stage
from tests.hints.playbooks import compiled

BASE = Suggestion(
    "c1", "c1-1-dear", SuggestionKind.OBJECTION, "Возражение: дорого", "Предложите рассрочку на 6 месяцев.",
    Priority.HIGH, Source.PLAYBOOK, SuggestionState.COMPLETE, 1, "дорого",
)  # fmt: skip
LICENCE = compiled().licence


def begin(*, base: bool) -> tuple[Refinement, Stage]:
    stage = Stage(Limits(), Orders())
    if base:
        stage.offer(BASE, "dear", 0.0, 8.0)
    made = Refinement.begin(
        Trigger(1, "дорого", "playbook", 0.0, "dear"), LICENCE, stage, call_id="c1", suggestion_id=BASE.id
    )
    stage.orders.flush()
    return made, stage


def shown(stage: Stage) -> list[Suggestion]:
    return [c.event for c in stage.orders.flush() if isinstance(c, Publish) and isinstance(c.event, Suggestion)]


def answer(**members: object) -> str:
    full = {"kind": "price", "priority": "low", "title": "Сравнивает", "content": "Спросите, с чем сравнивает."}
    return json.dumps(full | members, ensure_ascii=False)


@pytest.mark.parametrize("content", ["Дайте скидку 90 %.", "", "Вернём деньги. Спросите, что смущает."])
def test_nothing_licensed_leaves_the_playbook_s_card(content: str) -> None:
    made, stage = begin(base=True)
    made.feed(answer(content=content), 1.0)
    made.finish(1.5)
    assert stage.deck.get(BASE.id) == BASE
    assert all(card.id == BASE.id for card in shown(stage))


def test_undo_restores_the_card_with_the_words_it_is_quoted_for_now() -> None:
    made, stage = begin(base=True)
    made.feed(answer()[:70], 1.0)
    assert stage.deck.get(BASE.id) != BASE
    made.undo("newer_words")
    assert shown(stage)[-1] == BASE


def test_undo_takes_a_card_of_the_model_s_own_away() -> None:
    made, stage = begin(base=False)
    made.feed(answer()[:70], 1.0)
    assert shown(stage)
    made.undo("newer_words")
    assert [card.state for card in shown(stage)] == [SuggestionState.WITHDRAWN]


def test_a_card_that_came_meanwhile_is_refined_and_not_doubled() -> None:
    made, stage = begin(base=False)
    stage.offer(BASE, "dear", 0.5, 8.0)
    made.feed(answer(), 1.0)
    made.finish(1.5)
    assert {card.id for card in shown(stage)} == {BASE.id}
    assert [card.kind for card in stage.deck.all()] == [SuggestionKind.OBJECTION]


def test_what_another_live_card_says_is_not_said_again() -> None:
    made, stage = begin(base=True)
    other = replace(BASE, id="c1-0-x", title="Сравнивает", content="Спросите, с чем сравнивает.")
    stage.deck.add(other, 0.5, "x")
    made.feed(answer(), 1.0)
    made.finish(1.5)
    assert stage.deck.get(BASE.id) == BASE


@given(st.text(max_size=120), st.text(max_size=120), st.integers(min_value=1, max_value=30), st.booleans())
def test_whatever_the_model_says_the_operator_is_left_with_something_whole(
    title: str, content: str, size: int, base: bool
) -> None:
    made, stage = begin(base=base)
    text = answer(title=title, content=content)
    try:
        for at in range(0, len(text), size):
            made.feed(text[at : at + size], 1.0)
        made.finish(2.0)
    except DraftError:
        made.undo("bad")
    for card in stage.deck.all():
        assert card.state is SuggestionState.COMPLETE
        assert card.title
        assert card.content
    assert not base or stage.deck.get(BASE.id) is not None
