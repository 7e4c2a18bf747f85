"""What a leg's source sends, as RFC 3550's receiver sees it: order, loss, restarts (A.1, A.3), jitter (A.8), drift.

The kernel lets through only the pinned address, so the first packet's source is believed at once. A packet that does
not continue it (another SSRC, or a sequence number far off) is a candidate: two of it in sequence, with none of the
present source in between, make it the source, and no audio of it is lost by that. One wild packet alone changes
nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

from media.rtp import Run
from media.sequence import serial_difference

MAX_DROPOUT: Final = 3000  # RFC 3550 A.1
MAX_MISORDER: Final = 100  # RFC 3550 A.1
_WINDOW: Final = (1 << 128) - 1  # which of the newest 128 sequence numbers arrived; more than MAX_MISORDER


class Arrival(enum.Enum):
    """How a packet stands to those before it."""

    NEXT = enum.auto()  # newer than all before
    REORDERED = enum.auto()  # older, and not seen yet
    DUPLICATE = enum.auto()  # seen already
    OLD = enum.auto()  # older than the first packet of its source
    CANDIDATE = enum.auto()  # kept here; not to be played unless the next packet confirms it
    TAKEOVER = enum.auto()  # confirms the candidate: play what `take_candidate` returns first, then this


class Reception:
    """Sequence accounting of one leg. All counters are over the leg's life, all its sources together."""

    __slots__ = (
        "_arrived",
        "_base",
        "_earlier_expected",
        "_newest",
        "candidate",
        "duplicates",
        "foreign",
        "old",
        "received",
        "reordered",
        "restarts",
        "ssrc",
        "ssrc_changes",
    )

    def __init__(self) -> None:
        self.ssrc: int | None = None
        self.candidate: Run | None = None
        self.received = 0  # duplicates are not counted, so loss is never hidden by them (A.3 counts them)
        self.duplicates = 0
        self.reordered = 0
        self.old = 0
        self.foreign = 0  # packets of an SSRC or of a sequence that never became the source
        self.ssrc_changes = 0
        self.restarts = 0  # sequence numbers that began anew under the same SSRC
        self._base = 0  # extended sequence number (A.1's cycles included) of the source's first packet
        self._newest = 0  # extended
        self._arrived = 0  # bit i: sequence number `_newest − i` arrived
        self._earlier_expected = 0

    @property
    def lost(self) -> int:
        """Packets expected but never received (A.3). What is still on its way counts as lost until it comes."""
        if self.ssrc is None:
            return 0
        return self._earlier_expected + self._newest - self._base + 1 - self.received

    def follows(self, run: Run) -> bool:
        """True, and the run is accounted for, when it is just what was to come next: the ordinary case."""
        if run.ssrc != self.ssrc or run.sequence_number != self.next_sequence_number:
            return False
        self.skip(run.packet_count)
        self._dismiss()
        return True

    @property
    def next_sequence_number(self) -> int:
        """Of the packet that follows the newest."""
        return (self._newest + 1) & 0xFFFF

    def skip(self, packets: int) -> None:
        """So many packets of the source followed, just as they were to come."""
        self._newest += packets
        self._arrived = (self._arrived << packets | (1 << packets) - 1) & _WINDOW
        self.received += packets

    def sort(self, packet: Run) -> Arrival:
        """Account for a single packet (`packet_count` 1) that `follows` did not take."""
        if self.ssrc is None:
            self._begin(packet.ssrc, packet.sequence_number, count=1)
            return Arrival.NEXT
        if packet.ssrc != self.ssrc:
            return self._consider(packet)
        step = serial_difference(packet.sequence_number, self._newest, 16)
        if 0 < step < MAX_DROPOUT:
            self._newest += step
            self._arrived = (self._arrived << step | 1) & _WINDOW
            self.received += 1
            self._dismiss()
            return Arrival.NEXT
        if -MAX_MISORDER < step <= 0:
            self._dismiss()
            return self._older(-step)
        return self._consider(packet)

    def take_candidate(self) -> Run:
        """After TAKEOVER, once: the packet before the one that took over."""
        candidate, self.candidate = self.candidate, None
        assert candidate is not None
        return candidate

    def _older(self, age: int) -> Arrival:
        if self._newest - age < self._base:
            self.old += 1
            return Arrival.OLD
        if self._arrived >> age & 1:
            self.duplicates += 1
            return Arrival.DUPLICATE
        self._arrived |= 1 << age
        self.received += 1
        self.reordered += 1
        return Arrival.REORDERED

    def _consider(self, packet: Run) -> Arrival:
        held = self.candidate
        if held is None or held.ssrc != packet.ssrc or packet.sequence_number != (held.sequence_number + 1) & 0xFFFF:
            self._dismiss()
            self.candidate = packet
            return Arrival.CANDIDATE
        if packet.ssrc == self.ssrc:
            self.restarts += 1
        else:
            self.ssrc_changes += 1
        self._earlier_expected += self._newest - self._base + 1
        self._begin(packet.ssrc, held.sequence_number, count=2)
        return Arrival.TAKEOVER

    def _begin(self, ssrc: int, sequence_number: int, count: int) -> None:
        self.ssrc = ssrc
        self._base = sequence_number
        self._newest = sequence_number + count - 1
        self._arrived = (1 << count) - 1
        self.received += count

    def _dismiss(self) -> None:
        if self.candidate is not None:
            self.candidate = None
            self.foreign += 1


