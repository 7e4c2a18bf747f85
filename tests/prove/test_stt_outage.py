"""A small outage: order, budget and gaps."""

from __future__ import annotations

from tests.prove.stt_outage import memory, outage


async def test_all_come_back_in_order_within_the_budget() -> None:
    found = await outage(calls=10, away_s=5, speed=20, per_minute=9)
    assert found.faults == ()
    assert found.most_a_minute <= 14
    assert len(found.back_s) == 20
    assert found.back_s[-1] > 100  # the budget of the third minute
    assert found.gaps_s, "who waited for longer than the ring has a gap"


async def test_a_leg_is_bounded_in_memory() -> None:
    """From above alone: memory that an earlier test has left to the process is not seen to grow."""
    empty, full = await memory(40)
    assert empty < 100
    assert full < 480 * 1.5
