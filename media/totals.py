"""What all legs of a receiver have seen together, those that are closed included. Pure.

Counters are packets unless their name says otherwise; `legs` and `jitter_ms` (the mean) are of the open legs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from media.leg import LegReport

SUMMED: Final = {
    "packets_total": "packets",
    "lost_packets_total": "lost_packets",
    "duplicates_total": "duplicates",
    "reordered_total": "reordered",
    "late_total": "late",
    "malformed_total": "malformed",
    "foreign_total": "foreign",
    "ssrc_changes_total": "ssrc_changes",
    "kernel_drops_total": "kernel_drops",
    "slices_total": "slices",
    "frames_total": "frames",
}
"""Ours by `LegReport`'s name."""


@dataclass(slots=True)
class MediaTotals:
    """Names ending in `_total` only grow."""

    legs: int = field(default=0, metadata={"help": "Legs that are drained"})
    jitter_ms: float = field(default=0.0, metadata={"help": "Mean interarrival jitter of the open legs (RFC 3550 A.8)"})
    packets_total: int = field(default=0, metadata={"help": "RTP packets received"})
    lost_packets_total: int = field(default=0, metadata={"help": "RTP packets that never came"})
    duplicates_total: int = field(default=0, metadata={"help": "RTP packets that came twice"})
    reordered_total: int = field(
        default=0, metadata={"help": "RTP packets that came out of order and were put in place"}
    )
    late_total: int = field(default=0, metadata={"help": "RTP packets that came when their place was given up"})
    malformed_total: int = field(default=0, metadata={"help": "Datagrams that are no RTP"})
    foreign_total: int = field(default=0, metadata={"help": "RTP packets of a source that was never confirmed"})
    ssrc_changes_total: int = field(default=0, metadata={"help": "Sources that took over a leg"})
    kernel_drops_total: int = field(default=0, metadata={"help": "Datagrams the kernel dropped: a full receive buffer"})
    slices_total: int = field(default=0, metadata={"help": "Slices handed out"})
    frames_total: int = field(default=0, metadata={"help": "Frames completed"})

    def add(self, report: LegReport) -> None:
        """Count a leg that is closed."""
        for ours, theirs in SUMMED.items():
            setattr(self, ours, getattr(self, ours) + getattr(report, theirs))

    def with_open(self, reports: Iterable[LegReport]) -> MediaTotals:
        """These and the legs that are open."""
        totals = MediaTotals(**{name: getattr(self, name) for name in SUMMED})
        jitters: list[float] = []
        for report in reports:
            totals.add(report)
            jitters.append(report.jitter_ms)
        totals.legs = len(jitters)
        totals.jitter_ms = sum(jitters) / len(jitters) if jitters else 0.0
        return totals
