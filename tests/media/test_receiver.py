"""The receiver against real sockets on loopback; time is an argument of `tick`, so nothing waits."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from media.codecs import Codec
from media.framing import Slice
from media.receiver import Leg, NoFreePort, Receiver, turn_of_next
from tests.media.legs import KeepingSink, Sender, packet_payload

PORTS = range(20_000, 60_000)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver(ports=PORTS)
    yield receiver
    receiver.close()


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


@pytest.fixture
def sink() -> KeepingSink:
    return KeepingSink()


@pytest.fixture
def leg(receiver: Receiver, sender: Sender, sink: KeepingSink) -> Iterator[Leg]:
    leg = receiver.open(Codec.PCMA, sink)
    leg.connect(*sender.address)
    yield leg
    leg.stop()


def test_binds_even_ports_only_and_leaves_rtcps_free(receiver: Receiver, sink: KeepingSink) -> None:
    legs = [receiver.open(Codec.PCMA, sink) for _ in range(10)]
    assert all(leg.port % 2 == 0 for leg in legs)
    assert len({leg.port for leg in legs}) == 10
    for leg in legs:
        leg.stop()


def test_exhausted_ports_raise_and_a_freed_one_is_used_again(sink: KeepingSink) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1] & ~1
        receiver = Receiver(ports=range(port, port + 4))
        legs: list[Leg] = []
        with pytest.raises(NoFreePort):
            legs.extend(receiver.open(Codec.PCMA, sink) for _ in range(3))
        freed = legs.pop()
        freed.stop()
        again = receiver.open(Codec.PCMA, sink)
        assert again.port == freed.port
        for leg in [again, *legs]:
            leg.stop()


def test_payloads_arrive_untouched_and_in_order(
    receiver: Receiver, leg: Leg, sender: Sender, sink: KeepingSink
) -> None:
    now = time.monotonic()
    for tick in range(80):
        sender.send(leg, *range(tick * 5, tick * 5 + 5))
        receiver.tick(now + tick * 0.1)
    report = leg.stop()
    assert sink.audio == b"".join(packet_payload(i) for i in range(400))
    assert [slice.start_ms for slice in sink.slices] == list(range(0, 8000, 100))
    assert {slice.duration_ms for slice in sink.slices} == {100}
    assert [(frame.number, frame.start_ms, frame.duration_ms, frame.lost_ms) for frame in sink.frames] == [
        (0, 0, 3000, 0),
        (1, 3000, 3000, 0),
        (2, 6000, 2000, 0),
    ]
    assert not sink.gaps
    assert (report.packets, report.lost_packets, report.audio_ms, report.kernel_drops) == (400, 0, 8000, 0)


def test_what_was_queued_before_connect_is_discarded(receiver: Receiver, sender: Sender, sink: KeepingSink) -> None:
    leg = receiver.open(Codec.PCMA, sink)
    with Sender().socket as foreign:
        foreign.sendto(sender.packet(1000).serialize(), ("127.0.0.1", leg.port))
        leg.connect(*sender.address)
        foreign.sendto(sender.packet(1001).serialize(), ("127.0.0.1", leg.port))
    sender.send(leg, 0)
    receiver.tick(time.monotonic())
    assert leg.stop().packets == 1
    assert sink.audio == packet_payload(0)


def test_stop_drains_flushes_and_is_idempotent(leg: Leg, sender: Sender, sink: KeepingSink) -> None:
    sender.send(leg, 0, 1, 3)
    report = leg.stop()
    assert sink.audio == packet_payload(0) + packet_payload(1) + b"\xd5" * 160 + packet_payload(3)
    assert [(gap.start_ms, gap.duration_ms, gap.frames) for gap in sink.gaps] == [(40, 20, (0,))]
    assert [(frame.duration_ms, frame.lost_ms) for frame in sink.frames] == [(80, 20)]
    assert (report.lost_packets, report.lost_ms) == (1, 20)
    assert leg.stop() == report


def test_stopping_an_unconnected_leg_hands_out_nothing(receiver: Receiver, sink: KeepingSink) -> None:
    report = receiver.open(Codec.PCMA, sink).stop()
    assert (report.packets, report.first_packet_at, sink.items) == (0, None, [])


def test_first_packet_at_is_the_kernels_time_not_the_ticks(receiver: Receiver, leg: Leg, sender: Sender) -> None:
    before = time.monotonic()
    sender.send(leg, 0)
    after = time.monotonic()
    receiver.tick(time.monotonic() + 0.0)
    assert leg.first_packet_at is not None
    assert before - 0.002 <= leg.first_packet_at <= after + 0.002


def test_payload_type_decides_on_the_codec(receiver: Receiver, leg: Leg, sender: Sender, sink: KeepingSink) -> None:
    sender.payload_type = 0
    sender.send(leg, 0)
    receiver.tick(time.monotonic())
    assert sink.codecs == [Codec.PCMU]
    assert sink.slices[0].codec is Codec.PCMU
    assert sink.items[0] is Codec.PCMU


def test_a_sink_that_raises_loses_only_its_own_delivery(receiver: Receiver, sender: Sender, sink: KeepingSink) -> None:
    class Raising(KeepingSink):
        def on_slice(self, slice: Slice, /) -> None:
            super().on_slice(slice)
            raise LookupError("a fault of the sink's")

    raising = Raising()
    bad, good = receiver.open(Codec.PCMA, raising), receiver.open(Codec.PCMA, sink)
    now = time.monotonic()
    for leg in (bad, good):
        leg.connect(*sender.address)
    for tick in range(2):
        for leg in (bad, good):
            sender.send(leg, *range(tick * 5, tick * 5 + 5))
        receiver.tick(now + tick / 10)
    assert bad.stop().delivery_error == "LookupError"
    assert bad.report().slices == 2
    assert len(raising.slices) == 1
    assert good.stop().delivery_error is None
    assert len(sink.slices) == 2


def test_a_sink_may_stop_its_leg_and_still_gets_the_rest_in_order(receiver: Receiver, sender: Sender) -> None:
    class Stopping(KeepingSink):
        def on_slice(self, slice: Slice, /) -> None:
            super().on_slice(slice)
            if slice.start_ms == 0:
                sender.send(own_leg, 10)
            own_leg.stop()

    sink = Stopping()
    own_leg = receiver.open(Codec.PCMA, sink)
    own_leg.connect(*sender.address)
    sender.send(own_leg, *range(10))
    receiver.tick(time.monotonic())
    assert sink.audio == b"".join(packet_payload(i) for i in range(11))


def test_more_datagrams_than_the_matrix_has_rows(receiver: Receiver, sender: Sender) -> None:
    sinks = [KeepingSink() for _ in range(30)]
    legs = [receiver.open(Codec.PCMA, sink) for sink in sinks]
    for leg in legs:
        leg.connect(*sender.address)
    for leg in legs:
        sender.send(leg, *range(90))
    receiver.tick(time.monotonic())
    for leg, sink in zip(legs, sinks, strict=True):
        assert sink.audio == b"".join(packet_payload(i) for i in range(90))
        assert leg.stop().kernel_drops == 0


def test_a_flood_of_the_pinned_source_is_counted_where_the_kernel_dropped(leg: Leg, sender: Sender) -> None:
    sender.send(leg, *range(1500))
    report = leg.stop()
    assert report.kernel_drops > 0
    assert report.packets + report.kernel_drops == 1500


async def test_run_ticks_until_cancelled(receiver: Receiver, sender: Sender) -> None:
    arrived = asyncio.Event()

    class Telling(KeepingSink):
        def on_slice(self, slice: Slice, /) -> None:
            super().on_slice(slice)
            arrived.set()

    sink = Telling()
    leg = receiver.open(Codec.PCMA, sink)
    leg.connect(*sender.address)
    sender.send(leg, 0, 1)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(receiver.run(), name="receiver")
        await arrived.wait()
        task.cancel()
    assert sink.audio == packet_payload(0) + packet_payload(1)


async def test_many_legs_are_drained_in_turns_so_that_none_waits_for_all(receiver: Receiver, sender: Sender) -> None:
    sinks = [KeepingSink() for _ in range(450)]
    legs = [receiver.open(Codec.PCMA, sink) for sink in sinks]
    for leg in legs:
        leg.connect(*sender.address)
        sender.send(leg, *range(10))
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(receiver.run(), name="receiver")
        while sum(len(sink.audio) for sink in sinks) < 450 * 1600:
            await asyncio.sleep(0.01)
        task.cancel()
    turns = Counter(sink.slices[0].received_at for sink in sinks)
    assert sorted(turns.values()) == [50, 200, 200]
    for leg in legs[::2]:
        leg.stop()
    receiver.tick(time.monotonic())
    assert receiver.totals.packets_total == 4500
    assert [turn_of_next(sizes) for sizes in ([200], [200, 50], [199, 200], [200, 300, 200, 200])] == [1, 1, 0, 0]


@pytest.mark.parametrize(("slice_ms", "frame_ms"), [(0, 3000), (30, 3000), (-20, 3000), (140, 3000)])
def test_slices_are_whole_packets_and_divide_the_frame(slice_ms: int, frame_ms: int) -> None:
    with pytest.raises(ValueError, match="slice_ms"):
        Receiver(slice_ms=slice_ms, frame_ms=frame_ms)


def test_a_flood_of_foreign_datagrams_is_refused_by_the_kernel(
    receiver: Receiver, leg: Leg, sender: Sender, sink: KeepingSink
) -> None:
    now = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        hostile = sender.packet(0, payload=bytes(160)).serialize()
        for tick in range(100):
            for index in range(tick * 5, tick * 5 + 5):
                sender.send(leg, index)
                for _ in range(10):
                    foreign.sendto(hostile, ("127.0.0.1", leg.port))
            receiver.tick(now + tick / 10)
    report = leg.stop()
    assert sink.audio == b"".join(packet_payload(i) for i in range(500))
    assert (report.packets, report.duplicates, report.foreign, report.kernel_drops) == (500, 0, 0, 0)


def test_a_stall_of_the_loop_loses_nothing_and_is_over_with_the_next_tick(
    receiver: Receiver, leg: Leg, sender: Sender, sink: KeepingSink
) -> None:
    now = time.monotonic()
    for tick in range(60):
        sender.send(leg, *range(tick * 5, tick * 5 + 5))
        if not 20 <= tick < 35:  # 1.5 s
            receiver.tick(now + tick / 10)
    delays = [slice.received_at - now - (slice.start_ms + slice.duration_ms) / 1000 for slice in sink.slices]
    late = [slice.received_at for slice, delay in zip(sink.slices, delays, strict=True) if delay > 0.001]
    assert set(late) == {now + 3.5}  # only in the tick that ends the stall
    assert sink.audio == b"".join(packet_payload(i) for i in range(300))
    assert not sink.gaps
    report = leg.stop()
    assert (report.lost_packets, report.kernel_drops, report.discontinuities) == (0, 0, 0)


@pytest.mark.parametrize(
    ("codec", "payload_type", "size"),
    [(Codec.PCMU, 0, 160), (Codec.L16_8K, 11, 320), (Codec.L16_16K, 118, 640)],
)
def test_two_seconds_of_any_codec_fit_the_receive_buffer(
    receiver: Receiver, sink: KeepingSink, codec: Codec, payload_type: int, size: int
) -> None:
    sender = Sender(payload_type=payload_type, size=size, samples=size // codec.bytes_per_sample)
    leg = receiver.open(codec, sink)
    leg.connect(*sender.address)
    sender.send(leg, *range(100))
    report = leg.stop()
    sender.close()
    assert (report.packets, report.kernel_drops, report.audio_ms) == (100, 0, 2000)
    assert sink.audio == b"".join(packet_payload(i, size) for i in range(100))


def test_a_flooding_source_does_not_starve_the_others(receiver: Receiver, sender: Sender, sink: KeepingSink) -> None:
    flooded, other = receiver.open(Codec.PCMA, KeepingSink()), receiver.open(Codec.PCMA, sink)
    for leg in (flooded, other):
        leg.connect(*sender.address)
    sender.send(flooded, *range(1000))
    sender.send(other, *range(5))
    receiver.tick(time.monotonic())
    assert sink.audio == b"".join(packet_payload(i) for i in range(5))
    flooded.stop()
    other.stop()


def test_a_report_in_the_middle_is_complete_and_changes_nothing(
    receiver: Receiver, leg: Leg, sender: Sender, sink: KeepingSink
) -> None:
    now = time.monotonic()
    for tick in range(40):
        sender.send(leg, *range(tick * 5, tick * 5 + 5))
        receiver.tick(now + tick / 10)
        report = leg.report()
        assert (report.packets, report.audio_ms, report.slices) == (tick * 5 + 5, tick * 100 + 100, len(sink.slices))
        assert report.last_packet_at == now + tick / 10
    assert sink.audio == b"".join(packet_payload(i) for i in range(200))


def test_a_sink_may_stop_another_leg_in_the_middle_of_a_tick(receiver: Receiver, sender: Sender) -> None:
    class StoppingOther(KeepingSink):
        def on_slice(self, slice: Slice, /) -> None:
            super().on_slice(slice)
            other.stop()

    sink, others_sink = StoppingOther(), KeepingSink()
    leg, other = receiver.open(Codec.PCMA, sink), receiver.open(Codec.PCMA, others_sink)
    for one in (leg, other):
        one.connect(*sender.address)
        sender.send(one, *range(7))
    receiver.tick(time.monotonic())
    assert others_sink.audio == b"".join(packet_payload(i) for i in range(7))
    leg.stop()


def test_another_source_address_can_be_connected(
    receiver: Receiver, leg: Leg, sender: Sender, sink: KeepingSink
) -> None:
    sender.send(leg, 0, 1)
    receiver.tick(time.monotonic())
    moved = Sender(ssrc=9)
    leg.connect(*moved.address)
    moved.send(leg, 100, 101)
    sender.send(leg, 2)
    leg.stop()
    moved.close()
    assert sink.audio == b"".join(packet_payload(i) for i in (0, 1, 100, 101))


def test_an_address_that_is_not_ours_is_no_matter_of_free_ports(sink: KeepingSink) -> None:
    with pytest.raises(OSError, match="assign") as raised:
        Receiver(host="192.0.2.1", ports=PORTS).open(Codec.PCMA, sink)
    assert not isinstance(raised.value, NoFreePort)


async def test_a_late_tick_is_followed_by_whole_periods_not_by_a_burst(receiver: Receiver, sender: Sender) -> None:
    arrived = asyncio.Event()
    ticks: list[float] = []

    class Stalling(KeepingSink):
        def on_slice(self, slice: Slice, /) -> None:
            ticks.append(slice.received_at)
            if len(ticks) == 1:
                sender.send(own_leg, 1)
                time.sleep(0.25)  # the stall itself
            elif len(ticks) == 2:
                sender.send(own_leg, 2)
            else:
                arrived.set()

    own_leg = receiver.open(Codec.PCMA, Stalling())
    own_leg.connect(*sender.address)
    sender.send(own_leg, 0)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(receiver.run(), name="receiver")
        await arrived.wait()
        task.cancel()
    assert ticks[1] - ticks[0] >= 0.25
    assert ticks[2] - ticks[1] >= 0.09


def test_steady_legs_and_others_share_a_tick(receiver: Receiver, sender: Sender) -> None:
    sinks = [KeepingSink() for _ in range(3)]
    legs = [receiver.open(Codec.PCMA, sink) for sink in sinks]
    for leg in legs:
        leg.connect(*sender.address)
    for tick in range(20):
        for number, leg in enumerate(legs):
            sender.send(leg, *(i for i in range(tick * 5, tick * 5 + 5) if number != 1 or i % 7))
        receiver.tick(1000 + tick / 10)
    reports = [leg.stop() for leg in legs]
    assert [report.lost_packets for report in reports] == [0, 14, 0]
    for sink in sinks[::2]:
        assert sink.audio == b"".join(packet_payload(i) for i in range(100))


def test_a_fault_of_ours_in_one_legs_audio_ends_that_leg_alone(sender: Sender, sink: KeepingSink) -> None:
    class Faulty(dict[int, Codec]):
        def get(self, payload_type: int, default: object = None) -> Codec:  # type: ignore[override]
            return self[payload_type]  # a KeyError where it must be None

    receiver = Receiver(ports=PORTS, payload_types=Faulty({8: Codec.PCMA}))
    bad, good = receiver.open(Codec.PCMA, KeepingSink()), receiver.open(Codec.PCMA, sink)
    for leg in (bad, good):
        leg.connect(*sender.address)
    sender.send_raw(bad, sender.packet(0, payload_type=99).serialize())
    for tick in range(3):
        for leg in (bad, good):
            sender.send(leg, *range(tick * 5, tick * 5 + 5))
        receiver.tick(1000 + tick / 10)
    assert bad.stop().delivery_error == "KeyError"
    assert good.stop().delivery_error is None
    assert sink.audio == b"".join(packet_payload(i) for i in range(15))
