from __future__ import annotations

from dataclasses import fields

from media.leg import LegReport
from media.totals import SUMMED, MediaTotals


def test_closed_and_open_legs_are_summed() -> None:
    totals = MediaTotals()
    totals.add(LegReport(packets=10, lost_packets=1, jitter_ms=9.0))
    told = totals.with_open([LegReport(packets=5, jitter_ms=1.0), LegReport(packets=7, kernel_drops=2, jitter_ms=3.0)])
    assert (told.packets_total, told.lost_packets_total, told.kernel_drops_total) == (22, 1, 2)
    assert (told.legs, told.jitter_ms) == (2, 2.0)


def test_open_legs_are_not_counted_twice_at_the_next_look() -> None:
    totals = MediaTotals()
    for _ in range(2):
        assert totals.with_open([LegReport(packets=5)]).packets_total == 5
    assert totals.with_open([]) == MediaTotals()


def test_every_total_is_summed() -> None:
    assert {field.name for field in fields(MediaTotals) if field.name.endswith("_total")} == set(SUMMED)
