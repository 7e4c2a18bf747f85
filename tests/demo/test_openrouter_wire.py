from __future__ import annotations

import json
from typing import Any

import pytest

from ari_bridge.demo.openrouter_wire import (
    Behaviour,
    Content,
    Cut,
    Generation,
    Shape,
    Usage,
    error_body,
    stream,
    tokens_of,
    whole,
)

GENERATION = Generation("gen-1", "anthropic/claude-haiku-4.5", 100)
CONTENT = json.dumps({"kind": "price", "content": "Скажите цену прямо."}, ensure_ascii=False)


def events(behaviour: Behaviour) -> list[str]:
    text = b"".join(step.data for step in stream(GENERATION, behaviour, CONTENT)).decode()
    return [line for line in text.replace("\r\n", "\n").split("\n\n") if line]


def chunks(behaviour: Behaviour) -> list[dict[str, Any]]:
    data = [event.removeprefix("data: ") for event in events(behaviour) if event.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


def content(behaviour: Behaviour) -> str:
    choices = [choice for chunk in chunks(behaviour) for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def reasons(behaviour: Behaviour) -> list[str]:
    choices = [choice for chunk in chunks(behaviour) for choice in chunk["choices"]]
    return [choice["finish_reason"] for choice in choices if choice["finish_reason"]]


def test_a_good_stream() -> None:
    told = events(Behaviour(comments=3))
    assert told[:3] == [": OPENROUTER PROCESSING"] * 3
    assert told[-1] == "data: [DONE]"
    good = chunks(Behaviour())
    assert content(Behaviour()) == CONTENT
    assert reasons(Behaviour()) == ["stop"]
    assert good[-1]["choices"] == []
    assert good[-1]["usage"]["completion_tokens"] == len(tokens_of(CONTENT))
    assert {chunk["model"] for chunk in good} == {GENERATION.model}


def test_the_first_token_waits_its_time_behind_the_comments() -> None:
    steps = list(stream(GENERATION, Behaviour(comments=2, first_token_s=0.3), CONTENT))
    assert sum(step.pause_s for step in steps[:3]) == pytest.approx(0.3)
    assert [step.tokens for step in steps[:4]] == [0, 0, 1, 1]


def test_usage_beside_a_choice_or_absent() -> None:
    assert "usage" in next(c for c in chunks(Behaviour(usage=Usage.WITH_CHOICE)) if c["choices"][0]["finish_reason"])
    assert not any("usage" in chunk for chunk in chunks(Behaviour(usage=Usage.ABSENT)))
    assert "data: [DONE]" not in events(Behaviour(done=False))


@pytest.mark.parametrize("how", Content)
def test_each_spoilt_content(how: Content) -> None:
    behaviour = Behaviour(content=how)
    told = content(behaviour)
    answer = whole(GENERATION, behaviour, CONTENT)["choices"][0]
    assert (answer["message"]["content"] or "") == told
    assert reasons(behaviour) == [answer["finish_reason"]]
    if how is Content.GOOD:
        assert told == CONTENT
    else:
        with pytest.raises(json.JSONDecodeError):
            json.loads(told)
    deltas = [choice["delta"] for chunk in chunks(behaviour) for choice in chunk["choices"]]
    assert any("reasoning" in delta for delta in deltas) == (how is Content.REASONING)
    assert any("refusal" in delta for delta in deltas) == (how is Content.REFUSAL)
    assert (answer["finish_reason"] == "length") == (how in (Content.TRUNCATED, Content.NULL))


@pytest.mark.parametrize("shape", Shape)
def test_each_shape_of_a_mid_stream_error(shape: Shape) -> None:
    told = chunks(Behaviour(error_shape=shape, error_status=429, after_tokens=2))
    assert len(told) == 3
    last = told[-1]
    error = last["choices"][0]["error"] if shape is Shape.IN_CHOICE else last["error"]
    expected = {Shape.STRING: "server_error", Shape.NO_CODE: None}.get(shape, 429)
    assert error.get("code") == expected
    assert ("availability" in error) == (shape is Shape.NO_CODE)
    assert (last["choices"] == []) == (shape is Shape.NO_CHOICES)
    assert "data: [DONE]" not in events(Behaviour(error_shape=shape))


@pytest.mark.parametrize("cut", Cut)
def test_a_cut_stream_has_no_end(cut: Cut) -> None:
    steps = list(stream(GENERATION, Behaviour(cut=cut, after_tokens=2, stall_s=7), CONTENT))
    assert steps[-1].end is cut
    assert (steps[-1].pause_s == 7) == (cut is Cut.STALL)
    assert sum(step.tokens for step in steps) == 2
    assert not b"".join(step.data for step in steps).endswith(b"[DONE]\n\n")


def test_lines_may_end_as_on_windows() -> None:
    data = b"".join(step.data for step in stream(GENERATION, Behaviour(crlf=True), CONTENT))
    assert data.count(b"\r\n") == data.count(b"\n") > 0
    assert content(Behaviour(crlf=True)) == CONTENT


def test_error_bodies() -> None:
    assert error_body(429)["error"]["code"] == 429
    assert error_body(404)["error"]["metadata"]["reason"] == "privacy_restricted"
    new = error_body(503, availability=True)["error"]
    assert "code" not in new
    assert new["availability"]["retryable"] is True
    assert error_body(402, availability=True)["error"]["availability"]["retryable"] is False
    assert chunks(Behaviour(error_event=True))[0]["error"]["code"] == 400


def test_tokens_lose_nothing() -> None:
    for text in (CONTENT, "  два  пробела\nи строка ", "", "слово"):
        assert "".join(tokens_of(text)) == text
