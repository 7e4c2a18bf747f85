from __future__ import annotations

from dataclasses import replace

from ari_bridge.events import Priority, Source, Suggestion, SuggestionKind, SuggestionState
from ari_bridge.hints.commands import Decided, Orders, Publish
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.stage import Stage

CARD = Suggestion(
    "c1", "a", SuggestionKind.OTHER, "Бюджет", "Спросите про бюджет семьи", Priority.MEDIUM, Source.PLAYBOOK,
    SuggestionState.COMPLETE, 1, "ну вот",
)  # fmt: skip
OTHER = replace(CARD, id="b", title="Адрес", content="Узнайте точный адрес склада")


def stage() -> Stage:
    return Stage(Limits(), Orders())


def told(of: Stage) -> list[tuple[str, str]]:
    return [(c.event.id, c.event.state.value) for c in of.orders.flush() if isinstance(c, Publish)]  # type: ignore[union-attr]


def test_the_newest_waits_and_is_let_go_when_it_may_show() -> None:
    s = stage()
    assert s.offer(CARD, "a", 0.0, 8.0)
    assert s.offer(OTHER, "b", 6.0, 14.0)
    newer = replace(OTHER, id="c", title="Этаж", content="Пошутите насчёт погоды")
    assert s.offer(newer, "c", 7.0, 15.0)
    decisions = [(d.what, d.why, d.card) for d in s.orders.flush() if isinstance(d, Decided)]
    assert ("suppressed", "superseded", "b") in decisions
    s.release(11.9)
    assert told(s) == []
    s.release(12.0)
    assert told(s) == [("c", "complete")]
    assert s.next_timer() is None


def test_a_waiting_card_is_re_quoted_replaced_and_forgotten_in_place() -> None:
    s = stage()
    s.offer(CARD, "a", 0.0, 8.0)
    s.offer(OTHER, "b", 6.0, 14.0)
    s.requote("b", "другие слова", final=False)
    s.replace_waiting(replace(OTHER, content="Уточните адрес склада ещё раз"))
    assert s.waits("b")
    s.withdraw("b", "words_changed")
    assert not s.waits("b")
    s.orders.flush()
    s.release(20.0)
    assert told(s) == []


def test_a_quote_that_grows_waits_for_the_final() -> None:
    s = stage()
    s.offer(CARD, "a", 0.0, 8.0)
    s.orders.flush()
    s.requote("a", "ну вот ещё", final=False)
    assert told(s) == []
    s.requote("a", "ну вот ещё", final=True)
    assert told(s) == [("a", "complete")]
    s.requote("a", "совсем другое", final=False)
    assert told(s) == [("a", "complete")]


def test_a_beginning_is_streamed_only_where_the_card_could_appear() -> None:
    s = stage()
    s.offer(CARD, "a", 0.0, 8.0)
    assert s.stream(OTHER, 5.0) is None
    assert s.stream(replace(OTHER, priority=Priority.HIGH), 5.0) is not None
    assert s.stream(replace(CARD, id="z"), 30.0) is None, "it says what is on the screen already"


def test_the_fourth_card_folds_the_oldest_of_the_weakest() -> None:
    s = stage()
    contents = ("Спросите про бюджет", "Узнайте адрес склада", "Пошутите насчёт погоды", "Назовите имя мастера")
    for number, content in enumerate(contents):
        s.offer(replace(CARD, id=str(number), title=f"т{number}", content=content), str(number), 12.0 * number, 99.0)
    folded = [d.card for d in s.orders.flush() if isinstance(d, Decided) and d.what == "folded"]
    assert folded == ["0"]
    assert [card.id for card in s.deck.live(36.0)] == ["1", "2", "3"]
