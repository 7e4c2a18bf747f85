"""How loud pieces of audio are, and whether somebody speaks in them; many legs at once.

A power is a mean square, with 1.0 for a full-scale square wave. Digital silence is told by its codes, not by its power:
A-law has no code for zero (0xD5 and 0x55 decode to ±8).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.codecs import Codec

BLOCK_MS: Final = 100  # what the speech detector judges at a time
SILENCE_DBFS: Final = -100.0
LEAST_AUDIBLE: Final = 1e-7  # −70 dBFS; above the power of A-law's codes for silence
_FULL_SCALE: Final = 32768.0
_METER_RANGE_DB: Final = 60.0
# The power of speech is that of every fifth sample too. They are not evenly spaced, or some tones would always be met
# at the same phase; of twenty, which divide the usual packets, these four err least on any tone (3.6 dB at the worst,
# by trying all fours).
_PERIOD: Final = 20
_OF_PERIOD: Final = np.array([0, 1, 3, 14])


def dbfs(power: float) -> float:
    """The power in dB relative to full scale; −100 at the least, which is also that of no power at all."""
    return max(10 * math.log10(power), SILENCE_DBFS) if power > 0 else SILENCE_DBFS


def meter_level(power: float) -> float:
    """The power as a level meter reads it: 0 at −60 dBFS and below, 1 at full scale."""
    return max(0.0, 1 + dbfs(power) / _METER_RANGE_DB)


def powers(codec: Codec, audio: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The power of each row of `audio`, which holds payload octets in the encoding `codec`; no row is empty."""
    positions, weights = _sampling(audio.shape[1] // codec.bytes_per_sample)
    if codec.encoding == "L16":
        samples = audio.view(">i2")[:, positions].astype(np.float32)
        squares = np.square(samples / np.float32(_FULL_SCALE))
    else:
        squares = _SQUARES[codec.encoding].take(audio[:, positions], mode="clip")
    means: NDArray[np.float32] = squares @ weights
    return means


@lru_cache(maxsize=8)  # the packets and blocks of the calls there are; a piece of any other length is rare
def _sampling(samples: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which samples of so many are looked at, and what each counts in their mean."""
    if samples % _PERIOD:
        positions = np.arange(samples)
    else:
        positions = (np.arange(0, samples, _PERIOD).reshape(-1, 1) + _OF_PERIOD).ravel()
    return positions, np.full(len(positions), 1 / len(positions), dtype=np.float32)


def power(codec: Codec, payload: bytes) -> float:
    """The power of one payload that is not empty."""
    return float(powers(codec, np.frombuffer(payload, dtype=np.uint8).reshape(1, -1))[0])


def is_silence(codec: Codec, payload: bytes) -> bool:
    """Whether all samples are digital silence, in either of G.711's two codes for it."""
    return not payload.strip(_SILENCE_CODES[codec.encoding])


def _square_table(codec: Codec) -> NDArray[np.float32]:
    samples = codec.decode(np.arange(256, dtype=np.uint8).tobytes())
    return (samples / _FULL_SCALE).astype(np.float32) ** 2


_SQUARES: Final = {codec.encoding: _square_table(codec) for codec in (Codec.PCMU, Codec.PCMA)}
_SILENCE_CODES: Final = {"PCMU": b"\xff\x7f", "PCMA": b"\xd5\x55", "L16": b"\x00"}

_ABOVE_FLOOR: Final = 6.3  # 8 dB
_LEAST_SPEECH: Final = 1e-5  # −50 dBFS
_HANGOVER_BLOCKS: Final = 1
_WINDOW_BLOCKS: Final = 3000 // BLOCK_MS


class Hearing(NamedTuple):
    """What the speech detector knows of legs, a row each: the least power of the last whole window and of this one."""

    least_before: NDArray[np.float64]
    least_now: NDArray[np.float64]
    blocks: NDArray[np.int64]  # of this window
    hangover: NDArray[np.int64]  # blocks that are speech though they are quiet

    @classmethod
    def of_new_leg(cls) -> Hearing:
        """One row: nothing heard yet, on a line that is thought to have some noise."""
        return cls(np.array([_LEAST_SPEECH]), np.array([np.inf]), np.array([0]), np.array([0]))


def judge_speech(powers: NDArray[np.float64], hearing: Hearing) -> tuple[NDArray[np.bool_], Hearing]:
    """Judge the next block (about 100 ms) of each leg by its power: whether it is speech, and the new state.

    Speech is what stands out of the line's own noise: 8 dB above the quietest block of the last three to six seconds,
    and above −50 dBFS. A word's quiet end is kept by a block of hangover. Tones and music pass for speech, until they
    have lasted for that long.
    """
    least_now = np.minimum(hearing.least_now, np.maximum(powers, LEAST_AUDIBLE))
    floor = np.minimum(hearing.least_before, least_now)
    loud = (powers > _LEAST_SPEECH) & (powers > floor * _ABOVE_FLOOR)
    blocks = hearing.blocks + 1
    full = blocks == _WINDOW_BLOCKS
    return loud | (hearing.hangover > 0), Hearing(
        least_before=np.where(full, least_now, hearing.least_before),
        least_now=np.where(full, np.inf, least_now),
        blocks=np.where(full, 0, blocks),
        hangover=np.where(loud, _HANGOVER_BLOCKS, np.maximum(hearing.hangover - 1, 0)),
    )
