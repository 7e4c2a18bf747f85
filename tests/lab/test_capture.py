"""The ruler itself: a recording that lacks something must measure as lacking it."""

from __future__ import annotations

import struct

import pytest

from tests.lab.capture import Flow, Packet, blocks_heard, max_gap_ms, payload, read_pcap, transit_ms

SENT = b"".join(bytes([value]) * 160 for value in range(100))


def packet(at: float, sequence_number: int, payload_type: int = 8, fill: int = 0) -> Packet:
    return Packet(at, sequence_number, 160 * sequence_number, 7, payload_type, bytes([fill]) * 160)


def test_all_blocks_are_heard_behind_any_silence() -> None:
    silence = b"\xd5" * 160 * 70
    assert blocks_heard(silence + SENT + silence, silence + silence + SENT) == 1.0


def test_silence_proves_nothing() -> None:
    with pytest.raises(ValueError, match="told apart"):
        blocks_heard(bytes(1600), bytes(1600))


@pytest.mark.parametrize(
    ("received", "share"),
    [
        (SENT[: 160 * 50], 0.5),
        (SENT[: 160 * 50] + SENT[160 * 51 :], 0.99),
        (SENT[:8080] + b"\xff" + SENT[8081:], 0.99),
        (SENT[160 * 50 :] + SENT[: 160 * 50], 0.5),
        (b"", 0.0),
    ],
    ids=["cut", "one lost", "one byte changed", "out of order", "nothing"],
)
def test_what_is_missing_counts(received: bytes, share: float) -> None:
    assert blocks_heard(SENT, received) == pytest.approx(share)


def test_gap_is_the_longest() -> None:
    assert max_gap_ms([packet(1.0, 0), packet(1.02, 1), packet(1.07, 2)]) == pytest.approx(50)
    assert max_gap_ms([packet(1.0, 0)]) == 0


def test_payload_leaves_telephone_events_out() -> None:
    assert payload([packet(1, 0, 8, 1), packet(1, 1, 101, 2), packet(1, 2, 8, 3)]) == b"\1" * 160 + b"\3" * 160


def test_transit_skips_what_was_lost() -> None:
    sent = [packet(index / 50, index, fill=index) for index in range(5)]
    heard = [packet(index / 50 + 0.003, index, fill=index) for index in (0, 1, 3, 4)]
    assert transit_ms(sent, heard) == pytest.approx([3, 3, 3, 3])


def test_pcap_yields_rtp_without_extension_and_padding_and_no_rtcp() -> None:
    rtp = struct.pack("!BBHII", 0xB1, 0x88, 65535, 320, 9) + bytes(4) + struct.pack("!HH", 1, 1) + bytes(4)
    rtcp = struct.pack("!BBHII", 0x80, 200, 6, 9, 0)
    data = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    for datagram in (rtp + b"abc" + b"\0\2", rtcp, b"\x80"):
        frame = bytes(34) + struct.pack("!HHHH", 5000, 6000, 8 + len(datagram), 0) + datagram
        data += struct.pack("<IIII", 10, 500_000_000, len(frame), len(frame)) + frame
    assert read_pcap(data) == [(Flow(5000, 6000), Packet(10.5, 65535, 320, 9, 8, b"abc"))]
