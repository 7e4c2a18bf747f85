from __future__ import annotations

import numpy as np
import pytest

from media.codecs import Codec
from media.frames import FrameSums
from media.framing import Frame, Slice
from media.level import Hearing, dbfs, power
from media.rtp import RtpPacket
from media.steady import Course, SteadyLegs

WIDTH = 1504


def course(
    codec: Codec = Codec.PCMA, sequence_number: int = 10, timestamp: int = 1000, start_ms: int = 0, end_ms: int = 3000
) -> Course:
    payload_type, size = (118, 640) if codec is Codec.L16_16K else (8, 160)
    frame, hearing = FrameSums(end_ms), Hearing.of_new_leg()
    return Course(codec, payload_type, sequence_number, timestamp, 7, size, start_ms, frame, hearing)


def datagrams(first: Course, packets: int = 5, skip: int = 0, ms: int = 20) -> list[bytes]:
    """What a leg on this course expects: `packets` of them, after `skip` others."""
    samples = first.codec.rate * ms // 1000
    return [
        RtpPacket(
            first.payload_type,
            (first.sequence_number + i) & 0xFFFF,
            (first.timestamp + i * samples) & 0xFFFFFFFF,
            first.ssrc,
            bytes([i + 1]) * samples * first.codec.bytes_per_sample,
        ).serialize()
        for i in range(skip, skip + packets)
    ]


def take(
    legs: SteadyLegs, found: dict[int, list[bytes]], now: float = 1.0
) -> tuple[list[bool], dict[int, list[Slice | Frame]]]:
    """Let `legs` take what each row found; whether on course, and what they hand out by row."""
    every = [datagram for of_leg in found.values() for datagram in of_leg]
    matrix = np.zeros((len(every), WIDTH), dtype=np.uint8)
    for row, datagram in enumerate(every):
        matrix[row, : len(datagram)] = np.frombuffer(datagram, dtype=np.uint8)
    edges = np.cumsum([0, *map(len, found.values())])
    sizes = np.array([len(datagram) for datagram in every])
    rows = list(found)
    on_course, items = legs.take(matrix, sizes, np.array(rows), edges, now)
    by_row: dict[int, list[Slice | Frame]] = {}
    for place, item in items:
        by_row.setdefault(rows[place], []).append(item)
    return on_course.tolist(), by_row


def only(items: list[Slice | Frame]) -> Slice:
    [slice] = items
    assert isinstance(slice, Slice)
    return slice


def steady(*courses: Course) -> tuple[SteadyLegs, list[int]]:
    legs = SteadyLegs(100, 3000)
    rows = [legs.add() for _ in courses]
    for row, one in zip(rows, courses, strict=True):
        legs.enter(row, one)
    return legs, rows


def test_what_was_to_come_becomes_a_slice_and_moves_the_course() -> None:
    legs, (row,) = steady(course(start_ms=500))
    payload = b"".join(bytes([i]) * 160 for i in range(1, 6))
    on_course, items = take(legs, {row: datagrams(course())}, now=4.0)
    assert on_course == [True]
    expected_power = power(Codec.PCMA, payload)
    first = only(items[row])
    assert first._replace(power=0) == Slice(500, 100, payload, Codec.PCMA, 4.0, 0, True, False)
    assert first.power == pytest.approx(expected_power)
    on_course, items = take(legs, {row: datagrams(course(), packets=4, skip=5)}, now=4.1)
    second = only(items[row])
    assert (on_course, second.start_ms, second.duration_ms) == ([True], 600, 80)
    stretch = legs.leave(row)
    assert stretch[1:6] == (9, 2, 180, 180, 0)
    assert stretch.last_at == 4.1
    assert stretch.hearing.blocks.tolist() == [2]
    assert stretch.frame._replace(energy=0) == FrameSums(3000, 0, 180, 0)
    assert stretch.frame.energy == pytest.approx(expected_power * 100 + second.power * 80)


@pytest.mark.parametrize("start_ms", [2900, 2920, 2980])
def test_over_the_end_of_a_frame_it_goes_on(start_ms: int) -> None:
    before = course(start_ms=start_ms)._replace(frame=FrameSums(3000, 10.0, 400, 60))
    legs, (row,) = steady(before)
    on_course, items = take(legs, {row: datagrams(course())})
    assert on_course == [True]
    slices = [item for item in items[row] if isinstance(item, Slice)]
    [frame] = [item for item in items[row] if isinstance(item, Frame)]
    left_ms = 3000 - start_ms
    spans = [(start_ms, left_ms), (3000, 100 - left_ms)]
    assert [(slice.start_ms, slice.duration_ms) for slice in slices] == [span for span in spans if span[1]]
    assert b"".join(slice.payload for slice in slices) == b"".join(d[12:] for d in datagrams(course()))
    assert items[row][1] is frame
    assert (frame.number, frame.start_ms, frame.duration_ms, frame.lost_ms) == (0, 0, 3000, 60)
    assert frame.speech_ms == 400 + (left_ms if slices[0].speech else 0)
    assert frame.loudness_dbfs == pytest.approx(dbfs((10.0 + slices[0].power * left_ms) / 3000))
    stretch = legs.leave(row)
    assert (stretch.frames, stretch.slices, stretch.audio_ms) == (1, len(slices), 100)
    assert stretch.frame.end_ms == 6000
    assert stretch.frame.lost_ms == 0
    assert take(legs, {row: datagrams(course(), skip=5)})[0] == [False], "it has left"


