"""The engine against peers that speak OpenRouter over a socket."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.openrouter_wire import Behaviour, Content, Cut, Shape
from ari_bridge.events import (
    Call,
    CallEnded,
    CallStarted,
    CallStatus,
    CallUpdated,
    Checklist,
    ComponentState,
    Direction,
    Leg,
    Source,
    SuggestionState,
    Verdict,
)
from ari_bridge.hints.engine import HintEngine
from ari_bridge.hints.governor import Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.openrouter import OpenRouter
from ari_bridge.hints.playbook_file import PlaybookWatch, read_playbook
from tests.hints.desk import Desk, serving
from tests.hints.injections import OBEYED, SPOKEN
from tests.hints.peer import DONE, STOP, Reply, answer, chunk, openrouter_peer, suggestion
from tests.hints.playbooks import SMALL, heard, kept_call, kept_card, small

MODELS = ("~anthropic/claude-haiku-latest", "~openai/gpt-mini-latest")
PATIENT = Limits(debounce_s=0.02, retry_after_s=0.02)
QUICK = replace(PATIENT, first_token_s=0.4, total_s=0.8, stale_s=2.0, summary_s=0.8)
BAD = frozenset({ComponentState.DEGRADED, ComponentState.DOWN})
CALL = Call("c1", "+79001234567", None, None, Direction.INBOUND, datetime(2026, 11, 22, tzinfo=UTC))
DEAR = "это слишком дорого для нас"


def engine_for(desk: Desk, url: str | None, limits: Limits = PATIENT) -> HintEngine:
    llm = OpenRouter(url, "demo", MODELS) if url else None
    return HintEngine(desk.publish, desk.report, small(), llm, limits=limits)


async def test_five_objections_get_their_cards_without_a_key() -> None:
    desk = Desk()
    engine = HintEngine(desk.publish, desk.report, read_playbook(None), None)
    said = {
        DEAR: "price_too_high",
        "у конкурентов такой же стоит дешевле": "competitor",
        "спасибо я подумаю и перезвоню": "think_it_over",
        "мне надо посоветоваться с женой": "consult_others",
        "когда вы сможете поставить новый": "timing",
    }
    async with serving(engine):
        for number, text in enumerate(said, start=1):
            engine.on_event(replace(heard(text), call_id=f"c{number}"))
    assert [card.id.rsplit("-", 1)[1] for card in desk.cards] == list(said.values())
    assert [card.quote for card in desk.cards] == list(said)
    assert {card.source for card in desk.cards} == {Source.PLAYBOOK}
    assert [status.state for status in desk.states] == [ComponentState.OFF], "told once"
    assert "ARI_BRIDGE_OPENROUTER__API_KEY" in str(desk.states[0].action)


async def test_llm_refines_the_same_card_streamed() -> None:
    desk = Desk()
    text = suggestion(title="Сравнивает цены", content="Спросите, с чем сравнивает. Предложите рассрочку на 6 месяцев.")
    async with openrouter_peer(answer(text)) as peer:
        engine = engine_for(desk, peer.url)
        async with serving(engine):
            engine.on_event(heard("под ключ сто восемьдесят тысяч", leg=Leg.OPERATOR))
            engine.on_event(heard(DEAR))
            await desk.until(lambda: desk.cards[-1].source is Source.LLM and desk.cards[-1].state == "complete")
    assert len({card.id for card in desk.cards}) == 1
    assert desk.cards[0].source is Source.PLAYBOOK
    assert SuggestionState.STREAMING in {card.state for card in desk.cards}
    assert desk.cards[-1].content == "Спросите, с чем сравнивает. Предложите рассрочку на 6 месяцев."
    (body,) = peer.bodies
    assert DEAR in body["messages"][1]["content"]
    assert "сто восемьдесят тысяч" in body["messages"][1]["content"]
    assert peer.headers[0]["Authorization"] == "Bearer demo"
    assert desk.state is ComponentState.UP


async def test_each_question_of_a_call_begins_with_the_bytes_of_the_one_before() -> None:
    desk = Desk()
    async with openrouter_peer(answer(suggestion())) as peer:
        engine = engine_for(desk, peer.url)
        async with serving(engine):
            for utterance, text in enumerate(("а какой срок", "это дорого", "а гарантия какая"), start=1):
                engine.on_event(heard(text, utterance=utterance))
                await desk.until(lambda wanted=utterance: len(peer.bodies) == wanted)  # type: ignore[misc]
    prefixes = [body["messages"][1]["content"].split("\n[КОНЕЦ")[0] for body in peer.bodies]
    assert [later.startswith(earlier) for earlier, later in itertools.pairwise(prefixes)] == [True, True]
    assert len({json.dumps(body["messages"][0]) for body in peer.bodies}) == 1
    assert [{key: body[key] for key in body if key != "messages"} for body in peer.bodies[1:]] == [
        {key: peer.bodies[0][key] for key in peer.bodies[0] if key != "messages"}
    ] * 2


async def test_first_words_are_on_the_socket_within_50_ms_of_the_first_usable_token() -> None:
    desk = Desk()
    sent: list[float] = []
    head, rest = suggestion(title="Сравнивает цены").split("цены")

    def reply(_: object) -> Reply:
        sent.append(time.monotonic() + 0.2)
        return Reply([0.2, chunk(head), 0.3, chunk("цены" + rest), STOP, DONE])

    async with openrouter_peer(reply) as peer:
        engine = engine_for(desk, peer.url)
        async with serving(engine):
            engine.on_event(heard(DEAR))
            await desk.until(lambda: desk.cards[-1].source is Source.LLM)
            first = desk.at[desk.events.index(desk.cards[-1])]
    assert desk.cards[-1].title == "Сравнивает"
    assert first - sent[0] < 0.05


HTTP_ERRORS = (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 524, 529)
QUICKLY = Behaviour(first_token_s=0.01, token_s=0.001)
FAULTS = {
    **{f"http {code}": replace(QUICKLY, status=code) for code in HTTP_ERRORS},
    "availability": replace(QUICKLY, status=503, availability=True, retry_after_s=1),
    "error in 200": replace(QUICKLY, error_in_200=True, error_status=429),
    "error as event": replace(QUICKLY, error_event=True, error_status=400),
    **{f"mid-stream {shape.value}": replace(QUICKLY, error_shape=shape) for shape in Shape},
    **{f"cut {cut.value}": replace(QUICKLY, cut=cut, stall_s=3.0) for cut in Cut},
    **{f"content {c.value}": replace(QUICKLY, content=c) for c in Content if c not in (Content.GOOD, Content.FENCED)},
    "truncated": replace(QUICKLY, content=Content.TRUNCATED, finish_reason="length"),
    "first token late": replace(QUICKLY, first_token_s=3.0),
    "endless comments": replace(QUICKLY, comments=200, first_token_s=3.0),
    "invented discount": replace(QUICKLY, answer=suggestion(title="Скидка 90 %", content="Дайте скидку 90 %.")),
    "error as advice": replace(QUICKLY, answer="Rate limit exceeded, try again later"),
}
SLOW = ("first token late", "endless comments", "cut stall")  # deadlines end these


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_leaves_the_playbook_s_card_and_no_other(fault: str) -> None:
    """In one call the model was to refine a card, in the other to make one of its own."""
    desk = Desk()
    async with OpenRouterStandIn(behaviour=FAULTS[fault]) as openrouter:
        engine = engine_for(desk, openrouter.url, QUICK)
        async with serving(engine):
            engine.on_event(heard(DEAR))
            engine.on_event(replace(heard("мне нужны окна для новой дачи в лесу"), call_id="c2"))
            if fault != "invented discount":
                await desk.until(lambda: any(status.state in BAD for status in desk.states))
            await asyncio.sleep(1.2 if fault in SLOW else 0.3)
            states = {status.state for status in desk.states}
    assert {key: card.source for key, card in desk.standing().items()} == {"c1-1-dear": Source.PLAYBOOK}
    assert desk.standing()["c1-1-dear"].state is SuggestionState.COMPLETE
    assert not any("90" in card.content or "limit" in card.content for card in desk.cards)
    assert bool(states & BAD) == (fault != "invented discount")
    assert 1 <= len(openrouter.requests) <= 4, "asked, and no storm of retries"


async def test_a_fenced_answer_is_an_answer() -> None:
    desk = Desk()
    async with OpenRouterStandIn(behaviour=Behaviour(content=Content.FENCED, first_token_s=0, token_s=0)) as openrouter:
        engine = engine_for(desk, openrouter.url)
        async with serving(engine):
            engine.on_event(heard(DEAR))
            await desk.until(lambda: desk.cards[-1].source is Source.LLM and desk.cards[-1].state == "complete")


async def test_newer_words_cancel_at_the_provider_and_one_request_is_in_flight() -> None:
    desk = Desk()
    async with openrouter_peer(lambda _: Reply([chunk('{"kind":"price",'), 5.0, STOP, DONE])) as peer:
        engine = engine_for(desk, peer.url, Limits())
        async with serving(engine), asyncio.timeout(15):
            for number in range(1, 5):
                engine.on_event(heard(f"{DEAR} говорю {number} раз", utterance=number))
                while len(peer.bodies) < number or peer.left_early < number - 1:
                    await asyncio.sleep(0.02)
    assert peer.most_open == 1
    assert len(peer.bodies) == 4


async def test_a_rate_limit_is_retried_once_and_then_answered() -> None:
    desk = Desk()
    async with OpenRouterStandIn(behaviour=Behaviour(first_token_s=0, token_s=0)) as openrouter:
        openrouter.next(Behaviour(status=429))
        engine = engine_for(desk, openrouter.url, PATIENT)
        async with serving(engine):
            engine.on_event(heard(DEAR))
            await desk.until(lambda: desk.cards[-1].source is Source.LLM and desk.cards[-1].state == "complete")
    assert len(openrouter.requests) == 2
    assert desk.state is ComponentState.UP


async def test_a_spent_budget_leaves_the_playbook() -> None:
    desk = Desk()
    async with OpenRouterStandIn(behaviour=Behaviour(first_token_s=0, token_s=0)) as openrouter:
        engine = engine_for(desk, openrouter.url, replace(PATIENT, call_budget_usd=0.00001))
        async with serving(engine):
            engine.on_event(heard(DEAR))
            await desk.until(lambda: desk.cards[-1].source is Source.LLM and desk.cards[-1].state == "complete")
            engine.on_event(heard("а какая у вас гарантия на окна", utterance=2))
            await asyncio.sleep(0.2)
            engine.on_event(replace(heard(DEAR), call_id="other"))
            await desk.until(lambda: desk.cards[-1].call_id == "other" and desk.cards[-1].source is Source.LLM)
    assert len(openrouter.requests) == 2, "the other call has its own budget"


@pytest.mark.parametrize(("title", "content"), OBEYED)
async def test_a_model_that_obeys_the_caller_gets_nothing_onto_the_screen(title: str, content: str) -> None:
    desk = Desk()
    async with openrouter_peer(answer(suggestion(title=title, content=content), size=3)) as peer:
        engine = engine_for(desk, peer.url)
        async with serving(engine):
            engine.on_event(heard(SPOKEN[0] + " и это дорого"))
            await asyncio.sleep(0.25)
    allowed = {"6"}  # «рассрочку на 6 месяцев» is the playbook's own
    for card in desk.cards:
        text = f"{card.title} {card.content}"
        assert set(re.findall(r"\d+", text)) <= allowed
        assert not re.search(
            r"https?|\.com|даром|бесплатно|вернём|пожизнен|двойном|подар|discount|т р о е", text.lower()
        )


async def test_the_text_mode_makes_no_cards() -> None:
    desk = Desk()
    engine = HintEngine(desk.publish, desk.report, small(), None, ceiling=Mode.TEXT)
    async with serving(engine):
        engine.on_event(heard(DEAR))
    assert desk.cards == []


async def test_the_checklist_comes_with_the_call_and_moves() -> None:
    desk = Desk()
    engine = engine_for(desk, None)
    async with serving(engine):
        engine.on_event(CallStarted(CALL))
        engine.on_event(heard("меня зовут Анна", leg=Leg.OPERATOR))
    done = [[step.done for step in event.steps] for event in desk.events if isinstance(event, Checklist)]
    assert done == [[False, False], [True, False]]


async def test_a_call_that_an_earlier_run_left_open_goes_on() -> None:
    desk = Desk()
    engine = engine_for(desk, None)
    said = (heard("здравствуйте меня зовут Анна", leg=Leg.OPERATOR), heard(DEAR, utterance=2))
    engine.remember([kept_call(said, (kept_card("dear", 2),), ("hello",))])
    async with serving(engine):
        engine.on_event(CallStarted(CALL))
        [checklist] = desk.events
        assert isinstance(checklist, Checklist), "and nothing else: what was said brings no card again"
        assert [step.done for step in checklist.steps] == [True, False]
        card = engine.feedback("c1-2-dear", Verdict.USEFUL)
        assert card is not None
        assert desk.cards == [card]
        engine.on_event(CallEnded("c1", 16, "", 1000))
        assert desk.summaries[0].need == DEAR


async def test_what_ended_unseen_is_forgotten() -> None:
    desk = Desk()
    engine = engine_for(desk, None)
    engine.remember([kept_call((), (), ("hello",))])
    engine.on_event(CallEnded("c1", None, "", 1000))
    assert desk.events == []
    engine.on_event(CallStarted(CALL))
    [checklist] = desk.events
    assert isinstance(checklist, Checklist)
    assert not any(step.done for step in checklist.steps)


async def test_feedback_is_kept_told_and_outlives_the_call() -> None:
    desk = Desk()
    engine = engine_for(desk, None)
    async with serving(engine):
        engine.on_event(heard(DEAR))
        card = engine.feedback("c1-1-dear", Verdict.COPIED)
        assert card is not None
        assert card.verdicts == (Verdict.COPIED,)
        assert desk.cards[-1] == card
        engine.on_event(CallEnded("c1", 16, "", 1000))
        card = engine.feedback("c1-1-dear", Verdict.USEFUL)
        assert card is not None
        assert card.verdicts == (Verdict.COPIED, Verdict.USEFUL)
        assert engine.feedback("unknown", Verdict.USEFUL) is None


async def test_a_summary_follows_the_call_by_rule_or_by_the_model() -> None:
    for keyed in (False, True):
        desk = Desk()
        async with OpenRouterStandIn(behaviour=Behaviour(first_token_s=0, token_s=0)) as openrouter:
            engine = engine_for(desk, openrouter.url if keyed else None)
            async with serving(engine):
                engine.on_event(heard("мне нужны два окна на дачу"))
                engine.on_event(heard("хорошо пришлю вам расчёт", leg=Leg.OPERATOR, utterance=1))
                engine.on_event(CallUpdated(replace(CALL, status=CallStatus.ENDED)))
                engine.on_event(CallEnded("c1", 16, "", 1000))
                await desk.until(lambda seen=desk: bool(seen.summaries))
        assert len(desk.summaries) == 1
        assert desk.summaries[0].outcome


async def test_a_summary_that_is_late_or_bad_is_made_by_rule() -> None:
    for reply in (Reply([5.0]), answer("[]"), Reply([], status=500)):
        desk = Desk()
        async with openrouter_peer(reply) as peer:
            engine = engine_for(desk, peer.url, QUICK)
            async with serving(engine):
                engine.on_event(heard("мне нужны два окна на дачу"))
                engine.on_event(CallEnded("c1", 16, "", 1000))
                await desk.until(lambda seen=desk: bool(seen.summaries))
                await asyncio.sleep(0.05)
        (summary,) = desk.summaries
        assert summary.need == "мне нужны два окна на дачу"


async def test_a_changed_playbook_is_taken_and_a_bad_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_bridge.hints.engine.RELOAD_S", 0.05)
    path = tmp_path / "playbook.yaml"
    path.write_text(SMALL, encoding="utf-8")
    desk = Desk()
    engine = HintEngine(desk.publish, desk.report, read_playbook(path), None, reload=PlaybookWatch(path).changed)
    async with serving(engine):
        path.write_text("cards: [", encoding="utf-8")
        await asyncio.sleep(0.2)
        engine.on_event(heard(DEAR))
        assert desk.cards[-1].title == "Возражение: дорого"
        path.write_text(SMALL.replace("Возражение: дорого", "Дорого и точка"), encoding="utf-8")
        await asyncio.sleep(0.3)
        engine.on_event(replace(heard(DEAR), call_id="c2"))
        assert desk.cards[-1].title == "Дорого и точка"


def words_of(text: str) -> list[str]:
    return text.split()


async def test_fifty_calls_get_their_cards_within_100_ms() -> None:
    """Partials of 50 calls, both legs, five a second each, for a second; then the finals."""
    desk = Desk()
    engine = HintEngine(desk.publish, desk.report, read_playbook(None), None)
    delays: list[float] = []
    async with serving(engine):
        spoken = words_of("здравствуйте я смотрела ваш кондиционер для спальни и вы знаете это слишком дорого")
        for step in range(1, 6):
            began = time.monotonic()
            for number in range(50):
                partial = heard(" ".join(spoken[: step * 2]), final=False)
                engine.on_event(replace(partial, call_id=f"c{number}"))
                engine.on_event(replace(partial, call_id=f"c{number}", leg=Leg.OPERATOR))
            await asyncio.sleep(max(0.0, 0.2 - (time.monotonic() - began)))
        for number in range(50):
            before, sent = len(desk.cards), time.monotonic()
            engine.on_event(replace(heard(" ".join(spoken)), call_id=f"c{number}"))
            assert len(desk.cards) == before + 1
            delays.append(desk.at[-1] - sent)
    assert sorted(delays)[47] < 0.1
