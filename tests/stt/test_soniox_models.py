"""What the list of models says."""

from __future__ import annotations

import pytest

from ari_bridge.stt.dialect import Reaction
from ari_bridge.stt.soniox_models import ModelFacts, read_models

V5 = {"id": "stt-rt-v5", "transcription_mode": "real_time", "supports_max_endpoint_delay": True}
V3 = {"id": "stt-rt-v3", "transcription_mode": "real_time", "supports_max_endpoint_delay": False}
ASYNC = {"id": "stt-async-v5", "transcription_mode": "async"}


def test_a_known_model_tells_what_it_does_not_take() -> None:
    listed = {"models": [ASYNC, V3, V5, 7]}
    assert read_models(200, listed, "stt-rt-v5") == ModelFacts()
    assert read_models(200, listed, "stt-rt-v3") == ModelFacts(frozenset({"max_endpoint_delay_ms"}))


def test_a_silent_list_is_no_ban() -> None:
    assert read_models(200, {"models": [{"id": "m", "transcription_mode": "real_time"}]}, "m") == ModelFacts()


def test_an_unknown_model_names_those_there_are() -> None:
    facts = read_models(200, {"models": [ASYNC, V5]}, "stt-rt-v9")
    assert facts is not None
    assert facts.fault is not None
    assert facts.fault.reaction is Reaction.STOP
    assert facts.fault.action == "Задайте ARI_BRIDGE_SONIOX__MODEL, есть: stt-rt-v5"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_is_a_fault(status: int) -> None:
    for body in ({"error_type": "permission_denied"}, {"error_type": 7}, None, []):
        facts = read_models(status, body, "m")
        assert facts is not None
        assert facts.fault is not None
        assert facts.fault.reaction is Reaction.STOP


@pytest.mark.parametrize(("status", "body"), [(500, {}), (200, None), (200, {"models": None}), (404, {"models": [V5]})])
def test_anything_else_says_nothing(status: int, body: object) -> None:
    assert read_models(status, body, "stt-rt-v5") is None
