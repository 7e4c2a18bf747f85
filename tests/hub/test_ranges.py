from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.hub.ranges import byte_range

WHOLE = (0, 100)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("", WHOLE),
        ("bytes=0-", WHOLE),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-200", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", WHOLE),
        ("bytes=99-", (99, 100)),
        ("bytes=100-", None),
        ("bytes=999999999999999-", None),
        ("bytes=-0", None),
        ("bytes=9-5", WHOLE),
        ("bytes=0-1,5-6", WHOLE),
        ("bytes=-", WHOLE),
        ("items=0-1", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=٣-", WHOLE),
        ("bytes=" + "9" * 5000 + "-", WHOLE),
    ],
)
def test_what_is_asked_for(header: str, part: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == part


@pytest.mark.parametrize(("header", "part"), [("", (0, 0)), ("bytes=0-", None), ("bytes=-5", None)])
def test_of_an_empty_file(header: str, part: tuple[int, int] | None) -> None:
    assert byte_range(header, 0) == part


@given(st.text(max_size=40) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), st.integers(0, 1000))
def test_whatever_is_asked_lies_in_the_file(header: str, size: int) -> None:
    part = byte_range(header, size)
    assert part is None or 0 <= part[0] <= part[1] <= size
