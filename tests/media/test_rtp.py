from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from media.rtp import Headers, MalformedRtp, RtpPacket, Run, parse_headers, payload_bounds, run_in

WIDTH = 1504
BYTES_PER_SAMPLE = np.zeros(128, dtype=np.int64)
BYTES_PER_SAMPLE[[0, 8]] = 1
BYTES_PER_SAMPLE[118] = 2

packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence_number=st.integers(0, 65_535),
    timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
    csrc=st.lists(st.integers(0, 2**32 - 1), max_size=15).map(tuple),
    extension=st.none()
    | st.tuples(st.integers(0, 65_535), st.integers(0, 5).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))),
)


def parse(datagrams: list[bytes], first_rows: list[int] | None = None) -> tuple[np.ndarray, Headers]:
    matrix = np.full((len(datagrams) + 1, WIDTH), 0xAA, dtype=np.uint8)
    for row, datagram in enumerate(datagrams):
        matrix[row, : len(datagram)] = np.frombuffer(datagram, dtype=np.uint8)
    sizes = np.array([len(datagram) for datagram in datagrams], dtype=np.int64)
    firsts = np.array(first_rows or [0], dtype=np.int64)
    return matrix, parse_headers(matrix, sizes, firsts, BYTES_PER_SAMPLE)


def runs(datagrams: list[bytes], first_rows: list[int] | None = None) -> list[Run | None]:
    matrix, headers = parse(datagrams, first_rows)
    begins = headers.run_begin.tolist()
    return [run_in(matrix, headers, begin, end) for begin, end in pairwise(begins)]


def g711(index: int, sequence_number: int = 100, timestamp: int = 5000, **changes: object) -> bytes:
    fields: dict[str, object] = {
        "payload_type": 8,
        "sequence_number": (sequence_number + index) & 0xFFFF,
        "timestamp": (timestamp + 160 * index) & 0xFFFFFFFF,
        "ssrc": 7,
        "payload": bytes([index]) * 160,
    } | changes
    return RtpPacket(**fields).serialize()  # type: ignore[arg-type]


@given(packet=packets, padding=st.integers(0, 255))
def test_what_is_serialized_is_parsed(packet: RtpPacket, padding: int) -> None:
    assume(not (packet.marker and 72 <= packet.payload_type < 80))  # that is RTCP
    assert RtpPacket.parse(packet.serialize(padding)) == packet


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"payload_type": 128}, "payload_type 128"),
        ({"sequence_number": -1}, "sequence_number -1"),
        ({"timestamp": 1 << 32}, "timestamp"),
        ({"ssrc": 1 << 32}, "ssrc"),
        ({"csrc": (0,) * 16}, "number of csrc 16"),
        ({"extension": (1, b"abc")}, "multiple of 4"),
    ],
)
def test_what_has_no_room_in_a_header_is_refused(changes: dict[str, object], fault: str) -> None:
    packet = RtpPacket(8, 1, 1, 1, b"")
    with pytest.raises(ValueError, match=fault):
        replace(packet, **changes).serialize()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="padding 256"):
        packet.serialize(256)


@given(datagram=st.binary(max_size=100))
def test_any_octets_parse_or_are_malformed(datagram: bytes) -> None:
    try:
        packet = RtpPacket.parse(datagram)
    except MalformedRtp:
        return
    start, end = payload_bounds(datagram)
    assert packet.payload == datagram[start:end]


@pytest.mark.parametrize(
    ("datagram", "fault"),
    [
        (b"", "no RTP header"),
        (b"\x80" * 11, "no RTP header"),
        (b"\x40\x08" + bytes(10), "version 1"),
        (b"\x00\x01\x00\x08" + bytes(16), "version 0"),  # STUN
        (b"\x81\xc9\x00\x07" + bytes(28), "RTCP"),
        (b"\x82\x08" + bytes(10), "longer"),  # two CSRCs announced, none there
        (b"\x90\x08" + bytes(10), "extension"),
        (b"\x90\x08" + bytes(10) + b"\x00\x00\x00\x02" + bytes(4), "longer"),
        (b"\xa0\x08" + bytes(10) + b"\x00", "padding of length 0"),
        (b"\xa0\x08" + bytes(10) + b"\x02", "longer"),
    ],
)
def test_malformed(datagram: bytes, fault: str) -> None:
    with pytest.raises(MalformedRtp, match=fault):
        RtpPacket.parse(datagram)


