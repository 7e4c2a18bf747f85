"""The audio of one leg as one tape, the newest minute of it kept for replay. Pure.

The *tape* is all audio of the leg put end to end; a position on it is a count of bytes, from 0, for ever growing.
Call time jumps where the leg was away; the tape does not: a short absence is silence on the tape, a longer one is
three seconds of silence (long enough for an endpoint) and a mark. So a session's clock is always `base + bytes sent`,
whatever happened.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from ari_bridge.errors import IllegalInput
from ari_bridge.interfaces import AudioEncoding

MAX_SILENCE_MS = 3000
CONTIGUOUS_MS = 20  # less than one packet: rounding of the caller's clock, not an absence
MAX_MARKS = 256


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding and rate of a leg's audio; the rate must be a multiple of 1 kHz."""

    encoding: AudioEncoding
    sample_rate: int
    width: int = field(init=False)  # bytes of one sample
    bytes_per_ms: int = field(init=False)

    def __post_init__(self) -> None:
        if self.sample_rate <= 0 or self.sample_rate % 1000:
            raise IllegalInput(f"sample rate {self.sample_rate}: must be a multiple of 1000")
        object.__setattr__(self, "width", 2 if self.encoding is AudioEncoding.PCM_S16LE else 1)
        object.__setattr__(self, "bytes_per_ms", self.sample_rate // 1000 * self.width)

    def silence(self, length: int) -> bytes:
        """`length` bytes of silence (G.711: the codes of zero)."""
        code = {AudioEncoding.MULAW: b"\xff", AudioEncoding.ALAW: b"\xd5", AudioEncoding.PCM_S16LE: b"\x00"}
        return code[self.encoding] * length


class AudioRing:
    """The tape: append at the end, read anywhere in what is kept, at most `capacity_ms`."""

    __slots__ = ("_capacity", "_data", "_first", "_format", "_marks")

    def __init__(self, audio_format: AudioFormat, capacity_ms: int) -> None:
        self._format = audio_format
        self._capacity = capacity_ms * audio_format.bytes_per_ms
        self._data = bytearray()
        self._first = 0
        self._marks: list[tuple[int, int]] = []  # (position, call time in ms) where call time jumps, ascending

    @property
    def first(self) -> int:
        """Position of the oldest byte kept."""
        return self._first

    @property
    def end(self) -> int:
        return self._first + len(self._data)

    def append(self, audio: bytes, start_ms: int) -> int:
        """Put audio that begins at `start_ms` of call time at the end; the bytes of tape that this made.

        What lies before the end's call time is already on the tape and is left out.
        """
        per_ms = self._format.bytes_per_ms
        if odd := len(audio) % self._format.width:
            audio = audio[:-odd]
        if not self._marks:
            self._marks.append((self.end, start_ms))
        marked, marked_ms = self._marks[-1]
        jump_ms = start_ms - max(marked_ms + (self.end - marked) // per_ms, 0)
        if jump_ms <= -CONTIGUOUS_MS:
            audio = audio[-jump_ms * per_ms :]
        if not audio:
            return 0
        before = self.end
        if jump_ms >= CONTIGUOUS_MS:
            silence_ms = min(jump_ms, MAX_SILENCE_MS)
            self._data += self._format.silence(silence_ms * per_ms)
            if silence_ms < jump_ms:
                self._marks.append((self.end, start_ms))
                del self._marks[:-MAX_MARKS]
        self._data += audio
        made = self.end - before
        self._drop(len(self._data) - self._capacity)
        return made

    def read(self, position: int, length: int) -> bytes:
        """At most `length` bytes from `position`; nothing where the tape ends. `position` must still be kept."""
        if position < self._first:
            raise IllegalInput(f"position {position} left the ring at {self._first}")
        offset = position - self._first
        return bytes(self._data[offset : offset + length])

    def release(self, position: int) -> None:
        """What lies before `position` will never be replayed."""
        self._drop(min(position, self.end) - self._first)

    def call_ms(self, position: int) -> int:
        """Call time (ms) of a position; before the first audio it is 0."""
        if not self._marks:
            return 0
        index = max(bisect_right(self._marks, (position, 2**63)) - 1, 0)
        marked, start_ms = self._marks[index]
        return max(start_ms + (position - marked) // self._format.bytes_per_ms, 0)

    def _drop(self, count: int) -> None:
        if count > 0:
            del self._data[:count]
            self._first += count
