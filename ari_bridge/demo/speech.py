"""Speech from espeak-ng with exact word boundaries, as telephone audio. Needed only to make recordings, never to run.

espeak-ng's own word events (`espeak_EVENT.sample`, espeak-ng's speak_lib.h) tell where each word begins; sox
band-limits to the telephone's channel and encodes A-law without dither.
"""

from __future__ import annotations

import ctypes
import math
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from ari_bridge.demo.samples import BLOCK, SAMPLE_RATE, RecordedLeg, SpokenUtterance, SpokenWord
from ari_bridge.errors import BridgeError

_SYNCHRONOUS = 2
_CHARS_UTF8 = 1
_EVENT_LIST_END, _EVENT_WORD, _EVENT_END = 0, 1, 5
_PARAM_RATE, _PARAM_PITCH = 1, 3


@dataclass(frozen=True, slots=True)
class Voice:
    """An espeak-ng voice: `name` as `ru+f2`, `pitch` 0..99, `rate` in words per minute."""

    name: str
    pitch: int = 50
    rate: int = 175


@dataclass(frozen=True, slots=True)
class Line:
    """A text said by `voice`, starting `start_ms` after the leg's first sample."""

    start_ms: int
    text: str
    voice: Voice


@dataclass(frozen=True, slots=True)
class Take:
    """One text as espeak-ng said it: 16-bit PCM at `rate`, and each word's first and last sample there."""

    pcm: bytes
    rate: int
    words: tuple[SpokenWord, ...]

    @property
    def duration_ms(self) -> int:
        return len(self.pcm) * 500 // self.rate


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Synthesiser:
    """espeak-ng in this process. One at a time: the library keeps global state."""

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL("libespeak-ng.so.1")
        except OSError as error:
            raise BridgeError("espeak_missing", "install espeak-ng: no library", retryable=False) from error
        self._rate = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        self._pcm: list[bytes] = []
        self._events: list[tuple[int, int, int]] = []
        self._callback = _Callback(self._take)  # kept: the library calls it later
        self._lib.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: Voice) -> Take:
        """Say `text`; every blank-separated word of it is a word of the take, with its punctuation."""
        self._pcm, self._events = [], []
        if self._lib.espeak_SetVoiceByName(voice.name.encode()):
            raise BridgeError("espeak_voice", f"espeak-ng has no voice {voice.name}", retryable=False)
        self._lib.espeak_SetParameter(_PARAM_RATE, voice.rate, 0)
        self._lib.espeak_SetParameter(_PARAM_PITCH, voice.pitch, 0)
        data = text.encode() + b"\0"
        self._lib.espeak_Synth(data, len(data), 0, 1, 0, _CHARS_UTF8, None, None)
        pcm = b"".join(self._pcm)
        return Take(pcm, self._rate, tuple(_words(text, self._events, len(pcm) // 2)))

    def _take(self, pcm: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if pcm and count:
            self._pcm.append(ctypes.string_at(pcm, 2 * count))
        index = 0
        while events[index].type != _EVENT_LIST_END:
            event = events[index]
            self._events.append((event.type, event.text_position, event.sample))
            index += 1
        return 0


def _words(text: str, events: list[tuple[int, int, int]], total: int) -> Iterable[SpokenWord]:
    """Each word from its first event to the next word's, or to the end of its clause."""
    cuts = [*sorted(sample for kind, _, sample in events if kind in (_EVENT_WORD, _EVENT_END)), total]
    position = 0
    for word in text.split():
        first = text.index(word, position) + 1  # espeak-ng counts characters from 1
        position = first - 1 + len(word)
        starts = [s for kind, at, s in events if kind == _EVENT_WORD and first <= at <= position]
        if not starts:
            raise BridgeError("espeak_words", f"espeak-ng joined «{word}» to its neighbour; rephrase", retryable=False)
        inner = set(starts)
        yield SpokenWord(word, starts[0], next(cut for cut in cuts if cut > starts[-1] and cut not in inner))


def record(lines: Iterable[Line], duration_ms: int = 0) -> RecordedLeg:
    """One party's audio: the lines at their times, silence between; padded to `duration_ms` and to whole blocks.

    Word boundaries are moved to the nearest 20 ms of the leg, so that a word consists of whole packets.
    """
    synthesiser = Synthesiser()
    takes = [(line, synthesiser.say(line.text, line.voice)) for line in lines]
    return assemble(takes, duration_ms)


def assemble(takes: Iterable[tuple[Line, Take]], duration_ms: int = 0) -> RecordedLeg:
    """As `record`, of takes that were made before."""
    pcm, rate, utterances = bytearray(), 22050, []
    for line, take in takes:
        rate = take.rate
        start = line.start_ms * rate // 1000
        if start * 2 < len(pcm):
            raise BridgeError("lines_overlap", f"«{line.text}» starts before the line before it ends", retryable=False)
        pcm.extend(bytes(start * 2 - len(pcm)))
        pcm.extend(take.pcm)
        utterances.append(SpokenUtterance(line.text, tuple(_on_grid(take.words, start, rate))))
    pcm.extend(bytes(max(0, 2 * (duration_ms * rate // 1000) - len(pcm))))
    return RecordedLeg(_telephone(bytes(pcm), rate), tuple(utterances))


def _on_grid(words: tuple[SpokenWord, ...], offset: int, rate: int) -> Iterable[SpokenWord]:
    starts = [round((offset + word.start) * SAMPLE_RATE / rate / BLOCK) * BLOCK for word in words]
    for word, start, following in zip(words, starts, [*starts[1:], None], strict=True):
        # The filter rings a little past espeak-ng's end of a clause: one block more, where no word follows.
        end = math.ceil((offset + word.end) * SAMPLE_RATE / rate / BLOCK + 1) * BLOCK
        yield SpokenWord(word.text, start, end if following is None else min(end, following))


def _telephone(pcm: bytes, rate: int) -> bytes:
    linear = f"-t raw -r {rate} -e signed -b 16 -c 1 -"
    command = f"sox -D {linear} -r {SAMPLE_RATE} -e a-law -t raw - norm -4 sinc 200-3500"
    alaw = subprocess.run(command.split(), input=pcm, stdout=subprocess.PIPE, check=True).stdout
    return alaw + b"\xd5" * (-len(alaw) % BLOCK)
