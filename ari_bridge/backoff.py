"""Waiting times between attempts. Pure but for the jitter, whose source is an argument."""

from __future__ import annotations

import random
from collections.abc import Iterator


def backoff(first_s: float, most_s: float, draw: random.Random) -> Iterator[float]:
    """Seconds to wait before each next attempt, without end: doubling up to `most_s`, each cut by half at most.

    The jitter keeps many daemons, or many legs, from knocking in step.
    """
    wait = min(first_s, most_s)
    while True:
        yield wait * draw.uniform(0.5, 1.0)
        wait = min(wait * 2, most_s)
