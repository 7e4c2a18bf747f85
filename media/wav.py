"""A call's recording as it grows: WAV files that are valid at every moment, written at the audio's place on the line.

What was never written is silence. The header is brought up to date after the samples it announces, so a crash leaves a
file that plays up to its last write.
"""

from __future__ import annotations

import audioop
import errno
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import Codec

LEFT: Final = 0  # the client
RIGHT: Final = 1  # the operator
MAX_HOURS: Final = 6  # a place on the line beyond it is a fault of the caller's, not a file of that size

_Conversion = tuple[int, tuple[tuple[int, int], ...]]  # what audioop.ratecv goes on from
_SAMPLE_BYTES: Final = 2
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")  # RIFF WAVE, one fmt chunk (PCM), one data chunk
HEADER_BYTES: Final = _HEADER.size


class WavFile:
    """PCM s16le with one or two channels. Does blocking file I/O: for a thread, or a few writes a second.

    No file is held open between two writes: a hundred calls would take three hundred. Payloads of another rate are
    converted; each channel's come in the order of its line, which is when that is seamless.
    """

    def __init__(self, path: Path, rate: int = 8000, channels: int = 1) -> None:
        """Creates `path`, readable by its owner only, or goes on with one of ours, at that one's rate.

        Raises OSError; FileExistsError for a file of another kind.
        """
        self._path = path
        self._channels = channels
        self._samples = 0  # per channel
        self._conversions: list[_Conversion | None] = [None] * channels
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            self._rate = self._go_on()
            return
        self._rate = rate
        with _closing(file):
            self._write_header(file)

    def write(self, channel: int, start_ms: int, payload: bytes, codec: Codec) -> None:
        """Put a payload at `start_ms` of a channel; the other channel stays as it is.

        Raises OSError; FileNotFoundError where the file was deleted meanwhile: it does not come back.
        """
        if not 0 <= start_ms < MAX_HOURS * 3_600_000:
            raise ValueError(f"start_ms {start_ms} lies outside of a recording")
        samples = self._converted(channel, codec.decode(payload), codec.rate)
        first = start_ms * self._rate // 1000
        width = self._channels * _SAMPLE_BYTES
        place = _HEADER.size + first * width
        block = np.zeros((len(samples), self._channels), dtype="<i2")
        with _closing(os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)) as file:
            known = np.frombuffer(os.pread(file, block.nbytes, place), dtype=np.uint8)
            block.reshape(-1).view(np.uint8)[: len(known)] = known
            block[:, channel] = samples
            _write_whole(file, block.tobytes(), place)
            if first + len(samples) > self._samples:
                self._samples = first + len(samples)
                self._write_header(file)

    def _go_on(self) -> int:
        """The rate of the file that is there."""
        with _closing(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)) as file:
            shape = read_header(os.pread(file, HEADER_BYTES, 0))
            if shape is None or shape.channels != self._channels:
                raise FileExistsError(errno.EEXIST, "there is a file of another kind", str(self._path))
            self._samples = (os.fstat(file).st_size - HEADER_BYTES) // (shape.channels * _SAMPLE_BYTES)
            return shape.rate

    def _converted(self, channel: int, samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
        if rate == self._rate:
            return samples
        converted, self._conversions[channel] = audioop.ratecv(
            samples.tobytes(), _SAMPLE_BYTES, 1, rate, self._rate, self._conversions[channel]
        )
        return np.frombuffer(converted, dtype=np.int16)

    def _write_header(self, file: int) -> None:
        width = self._channels * _SAMPLE_BYTES
        octets = self._samples * width
        header = _HEADER.pack(
            b"RIFF",
            _HEADER.size - 8 + octets,
            b"WAVE",
            b"fmt ",
            16,
            1,
            self._channels,
            self._rate,
            self._rate * width,
            width,
            8 * _SAMPLE_BYTES,
            b"data",
            octets,
        )
        _write_whole(file, header, 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file's header says of its samples."""

    rate: int
    channels: int


def read_header(header: bytes) -> Shape | None:
    """Of a file that `WavFile` wrote; None of any other."""
    if len(header) < _HEADER.size:
        return None
    riff, _, wave, fmt, _, kind, channels, rate, _, _, bits, data, _ = _HEADER.unpack(header[: _HEADER.size])
    ours = (riff, wave, fmt, data, kind, bits) == (b"RIFF", b"WAVE", b"fmt ", b"data", 1, 8 * _SAMPLE_BYTES)
    return Shape(rate, channels) if ours and channels in (1, 2) and rate > 0 else None


def hushed(piece: bytes, place: int, shape: Shape, heard_ms: Sequence[tuple[int, int]]) -> bytes:
    """Part of a file, from byte `place` on, with silence wherever `heard_ms` (spans of its line) does not reach."""
    width, out = shape.channels * _SAMPLE_BYTES, bytearray(len(piece))
    spans = [(0, HEADER_BYTES)]
    spans += [
        (HEADER_BYTES + _byte(a, shape.rate, width), HEADER_BYTES + _byte(b, shape.rate, width)) for a, b in heard_ms
    ]
    for begin, end in spans:
        first, last = max(begin - place, 0), min(end - place, len(piece))
        if first < last:
            out[first:last] = piece[first:last]
    return bytes(out)


def _byte(moment_ms: int, rate: int, width: int) -> int:
    return max(moment_ms, 0) * rate // 1000 * width


def _write_whole(file: int, octets: bytes, place: int) -> None:
    """A full disk takes a part first and says so only when asked again."""
    while octets:
        written = os.pwrite(file, octets, place)
        octets, place = octets[written:], place + written


@contextmanager
def _closing(file: int) -> Iterator[int]:
    try:
        yield file
    finally:
        os.close(file)
