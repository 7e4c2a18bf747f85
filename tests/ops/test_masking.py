from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ari_bridge.ops.masking import MASK, mask_text, mask_value, shorten_number


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+79001234567", "+7900…67"),
        ("from 89001234567 to 1001", "from 8900…67 to 1001"),
        ("sip:+79001234567@10.0.0.1:5060", "sip:+7900…67@10.0.0.1:5060"),
        ("PJSIP/79001234567-00000012", "PJSIP/7900…67-00000012"),
        ("Local/79001234567@from-internal-0001;1", "Local/7900…67@from-internal-0001;1"),
        ("8 (900) 123-45-67", "8900…67"),
        ("+7 900 123 45 67", "+7900…67"),
        ("caller_79001234567", "caller_7900…67"),
        ("звонок на +79001234567.", "звонок на +7900…67."),
        # not numbers of people
        ("1732270800.42", "1732270800.42"),
        ("pbx1-1732270800.42", "pbx1-1732270800.42"),
        ("PJSIP/mango-00000012", "PJSIP/mango-00000012"),
        ("550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"),
        ("2026-11-22T10:00:00.000Z", "2026-11-22T10:00:00.000Z"),
        ("127.0.0.1:40000", "127.0.0.1:40000"),
        ("a12345678901b", "a12345678901b"),
    ],
)
def test_numbers_in_text(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "ws://127.0.0.1:8088/ari/events?app=x&api_key=user:hunter22",
        "http://user:hunter22@127.0.0.1/",
        "Authorization: Basic hunter22==",
        "authorization: bearer hunter22",
        "password=hunter22&x=1",
    ],
)
def test_credentials_in_text_without_knowing_them(text: str) -> None:
    assert "hunter22" not in mask_text(text)


def test_values_by_their_key() -> None:
    assert mask_value("api_key", "abc") == MASK
    assert mask_value("x", SecretStr("abc")) == MASK
    assert mask_value("text", "привет") == "<6 characters>"
    assert mask_value("quote", ["привет"]) == MASK
    assert mask_value("caller_number", 79001234567) == "7900…67"
    assert mask_value("duration_ms", 79001234567) == 79001234567
    assert mask_value("ratio", 0.5) == 0.5
    assert mask_value("reason", None) is None
    assert mask_value("tokens", 12) == 12
    assert mask_value("error", ValueError("for +79001234567")) == "for +7900…67"
    assert mask_value("calls", ({"caller": "+79001234567", "password": "x"},)) == [
        {"caller": "+7900…67", "password": MASK}
    ]


@given(st.from_regex(r"\+7\d{10}", fullmatch=True), st.sampled_from(["{}", "<sip:{}@x>", "({})", "{},{}", "n={};"]))
def test_no_full_number_survives(number: str, frame: str) -> None:
    assert number[1:] not in mask_text(frame.replace("{}", number))


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    mask_text(text, {"secret"})


def test_extensions_stay() -> None:
    assert shorten_number("1001") == "1001"
