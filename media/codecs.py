"""The encodings that a leg may arrive in: G.711 (RFC 3551 §4.5.14) and L16 (RFC 3551 §4.5.11), to PCM and back."""

from __future__ import annotations

import audioop
import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Codec(enum.Enum):
    """An audio encoding at a sample rate. `silence` is one sample of digital silence, as it stands in a payload."""

    PCMU = ("PCMU", 8000, 1, b"\xff")
    PCMA = ("PCMA", 8000, 1, b"\xd5")
    L16_8K = ("L16", 8000, 2, b"\x00\x00")
    L16_16K = ("L16", 16000, 2, b"\x00\x00")

    def __init__(self, encoding: str, rate: int, bytes_per_sample: int, silence: bytes) -> None:
        self.encoding = encoding
        self.rate = rate
        self.bytes_per_sample = bytes_per_sample
        self.silence = silence

    def decode(self, payload: bytes) -> NDArray[np.int16]:
        """The samples of a payload as 16-bit PCM in native order, read-only."""
        if self is Codec.PCMU:
            return np.frombuffer(audioop.ulaw2lin(payload, 2), dtype=np.int16)
        if self is Codec.PCMA:
            return np.frombuffer(audioop.alaw2lin(payload, 2), dtype=np.int16)
        return np.frombuffer(payload, dtype=">i2").astype(np.int16)

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """The payload that carries these samples; the inverse of `decode` but for G.711's rounding."""
        if self is Codec.PCMU:
            return audioop.lin2ulaw(samples.astype(np.int16).tobytes(), 2)
        if self is Codec.PCMA:
            return audioop.lin2alaw(samples.astype(np.int16).tobytes(), 2)
        return samples.astype(">i2").tobytes()


def l16_to_little_endian(payload: bytes) -> bytes:
    """L16 travels in network byte order; recognisers and WAV files want `pcm_s16le`."""
    return audioop.byteswap(payload, 2)


COMFORT_NOISE: Final = 13  # RFC 3389; recognised, not played
TELEPHONE_EVENT: Final = 101  # RFC 4733, the number Asterisk gives it; recognised, not played

ASTERISK_PAYLOAD_TYPES: Final[Mapping[int, Codec]] = MappingProxyType(
    {0: Codec.PCMU, 8: Codec.PCMA, 10: Codec.L16_8K, 11: Codec.L16_8K, 118: Codec.L16_16K}
)
"""What Asterisk means by a payload type (main/rtp_engine.c). RFC 3551 has 10 and 11 at 44.1 kHz: Asterisk sends 8 kHz
mono."""
