"""Read back by the standard library's `wave`, which knows nothing of ours."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.codecs import Codec
from media.wav import HEADER_BYTES, LEFT, RIGHT, Shape, WavFile, hushed, read_header


def read(path: Path) -> tuple[int, NDArray[np.int16]]:
    """(rate, samples × channels)."""
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return file.getframerate(), samples.reshape(-1, file.getnchannels())


def sound(ms: int, seed: int = 1, codec: Codec = Codec.PCMA) -> bytes:
    octets = np.random.default_rng(seed).integers(0, 256, ms * codec.rate // 1000 * codec.bytes_per_sample)
    return octets.astype(np.uint8).tobytes()


def test_a_new_file_is_valid_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    WavFile(path, channels=2)
    assert read(path)[1].shape == (0, 2)
    assert path.stat().st_mode & 0o777 == 0o600


def test_one_that_is_there_goes_on(tmp_path: Path) -> None:
    """A daemon that was killed comes back to the same call."""
    path = tmp_path / "call.wav"
    first, second = sound(100, 1), sound(100, 2)
    WavFile(path, 16_000, 2).write(RIGHT, 0, first, Codec.PCMA)
    WavFile(path, 8_000, 2).write(LEFT, 200, second, Codec.PCMA)
    rate, samples = read(path)
    assert (rate, len(samples)) == (16_000, 300 * 16 - 1)  # the converter keeps the last sample for what follows
    WavFile(path, channels=2).write(LEFT, 0, first, Codec.PCMA)
    assert len(read(path)[1]) == 300 * 16 - 1


@pytest.mark.parametrize("content", [b"", b"RIFF", b"x" * 100])
def test_a_file_of_another_kind_is_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with pytest.raises(FileExistsError):
        WavFile(path)
    assert path.read_bytes() == content
    WavFile(tmp_path / "mono.wav")
    with pytest.raises(FileExistsError):
        WavFile(tmp_path / "mono.wav", channels=2)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "call.wav").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        WavFile(tmp_path / "call.wav")


def test_what_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "call.wav")
    (tmp_path / "call.wav").unlink()
    with pytest.raises(FileNotFoundError):
        file.write(0, 0, sound(20), Codec.PCMA)
    assert not (tmp_path / "call.wav").exists()


@given(st.integers(0, 700), st.integers(0, 400), st.lists(st.tuples(st.integers(-5, 45), st.integers(-5, 45))))
def test_what_may_not_be_heard_is_silence_byte_by_byte(place: int, length: int, spans: list[tuple[int, int]]) -> None:
    """10 bytes a millisecond and channel would be 5 kHz: few enough to compare each."""
    shape, whole = Shape(5000, 1), bytes(range(1, 256)) * 3
    heard = {n for a, b in spans for n in range(HEADER_BYTES + max(a, 0) * 10, HEADER_BYTES + max(b, 0) * 10)}
    expected = bytes(whole[n] if n < HEADER_BYTES or n in heard else 0 for n in range(len(whole)))
    piece = whole[place : place + length]
    assert hushed(piece, place, shape, spans) == expected[place : place + length]


def test_a_header_says_what_the_samples_are(tmp_path: Path) -> None:
    WavFile(tmp_path / "a.wav", 16_000, 2)
    assert read_header((tmp_path / "a.wav").read_bytes()) == Shape(16_000, 2)
    assert read_header(b"x" * 44) is None
    assert read_header(b"RIFF") is None


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA, Codec.L16_8K])
def test_samples_lie_at_their_place_and_gaps_are_silent(tmp_path: Path, codec: Codec) -> None:
    file = WavFile(tmp_path / "a.wav")
    early, late = sound(100, 1, codec), sound(60, 2, codec)
    file.write(0, 500, late, codec)
    file.write(0, 100, early, codec)
    rate, samples = read(tmp_path / "a.wav")
    assert (rate, len(samples)) == (8000, 560 * 8)
    assert samples[800:1600, 0].tolist() == codec.decode(early).tolist()
    assert samples[4000:, 0].tolist() == codec.decode(late).tolist()
    assert not samples[:800].any()
    assert not samples[1600:4000].any()


def test_both_parties_share_one_line_whoever_is_ahead(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "call.wav", channels=2)
    client = [sound(100, seed) for seed in range(10)]
    operator = [sound(100, seed) for seed in range(20, 30)]
    for number in range(10):
        file.write(LEFT, number * 100, client[number], Codec.PCMA)
        if number >= 3:
            file.write(RIGHT, (number - 3) * 100, operator[number - 3], Codec.PCMA)
    _, samples = read(tmp_path / "call.wav")
    assert samples[:, LEFT].tolist() == Codec.PCMA.decode(b"".join(client)).tolist()
    assert samples[:5600, RIGHT].tolist() == Codec.PCMA.decode(b"".join(operator[:7])).tolist()
    assert not samples[5600:, RIGHT].any()


def test_it_is_valid_after_every_write(tmp_path: Path) -> None:
    path = tmp_path / "crash.wav"
    file = WavFile(path, channels=2)
    for number in range(5):
        file.write(LEFT, number * 100, sound(100), Codec.PCMA)
        assert len(read(path)[1]) == (number + 1) * 800
        assert path.stat().st_size == 44 + (number + 1) * 3200


def test_a_wider_leg_is_converted_seamlessly(tmp_path: Path) -> None:
    at = np.arange(16_000) / 16_000
    tone = (10_000 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)
    file = WavFile(tmp_path / "wide.wav")
    payload = Codec.L16_16K.encode(tone)
    for number in range(10):
        file.write(0, number * 100, payload[number * 3200 : number * 3200 + 3200], Codec.L16_16K)
    _, samples = read(tmp_path / "wide.wav")
    assert len(samples) == 8000
    assert np.abs(samples[1:-1, 0].astype(int) - tone[::2][1:-1]).max() < 1500


@pytest.mark.parametrize("start_ms", [-1, 6 * 3_600_000])
def test_a_place_outside_of_any_call_is_refused(tmp_path: Path, start_ms: int) -> None:
    file = WavFile(tmp_path / "a.wav")
    with pytest.raises(ValueError, match="start_ms"):
        file.write(0, start_ms, sound(20), Codec.PCMA)
