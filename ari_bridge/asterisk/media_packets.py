"""Asterisk's media WebSocket as RTP: each of its audio frames becomes the packet that `chan_rtp` would have sent. Pure.

So everything behind it (order, loss, slices, frames, health) is the same for both ways. What has no RTP header gets
one: sequence numbers go up by one, timestamps by the samples of a frame. TCP loses nothing, it is late; but Asterisk
throws audio away while its line stands still, and no frame says so: where the line has long been steady again and yet
stays behind the clock, both numbers jump over what is missing, as after a loss.
"""

from __future__ import annotations

import struct
from array import array
from typing import Final

PAYLOAD_TYPES: Final = {"ulaw": 0, "alaw": 8, "slin16": 118}
RATES: Final = {"ulaw": 8000, "alaw": 8000, "slin16": 16000}
FRAME_MS: Final = 20
BEHIND_S: Final = 0.5  # of a steady line: more than a slower way, less than a word
STEADY_S: Final = 2.0

_HEADER: Final = struct.Struct("!BBHII")


class PacketMaker:
    """One leg's packets; `now` in monotonic seconds."""

    __slots__ = (
        "_began_at",
        "_behind_s",
        "_payload_type",
        "_rate",
        "_samples",
        "_sequence_number",
        "_ssrc",
        "_steady_from",
        "_wide",
        "skipped_ms",
    )

    def __init__(self, audio_format: str, ssrc: int) -> None:
        self._payload_type = PAYLOAD_TYPES[audio_format]
        self._rate = RATES[audio_format]
        self._wide = audio_format == "slin16"
        self._ssrc = ssrc
        self._sequence_number = 0
        self._samples = 0  # of the line so far, what is missing included
        self._began_at: float | None = None
        self._steady_from = 0.0
        self._behind_s = 0.0  # when it last was not steady
        self.skipped_ms = 0

    def packet(self, frame: bytes, now: float) -> bytes:
        """The RTP packet of one binary message."""
        if self._began_at is None:
            self._began_at = self._steady_from = now
        self._watch(now)
        if self._wide:  # the channel's own byte order is the machine's; RTP's L16 is big-endian (RFC 3551 §4.5.11)
            samples = array("h", frame[: len(frame) // 2 * 2])
            samples.byteswap()
            frame = samples.tobytes()
        header = _HEADER.pack(0x80, self._payload_type, self._sequence_number, self._samples & 0xFFFFFFFF, self._ssrc)
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        self._samples += len(frame) // 2 if self._wide else len(frame)
        return header + frame

    def _watch(self, now: float) -> None:
        """Jump over what is missing for good: the line is behind by as much as ever, and neither catches up nor falls
        back."""
        assert self._began_at is not None
        behind_s = now - self._began_at - self._samples / self._rate
        steady = self._behind_s - FRAME_MS / 1000 <= behind_s <= self._behind_s + BEHIND_S / 2
        if behind_s < BEHIND_S or not steady:
            self._steady_from, self._behind_s = now, behind_s
        elif now - self._steady_from >= STEADY_S:
            frames = int(self._behind_s * 1000) // FRAME_MS
            self._sequence_number = (self._sequence_number + frames) & 0xFFFF
            self._samples += frames * FRAME_MS * self._rate // 1000
            self.skipped_ms += frames * FRAME_MS
            self._steady_from = now
            self._behind_s = 0.0
