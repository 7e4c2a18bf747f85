"""Deadlines that scale."""

from __future__ import annotations

from ari_bridge.stt.timing import Timing


def test_a_faster_clock_shortens_deadlines_and_quickens_the_pace() -> None:
    usual, fast = Timing(idle_close_s=30), Timing(idle_close_s=30).faster(10)
    assert (fast.stall_s, fast.idle_close_s, fast.spacing_s) == (usual.stall_s / 10, 3, 0.002)
    assert fast.catch_up == usual.catch_up * 10


def test_a_dead_line_is_found_within_ten_seconds_and_before_the_peer_gives_up() -> None:
    usual = Timing()
    assert usual.ping_s + usual.pong_s + usual.close_s <= 10
    assert usual.stall_s + usual.tick_s <= 10
    assert usual.keepalive_s * 1.5 < 20
    assert usual.roll_over_s + usual.roll_over_grace_s < 300 * 60
