"""Properties of a whole leg, from datagrams on a socket to its sink. Time is the argument of `tick`; nothing waits."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.codecs import ASTERISK_PAYLOAD_TYPES, Codec
from media.framing import Frame, Slice
from media.leg import Item, LegReport, LegStream
from media.receiver import Receiver
from media.rtp import Run
from tests.media.legs import KeepingSink, Sender, packet_payload

PACKETS_PER_TICK = 5


@dataclass
class Network:
    """What becomes of packets 0 … packets − 1 on their way; packet 0 always arrives, first."""

    packets: int
    lost: set[int] = field(default_factory=set)
    doubled: dict[int, int] = field(default_factory=dict)  # packet → how many places later it comes again
    delayed: dict[int, int] = field(default_factory=dict)  # packet → by how many places, up to 3
    phase: int = 0  # places from the first tick to packet 0, so that slices and frames need not begin together
    left_out: set[int] = field(default_factory=set)  # ticks that the stalled loop never made: the next one comes late

    def arrivals(self) -> list[tuple[int, int]]:
        """(index, place) in the order of arrival; a place is 20 ms."""
        coming = [(i + self.delayed.get(i, 0), i) for i in range(self.packets) if i not in self.lost]
        coming += [(i + self.delayed.get(i, 0) + later, i) for i, later in self.doubled.items() if i not in self.lost]
        return [(index, place) for place, index in sorted(coming)]

    def ticks(self) -> list[tuple[int, list[int]]]:
        """The number of each tick, and the packets that it finds."""
        last = self.packets // PACKETS_PER_TICK + 6
        made = [tick for tick in range(last + 1) if tick == last or tick not in self.left_out]
        ticks: dict[int, list[int]] = {tick: [] for tick in made}
        for index, place in self.arrivals():
            tick = (self.phase + place) // PACKETS_PER_TICK
            ticks[made[bisect_left(made, tick)]].append(index)
        return list(ticks.items())

    @property
    def heard(self) -> int:
        """Up to where anything arrived."""
        return max(i for i in range(self.packets) if i not in self.lost) + 1

    def audio(self, codec: Codec) -> bytes:
        silence = codec.silence * 160
        return b"".join(silence if i in self.lost else packet_payload(i) for i in range(self.heard))

    def holes(self) -> list[tuple[int, int]]:
        """(start_ms, duration_ms) of each stretch of lost packets."""
        holes: list[tuple[int, int]] = []
        for i in sorted(i for i in self.lost if i < self.heard):
            if holes and sum(holes[-1]) == i * 20:
                holes[-1] = (holes[-1][0], holes[-1][1] + 20)
            else:
                holes.append((i * 20, 20))
        return holes


@st.composite
def networks(draw: st.DrawFn) -> Network:
    packets = draw(st.integers(1, 400))
    some = st.sets(st.integers(1, max(1, packets - 1)), max_size=40)
    return Network(
        packets=packets,
        lost={i for i in draw(some) if i < packets},
        doubled={i: draw(st.integers(0, 12)) for i in draw(some) if i < packets},
        delayed={i: draw(st.integers(1, 3)) for i in draw(some) if i < packets},
        phase=draw(st.integers(0, PACKETS_PER_TICK - 1)),
        left_out=draw(st.sets(st.integers(0, packets // PACKETS_PER_TICK), max_size=8)),
    )


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


def receive(sender: Sender, network: Network) -> tuple[KeepingSink, LegReport]:
    receiver = Receiver(ports=range(20_000, 60_000))
    sink = KeepingSink()
    leg = receiver.open(Codec.PCMA, sink)
    leg.connect(*sender.address)
    for number, indices in network.ticks():
        sender.send(leg, *indices)
        receiver.tick(1000 + number / 10)
    return sink, leg.stop()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    network=networks(),
    sequence_number=st.one_of(st.integers(65_300, 65_535), st.integers(0, 65_535)),
    timestamp=st.one_of(st.integers(2**32 - 60_000, 2**32 - 1), st.integers(0, 2**32 - 1)),
)
def test_every_sample_that_arrived_lies_at_its_place(
    sender: Sender, network: Network, sequence_number: int, timestamp: int
) -> None:
    sender.sequence_number, sender.timestamp = sequence_number, timestamp
    sink, report = receive(sender, network)
    assert sink.audio == network.audio(Codec.PCMA)
    assert [(gap.start_ms, gap.duration_ms) for gap in sink.gaps] == network.holes()
    assert sum(frame.lost_ms for frame in sink.frames) == report.lost_ms == sum(ms for _, ms in network.holes())
    assert sum(frame.duration_ms for frame in sink.frames) == report.audio_ms == network.heard * 20
    assert report.packets == network.packets - len(network.lost)
    assert report.lost_packets == sum(1 for i in network.lost if i < network.heard)
    assert report.duplicates == sum(1 for i in network.doubled if i not in network.lost)
    assert report.late == report.foreign == report.discontinuities == 0
    end = 0
    for slice in sink.slices:
        assert (slice.start_ms, len(slice.payload)) == (end, slice.duration_ms * 8)
        assert 0 < slice.duration_ms < 150
        assert slice.start_ms // 3000 == (slice.start_ms + slice.duration_ms - 1) // 3000
        end += slice.duration_ms


def one_by_one(sender: Sender, network: Network) -> tuple[list[Item], LegReport]:
    """The same without sockets, runs and steady legs: each packet by itself."""
    stream = LegStream(Codec.PCMA, slice_ms=100, frame_ms=3000, cut_short=True, payload_types=ASTERISK_PAYLOAD_TYPES)
    items: list[Item] = []
    earliest = 1000.0
    for number, indices in network.ticks():
        now = 1000 + number / 10
        for index in indices:
            packet = sender.packet(index)
            run = Run(packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload_type, 1, packet.payload)
            stream.feed(run, earliest, now)
        items += stream.cut(now)
        earliest = now
    items += stream.flush(now)
    return items, stream.report(kernel_drops=0, delivery_error=None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(network=networks())
def test_runs_and_steady_legs_change_nothing(sender: Sender, network: Network) -> None:
    sink, report = receive(sender, network)
    items, plain_report = one_by_one(sender, network)
    assert len(sink.items) == len(items)
    for item, plain in zip(sink.items, items, strict=True):
        if isinstance(item, Slice) and isinstance(plain, Slice):
            assert item._replace(received_at=0, power=0) == plain._replace(received_at=0, power=0)
            assert item.power == pytest.approx(plain.power, rel=1e-4)
        elif isinstance(item, Frame) and isinstance(plain, Frame):
            assert replace(item, loudness_dbfs=0) == replace(plain, loudness_dbfs=0)
            assert item.loudness_dbfs == pytest.approx(plain.loudness_dbfs, abs=0.001)
        else:
            assert item == plain
    for name in (
        "packets",
        "bytes",
        "lost_packets",
        "lost_ms",
        "duplicates",
        "reordered",
        "slices",
        "frames",
        "speech_ms",
    ):
        assert getattr(report, name) == getattr(plain_report, name), name


def test_five_per_cent_loss_and_reordering_for_ten_minutes(sender: Sender) -> None:
    chance = random.Random(20_261_122)
    packets = 10 * 60 * 50
    network = Network(
        packets,
        lost={i for i in range(1, packets - 1) if chance.random() < 0.05},
        delayed={i: chance.randint(1, 3) for i in range(1, packets - 4) if chance.random() < 0.1},
    )
    sink, report = receive(sender, network)
    assert sink.audio == network.audio(Codec.PCMA)
    assert abs(report.audio_ms - 600_000) <= 20
    assert len(sink.frames) == 200
    assert report.late == 0
    assert report.lost_packets == len(network.lost)
    assert report.drift_ppm is not None
    assert abs(report.drift_ppm) < 50
