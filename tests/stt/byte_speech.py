"""Speech made of bytes, and ears for it: every millisecond of a word says which word it is and which part of it.

One ms is eight bytes: `[0x01, word high, word low, ms high, ms low, length high, length low, check]`; all else is
silence. So a word cut, repeated, reordered or mixed with another leg's is heard as what it is. The ears speak like a
recogniser: sub-word tokens, a tail that becomes final later and in the middle of words, endpoints after a pause.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

MS = 8
SILENCE = 0xFF
SYLLABLES = ("да", "ро", "ми", "ка", "со", "лу", "не", "ви", "по", "та", "ре", "но", "жи", "ду", "ла", "че")
DAMAGED = "#"


def word_text(word: int) -> str:
    """Three syllables that tell the word's number; every fifth word carries a comma."""
    text = "".join(SYLLABLES[word >> shift & 15] for shift in (8, 4, 0))
    return text + "," if word % 5 == 0 else text


def word_audio(word: int, length_ms: int) -> bytes:
    out = bytearray()
    for ms in range(length_ms):
        cell = bytes((1, word >> 8, word & 255, ms >> 8, ms & 255, length_ms >> 8, length_ms & 255))
        out += cell + bytes((sum(cell) & 0x7F,))
    return bytes(out)


def silence(length_ms: int) -> bytes:
    return bytes([SILENCE]) * (length_ms * MS)


@dataclass(frozen=True)
class Script:
    """A leg's speech: (word, start_ms, length_ms), ascending."""

    words: tuple[tuple[int, int, int], ...]
    length_ms: int

    def audio(self) -> bytes:
        out = bytearray(silence(self.length_ms))
        for word, start_ms, length_ms in self.words:
            out[start_ms * MS : (start_ms + length_ms) * MS] = word_audio(word, length_ms)
        return bytes(out)

    def text(self) -> str:
        return " ".join(word_text(word) for word, _, _ in self.words)


def conversation(seed: int, seconds: int) -> Script:
    """Words close together, now and then a pause that ends an utterance."""
    random, words, at = Random(seed), [], 300
    word = random.randrange(3000)
    while at < seconds * 1000 - 1500:
        length = random.randrange(120, 600)
        words.append((word, at, length))
        word += 1
        at += length + (random.randrange(800, 4000) if random.random() < 0.3 else random.randrange(0, 300))
    return Script(tuple(words), seconds * 1000)


@dataclass
class _Piece:
    text: str
    start_ms: int
    end_ms: int


@dataclass
class Ears:
    """Hears one session's audio. `hear` takes more of it, `message` is what a recogniser would say now."""

    final_lag_ms: int = 900
    endpoint_ms: int = 700
    pieces: list[_Piece] = field(default_factory=list)  # heard, not final
    total_ms: int = 0
    final_ms: int = 0
    _buffer: bytes = b""
    _word: int | None = None
    _next_ms: int = 0
    _length_ms: int = 0
    _begun_ms: int = 0
    _last_end_ms: int = 0
    _first: bool = True
    _said: list[dict[str, Any]] = field(default_factory=list)  # final, not yet in a message
    _open: bool = False  # words since the last endpoint

    def hear(self, audio: bytes) -> None:
        data = self._buffer + audio
        whole = len(data) - len(data) % MS
        self._buffer = data[whole:]
        for offset in range(0, whole, MS):
            self._cell(data[offset : offset + MS])
            self.total_ms += 1
            self._end_after_pause()

    def _cell(self, cell: bytes) -> None:
        if cell[0] != 1 or cell[7] != sum(cell[:7]) & 0x7F:
            self._break_off()
            return
        word, ms, length_ms = cell[1] << 8 | cell[2], cell[3] << 8 | cell[4], cell[5] << 8 | cell[6]
        if word != self._word or ms != self._next_ms:
            self._break_off()
            if ms:
                self._say(DAMAGED, self.total_ms, self.total_ms + 1)
                return
            self._word, self._length_ms, self._begun_ms = word, length_ms, self.total_ms
        self._next_ms = ms + 1
        text = word_text(word)
        if ms == length_ms // 2:
            self._say(text[:2], self._begun_ms, self.total_ms + 1)
        if self._next_ms == length_ms:
            self._say(text[2:6], self.total_ms, self.total_ms + 1, joined=True)
            if text[6:]:
                self._say(text[6:], self.total_ms, self.total_ms + 1, joined=True)
            self._word = None

    def _break_off(self) -> None:
        if self._word is not None:
            if self._next_ms < self._length_ms:
                self._say(DAMAGED, self.total_ms, self.total_ms + 1)
            self._word = None

    def _say(self, text: str, start_ms: int, end_ms: int, *, joined: bool = False) -> None:
        lead = "" if joined or self._first else " "
        self._first, self._open = False, True
        self._last_end_ms = end_ms
        self.pieces.append(_Piece(lead + text, start_ms, end_ms))

    def message(self, *, flush: bool = False) -> dict[str, Any]:
        """Finals that are due, `<end>` after a pause, the tail; with `flush` all is final."""
        self._finalise(self.total_ms if flush else self.total_ms - self.final_lag_ms)
        tokens, self._said = self._said, []
        tokens += [_token(piece, final=False) for piece in self.pieces]
        if flush:
            self.final_ms = self.total_ms
        return {"tokens": tokens, "final_audio_proc_ms": self.final_ms, "total_audio_proc_ms": self.total_ms}

    def _finalise(self, until_ms: int) -> None:
        due = [piece for piece in self.pieces if piece.end_ms <= until_ms]
        self.pieces = self.pieces[len(due) :]
        self._said += [_token(piece, final=True) for piece in due]
        if due:
            self.final_ms = due[-1].end_ms

    def _end_after_pause(self) -> None:
        if self._open and self._word is None and self.total_ms - self._last_end_ms >= self.endpoint_ms:
            self._finalise(self.total_ms)
            self._said.append({"text": "<end>", "is_final": True})
            self._open = False
            self.final_ms = self.total_ms


def _token(piece: _Piece, *, final: bool) -> dict[str, Any]:
    times = {"start_ms": piece.start_ms, "end_ms": piece.end_ms, "confidence": 0.9}
    return {"text": piece.text, **times, "is_final": final}
