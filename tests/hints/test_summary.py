from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Leg
from ari_bridge.hints.conversation import Line
from ari_bridge.hints.director import Director
from ari_bridge.hints.governor import Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.summary import (
    MAX_TEXT,
    Findings,
    read_summary,
    rule_summary,
    summary_prompt,
    worth_summing_up,
)
from tests.hints.playbooks import compiled, heard

LINES = (
    Line(Leg.OPERATOR, 1, "Ромашка, здравствуйте", 0),
    Line(Leg.CLIENT, 1, "мне нужны два окна на дачу", 1),
    Line(Leg.OPERATOR, 2, "это двадцать четыре тысячи рублей", 2),
    Line(Leg.CLIENT, 2, "дорого, я подумаю", 3),
    Line(Leg.OPERATOR, 3, "хорошо, пришлю вам расчёт и перезвоню завтра", 4),
)
FINDINGS = Findings("c1", LINES, ())


def answer(**members: object) -> str:
    full = {
        "need": "Два окна на дачу.",
        "objections": [{"objection": "Дорого", "answer": "Обещан расчёт"}],
        "outcome": "Клиент подумает.",
        "actions": ["Прислать расчёт"],
        "next_step": "Перезвонить завтра",
    }
    return json.dumps(full | members, ensure_ascii=False)


def test_the_model_s_answer_becomes_the_summary() -> None:
    summary = read_summary(f"```json\n{answer()}\n```", FINDINGS)
    assert summary is not None
    assert summary.need == "Два окна на дачу."
    assert summary.outcome == "Клиент подумает. Возражения: Дорого — Обещан расчёт."
    assert summary.actions == ("Прислать расчёт", "Далее: Перезвонить завтра")


def test_numbers_that_were_said_stay_and_others_go() -> None:
    summary = read_summary(answer(need="Окна за 24 тысячи. Скидка 90 %.", actions=["Дать 50 %", "Прислать"]), FINDINGS)
    assert summary is not None
    assert summary.need == "Окна за 24 тысячи."
    assert summary.actions == ("Прислать", "Далее: Перезвонить завтра")


@pytest.mark.parametrize(
    "bad", ["", "нет", "[]", answer(outcome=""), answer(outcome=5), answer(outcome="https://x.ru")]
)
def test_no_answer(bad: str) -> None:
    assert read_summary(bad, FINDINGS) is None


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_shape_is_read_without_an_exception(value: object) -> None:
    summary = read_summary(answer(objections=value, actions=value, next_step=value), FINDINGS)
    assert summary is not None
    assert all(len(action) <= MAX_TEXT + 10 for action in summary.actions)


def test_without_a_model_the_summary_is_made_by_rule() -> None:
    director = Director("c1", compiled(), Limits())
    for number, line in enumerate(LINES, start=1):
        director.hear(replace(heard(line.text, leg=line.leg, utterance=number)), number * 20.0, Mode.PLAYBOOK)
    summary = rule_summary(director.findings())
    assert summary.need == "мне нужны два окна на дачу"
    assert "Возражение: дорого" in summary.outcome
    assert summary.actions == ("хорошо, пришлю вам расчёт и перезвоню завтра",)


def test_only_calls_with_words_are_summed_up() -> None:
    assert worth_summing_up(LINES)
    assert not worth_summing_up(LINES[:1])


def test_the_prompt_quotes_the_conversation_as_data() -> None:
    prompt = summary_prompt(LINES, "abc", "c1")
    assert prompt.user.startswith("[РАЗГОВОР abc")
    assert "Клиент: «дорого, я подумаю»" in prompt.user
    assert prompt.name == "summary"
