"""G.711 to linear samples, from ITU-T G.711 and not from `media/`: the stand-ins are independent witnesses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def _alaw_table() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _mulaw_table() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


ALAW, MULAW = _alaw_table(), _mulaw_table()


def decode_alaw(audio: bytes) -> Samples:
    """One 16-bit sample per byte."""
    return ALAW[np.frombuffer(audio, np.uint8)]


def decode_mulaw(audio: bytes) -> Samples:
    """One 16-bit sample per byte."""
    return MULAW[np.frombuffer(audio, np.uint8)]
