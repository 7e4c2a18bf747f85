"""The bench itself, small: that nobody is sent what is not his or out of order. Times are looked at generously."""

from __future__ import annotations

from pathlib import Path

from tests.bench.hub_bench import measure


async def test_a_small_shift(tmp_path: Path) -> None:
    figures = await measure(tmp_path, calls=10, people=30, rate=100.0, seconds=1.5)
    assert (figures.out_of_order, figures.foreign, figures.connections_lost, figures.finals_missing) == (0, 0, 0, 0)
    for phase in (figures.calm, figures.beside_stuck_readers):
        assert phase["supervisor"].events > 50
        assert phase["operator"].events > 50
        assert phase["supervisor"].p50 < 500
        assert phase["operator"].p50 < 500
    assert figures.all_at_once_back_ms_p99 < 5000
