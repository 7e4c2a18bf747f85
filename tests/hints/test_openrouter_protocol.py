from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.errors import BridgeError
from ari_bridge.hints.llm import Prompt, TextDelta, Usage
from ari_bridge.hints.openrouter_protocol import ChunkReader, http_error, request_body

PROMPT = Prompt("rules", "talk", "suggestion", {"type": "object"}, "c1", 400)


def test_the_request_is_by_the_book() -> None:
    body = request_body(PROMPT, ["~anthropic/claude-haiku-latest", "~openai/gpt-mini-latest"])
    assert body["model"] == "~anthropic/claude-haiku-latest"
    assert body["models"] == ["~openai/gpt-mini-latest"]
    assert body["stream"] is True
    assert body["provider"]["require_parameters"] is True
    assert body["provider"]["data_collection"] == "deny"
    assert body["response_format"]["json_schema"] == {
        "name": "suggestion",
        "strict": True,
        "schema": {"type": "object"},
    }
    assert body["cache_control"] == {"type": "ephemeral"}
    assert "max_tokens" not in body
    assert "usage" not in body
    assert "models" not in request_body(PROMPT, ["x/y"])
    assert "cache_control" not in request_body(PROMPT, ["x/y"])


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (401, {"error": {"code": 401, "message": "User not found."}}, "llm_unauthorized", False),
        (402, {"error": {"code": 402}}, "llm_no_credit", False),
        (404, {"error": {"code": 404}}, "llm_no_model", False),
        (429, {"error": {"code": "429"}}, "llm_rate_limited", True),
        (429, {"error": {"availability": {"retryable": False, "retry_after": 60}}}, "llm_rate_limited", False),
        (503, {"error": {"availability": {"retryable": True}}}, "llm_unavailable", True),
        (503, {"error": {"availability": {"retryable": True, "retry_after": 0.5}}}, "llm_unavailable", True),
        (503, {"error": {"availability": {"retryable": True, "retry_after": 20}}}, "llm_unavailable", False),
        (529, {}, "llm_unavailable", True),
        (200, {"error": {"code": 400, "message": "bad"}}, "llm_invalid_request", False),
        (200, {"choices": []}, "llm_error", False),
    ],
)
def test_http_errors(status: int, body: object, code: str, retryable: bool) -> None:
    error = http_error(status, json.dumps(body).encode())
    assert (error.code, error.retryable) == (code, retryable)


def test_who_asks_us_to_stay_away_is_not_asked_again_at_once() -> None:
    assert [http_error(429, b"{}", told).retryable for told in (None, "1", "30", "Fri, 27 Nov")] == [
        True,
        True,
        False,
        True,
    ]


def test_an_error_repeats_nothing_of_the_peer_s_message() -> None:
    assert "секрет" not in str(http_error(400, json.dumps({"error": {"code": 400, "message": "секрет"}}).encode()))
    assert http_error(502, b"<html>").code == "llm_unavailable"


def read(*payloads: object) -> tuple[ChunkReader, str]:
    reader, text = ChunkReader(), ""
    for payload in payloads:
        for event in reader.read(payload if isinstance(payload, str) else json.dumps(payload)):
            assert isinstance(event, TextDelta)
            text += event.text
    return reader, text


def delta(content: object, **choice: object) -> dict[str, object]:
    return {"id": "gen-1", "model": "a/b", "choices": [{"index": 0, "delta": {"content": content}, **choice}]}


def test_deltas_usage_and_the_end() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "cost": 0.001, "prompt_tokens_details": {"cached_tokens": 5}}
    reader, text = read(
        delta("Доб"), delta("рый"), delta("", finish_reason="stop"), {"choices": [], "usage": usage}, "[DONE]"
    )
    assert text == "Добрый"
    assert reader.done
    finished = reader.finish()
    assert (finished.model, finished.generation, finished.usage) == ("a/b", "gen-1", Usage(9, 4, 5, 0.001))


def test_usage_beside_a_choice_counts_too() -> None:
    reader, _ = read({**delta("x", finish_reason="stop"), "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    assert reader.finish().usage == Usage(1, 2, 0, None)


@pytest.mark.parametrize(
    ("payloads", "code"),
    [
        ([delta("x")], "llm_cut"),
        ([delta(None, finish_reason="length")], "llm_empty"),
        ([delta("", finish_reason="stop")], "llm_empty"),
        ([{"choices": [{"delta": {"reasoning": "…"}, "finish_reason": "stop"}]}], "llm_empty"),
        ([delta("x", finish_reason="content_filter")], "llm_refused"),
        (["[DONE]"], "llm_empty"),
    ],
)
def test_ends_that_are_no_answer(payloads: list[object], code: str) -> None:
    reader, _ = read(*payloads)
    with pytest.raises(BridgeError) as caught:
        reader.finish()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (
            {"error": {"code": 429}, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]},
            "llm_rate_limited",
        ),
        ({"error": {"code": "502"}, "choices": []}, "llm_unavailable"),
        ({"choices": [{"error": {"code": 500}, "delta": {}}]}, "llm_unavailable"),
        ({"error": {"message": "x"}}, "llm_unavailable"),
        (delta("", finish_reason="error"), "llm_unavailable"),
        ("not json", "llm_malformed"),
        ("[]", "llm_malformed"),
    ],
)
def test_errors_inside_the_stream(payload: object, code: str) -> None:
    with pytest.raises(BridgeError) as caught:
        read(delta("начало"), payload)
    assert caught.value.code == code


def test_an_unknown_finish_reason_is_an_end() -> None:
    reader, _ = read(delta("x", finish_reason="some_new_word"))
    assert reader.finish().model == "a/b"


KEYS = ["choices", "delta", "content", "usage", "error", "code", "cost", "finish_reason"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner),
)


@given(json_values)
def test_whatever_a_peer_sends_is_an_event_or_a_bridge_error(value: object) -> None:
    with contextlib.suppress(BridgeError):
        reader, _ = read(value)
        reader.finish()
    assert http_error(500, json.dumps(value).encode()).code.startswith("llm_")
