from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.demo.openrouter_answers import advise, compose, last_client_words
from ari_bridge.demo.samples import load_conversations

KINDS = ["objection", "question", "competitor", "price", "timing", "closing", "risk", "other", "none"]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": KINDS},
        "title": {"type": "string"},
        "content": {"type": "string"},
        "priority": {"type": "string", "enum": ["low", "medium", "high"]},
    },
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "suggestion", "strict": True, "schema": SCHEMA}}


def asked(*lines: str) -> list[dict[str, object]]:
    return [{"role": "system", "content": "Клиент: дорого"}, {"role": "user", "content": "\n".join(lines)}]


def answered(*lines: str, **changes: object) -> dict[str, str]:
    schema = SCHEMA | {"properties": SCHEMA["properties"] | changes}
    return dict(json.loads(compose(asked(*lines), FORMAT | {"json_schema": {"schema": schema}})))


@pytest.mark.parametrize(
    ("said", "kind", "priority"),
    [
        ("Это слишком дорого для нас.", "objection", "high"),
        ("У конкурентов такой же стоит дешевле.", "competitor", "high"),
        ("Спасибо, я подумаю и перезвоню.", "objection", "high"),
        ("Мне надо посоветоваться с женой.", "objection", "medium"),
        ("Это очень долго, нам нужно срочно.", "timing", "high"),
        ("Боюсь, что он будет шуметь.", "objection", "medium"),
        ("А рассрочка у вас есть?", "price", "medium"),
        ("Хорошо, запишите меня на замер.", "closing", "high"),
        ("Вы по воскресеньям работаете?", "question", "medium"),
        ("Добрый день.", "none", "low"),
        ("ЭТО ДОРОГО", "objection", "high"),
    ],
)
def test_the_clients_last_words_decide(said: str, kind: str, priority: str) -> None:
    answer = answered("Клиент: «Сколько стоит?»", f"Клиент: «{said}»", "Оператор: «Сейчас посмотрю, дорого?»")
    assert (answer["kind"], answer["priority"]) == (kind, priority)
    assert bool(answer["content"]) == (kind != "none")


def test_a_call_is_summed_up() -> None:
    text = {"type": "string"}
    objection = {"type": "object", "properties": {"objection": text, "answer": text}}
    summary = dict.fromkeys(("need", "outcome", "next_step"), text)
    lists = {"actions": {"type": "array", "items": text}, "objections": {"type": "array", "items": objection}}
    schema = {"schema": {"type": "object", "properties": summary | lists}}

    def summed(*lines: str) -> dict[str, Any]:
        return dict(json.loads(compose(asked(*lines), FORMAT | {"json_schema": schema})))

    said = summed("Клиент: «Добрый день.»", "Клиент: «Мне нужны три кондиционера.»", "Клиент: «Спасибо, я подумаю.»")
    assert said["need"] == "Мне нужны три кондиционера."
    assert (said["outcome"], said["actions"]) == ("Клиент взял время подумать.", ["Перезвонить клиенту"])
    assert said["objections"] == [{"objection": "Хочет подумать", "answer": advise(asked("Клиент: «подумаю»")).content}]
    nothing = summed("Клиент: «Понятно.»")
    assert (nothing["actions"], nothing["objections"]) == ([], [])
    assert nothing["outcome"]


def test_it_invents_no_number() -> None:
    for conversation in load_conversations():
        for utterance in conversation.client.utterances:
            answer = answered(f"Клиент: {utterance.text}")
            assert not re.search(r"\d|процент|тысяч", answer["title"] + answer["content"])


def test_every_client_objection_of_the_samples_gets_an_answer() -> None:
    kinds = {
        c.id: [answered(f"Клиент: {utterance.text}")["kind"] for utterance in c.client.utterances]
        for c in load_conversations()
    }
    assert kinds["price"][1] == "objection"
    assert kinds["competitor"][0] == "competitor"
    assert kinds["think"][1] == "objection"
    assert kinds["ask_wife"][1] == "objection"
    assert kinds["timing"][1] == "timing"


def test_a_playbooks_advice_is_taken_up_as_far_as_it_fits() -> None:
    advice = "Плейбук советует: Возражение: дорого. Предложите рассрочку. " + "Очень длинно " * 20 + "."
    answer = answered("Клиент: «Это дорого»", "", advice)
    assert answer["content"].endswith("в стоимость. Предложите рассрочку.")
    assert answered("Клиент: «Добрый день»", advice)["kind"] == "none"


def test_enums_are_honoured() -> None:
    assert answered("Клиент: Это дорого", kind={"type": "string", "enum": ["tip", "other"]})["kind"] == "other"
    assert answered("Клиент: Алло", kind={"type": "string", "enum": ["tip", "other"]})["kind"] == "other"
    assert answered("Клиент: Это дорого", kind={"type": "string", "enum": ["price"]})["kind"] == "price"


def test_any_schema_is_filled_by_its_types() -> None:
    schema = {
        "type": "object",
        "properties": {
            "need": {"type": ["null", "string"]},
            "quotes": {"type": "array", "items": {"type": "string"}},
            "deal": {"type": "boolean"},
            "count": {"type": "integer"},
            "nothing": {"type": "null"},
        },
    }
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    answer = json.loads(compose(asked("Клиент: Это дорого"), form))
    assert answer == {"need": "Это дорого", "quotes": ["Это дорого"], "deal": True, "count": 0, "nothing": None}
    calm = json.loads(compose(asked("Клиент: Алло"), form))
    assert (calm["quotes"], calm["deal"]) == ([], False)


def test_without_a_schema_it_answers_in_words_or_plain_json() -> None:
    assert compose(asked("Клиент: Это дорого"), None).startswith("Уточните")
    assert compose(asked("Клиент: Алло"), {"type": "text"}) == "Подсказать нечего."
    assert json.loads(compose(asked("Клиент: Это дорого"), {"type": "json_object"}))["kind"] == "objection"


def test_the_last_user_message_is_read_in_parts_too() -> None:
    messages: list[dict[str, object]] = [
        {"role": "user", "content": "Клиент: старое"},
        {"role": "assistant", "content": "…"},
        {"role": "user", "content": [{"type": "text", "text": "Клиент: «новое»"}, {"type": "image"}, 5]},
    ]
    assert last_client_words(messages) == "новое"
    assert last_client_words([{"role": "user", "content": "просто вопрос"}]) == "просто вопрос"
    assert last_client_words([{"role": "user", "content": None}]) == ""
    assert not advise([]).kinds


@given(st.text())
def test_whatever_was_said_the_answer_fits_the_schema(said: str) -> None:
    answer = json.loads(compose(asked(f"Клиент: {said}"), FORMAT))
    assert set(answer) == set(SCHEMA["properties"])
    assert answer["kind"] in KINDS


def test_a_quotation_of_the_playbook_is_taken_whole_or_not_at_all() -> None:
    advice = "Плейбук советует: Возражение: дорого. «Понимаю. А с чем сравниваете?» Предложите рассрочку."
    content = advise(asked(advice, "Клиент: дорого")).content
    assert "«Понимаю. А с чем сравниваете?» Предложите рассрочку." in content
    longer = advice.replace("сравниваете", "сравниваете " * 20)
    content = advise(asked(longer, "Клиент: дорого")).content
    assert "Понимаю" not in content
    assert content.endswith("Предложите рассрочку.")
