"""Slices of a leg gathered into frames, so that a recording costs a write or two every few seconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.codecs import Codec

SEAM_MS: Final = 20  # call time is rounded: slices so near to one another lie end to end


@dataclass(frozen=True, slots=True)
class Block:
    """Contiguous audio from `start_ms` of call time on, as received."""

    start_ms: int
    payload: bytes
    codec: Codec

    @property
    def end_ms(self) -> int:
        return self.start_ms + duration_ms(self.payload, self.codec)


def duration_ms(payload: bytes, codec: Codec) -> int:
    return len(payload) * 1000 // (codec.bytes_per_sample * codec.rate)


class Reel:
    """One leg's. Bound: `frame_ms` of audio."""

    def __init__(self, frame_ms: int) -> None:
        self._frame_ms = frame_ms
        self._pieces: list[bytes] = []
        self._codec = Codec.PCMA
        self._start_ms = 0
        self._end_ms = -2 * SEAM_MS  # near to nothing

    def take(self, start_ms: int, payload: bytes, codec: Codec) -> list[Block]:
        """What is to be written now: a frame that is full, or what was there before a jump or another codec."""
        begun = bool(self._pieces)
        seamless = abs(start_ms - self._end_ms) <= SEAM_MS
        full = self.flush() if begun and not (seamless and codec is self._codec) else []
        if not self._pieces:
            self._start_ms = self._end_ms if seamless else start_ms
            self._end_ms = self._start_ms
            self._codec = codec
        self._pieces.append(payload)
        self._end_ms += duration_ms(payload, codec)
        if self._end_ms - self._start_ms >= self._frame_ms:
            full += self.flush()
        return full

    def flush(self) -> list[Block]:
        """All that is left."""
        if not self._pieces:
            return []
        block = Block(self._start_ms, b"".join(self._pieces), self._codec)
        self._pieces.clear()
        return [block]
