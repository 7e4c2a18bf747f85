from __future__ import annotations

import random
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.backoff import backoff


class _Highest(random.Random):
    """Draws no jitter."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def test_it_doubles_up_to_the_most() -> None:
    assert list(islice(backoff(0.5, 3.0, _Highest()), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


@given(st.floats(0.001, 100), st.floats(0.001, 100), st.integers())
def test_no_wait_is_longer_than_the_most_or_shorter_than_half_of_what_is_due(
    first: float, most: float, seed: int
) -> None:
    due = islice(backoff(first, most, _Highest()), 30)
    for wait, whole in zip(islice(backoff(first, most, random.Random(seed)), 30), due, strict=True):
        assert whole / 2 <= wait <= whole <= most


def test_many_do_not_knock_in_step() -> None:
    assert len({next(backoff(1.0, 10.0, random.Random(seed))) for seed in range(50)}) == 50
