"""Waits between attempts."""

from __future__ import annotations

from random import Random

from ari_bridge.stt.backoff import Backoff


def test_the_first_attempt_is_made_at_once_then_waits_double_with_jitter() -> None:
    waits = Backoff(0.5, 8.0, Random(1))
    assert waits.next_s() == 0
    for full_s in (0.5, 1, 2, 4, 8, 8):
        assert full_s / 2 <= waits.next_s() <= full_s
    waits.reset()
    assert waits.next_s() == 0
    assert 0.25 <= waits.next_s() <= 0.5


def test_where_at_once_would_be_rude_it_waits_from_the_start() -> None:
    waits = Backoff(5, 30, Random(1), at_once=False)
    assert 2.5 <= waits.next_s() <= 5
    waits.next_s()
    waits.reset()
    assert 2.5 <= waits.next_s() <= 5
