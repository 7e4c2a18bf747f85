"""The bench itself, small: that it runs, and that a grown database still answers quickly."""

from __future__ import annotations

from pathlib import Path

from tests.bench.store_bench import BUDGET_MS, measure


async def test_a_small_sample(tmp_path: Path) -> None:
    figures = await measure(f"sqlite:///{tmp_path}/calls.db", utterances=10_000, rate=1_000, seconds=1.0, repeats=3)
    assert figures.live_writes_per_s > 500
    assert figures.live_told_after_ms_p50 < 500
    assert figures.erased_and_scrubbed
    assert min(figures.search_ms_p50.values()) < BUDGET_MS
