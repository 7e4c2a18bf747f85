"""Whether a leg's audio may be speech: what wakes a stream that was closed for silence. Pure.

To take noise for speech costs money, to take speech for noise costs words: so this is a low fixed threshold, not the
leg's speech detector.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ari_bridge.interfaces import AudioEncoding
from media.codecs import Codec

LOUD = 200  # of 32768: −44 dBFS; quiet speech on a telephone peaks at about −30
SHARE = 0.02  # of the samples: two milliseconds of a slice

_CODES = np.arange(256, dtype=np.uint8).tobytes()
_IS_LOUD: dict[AudioEncoding, bytes] = {  # by code: 1 or 0
    AudioEncoding.MULAW: (np.abs(Codec.PCMU.decode(_CODES).astype(np.int32)) > LOUD).tobytes(),
    AudioEncoding.ALAW: (np.abs(Codec.PCMA.decode(_CODES).astype(np.int32)) > LOUD).tobytes(),
}


def may_be_speech(audio: bytes, encoding: AudioEncoding) -> bool:
    """Whether enough of this audio (not empty) is loud. Asked of every slice: for these few bytes numpy is too slow."""
    if encoding is not AudioEncoding.PCM_S16LE:
        return audio.translate(_IS_LOUD[encoding]).count(1) >= SHARE * len(audio)
    loud = _loud(audio, encoding)
    return bool(np.count_nonzero(loud) >= SHARE * loud.size)


def onset(audio: bytes, encoding: AudioEncoding, block: int) -> int | None:
    """Where the first block of `block` bytes that may be speech begins; None where none may be."""
    loud = _loud(audio, encoding)
    samples = block // 2 if encoding is AudioEncoding.PCM_S16LE else block
    starts = np.arange(0, loud.size, samples)
    if not starts.size:
        return None
    busy = np.flatnonzero(np.add.reduceat(loud, starts, dtype=np.int64) >= SHARE * samples)
    return int(busy[0]) * block if busy.size else None


def _loud(audio: bytes, encoding: AudioEncoding) -> NDArray[np.bool_]:
    if encoding is AudioEncoding.PCM_S16LE:
        return np.abs(np.frombuffer(audio, dtype="<i2").astype(np.int32)) > LOUD
    return np.frombuffer(audio.translate(_IS_LOUD[encoding]), dtype=np.bool_)