class Jitter:
    """Interarrival jitter (RFC 3550 A.8), fed with samples: a few packets in a row, now and then."""

    __slots__ = ("_jitter", "_transit")

    def __init__(self) -> None:
        self._jitter = 0.0
        self._transit: float | None = None

    def sample(self, arrivals: Sequence[float], timestamps: Sequence[int], rate: int) -> None:
        """Packets of one source that came one after the other: when (s, any clock) and their RTP timestamps."""
        self._transit = None  # what lies between two samples was not looked at
        reference = timestamps[0] if timestamps else 0
        for arrival, timestamp in zip(arrivals, timestamps, strict=True):
            transit = arrival - serial_difference(timestamp, reference, 32) / rate
            if self._transit is not None:
                self._jitter += (abs(transit - self._transit) - self._jitter) / 16
            self._transit = transit

    @property
    def ms(self) -> float:
        """The estimate in milliseconds."""
        return self._jitter * 1000


class Drift:
    """How fast the sender's clock runs against ours: the slope of the least transit time, first bucket to last.

    The least of many transits is free of queueing, so two buckets say more than a fit over all samples.
    """

    __slots__ = ("_bucket_at", "_bucket_least", "_bucket_s", "_first", "_last")

    def __init__(self, bucket_s: float = 10.0) -> None:
        self._bucket_s = bucket_s
        self._bucket_at: float | None = None
        self._bucket_least = (0.0, 0.0)
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None

    def sample(self, arrival: float, position_s: float) -> None:
        """Audio that lies at `position_s` of the leg's line arrived at `arrival` (monotonic seconds)."""
        point = (arrival - position_s, arrival)
        if self._bucket_at is None:
            self._bucket_at, self._bucket_least = arrival, point
        elif arrival - self._bucket_at >= self._bucket_s:
            if self._first is None:
                self._first = self._bucket_least
            else:
                self._last = self._bucket_least
            self._bucket_at, self._bucket_least = arrival, point
        elif point < self._bucket_least:
            self._bucket_least = point

    @property
    def ppm(self) -> float | None:
        """Positive when the sender's clock is the faster one; None before there are two buckets (20 s)."""
        if self._first is None or self._last is None:
            return None
        return -(self._last[0] - self._first[0]) / (self._last[1] - self._first[1]) * 1e6
