"""Telephone speech and tones as headerless G.711, which is what SIPp plays."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from tests.lab import cache_root

RATE = 8000
BLOCK = 160
SILENCE = {"alaw": 0xD5, "ulaw": 0xFF}
_SOX_ENCODING = {"alaw": "a-law", "ulaw": "mu-law"}


def speak(text: str, *, codec: str = "alaw", lead_s: float = 0.0, tail_s: float = 0.0, voice: str = "ru") -> Path:
    """The text as speech: a raw file of whole 20 ms blocks, with digital silence before and after.

    Cached by content, so a second call costs nothing; `codec` is `alaw` or `ulaw`. Needs espeak-ng and sox.
    """
    key = hashlib.sha256(repr((text, codec, lead_s, tail_s, voice)).encode()).hexdigest()[:24]
    path = cache_root() / "speech" / f"{key}.{codec}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as work:
            wav = Path(work, "speech.wav")
            subprocess.run(["espeak-ng", "-v", voice, "-w", str(wav), text], check=True, capture_output=True)
            audio = _sox(codec, [str(wav)], ["pad", str(lead_s), str(tail_s)])
            part = Path(work, "part")
            part.write_bytes(whole_blocks(audio, codec))
            part.rename(path)
    return path


def write_tone(
    path: Path, *, hz: float, seconds: float, codec: str = "alaw", level: float = 0.3, second_hz: float | None = None
) -> Path:
    """Writes a sine of that frequency, or the mean of two, `level` of full scale."""
    mixed = ["synth", "sine", "mix", str(second_hz)] if second_hz is not None else []
    synth = ["synth", str(seconds), "sine", str(hz), *mixed, "vol", str(level)]
    path.write_bytes(whole_blocks(_sox(codec, ["-n"], synth), codec))
    return path


def whole_blocks(audio: bytes, codec: str) -> bytes:
    """Filled up with silence to a multiple of 20 ms."""
    return audio + bytes([SILENCE[codec]]) * (-len(audio) % BLOCK)


def seconds(path: Path) -> float:
    """Duration of a raw G.711 file."""
    return path.stat().st_size / RATE


def _sox(codec: str, source: list[str], effects: list[str]) -> bytes:
    # without -R the dither is random, and a cache must not depend on who filled it
    output = ["-r", str(RATE), "-c", "1", "-e", _SOX_ENCODING[codec], "-t", "raw", "-"]
    rate = ["-r", str(RATE)] if source == ["-n"] else []
    return subprocess.run(["sox", "-R", *rate, *source, *output, *effects], check=True, capture_output=True).stdout
