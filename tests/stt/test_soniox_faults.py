"""The taxonomy of Soniox's errors."""

from __future__ import annotations

import pytest

from ari_bridge.stt.dialect import Reaction
from ari_bridge.stt.soniox_faults import BY_CODE, BY_TYPE, classify


@pytest.mark.parametrize(
    ("code", "kind", "reaction"),
    [
        (400, "invalid_request", Reaction.STOP),
        (400, "model_not_available", Reaction.STOP),
        (401, "unauthenticated", Reaction.STOP),
        (402, "organization_balance_exhausted", Reaction.STOP),
        (402, "project_monthly_budget_exhausted", Reaction.STOP),
        (403, "permission_denied", Reaction.STOP),
        (403, "temp_api_key_session_expired", Reaction.STOP),
        (408, "request_timeout", Reaction.RESTART),
        (413, "max_duration_reached", Reaction.RESTART),
        (429, "limit_exceeded", Reaction.BACK_OFF),
        (429, "max_concurrent_connections_reached", Reaction.BACK_OFF),
        (500, "internal_error", Reaction.RESTART),
        (503, "service_unavailable", Reaction.RESTART),
    ],
)
def test_type_and_code_agree(code: int, kind: str, reaction: Reaction) -> None:
    assert classify(code, kind, None, None).reaction is reaction
    assert classify(code, None, None, None).reaction is reaction
    assert classify(None, kind, None, None).reaction is reaction


@pytest.mark.parametrize(
    ("code", "kind", "reaction"),
    [
        (None, None, Reaction.RESTART),
        (503, "brand_new", Reaction.RESTART),
        (418, None, Reaction.STOP),
        (502, None, Reaction.RESTART),
        (999, "x", Reaction.RESTART),
        (401, "brand_new", Reaction.STOP),
    ],
)
def test_unknown_errors_count_as_their_class(code: int | None, kind: str | None, reaction: Reaction) -> None:
    assert classify(code, kind, None, None).reaction is reaction


def test_no_audio_received_is_harmless() -> None:
    fault = classify(400, "invalid_request", "No audio received.", "r")
    assert (fault.reaction, fault.code, fault.request_id) == (Reaction.IGNORE, "no_audio_received", "r")


def test_what_needs_a_person_says_what_to_do() -> None:
    for kind, (reaction, reason, action) in BY_TYPE.items():
        assert reason
        assert (reaction is Reaction.STOP) == (action is not None), kind
    assert set(BY_CODE.values()) <= BY_TYPE.keys()


def test_only_the_request_itself_may_be_one_legs_fault() -> None:
    assert classify(400, None, None, None).of_request
    assert not classify(401, None, None, None).of_request
