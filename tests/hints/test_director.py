"""One call, played by hand: what is decided, and in what order."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ari_bridge.events import Checklist, Leg, Priority, Source, Suggestion, SuggestionState, Verdict
from ari_bridge.hints.commands import Ask, Cancel, Command, Decided, Publish
from ari_bridge.hints.compiled import compile_playbook
from ari_bridge.hints.director import Director
from ari_bridge.hints.governor import Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.playbook_yaml import parse_playbook
from tests.hints.playbooks import SMALL, compiled, heard, kept_call, kept_card

LIMITS = Limits()


def director() -> Director:
    return Director("c1", compiled(), LIMITS)


def cards(commands: Sequence[Command]) -> list[Suggestion]:
    return [c.event for c in commands if isinstance(c, Publish) and isinstance(c.event, Suggestion)]


def decided(commands: Sequence[Command]) -> list[tuple[str, str]]:
    return [(c.what, c.why) for c in commands if isinstance(c, Decided)]


def ask(of: Director, text: str = "это дорого", *, utterance: int = 1, now: float = 100.0) -> Ask:
    """The client says it, and the debounce passes."""
    of.hear(heard(text, utterance=utterance), now, Mode.FULL)
    (asked,) = [c for c in of.timer(now + LIMITS.debounce_s, Mode.FULL) if isinstance(c, Ask)]
    return asked


def answer(**members: str) -> str:
    full = {"kind": "price", "priority": "low", "title": "Сравнивает цены", "content": "Спросите, с чем сравнивает."}
    return json.dumps(full | members, ensure_ascii=False)


def test_a_card_appears_on_a_partial_and_is_re_quoted_on_the_final() -> None:
    d = director()
    assert cards(d.hear(heard("а гарантия", final=False), 1.0, Mode.PLAYBOOK)) == []
    (card,) = cards(d.hear(heard("а гарантия у вас", final=False), 1.2, Mode.PLAYBOOK))
    assert (card.id, card.quote, card.state) == ("c1-1-warranty", "а гарантия у вас", SuggestionState.COMPLETE)
    (final,) = cards(d.hear(heard("А гарантия у вас есть?"), 2.0, Mode.PLAYBOOK))
    assert (final.id, final.quote) == (card.id, "А гарантия у вас есть")


def test_a_card_whose_words_changed_is_withdrawn() -> None:
    d = director()
    d.hear(heard("а гарантия", final=False), 1.0, Mode.PLAYBOOK)
    assert cards(d.hear(heard("а гарантия у", final=False), 1.2, Mode.PLAYBOOK))
    assert cards(d.hear(heard("а гараж у", final=False), 1.4, Mode.PLAYBOOK)) == [], "one odd partial is forgiven"
    (gone,) = cards(d.hear(heard("а гараж у вас", final=False), 1.6, Mode.PLAYBOOK))
    assert gone.state is SuggestionState.WITHDRAWN


def test_a_pause_in_the_middle_of_a_partial_brings_the_card() -> None:
    d = director()
    d.hear(heard("это дорого", final=False), 1.0, Mode.PLAYBOOK)
    assert d.next_timer() == 1.0 + LIMITS.settle_s
    (card,) = cards(d.timer(1.0 + LIMITS.settle_s, Mode.PLAYBOOK))
    assert card.id == "c1-1-dear"


def test_confirming_words_does_not_put_the_pause_off() -> None:
    d = director()
    d.hear(heard("это дорого", final=False), 1.0, Mode.PLAYBOOK)
    d.hear(heard("это дорого", final=False, confirmed=4), 1.3, Mode.PLAYBOOK)
    assert d.next_timer() == 1.0 + LIMITS.settle_s
    d.hear(heard("это дорого да", final=False, confirmed=4), 1.35, Mode.PLAYBOOK)
    assert d.next_timer() == 1.35 + LIMITS.settle_s


def test_one_card_per_utterance_unless_the_second_is_more_urgent() -> None:
    d = director()
    assert [c.id for c in cards(d.hear(heard("дорого а гарантия"), 1.0, Mode.PLAYBOOK))] == ["c1-1-dear"]
    d = director()
    d.hear(heard("а гарантия", final=False), 1.0, Mode.PLAYBOOK)
    d.hear(heard("а гарантия да", final=False), 1.2, Mode.PLAYBOOK)
    shown = cards(d.hear(heard("а гарантия да и дорого"), 2.0, Mode.PLAYBOOK))
    assert shown[-1].id == "c1-1-dear"


def test_a_card_held_back_by_the_spacing_comes_when_it_may() -> None:
    d = director()
    d.hear(heard("какой срок", utterance=1), 1.0, Mode.PLAYBOOK)
    held = d.hear(heard("а гарантия", utterance=2), 7.0, Mode.PLAYBOOK)
    assert cards(held) == []
    assert ("deferred", "spacing") in decided(held)
    assert d.next_timer() == 13.0
    (card,) = cards(d.timer(13.0, Mode.PLAYBOOK))
    assert card.id == "c1-2-warranty"


def test_a_card_that_would_come_stale_is_not_held_back() -> None:
    d = director()
    d.hear(heard("какой срок", utterance=1), 1.0, Mode.PLAYBOOK)
    assert ("suppressed", "spacing") in decided(d.hear(heard("а гарантия", utterance=2), 2.0, Mode.PLAYBOOK))


def test_words_are_stale_so_long_after_their_end_not_after_their_first_hearing() -> None:
    d = director()
    d.hear(heard("какой срок"), 0.0, Mode.PLAYBOOK)
    for at in (2.0, 2.2, 2.4, 2.6):
        early = d.hear(heard("а гарантия у вас какая", utterance=2, final=False), at, Mode.PLAYBOOK)
    assert cards(early) == []
    end = LIMITS.spacing_s - LIMITS.stale_s + 0.5
    assert ("deferred", "spacing") in decided(d.hear(heard("а гарантия у вас какая", utterance=2), end, Mode.PLAYBOOK))
    assert [card.id for card in cards(d.timer(LIMITS.spacing_s, Mode.PLAYBOOK))] == ["c1-2-warranty"]


def test_the_model_refines_the_same_card_and_keeps_the_lead_s_kind_and_priority() -> None:
    d = director()
    asked = ask(d)
    assert asked.card is not None
    assert [line.text for line in asked.lines] == ["это дорого"]
    text = answer()
    shown = [c for i in range(0, len(text), 4) for c in cards(d.token(asked.number, text[i : i + 4], 101.0))]
    commands, fault = d.answered(asked.number, 102.0)
    shown += cards(commands)
    assert fault == ""
    assert {c.id for c in shown} == {"c1-1-dear"}
    assert {c.state for c in shown[:-1]} == {SuggestionState.STREAMING}
    last = shown[-1]
    assert (last.title, last.content) == ("Сравнивает цены", "Спросите, с чем сравнивает.")
    assert (last.kind.value, last.priority, last.source) == ("objection", Priority.HIGH, Source.LLM)
    titles = [c.title for c in shown]
    assert titles[0] == "Сравнивает"
    assert shown[0].content.startswith("Спросите, с чем сравнивает. Предложите"), (
        "the playbook's text until it has its own"
    )


def test_newer_words_cancel_the_answer_and_the_playbook_s_card_stands_again() -> None:
    d = director()
    asked = ask(d)
    d.token(asked.number, '{"kind":"price","priority":"low","title":"Сравни', 101.0)
    d.token(asked.number, 'вает цены", "content":"Спросите, ', 101.1)
    commands = d.hear(heard("а скажите гарантия какая", utterance=2), 101.5, Mode.FULL)
    assert Cancel(asked.number, "newer_words") in commands
    restored = next(c for c in cards(commands) if c.id == "c1-1-dear")
    assert (restored.source, restored.state) == (Source.PLAYBOOK, SuggestionState.COMPLETE)
    assert d.token(asked.number, "поздно", 101.6) == []
    assert d.answered(asked.number, 101.7) == ([], "")


def test_a_card_of_the_model_s_own() -> None:
    d = director()
    asked = ask(d, "мне нужны окна для новой дачи в лесу")
    assert asked.card is None
    d.token(
        asked.number, answer(priority="medium", kind="question", title="Дача", content="Спросите про размер."), 101.0
    )
    (card,) = cards(d.answered(asked.number, 102.0)[0])
    assert (card.id, card.state, card.quote) == (
        "c1-1-llm",
        SuggestionState.COMPLETE,
        "мне нужны окна для новой дачи в лесу",
    )


def test_an_unlicensed_card_of_its_own_never_shows_and_a_half_shown_one_goes() -> None:
    d = director()
    asked = ask(d, "мне нужны окна для новой дачи в лесу")
    assert cards(d.token(asked.number, answer(title="Скидка 90 %", content="Дайте скидку 90 %."), 101.0)) == []
    assert cards(d.answered(asked.number, 102.0)[0]) == []
    d = director()
    asked = ask(d, "мне нужны окна для новой дачи в лесу")
    (half,) = cards(d.token(asked.number, answer(title="Дача", content="Отдайте даром."), 101.0))
    assert "даром" not in half.content
    (gone,) = cards(d.answered(asked.number, 102.0)[0])
    assert gone.state is SuggestionState.WITHDRAWN


def test_a_licensed_beginning_is_kept() -> None:
    d = director()
    asked = ask(d)
    d.token(asked.number, answer(content="Спросите, с чем сравнивает. Дайте скидку 90 %."), 101.0)
    (last,) = cards(d.answered(asked.number, 102.0)[0])
    assert last.content == "Спросите, с чем сравнивает."


def test_a_card_of_its_own_waits_for_the_spacing_unless_it_is_urgent() -> None:
    for priority, at_once in (("medium", False), ("high", True)):
        d = director()
        d.hear(heard("какой срок", utterance=1), 94.0, Mode.PLAYBOOK)
        asked = ask(d, "мне нужны окна для новой дачи в лесу", utterance=2)
        streamed = cards(
            d.token(asked.number, answer(priority=priority, title="Дача", content="Спросите, где."), 101.0)
        )
        assert bool(streamed) == at_once
        finished = d.answered(asked.number, 101.5)[0]
        assert bool(cards(finished)) == at_once
        if not at_once:
            assert ("deferred", "spacing") in decided(finished)
            assert [c.id for c in cards(d.timer(106.0, Mode.FULL))] == ["c1-2-llm"]


def test_a_playbook_card_that_waits_is_bettered_while_it_waits() -> None:
    d = director()
    d.hear(heard("какой срок", utterance=1), 94.0, Mode.PLAYBOOK)
    asked = ask(d, "а гарантия какая", utterance=2)
    assert asked.card is not None
    d.token(
        asked.number, answer(priority="medium", title="Гарантия", content="Скажите: гарантия 3 года на окна."), 101.0
    )
    assert cards(d.answered(asked.number, 101.5)[0]) == []
    (card,) = cards(d.timer(106.0, Mode.FULL))
    assert (card.id, card.content) == ("c1-2-warranty", "Скажите: гарантия 3 года на окна.")


def test_silence_and_failure_leave_the_playbook_s_card() -> None:
    for end in ("silent", "failed", "bad"):
        d = director()
        asked = ask(d)
        match end:
            case "silent":
                shown = cards(d.token(asked.number, answer(kind="none"), 101.0) + d.answered(asked.number, 102.0)[0])
            case "failed":
                shown = cards(d.failed(asked.number, "llm_unavailable", False, 101.0))
            case _:
                bad = d.token(asked.number, "Извините.", 101.0)
                shown = cards(bad)
                assert shown == []
                assert d.answered(asked.number, 102.0)[1] == "llm_bad_answer"
        assert shown == []
        assert [c.source for c in d.stage.deck.all()] == [Source.PLAYBOOK]


def test_a_broken_answer_is_cancelled_at_once() -> None:
    d = director()
    asked = ask(d)
    assert Cancel(asked.number, "not_json", "llm_bad_answer") in d.token(asked.number, '{"kind": 5', 101.0)


def test_a_retry_asks_again_under_a_new_number() -> None:
    d = director()
    asked = ask(d)
    assert ("retry", "llm_rate_limited") in decided(d.failed(asked.number, "llm_rate_limited", True, 100.5))
    (again,) = [c for c in d.timer(100.9, Mode.FULL) if isinstance(c, Ask)]
    assert again.number == asked.number + 1


def test_deadlines_cancel_and_blame_the_provider() -> None:
    d = director()
    asked = ask(d)
    timer = d.next_timer()
    assert timer == 100.25 + LIMITS.first_token_s
    commands = d.timer(timer, Mode.FULL)
    assert Cancel(asked.number, "no_first_token", "llm_timeout") in commands
    assert ("expired", "no_first_token") in decided(commands)


def test_small_talk_is_not_asked_about_and_says_so() -> None:
    d = director()
    assert decided(d.hear(heard("да хорошо спасибо"), 1.0, Mode.FULL)) == [("suppressed", "small_talk")]
    assert d.next_timer() is None


def test_a_mode_below_full_is_the_reason_not_to_ask() -> None:
    d = director()
    assert ("suppressed", "call_budget") in decided(d.hear(heard("это дорого"), 1.0, Mode.PLAYBOOK, "call_budget"))
    d = director()
    commands = d.hear(heard("это дорого для нашей семьи очень"), 1.0, Mode.TEXT, "settings")
    assert cards(commands) == []
    assert ("suppressed", "settings") in decided(commands)
    d = director()
    d.hear(heard("это дорого"), 1.0, Mode.FULL)
    assert ("suppressed", "breaker") in decided(d.timer(1.25, Mode.PLAYBOOK, "breaker"))


def test_a_question_left_unanswered_is_asked_about_again() -> None:
    d = director()
    asked = ask(d, "а он сильно шумит ночью?", now=100.0)
    d.token(asked.number, answer(kind="none"), 101.0)
    d.answered(asked.number, 101.5)
    timer = d.next_timer()
    assert timer == 100.0 + LIMITS.unanswered_s
    d.timer(timer, Mode.FULL)
    (again,) = [c for c in d.timer(timer + LIMITS.debounce_s, Mode.FULL) if isinstance(c, Ask)]
    assert again.trigger.reason == "unanswered"


def test_an_operator_who_answers_ends_the_question() -> None:
    d = director()
    asked = ask(d, "а он сильно шумит ночью?")
    d.token(asked.number, answer(kind="none"), 101.0)
    d.answered(asked.number, 101.5)
    d.hear(heard("нет он", leg=Leg.OPERATOR, final=False), 102.0, Mode.FULL)
    assert d.next_timer() is None


def test_the_checklist_is_told_at_the_start_and_when_it_moves() -> None:
    d = director()
    assert [type(c.event) for c in d.begin() if isinstance(c, Publish)] == [Checklist]
    moved = d.hear(heard("меня зовут Анна", leg=Leg.OPERATOR, final=False), 1.0, Mode.PLAYBOOK)
    assert [c.event.steps[0].done for c in moved if isinstance(c, Publish) and isinstance(c.event, Checklist)] == [True]
    assert d.hear(heard("меня зовут Анна", leg=Leg.OPERATOR), 1.5, Mode.PLAYBOOK) == []


def test_after_hang_up_nothing_is_asked() -> None:
    d = director()
    asked = ask(d)
    assert Cancel(asked.number, "call_ended") in d.hang_up(101.0)
    d.hear(heard("а скажите гарантия какая", utterance=2), 102.0, Mode.FULL)
    assert d.next_timer() is None


def test_personal_data_is_masked_in_what_is_asked() -> None:
    d = director()
    asked = ask(d, "это дорого мой телефон восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь")
    assert asked.lines[-1].text == "это дорого мой телефон [телефон]"


def test_feedback_marks_the_card_and_tells_it() -> None:
    d = director()
    d.hear(heard("это дорого"), 1.0, Mode.PLAYBOOK)
    card, commands = d.feedback("c1-1-dear", Verdict.USEFUL)
    assert card is not None
    assert [c.verdicts for c in cards(commands)] == [(Verdict.USEFUL,)]
    assert d.feedback("nothing", Verdict.USEFUL) == (None, [])


def test_a_new_playbook_counts_from_the_next_words_on() -> None:
    d = director()
    d.hear(heard("это дорого"), 1.0, Mode.PLAYBOOK)
    d.adopt(compile_playbook(parse_playbook(SMALL.replace("phrases: [гарантия]", "phrases: [поломка]"))))
    assert cards(d.hear(heard("а гарантия", utterance=2), 60.0, Mode.PLAYBOOK)) == []
    assert cards(d.hear(heard("а поломка", utterance=3), 80.0, Mode.PLAYBOOK))[0].id == "c1-3-warranty"


def test_what_an_earlier_run_knew_goes_on_and_brings_nothing_by_itself() -> None:
    d = director()
    said = (heard("меня зовут Анна", leg=Leg.OPERATOR), heard("это дорого", utterance=2))
    d.recall(kept_call(said, (kept_card("dear", 2),), ("hello",)), 1000.0, 20.0)
    (checklist,) = [c.event for c in d.begin() if isinstance(c, Publish)]
    assert isinstance(checklist, Checklist)
    assert [step.done for step in checklist.steps] == [True, False]
    assert d.next_timer() is None
    again = d.hear(heard("всё равно дорого", utterance=3), 1001.0, Mode.FULL)
    assert ("suppressed", "repeat") in decided(again)
    (asked,) = [c for c in d.timer(1001.0 + LIMITS.debounce_s, Mode.FULL) if isinstance(c, Ask)]
    assert [line.text for line in asked.lines] == ["меня зовут Анна", "это дорого", "всё равно дорого"]
    assert [card.id for card in d.findings().cards] == ["c1-2-dear"]
    card, commands = d.feedback("c1-2-dear", Verdict.USELESS)
    assert card is not None
    assert cards(commands) == [card]
    assert d.hear(heard("это дорого", utterance=2), 1002.0, Mode.FULL) == [], "a line that is known is not heard again"
