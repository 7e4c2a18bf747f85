"""Frames of Asterisk's media WebSocket as RTP packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.asterisk.media_packets import STEADY_S, PacketMaker
from media.rtp import RtpPacket

ALAW = bytes(range(160))


def feed(maker: PacketMaker, frames: int, at: float, every: float = 0.02) -> list[RtpPacket]:
    return [RtpPacket.parse(maker.packet(ALAW, at + number * every)) for number in range(frames)]


@pytest.mark.parametrize(("audio_format", "payload_type"), [("alaw", 8), ("ulaw", 0)])
def test_each_frame_is_the_next_packet(audio_format: str, payload_type: int) -> None:
    packets = feed(PacketMaker(audio_format, 77), 3, 100.0)
    assert [p.payload for p in packets] == [ALAW] * 3
    assert {(p.payload_type, p.ssrc) for p in packets} == {(payload_type, 77)}
    assert [p.sequence_number for p in packets] == [0, 1, 2]
    assert [p.timestamp for p in packets] == [0, 160, 320]


def test_wide_audio_gets_the_byte_order_of_rtp() -> None:
    maker = PacketMaker("slin16", 1)
    first, second = (RtpPacket.parse(maker.packet(b"\x01\x02\x03\x04" * 160, 0.0)) for _ in range(2))
    assert first.payload == b"\x02\x01\x04\x03" * 160
    assert (first.payload_type, second.timestamp) == (118, 320)
    assert RtpPacket.parse(maker.packet(b"\x01\x02\x03", 0.0)).payload == b"\x02\x01"  # half a sample is none


@given(st.lists(st.tuples(st.floats(0, 0.4), st.integers(1, 30)), max_size=60))
def test_a_line_that_is_only_late_loses_nothing(bursts: list[tuple[float, int]]) -> None:
    """Frames come when they come; the line is never ahead of the clock, and less than half a second behind it."""
    maker, now, sent = PacketMaker("alaw", 1), 0.0, 0
    for late, frames in bursts:
        now = max(now, (sent + frames) * 0.02 + late)
        for packet in feed(maker, frames, now, 0.0):
            assert packet.sequence_number == sent & 0xFFFF
            assert packet.timestamp == sent * 160
            sent += 1
    assert maker.skipped_ms == 0


def test_what_asterisk_threw_away_is_skipped_once_the_line_is_steady_again() -> None:
    maker = PacketMaker("alaw", 1)
    feed(maker, 100, 0.0)
    at = 2.0 + 3.0  # three seconds without a frame, of which none ever comes
    packets = feed(maker, 300, at)
    jump = next(i for i, p in enumerate(packets) if p.sequence_number != 100 + i)
    assert STEADY_S - 0.1 < jump * 0.02 < STEADY_S + 0.3
    assert packets[jump].sequence_number - packets[jump - 1].sequence_number == 151
    assert packets[jump].timestamp - packets[jump - 1].timestamp == 151 * 160
    assert maker.skipped_ms == 3000
    assert [p.sequence_number for p in packets[jump:]] == list(range(100 + jump + 150, 100 + 300 + 150))


def test_a_backlog_that_is_being_taken_in_is_not_taken_for_a_loss() -> None:
    maker = PacketMaker("alaw", 1)
    feed(maker, 100, 0.0)
    packets = feed(maker, 600, 2.0 + 4.0, 0.014)  # four seconds late, catching up slowly
    assert [p.sequence_number for p in packets] == list(range(100, 700))
    assert maker.skipped_ms == 0
