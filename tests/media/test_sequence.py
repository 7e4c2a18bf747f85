from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sequence import serial_difference


@pytest.mark.parametrize(
    ("new", "old", "bits", "difference"),
    [
        (1, 0, 16, 1),
        (0, 1, 16, -1),
        (0, 65_535, 16, 1),
        (65_535, 0, 16, -1),
        (32_767, 0, 16, 32_767),
        (32_768, 0, 16, -32_768),
        (160, 2**32 - 160, 32, 320),
        (7, 7, 32, 0),
    ],
)
def test_vectors(new: int, old: int, bits: int, difference: int) -> None:
    assert serial_difference(new, old, bits) == difference


@given(start=st.integers(0, 2**32 - 1), steps=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50))
def test_adding_differences_follows_any_walk_of_less_than_half_a_circle(start: int, steps: list[int]) -> None:
    unwrapped = start
    for step in steps:
        old, new = unwrapped % 2**32, (unwrapped + step) % 2**32
        assert serial_difference(new, old, 32) == step
        unwrapped += step
