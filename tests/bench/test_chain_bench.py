"""The whole chain, small: that the bench is whole, and that nothing is lost. Times are not asserted."""

from __future__ import annotations

from tests.bench.chain_bench import measure
from tests.bench.chain_report import report


async def test_nothing_is_lost_between_the_telephones_and_the_pages() -> None:
    outcome = report(await measure(calls=3, seconds=3.0))
    assert outcome.faults == []
    assert outcome.counts["words"] > 30
    assert len(outcome.slices.values) > 3 * 2 * 20
    assert outcome.partials.values
    assert outcome.finals.values
