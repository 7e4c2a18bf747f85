"""Soniox's frames: exact vectors, good and malformed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Leg
from ari_bridge.interfaces import AudioEncoding, SpeechSpec
from ari_bridge.stt.dialect import Hearing, Reaction, Token
from ari_bridge.stt.soniox_protocol import (
    MAX_CONTEXT,
    SonioxDialect,
    SpeechContext,
    StartOptions,
    parse,
    start_message,
)

SPEC = SpeechSpec("c-1", Leg.CLIENT, AudioEncoding.ALAW, 8000)


def test_the_start_message_of_a_plain_leg() -> None:
    assert json.loads(start_message(StartOptions("stt-rt-v5"), SPEC)) == {
        "model": "stt-rt-v5",
        "audio_format": "alaw",
        "sample_rate": 8000,
        "num_channels": 1,
        "language_hints": ["ru"],
        "enable_endpoint_detection": True,
        "max_endpoint_delay_ms": 2000,
        "client_reference_id": "c-1:client",
    }


def test_the_start_message_with_everything() -> None:
    spec = SpeechSpec(
        "я" * 300, Leg.OPERATOR, AudioEncoding.PCM_S16LE, 16_000, operator_name="Анна", direction="inbound"
    )
    context = SpeechContext((("company", "Окна"),), "Продаём окна.", ("стеклопакет", "профиль"))
    message = json.loads(start_message(StartOptions("m", ("ru", "kk"), 900, context), spec))
    assert len(message.pop("client_reference_id")) == 256
    assert message == {
        "model": "m",
        "audio_format": "pcm_s16le",
        "sample_rate": 16_000,
        "num_channels": 1,
        "language_hints": ["ru", "kk"],
        "enable_endpoint_detection": True,
        "max_endpoint_delay_ms": 900,
        "context": {
            "general": [
                {"key": "company", "value": "Окна"},
                {"key": "operator", "value": "Анна"},
                {"key": "direction", "value": "inbound"},
            ],
            "text": "Продаём окна.",
            "terms": ["стеклопакет", "профиль"],
        },
    }


def test_fields_that_the_model_does_not_take_are_left_out() -> None:
    options = StartOptions("m", (), unsupported=frozenset({"max_endpoint_delay_ms"}))
    message = json.loads(start_message(options, SPEC))
    assert "max_endpoint_delay_ms" not in message
    assert "language_hints" not in message


@given(st.text(max_size=12_000), st.lists(st.text(max_size=400), max_size=60))
def test_context_never_grows_past_what_soniox_takes(text: str, terms: list[str]) -> None:
    context = SpeechContext((("company", "Окна"),), text, tuple(terms))
    found = json.loads(start_message(StartOptions("m", context=context), SPEC))["context"]
    length = sum(len(pair["key"] + pair["value"]) for pair in found["general"])
    length += len(found.get("text", "")) + sum(map(len, found.get("terms", [])))
    assert length <= MAX_CONTEXT
    assert found.get("terms", []) == terms[: len(found.get("terms", []))]


def test_a_context_of_facts_alone_may_fill_it() -> None:
    context = SpeechContext((("k", "v" * MAX_CONTEXT),), "text", ("term",))
    assert json.loads(start_message(StartOptions("m", context=context), SPEC))["context"].keys() == {"general"}


def test_finals_tail_and_markers() -> None:
    message = {
        "tokens": [
            {"text": "Hello", "start_ms": 600, "end_ms": 760, "confidence": 0.97, "is_final": True, "language": "en"},
            {"text": "<end>", "is_final": True},
            {"text": " wor", "start_ms": 780, "end_ms": 900, "confidence": 0.91, "is_final": False},
            {"text": "<fin>", "start_ms": 901, "end_ms": 901, "is_final": True},
        ],
        "final_audio_proc_ms": 760,
        "total_audio_proc_ms": 880,
    }
    assert parse(json.dumps(message)) == Hearing(
        (
            Token("Hello", True, 600, 760),
            Token("", True, None, None, ends_utterance=True),
            Token(" wor", False, 780, 900),
            Token("", True, 901, 901, ends_utterance=True),
        ),
        760,
        880,
    )


@pytest.mark.parametrize(
    ("message", "hearing"),
    [
        ({}, Hearing()),
        ({"tokens": None, "unknown": {"a": 1}}, Hearing()),
        ({"tokens": [{"text": "да"}]}, Hearing((Token("да", False),))),
        ({"tokens": [{"text": "да", "is_final": 1, "start_ms": -5, "end_ms": "7"}]}, Hearing((Token("да", False),))),
        ({"tokens": [{"text": "да", "start_ms": True, "end_ms": 12.7}]}, Hearing((Token("да", False, None, 12),))),
        ({"tokens": [{"text": ""}, {"text": None}, {}, 7, "x", None, []]}, Hearing()),
        ({"final_audio_proc_ms": 1e400, "total_audio_proc_ms": 2**60}, Hearing()),
        ({"tokens": [], "finished": True, "total_audio_proc_ms": 9}, Hearing((), None, 9, True)),
        ({"finished": "yes"}, Hearing()),
    ],
)
def test_missing_and_odd_members_are_tolerated(message: dict[str, Any], hearing: Hearing) -> None:
    assert parse(json.dumps(message)) == hearing


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", "7", '"x"', "null", b"\xff\xfe", "[" * 100_000, '{"tokens":[{"text":"об']
)
def test_what_is_no_object_is_nothing(frame: str | bytes) -> None:
    assert parse(frame) is None


@given(st.text() | st.binary())
def test_arbitrary_frames_never_raise(frame: str | bytes) -> None:
    parse(frame)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
MEMBERS = ("tokens", "final_audio_proc_ms", "finished", "error_code", "error_type", "error_message", "request_id")


@given(
    st.dictionaries(
        st.sampled_from(MEMBERS), JSON | st.lists(st.dictionaries(st.sampled_from(("text", "start_ms")), JSON))
    )
)
def test_members_of_any_kind_never_raise(message: dict[str, Any]) -> None:
    assert parse(json.dumps(message)) is not None


def test_errors_carry_their_reaction_and_never_the_message() -> None:
    heard = parse(
        '{"tokens":[],"error_code":503,"error_type":"service_unavailable","error_message":"Cannot continue request '
        '(code 2). secret","more_info":"…","request_id":"r-1"}'
    )
    assert heard is not None
    assert heard.fault is not None
    assert (heard.fault.reaction, heard.fault.code, heard.fault.request_id) == (
        Reaction.RESTART,
        "503:service_unavailable",
        "r-1",
    )
    assert "secret" not in repr(heard)


def test_the_dialect_speaks_the_frames_of_the_reference() -> None:
    spoken = SonioxDialect(StartOptions("m"), SPEC)
    assert json.loads(spoken.start())["model"] == "m"
    assert spoken.audio(b"\x01\x02") == b"\x01\x02"
    assert spoken.keepalive() == '{"type":"keepalive"}'
    assert spoken.end() == ""
    assert spoken.parse("{}") == Hearing()
