from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.asterisk.names import (
    LONGEST_NUMBER,
    UNIQUE_ID,
    dialled_number,
    e164,
    endpoint_of,
    is_extension,
    is_local,
    other_half,
    resource_of,
    tap_names,
    tapped_channel,
)

APPS = st.from_regex(r"[A-Za-z0-9_.]{1,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "endpoint", "resource"),
    [
        ("PJSIP/mango-0000000c", "PJSIP/mango", "mango"),
        ("PJSIP/mango-office-0000000c", "PJSIP/mango-office", "mango-office"),
        ("SIP/1001-00000001<ZOMBIE>", "SIP/1001", "1001"),
        ("PJSIP/mango", "PJSIP/mango", "mango"),
        ("UnicastRTP/127.0.0.1:4000-0x7f", "UnicastRTP/127.0.0.1:4000", "127.0.0.1:4000"),
        ("", "", ""),
    ],
)
def test_the_endpoint_is_what_stands_before_the_last_hyphen(name: str, endpoint: str, resource: str) -> None:
    assert (endpoint_of(name), resource_of(name)) == (endpoint, resource)


def test_a_local_channel_has_two_halves() -> None:
    assert other_half("Local/1001@office-00000001;1") == "Local/1001@office-00000001;2"
    assert other_half("Local/1001@office-00000001;2") == "Local/1001@office-00000001;1"
    assert other_half("PJSIP/1001-1;1") is None
    assert other_half("Local/1001@office-1") is None
    assert (is_local("Local/a"), is_local("PJSIP/Local/a")) == (True, False)


@pytest.mark.parametrize(("resource", "answer"), [("10", True), ("10001", True), ("1", False), ("100001", False)])
def test_an_extension_has_two_to_five_digits(resource: str, answer: bool) -> None:
    assert is_extension(resource) is answer
    assert not is_extension("anna")
    assert not is_extension("١٠٠١")


@given(APPS, st.from_regex(UNIQUE_ID, fullmatch=True))
def test_what_a_tap_makes_tells_which_channel_is_tapped(app: str, channel_id: str) -> None:
    names = tap_names(app, channel_id)
    made = (names.snoop, names.media, names.bridge)
    assert len(set(made)) == 3
    assert {tapped_channel(app, one) for one in made} == {channel_id}


@pytest.mark.parametrize("strange", ["1795406708.12", "", "ari_bridge", "other-snoop-1", "ari_bridge-spy-1"])
def test_what_carries_no_name_of_ours_is_not_ours(strange: str) -> None:
    assert tapped_channel("ari_bridge", strange) is None


@pytest.mark.parametrize(
    ("number", "known_as"),
    [
        *((number, "+79001234567") for number in ("89001234567", "79001234567", "9001234567", "+79001234567")),
        ("8 (900) 123-45-67", "+79001234567"),
        ("8.900.123.45.67", "+79001234567"),
        ("74950000001", "+74950000001"),
        ("4950000001", "+74950000001"),
        ("88001000000", "+78001000000"),
        ("81037255512345", "+37255512345"),
        ("8103725551", "+3725551"),
        ("375291234567", "+375291234567"),  # abroad, as Mango writes it
        ("4915112345678", "+4915112345678"),
        ("0037255512345", "+37255512345"),
        ("79001234567;phone-context=+7", "+79001234567"),
        ("+7 (495) 123-45-67;ext=12", "+74951234567"),
        ("8900123456789", "8900123456789"),  # nobody's format
        ("004", "004"),
        ("+37255512345", "+37255512345"),
        ("1001", "1001"),
        ("112", "112"),
        ("*3*89001234567", "*3*89001234567"),
        ("tel:\x00112", "tel:112"),
        ("anonymous", None),
        ("", None),
        (None, None),
        ("٨٩٠٠", None),
    ],
)
def test_numbers_are_e164_where_that_can_be_known(number: str | None, known_as: str | None) -> None:
    assert e164(number) == known_as


@given(st.text(max_size=300))
def test_whatever_the_far_end_writes_is_short_and_printable(number: str) -> None:
    known_as = e164(number)
    if known_as is not None:
        assert 0 < len(known_as) <= LONGEST_NUMBER + 1
        assert known_as.isprintable()
        known_as.encode()
        assert e164(known_as) == known_as


@pytest.mark.parametrize(
    ("dialstring", "number"),
    [
        ("89001234567@mango", "89001234567"),
        ("mango/89001234567", "89001234567"),
        ("mango/sip:89001234567@sip.example:5060", "89001234567"),
        ("+79001234567@mango", "+79001234567"),
        ("1001", "1001"),
        ("anna", "known"),
        ("127.0.0.1:4000/c(alaw)", "known"),
        ("", "known"),
    ],
)
def test_the_number_in_a_dial_string(dialstring: str, number: str) -> None:
    assert dialled_number(dialstring, "known") == number
    assert dialled_number("", None) is None