def test_packets_that_follow_each_other_are_one_run() -> None:
    assert runs([g711(i) for i in range(5)]) == [Run(100, 5000, 7, 8, 5, b"".join(bytes([i]) * 160 for i in range(5)))]


@pytest.mark.parametrize(
    "odd",
    [
        g711(2, sequence_number=101),
        g711(2, timestamp=5001),
        g711(2, ssrc=8),
        g711(2, payload_type=0),
        g711(2, marker=True),
        g711(2, payload=bytes(80)),
        g711(2, csrc=(1,)),
        g711(2, extension=(1, b"")),
    ],
)
def test_what_does_not_follow_ends_a_run(odd: bytes) -> None:
    found = runs([g711(0), g711(1), odd, g711(3), g711(4)])
    assert [run.packet_count for run in found if run] == [2, 1, 2]
    packet = RtpPacket.parse(odd)
    assert found[1] == Run(
        packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload_type, 1, packet.payload
    )


def test_a_leg_ends_a_run() -> None:
    found = runs([g711(i) for i in range(5)], first_rows=[0, 3])
    assert [run.packet_count for run in found if run] == [3, 2]


def test_both_wraps_end_a_run_and_lose_nothing() -> None:
    found = runs([g711(i, sequence_number=65_534) for i in range(4)])
    assert [(run.sequence_number, run.packet_count) for run in found if run] == [(65_534, 2), (0, 2)]
    found = runs([g711(i, timestamp=2**32 - 320) for i in range(4)])
    assert [(run.timestamp, run.packet_count) for run in found if run] == [(2**32 - 320, 2), (0, 2)]


def test_wide_samples_join_by_their_own_clock() -> None:
    wide = [g711(0, payload_type=118, payload=bytes(640), timestamp=320 * i, sequence_number=i) for i in range(3)]
    assert [run.packet_count for run in runs(wide) if run] == [3]


def test_packets_without_audio_are_never_joined() -> None:
    events = [g711(0, payload_type=101, payload=bytes(4), timestamp=0, sequence_number=i) for i in range(3)]
    empty = [g711(0, payload=b"", timestamp=0, sequence_number=i) for i in range(3)]
    assert [run.packet_count for run in runs(events + empty) if run] == [1] * 6


def test_malformed_and_truncated_datagrams_are_no_runs() -> None:
    assert runs([b"", g711(0), b"\x80\x08", bytes(WIDTH), g711(1)])[0::2] == [None, None, g711_run(1)]


def g711_run(index: int) -> Run:
    return Run(100 + index, 5000 + 160 * index, 7, 8, 1, bytes([index]) * 160)


def test_a_row_filled_to_its_end_was_cut_off() -> None:
    whole = RtpPacket(8, 1, 1, 1, bytes(WIDTH - 12)).serialize()
    assert runs([whole]) == [None]
    assert runs([whole[:-1]]) != [None]


@given(st.lists(st.one_of(packets.map(RtpPacket.serialize), st.binary(max_size=60)), min_size=1, max_size=12))
def test_columns_say_what_single_packets_say(datagrams: list[bytes]) -> None:
    expected: list[Run | None] = []
    for datagram in datagrams:
        try:
            packet = RtpPacket.parse(datagram)
        except MalformedRtp:
            expected.append(None)
        else:
            expected.append(
                Run(packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload_type, 1, packet.payload)
            )
    single: list[Run | None] = []
    for run in runs(datagrams):
        single += run.split(int(BYTES_PER_SAMPLE[run.payload_type]) or 1) if run else [None]
    assert single == expected
