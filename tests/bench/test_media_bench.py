"""Is the bench whole, and does the receiver keep its promise in ratios and counts? Absolute times are not asserted."""

from __future__ import annotations

from tests.bench.media_bench import measure


def test_the_receiver_loses_nothing_and_beats_a_wake_up_per_packet() -> None:
    calls = 40
    floor, media, datagrams = (measure(design, calls, seconds=1.5) for design in ("floor", "media", "datagrams"))
    for row in (floor, media, datagrams):
        assert row.packets > calls * 2 * 50  # more than a second of every leg
        assert row.lost == 0
    assert media.p50_ms is not None
    assert media.p99_ms is not None
    assert 0 < media.p50_ms <= media.p99_ms
    assert datagrams.cpu_us > 2 * media.cpu_us
    assert media.kilobytes_per_leg < 500