def test_a_frame_that_ends_within_a_packet_is_the_legs_own_business() -> None:
    legs, (row,) = steady(course(start_ms=2910))
    assert take(legs, {row: datagrams(course())}) == ([False], {})


@pytest.mark.parametrize(
    "found",
    [
        datagrams(course(), skip=1),
        datagrams(course(timestamp=1001)),
        datagrams(course()._replace(ssrc=8)),
        datagrams(course()._replace(payload_type=0)),
        datagrams(course(), ms=10),
        datagrams(course(), packets=2) + datagrams(course(), packets=2, skip=3),
        datagrams(course()._replace(payload_size=240), packets=6, ms=30),  # more than one slice, which no packet ends
        [*datagrams(course(), packets=1), b"nonsense"],
        [datagrams(course(), packets=1)[0][:15]],  # not on a millisecond
        [datagrams(course(), packets=1)[0][:12]],
    ],
)
def test_anything_else_is_the_legs_own_business(found: list[bytes]) -> None:
    legs, (row,) = steady(course())
    assert take(legs, {row: found}) == ([False], {})
    assert legs.leave(row).packets == 0


@pytest.mark.parametrize(
    ("packets", "spans"),
    [
        (7, [(2800, 140), (2940, 0)]),
        (8, [(2800, 100), (2900, 60)]),
        (17, [(2800, 100), (2900, 100), (3000, 140)]),
        (18, [(2800, 100), (2900, 100), (3000, 100), (3100, 60)]),
    ],
)
def test_a_late_tick_is_several_slices(packets: int, spans: list[tuple[int, int]]) -> None:
    legs, (row,) = steady(course(start_ms=2800))
    found = datagrams(course(), packets=packets)
    on_course, items = take(legs, {row: found})
    slices = [item for item in items[row] if isinstance(item, Slice)]
    assert on_course == [True]
    assert [(slice.start_ms, slice.duration_ms) for slice in slices] == [span for span in spans if span[1]]
    assert b"".join(slice.payload for slice in slices) == b"".join(datagram[12:] for datagram in found)
    assert sum(isinstance(item, Frame) for item in items[row]) == (packets >= 10)
    assert legs.leave(row)[1:3] == (packets, len(slices))


def test_over_the_wrap_of_sequence_numbers_it_leaves() -> None:
    near = course(sequence_number=65_531)
    legs, (row,) = steady(near)
    assert take(legs, {row: datagrams(near)})[0] == [True]
    assert take(legs, {row: datagrams(near, skip=5)})[0] == [False]
    # The word of the header counts on into the payload type, which must not be taken for the next packet.
    beyond = datagrams(near._replace(payload_type=9), packets=1, skip=5)
    assert take(legs, {row: beyond})[0] == [False]
    assert legs.leave(row).packets == 5


def test_timestamps_wrap() -> None:
    near = course(timestamp=2**32 - 800)
    legs, (row,) = steady(near)
    assert take(legs, {row: datagrams(near)})[0] == [True]
    assert take(legs, {row: datagrams(near, skip=5)})[0] == [True]


def test_legs_of_all_kinds_in_one_tick() -> None:
    narrow, wide, other = course(), course(Codec.L16_16K, timestamp=5), course(sequence_number=99)
    legs, rows = steady(narrow, wide, other, course())
    idle = legs.add()
    found = {
        rows[0]: datagrams(narrow),
        rows[1]: datagrams(wide),
        rows[2]: datagrams(other, packets=4),
        rows[3]: datagrams(course(), skip=2),
        idle: datagrams(narrow),
    }
    on_course, items = take(legs, found)
    slices = {row: only(of_row) for row, of_row in items.items()}
    assert on_course == [True, True, True, False, False]
    assert {row: (slice.codec, slice.duration_ms) for row, slice in slices.items()} == {
        rows[0]: (Codec.PCMA, 100),
        rows[1]: (Codec.L16_16K, 100),
        rows[2]: (Codec.PCMA, 80),
    }
    for row, slice in slices.items():
        assert slice.payload == b"".join(datagram[12:] for datagram in found[row])


def test_silence_is_told_among_the_quiet() -> None:
    legs, rows = steady(course(), course())
    silent = [datagram[:12] + b"\xd5\x55" * 80 for datagram in datagrams(course())]
    quiet = [*silent[:4], silent[4][:-1] + b"\xd4"]
    _, items = take(legs, {rows[0]: silent, rows[1]: quiet})
    slices = {row: only(of_row) for row, of_row in items.items()}
    assert [(slices[row].all_zero, slices[row].level) for row in rows] == [(True, 0.0), (False, 0.0)]
    assert slices[rows[0]].power == 0 < slices[rows[1]].power


def test_rows_are_used_again_and_there_are_always_more() -> None:
    legs = SteadyLegs(100, 3000)
    rows = [legs.add() for _ in range(100)]
    assert len(set(rows)) == 100
    legs.enter(rows[42], course())
    legs.remove(rows[42])
    assert legs.add() == rows[42]
    assert take(legs, {rows[42]: datagrams(course())})[0] == [False]
