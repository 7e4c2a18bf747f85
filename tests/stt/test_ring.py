"""The tape: positions, call time, what is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.errors import IllegalInput
from ari_bridge.interfaces import AudioEncoding
from ari_bridge.stt.ring import MAX_MARKS, MAX_SILENCE_MS, AudioFormat, AudioRing

MULAW = AudioFormat(AudioEncoding.MULAW, 8000)
WIDE = AudioFormat(AudioEncoding.PCM_S16LE, 16_000)


def test_formats_count_bytes() -> None:
    assert (MULAW.width, MULAW.bytes_per_ms, MULAW.silence(2)) == (1, 8, b"\xff\xff")
    assert (WIDE.width, WIDE.bytes_per_ms, WIDE.silence(2)) == (2, 32, b"\x00\x00")
    assert AudioFormat(AudioEncoding.ALAW, 8000).silence(1) == b"\xd5"


@pytest.mark.parametrize("rate", [0, -8000, 11_025])
def test_a_rate_without_whole_bytes_in_a_ms_is_refused(rate: int) -> None:
    with pytest.raises(IllegalInput):
        AudioFormat(AudioEncoding.MULAW, rate)


def test_an_empty_ring_is_at_zero() -> None:
    ring = AudioRing(MULAW, 1000)
    assert (ring.first, ring.end, ring.call_ms(0), ring.read(0, 100)) == (0, 0, 0, b"")


def test_contiguous_audio_is_one_line_from_its_first_call_time() -> None:
    ring = AudioRing(MULAW, 1000)
    assert ring.append(b"\x01" * 160, 500) == 160
    assert ring.append(b"\x02" * 160, 520) == 160
    assert ring.read(0, 1000) == b"\x01" * 160 + b"\x02" * 160
    assert ring.read(150, 20) == b"\x01" * 10 + b"\x02" * 10
    assert [ring.call_ms(position) for position in (0, 8, 320, 8000)] == [500, 501, 540, 1500]


def test_rounding_of_the_callers_clock_is_no_jump() -> None:
    ring = AudioRing(MULAW, 1000)
    ring.append(bytes(160), 0)
    assert ring.append(bytes(160), 39) == 160
    assert ring.append(bytes(160), 21) == 160
    assert ring.end == 480


def test_a_short_absence_is_silence_on_the_tape() -> None:
    ring = AudioRing(MULAW, 10_000)
    ring.append(b"\x01" * 80, 0)
    ring.append(b"\x02" * 80, 1010)
    assert ring.end == 1020 * 8
    assert ring.read(80, 8000) == b"\xff" * 8000
    assert ring.call_ms(1010 * 8) == 1010


def test_a_long_absence_is_three_seconds_and_a_mark() -> None:
    ring = AudioRing(MULAW, 10_000)
    ring.append(b"\x01" * 80, 0)
    ring.append(b"\x02" * 80, 60_000)
    begin = (10 + MAX_SILENCE_MS) * 8
    assert ring.end == begin + 80
    assert ring.read(begin, 80) == b"\x02" * 80
    assert ring.call_ms(begin - 8) == 10 + MAX_SILENCE_MS - 1
    assert ring.call_ms(begin) == 60_000


def test_what_the_tape_has_already_is_left_out() -> None:
    ring = AudioRing(MULAW, 1000)
    ring.append(b"\x01" * 800, 0)
    assert ring.append(b"\x02" * 800, 50) == 400
    assert ring.append(b"\x03" * 80, 20) == 0
    assert ring.append(b"", 150) == 0
    assert (ring.end, ring.call_ms(ring.end)) == (1200, 150)


def test_half_a_sample_is_left_out() -> None:
    ring = AudioRing(WIDE, 1000)
    assert ring.append(b"\x01\x02\x03", 0) == 2


def test_only_the_newest_is_kept_and_what_was_released_goes() -> None:
    ring = AudioRing(MULAW, 100)
    for number in range(20):
        ring.append(bytes([number]) * 160, number * 20)
    assert (ring.first, ring.end) == (20 * 160 - 800, 20 * 160)
    assert ring.read(ring.first, 1) == bytes([15])
    with pytest.raises(IllegalInput):
        ring.read(ring.first - 1, 1)
    ring.release(ring.first - 10)
    assert ring.first == 20 * 160 - 800
    ring.release(10**9)
    assert ring.first == ring.end == 20 * 160


def test_marks_are_bounded() -> None:
    ring = AudioRing(MULAW, 100)
    for number in range(MAX_MARKS + 50):
        ring.append(bytes(8), number * 10_000)
    assert len(ring._marks) == MAX_MARKS
    assert ring.call_ms(ring.end) == (MAX_MARKS + 49) * 10_000 + 1


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9000)), max_size=30), st.integers(1, 5000))
def test_every_kept_byte_has_its_call_time(pieces: list[tuple[int, int]], capacity_ms: int) -> None:
    """Each byte says (mod 251) at which ms of call time it was fed."""
    ring, at_ms = AudioRing(MULAW, capacity_ms), 0
    for length_ms, jump_ms in pieces:
        at_ms += jump_ms
        ring.append(b"".join(bytes([(at_ms + ms) % 251]) * 8 for ms in range(length_ms)), at_ms)
        at_ms += length_ms
        assert ring.end - ring.first <= capacity_ms * 8
    data = ring.read(ring.first, capacity_ms * 8)
    assert len(data) == ring.end - ring.first
    for offset, value in enumerate(data):
        if value != 0xFF:
            shift = (ring.call_ms(ring.first + offset) - value) % 251
            assert min(shift, 251 - shift) < 20  # less than one packet: what counts as rounding
