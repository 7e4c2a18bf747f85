from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.demo.soniox_protocol import (
    ERRORS,
    MODELS,
    Control,
    Refused,
    Reply,
    Token,
    parse_start,
    parse_text,
)

START: dict[str, object] = {
    "model": "stt-rt-v5",
    "audio_format": "mulaw",
    "sample_rate": 8000,
    "num_channels": 1,
    "language_hints": ["ru"],
    "language_hints_strict": False,
    "enable_endpoint_detection": True,
    "max_endpoint_delay_ms": 1500,
    "client_reference_id": "7:client",
    "context": {"general": [{"key": "domain", "value": "кондиционеры"}], "terms": ["сплит"]},
}


def refusal(message: dict[str, object] | str) -> tuple[int, str | None]:
    with pytest.raises(Refused) as refused:
        parse_start(message if isinstance(message, str) else json.dumps(message))
    return refused.value.error.code, refused.value.error.type


def test_the_start_of_the_facts_is_accepted() -> None:
    request = parse_start(json.dumps(START))
    assert (request.encoding, request.sample_rate, request.max_endpoint_delay_ms) == ("mulaw", 8000, 1500)
    assert request.endpoint_detection
    assert request.client_reference_id == "7:client"
    assert request.api_key is None


def test_a_bare_start_gets_the_services_defaults_and_its_key_is_not_kept() -> None:
    bare = {"model": "stt-rt-v4", "audio_format": "pcm_s16le", "sample_rate": 16000, "num_channels": 1, "api_key": "k"}
    request = parse_start(json.dumps(bare))
    assert (request.max_endpoint_delay_ms, request.endpoint_detection, request.api_key) == (2000, False, "k")
    assert "api_key" not in request.fields


@pytest.mark.parametrize(
    "change",
    [
        {"audio_format": "g729"},
        {"audio_format": None},
        {"sample_rate": 44100},
        {"sample_rate": 16000},
        {"sample_rate": "8000"},
        {"num_channels": 2},
        {"num_channels": True},
        {"max_endpoint_delay_ms": 100},
        {"max_endpoint_delay_ms": 3001},
        {"max_endpoint_delay_ms": True},
        {"endpoint_sensitivity": 2},
        {"endpoint_latency_adjustment_level": 4},
        {"language_hints": "ru"},
        {"language_hints": [1]},
        {"context": "text"},
        {"enable_endpoint_detection": 1},
        {"client_reference_id": "x" * 257},
        {"model": 5},
    ],
)
def test_nonsense_is_an_invalid_request(change: dict[str, object]) -> None:
    assert refusal(START | change) == (400, "invalid_request")


def test_unknown_models_and_fields_a_model_lacks_are_refused() -> None:
    assert refusal(START | {"model": "stt-rt-v9"}) == (400, "model_not_available")
    assert refusal(START | {"model": "stt-rt-v3"}) == (400, "invalid_request")
    parse_start(json.dumps({k: v for k, v in START.items() if k != "max_endpoint_delay_ms"} | {"model": "stt-rt-v3"}))


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_what_is_no_object_is_no_start(text: str) -> None:
    assert refusal(text) == (400, "invalid_request")


def test_text_frames_after_the_start() -> None:
    assert parse_text("") is Control.END
    assert parse_text('{"type":"keepalive"}') is Control.KEEPALIVE
    assert parse_text('{"type": "finalize"}') is Control.FINALIZE
    assert parse_text(base64.b64encode(b"\xd5\x00audio").decode()) == b"\xd5\x00audio"
    for nonsense in ('{"type":"stop"}', "{}", "[1]", "не звук", "%%%"):
        with pytest.raises(Refused):
            parse_text(nonsense)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (parse_start, parse_text):
        with contextlib.suppress(Refused):
            parse(text)


def test_every_error_of_the_service_is_known() -> None:
    assert sorted({error.code for error in ERRORS.values()}) == [400, 401, 402, 403, 408, 413, 429, 500, 503]
    body = json.loads(ERRORS["service_unavailable"].to_json())
    assert body["tokens"] == []
    assert {"error_code", "error_type", "error_message", "more_info", "request_id"} < set(body)


def test_replies_carry_only_what_is_known() -> None:
    word, marker = Token(" слово", False, 20, 40, 0.9), Token("<end>", True)
    body = json.loads(Reply((word, marker), 20, 40).to_json())
    assert body == {
        "tokens": [
            {"text": " слово", "is_final": False, "start_ms": 20, "end_ms": 40, "confidence": 0.9},
            {"text": "<end>", "is_final": True},
        ],
        "final_audio_proc_ms": 20,
        "total_audio_proc_ms": 40,
    }
    assert json.loads(Reply((word,), 20, 40).to_json(bare=True))["tokens"] == [{"text": " слово", "is_final": False}]
    assert json.loads(Reply((), 40, 40, finished=True).to_json())["finished"] is True


def test_models_describe_what_they_support() -> None:
    described = {model.id: model.describe() for model in MODELS.values()}
    assert described["stt-rt-v4"]["aliased_model_id"] == "stt-rt-v5"
    assert described["stt-rt-v5"]["supports_max_endpoint_delay"] is True
    assert described["stt-rt-v3"]["supports_max_endpoint_delay"] is False
