"""A sample of the fuzzing that `python -m tests.media.fuzz` does at length."""

from __future__ import annotations

import random

from tests.media.fuzz import fuzz


def test_hostile_datagrams_never_raise() -> None:
    print(fuzz(60_000, seed=random.SystemRandom().randrange(1 << 32)))
