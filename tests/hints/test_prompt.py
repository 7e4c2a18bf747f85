from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Leg
from ari_bridge.hints.conversation import Line
from ari_bridge.hints.prompt import MAX_LINE_CHARS, fenced, suggestion_prompt, suggestion_schema, system_prompt
from tests.hints.injections import SPOKEN
from tests.hints.playbooks import small

NONCE = "5f3a9c0d11223344"


def test_the_system_prompt_depends_on_the_playbook_alone() -> None:
    system = system_prompt(small())
    assert system == system_prompt(small())
    for told in ("Ромашка", "12 000 рублей", "Скидка 10 % от двух окон", "Никогда не обещай", "Возражение: дорого"):
        assert told in system


@pytest.mark.parametrize("text", SPOKEN)
def test_what_is_said_stays_inside_the_fence_as_quoted_data(text: str) -> None:
    lines = [Line(Leg.OPERATOR, 1, "слушаю вас", 0), Line(Leg.CLIENT, 1, text, 1)]
    prompt = suggestion_prompt("rules", lines, None, nonce=NONCE, session="c1")
    assert prompt.system == "rules", "speech never reaches the system prompt"
    opening, first, second, closing, *rest = prompt.user.split("\n")
    assert opening.startswith(f"[РАЗГОВОР {NONCE}")
    assert first == "Оператор: «слушаю вас»"
    assert re.fullmatch(r"Клиент: «[^«»\[\]<>{}`]*»", second)
    assert closing == f"[КОНЕЦ РАЗГОВОРА {NONCE}]"
    assert "\n".join(rest).strip() == "Дай подсказку на последнюю реплику клиента или промолчи."


@given(st.text(max_size=2000))
def test_no_speech_closes_the_fence(text: str) -> None:
    quoted = fenced([Line(Leg.CLIENT, 1, text + NONCE, 0)], NONCE)
    assert quoted.count(NONCE) == 2
    assert len(quoted.split("\n")) == 3
    assert len(quoted) < MAX_LINE_CHARS + 200


def test_only_the_last_twenty_utterances_are_sent() -> None:
    lines = [Line(Leg.CLIENT, n, f"реплика {n}", n) for n in range(30)]
    prompt = suggestion_prompt("", lines, None, nonce=NONCE, session="c1")
    assert [int(n) for n in re.findall(r"реплика (\d+)", prompt.user)] == list(range(10, 30))


def test_the_card_and_the_silence_of_the_operator_are_told() -> None:
    card = small().cards[0]
    prompt = suggestion_prompt("", [], card, nonce=NONCE, session="c1", reason="unanswered")
    assert f"Плейбук советует: {card.title}. {card.say}" in prompt.user
    assert "оператор молчит" in prompt.user


def test_the_schema_is_strict_and_has_room_for_silence() -> None:
    schema = suggestion_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"kind", "title", "content", "priority"}
    assert "none" in schema["properties"]["kind"]["enum"]
