"""What may be speech."""

from __future__ import annotations

import math
import struct

import pytest

from ari_bridge.interfaces import AudioEncoding
from ari_bridge.stt.onset import may_be_speech
from media.codecs import Codec

SILENCE = {AudioEncoding.MULAW: b"\xff" * 800, AudioEncoding.ALAW: b"\xd5" * 800, AudioEncoding.PCM_S16LE: bytes(1600)}


def tone(encoding: AudioEncoding, dbfs: float) -> bytes:
    peak = 32767 * 10 ** (dbfs / 20)
    pcm = struct.pack("<800h", *(int(peak * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(800)))
    if encoding is AudioEncoding.PCM_S16LE:
        return pcm
    codec = Codec.PCMU if encoding is AudioEncoding.MULAW else Codec.PCMA
    samples = Codec.L16_8K.decode(b"".join(pcm[i : i + 2][::-1] for i in range(0, len(pcm), 2)))
    return codec.encode(samples)


@pytest.mark.parametrize("encoding", list(AudioEncoding))
def test_a_voice_wakes_and_silence_or_hiss_does_not(encoding: AudioEncoding) -> None:
    assert may_be_speech(tone(encoding, -30), encoding)
    assert may_be_speech(tone(encoding, -40), encoding)
    assert not may_be_speech(tone(encoding, -55), encoding)
    assert not may_be_speech(SILENCE[encoding], encoding)


def test_one_click_is_no_voice() -> None:
    assert not may_be_speech(b"\x80" * 8 + b"\xff" * 792, AudioEncoding.MULAW)
