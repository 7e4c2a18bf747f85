from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.errors import ConfigError
from ari_bridge.ops.pbx_plan import PbxPlan, Way, plan_of

GOOD: dict[str, Any] = {
    "host": "vpbx400000000.mangosip.ru",
    "user": "user1",
    "numbers": "79918987423",
    "operators": "1001, 1002",
}


def test_lists_are_written_with_commas() -> None:
    plan = plan_of(**GOOD)
    assert (plan.numbers, plan.operators, plan.way, plan.trunk) == (
        ("79918987423",),
        ("1001", "1002"),
        Way.PASSIVE,
        "mango",
    )


@pytest.mark.parametrize(
    ("host", "user", "parts"),
    [
        ("sip.example.ru:5070", "u", ("sip.example.ru", "u", "sip.example.ru")),
        ("203.0.113.7", "u@example.ru", ("203.0.113.7", "u", "example.ru")),
    ],
)
def test_ports_and_domains(host: str, user: str, parts: tuple[str, ...]) -> None:
    plan = plan_of(**GOOD | {"host": host, "user": user})
    assert (plan.host_name, plan.user_name, plan.domain) == parts


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("host", "", "--host: must be a host name"),
        ("host", "a b", "--host: must be a host name"),
        ("host", "sip.example.ru\n[evil]", "--host: must be a host name"),
        ("host", "sip.example.ru;x", "--host: must be a host name"),
        ("host", "sip.example.ru:0", "--host: must be a host name"),
        ("host", "::1", "--host: must be a host name"),
        ("host", None, "--host: is needed"),
        ("user", "a]b", "--user: must be a SIP user name"),
        ("user", "a@b@c", "--user: must be a SIP user name"),
        ("numbers", "79918987423,12a", "--did: '12a' is no telephone number"),
        ("numbers", "79918987423\n", "--did"),
        ("numbers", "1234", "--did: '1234' is no telephone number"),
        ("numbers", "79918987423,79918987423", "did: 79918987423 is there twice"),
        ("numbers", " , ", "--did"),
        ("operators", "1001,${EXTEN}", "--operators: '${EXTEN}' is no internal number"),
        ("operators", "1001,1001", "operators: 1001 is there twice"),
        ("operators", "1", "--operators"),
        ("operators", ",".join(str(n) for n in range(1000, 1061)), "--operators"),
        ("trunk", "general", "--trunk: must be a short name"),
        ("trunk", "Mango trunk", "--trunk: must be a short name"),
        ("trunk", "1001", "--trunk: must be a short name"),
        ("bind", "5060", "--bind: must be ADDRESS:PORT"),
        ("bind", "0.0.0.0:70000", "--bind: must be ADDRESS:PORT"),
        ("bind", "host:5060", "--bind: must be ADDRESS:PORT"),
        ("external_address", "203.0.113.10 ;", "--external-address: must be an address"),
        ("trunk_password", "two\nlines", "--password-file: must be 1 to 256 printable"),
        ("trunk_password", " blank", "--password-file: must be 1 to 256 printable"),
        ("trunk_password", "пароль", "--password-file: must be 1 to 256 printable"),
        ("way", "magic", "--way"),
    ],
)
def test_nonsense_is_refused_in_one_line(field: str, value: str | None, told: str) -> None:
    if (field, value) == ("numbers", "79918987423\n"):
        assert plan_of(**GOOD | {field: value}).numbers == ("79918987423",), "blanks around a number do not matter"
        return
    with pytest.raises(ConfigError) as caught:
        plan_of(**GOOD | {field: value})
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refused_password_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(**GOOD, trunk_password="hunter2\nhunter2")
    assert "hunter2" not in str(caught.value)


@given(st.sampled_from(["trunk", "host", "user", "numbers", "operators", "bind", "external_address"]), st.text())
def test_no_text_opens_a_section_a_comment_or_an_expression(field: str, text: str) -> None:
    try:
        plan = PbxPlan(**GOOD | {field: text})
    except ValueError:
        return
    value = getattr(plan, field)
    for part in value if isinstance(value, tuple) else (value,):
        assert re.fullmatch(r"[A-Za-z0-9_.+@:-]+", part)
