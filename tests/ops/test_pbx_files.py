from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.errors import ConfigError
from ari_bridge.ops.pbx_files import (
    END,
    Section,
    clash,
    is_on,
    masked,
    merge,
    passwords,
    replaced_lines,
    sections,
    split,
)

THEIRS = "[general]\nenabled=no\n;[mango]\n\n[phone](!)\ntype = endpoint\n"


def test_what_is_not_ours_stays() -> None:
    merged = merge(THEIRS, "[mango]\ntype = endpoint\n")
    outside, block = split(merged)
    assert outside.strip() == THEIRS.strip()
    assert "[mango]" in block


def test_a_block_is_replaced_where_it_stands() -> None:
    first = merge("", "one") + "\n[theirs]\n"
    second = merge(first, "two")
    assert second.index("two") < second.index("[theirs]")
    assert "one" not in second
    assert merge(second, "two") == second


@given(st.text(alphabet="ab;[]()\n >", max_size=60), st.text(alphabet="xy\n", max_size=20))
def test_a_second_merge_changes_nothing(text: str, body: str) -> None:
    once = merge(text, body)
    assert merge(once, body) == once
    assert split(once)[0].split() == text.split()


def test_a_broken_block_is_not_guessed_at() -> None:
    with pytest.raises(ConfigError, match="broken"):
        merge(merge("", "x").replace(END, ""), "y")


def test_sections_have_names_kinds_and_lines() -> None:
    assert sections(THEIRS) == [Section("general", "", 1), Section("phone", "endpoint", 5)]
    assert sections("") == []


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        ("[phone]\ntype=endpoint\n", "pjsip.conf: line 5 has a section [phone] already"),
        ("[phone]\ntype=aor\n", None),
        ("[general](+)\nenabled=yes\n", None),
        ("[general]\nenabled=yes\n", "pjsip.conf: line 1 has a section [general] already"),
    ],
)
def test_a_clash_is_told_with_its_line(ours: str, told: str | None) -> None:
    assert clash("pjsip.conf", THEIRS, ours) == told


def test_passwords_are_found_again_and_hidden() -> None:
    block = "[1001]\ntype = auth\npassword = a\\;b\n\n[1002]\ntype = aor\n\n[1003]\npassword = c\n"
    assert passwords(block) == {"1001": "a;b", "1003": "c"}
    assert "a\\;b" not in masked(block)
    assert passwords("") == {}


def test_lines_of_an_older_set_up_are_named() -> None:
    text = (
        "[in]\nexten => 1,1,AGI(hints.py)\n; same => n,AGI(off.py)\n same => n,MixMonitor(x.wav)\n"
        " same => n,DeadAGI(end.py)\n same => n,Dial(PJSIP/1,60) ; no AGI(here)\n"
    )
    assert [number for number, _ in replaced_lines(text)] == [2, 4, 5]
    assert replaced_lines(merge("", "exten => 1,1,MixMonitor(ours.wav)") + text)[0][0] == 5


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("enabled=yes", True),
        (" enabled => TRUE ; really", True),
        (";enabled=yes", False),
        ("enabled=no", False),
        ("", False),
    ],
)
def test_what_is_switched_on(text: str, on: bool) -> None:
    assert is_on(f"[general]\n{text}\n", "enabled") is on
