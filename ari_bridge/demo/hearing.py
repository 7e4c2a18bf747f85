"""Hears recorded words in a stream that tells neither leg, nor conversation, nor time. Pure.

Theory. An *alignment* says where in the recordings the stream is. While blocks match, it is followed; where audible
audio does not match, the stream's own sound is looked up in the lexicon and another alignment adopted, for the audio
not yet accounted for too. A word is said as soon as 90 % of its blocks were heard within 40 ms of one another's place
(`Lexicon`), audio that made a word never makes another, and silence is no evidence of anything. So a word that was
muted, cut, swapped or corrupted is not said, wherever the stream starts and however it was transcoded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ari_bridge.demo.g711 import decode_alaw, decode_mulaw
from ari_bridge.demo.lexicon import AUDIBLE_RMS, WINDOW, Floats, Lexicon
from ari_bridge.demo.samples import BLOCK, SAMPLE_RATE

STEP_MS = 100
_KEEP_MS = 3000
_INSERTED = 2 * BLOCK
_STRIDE = 8
_CANDIDATES = 6


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word whose audio arrived intact; times count the audio of the stream, in ms."""

    text: str
    start_ms: int
    end_ms: int


def _decode_linear(audio: bytes) -> NDArray[np.int16]:
    return np.frombuffer(audio, "<i2")


_DECODERS: dict[str, Callable[[bytes], NDArray[np.int16]]] = {
    "alaw": decode_alaw,
    "mulaw": decode_mulaw,
    "pcm_s16le": _decode_linear,
}


class Ear(Protocol):
    """What a recognition hears of one stream; see `Hearing`."""

    @property
    def received_ms(self) -> int: ...

    @property
    def sound_end_ms(self) -> int: ...

    def feed(self, audio: bytes) -> list[HeardWord]: ...

    def flush(self) -> list[HeardWord]: ...


class Hearing:
    """One stream: feed its bytes, take the words. The result does not depend on how the bytes are cut.

    Positions count samples of the stream. At 16 kHz the recordings' samples are every second one of the stream.
    """

    def __init__(self, lexicon: Lexicon, encoding: str, sample_rate: int) -> None:
        self._lexicon = lexicon
        self._decode = _DECODERS[encoding]
        self._sample_bytes = 2 if encoding == "pcm_s16le" else 1
        self._spacing = sample_rate // SAMPLE_RATE
        self._block = BLOCK * self._spacing
        self._step = STEP_MS * self._block // 20
        self._keep = _KEEP_MS * self._block // 20
        self._rest = b""
        self._audio: Floats = np.empty(0, np.float32)
        self._base = 0  # position of _audio[0]
        self._offset = 0  # position of the recordings' first sample under the alignment followed
        self._next = len(lexicon.blocks)  # the block to compare next; beyond the last: nothing is followed
        self._unexplained: int | None = 0  # position from which audible audio did not match
        self._searched = 0
        self._heard: dict[int, dict[int, int]] = {}  # word → its blocks that matched → under which offset
        self._accounted = 0  # audio before this position made words, and makes no others
        self._sound_end = 0

    @property
    def received_ms(self) -> int:
        """All whole samples fed so far."""
        return self._ms(self._end + len(self._rest) // self._sample_bytes)

    @property
    def sound_end_ms(self) -> int:
        """Up to here, something was to be heard; after it, silence only."""
        return self._ms(self._sound_end)

    def feed(self, audio: bytes) -> list[HeardWord]:
        """The words that ended in `audio` or little before it, in the order of their sound."""
        self._rest += audio
        step_bytes = self._step * self._sample_bytes
        words: list[HeardWord] = []
        while len(self._rest) >= step_bytes:
            words += self._listen(self._rest[:step_bytes])
            self._rest = self._rest[step_bytes:]
        return words

    def flush(self) -> list[HeardWord]:
        """As `feed`, of what is left of an unfinished step."""
        whole = len(self._rest) // self._sample_bytes * self._sample_bytes
        rest, self._rest = self._rest[:whole], self._rest[whole:]
        return self._listen(rest)

    @property
    def _end(self) -> int:
        return self._base + len(self._audio)

    def _ms(self, position: int) -> int:
        return position * 1000 // (SAMPLE_RATE * self._spacing)

    def _listen(self, audio: bytes) -> list[HeardWord]:
        samples = self._decode(audio).astype(np.float32)
        if self._is_audible(samples):
            self._sound_end = self._end + len(samples)
        self._audio = np.concatenate((self._audio, samples))
        words = self._follow()
        if self._unexplained is not None:
            words += self._search(self._unexplained)
        surplus = len(self._audio) - self._keep
        if surplus > 0:
            self._audio, self._base = self._audio[surplus:], self._base + surplus
        return words

    def _follow(self) -> list[HeardWord]:
        first = self._next
        heard = self._blocks_at(self._offset, first)
        if not len(heard):
            if first >= len(self._lexicon.blocks) and self._unexplained is None:
                self._unexplained = self._end
            return []
        matched = self._lexicon.match(first, heard)
        self._next = first + len(heard)
        for index in np.flatnonzero(~matched).tolist():
            if self._unexplained is None and self._is_audible(heard[index]):
                self._unexplained = (first + index) * self._block + self._offset
        if matched[-1] and self._lexicon.audible[self._next - 1]:
            self._unexplained = None
        return self._note(self._offset, first, matched)

    def _blocks_at(self, offset: int, first: int) -> Floats:
        """All whole blocks that arrived from the recordings' block `first` on, as rows of 160 samples."""
        start = first * self._block + offset - self._base
        count = min((len(self._audio) - start) // self._block, len(self._lexicon.blocks) - first)
        if count <= 0:
            return np.empty((0, BLOCK), np.float32)
        return self._audio[start : start + count * self._block : self._spacing].reshape(count, BLOCK)

    def _first_at(self, offset: int) -> int:
        """The first of the recordings' blocks of which all audio is here and made no word yet."""
        return max(0, math.ceil((max(self._base, self._accounted) - offset) / self._block))

    def _is_audible(self, samples: Floats) -> bool:
        return float(np.dot(samples, samples)) > AUDIBLE_RMS**2 * len(samples)

    def _search(self, unexplained: int) -> list[HeardWord]:
        """Look for another alignment in audible audio that did not match, and adopt the best."""
        overlap = 2 * self._block + WINDOW * self._spacing  # a key's block may not have been complete the last time
        start = max(unexplained - self._block, self._searched - overlap, self._base)
        self._searched = self._end
        audio = self._audio[start - self._base :]
        if not self._is_audible(audio):
            return []
        votes = Counter(
            start + phase + self._spacing * (position - place)
            for phase in range(self._spacing)
            for position, place in self._lexicon.locate(audio[phase :: self._spacing], _STRIDE)
        )
        best, best_score, best_first = 0, 0, 0
        best_matched = np.empty(0, np.bool_)
        for offset, _ in votes.most_common(_CANDIDATES):
            first = self._first_at(offset)
            heard = self._blocks_at(offset, first)
            matched = self._lexicon.match(first, heard)
            score = int(np.count_nonzero(matched & self._lexicon.audible[first : first + len(heard)]))
            if score > best_score:
                best, best_score, best_first, best_matched = offset, score, first, matched
        return self._adopt(best, best_first, best_matched) if best_score else []

    def _adopt(self, offset: int, first: int, matched: NDArray[np.bool_]) -> list[HeardWord]:
        """Follow `offset` from now on. Where silence was inserted, the sound before it may be too short to be found."""
        words = []
        for inserted in range(_INSERTED // BLOCK, 0, -1):
            before = offset - inserted * self._block
            earliest = max(first, self._first_at(before))
            rest = matched[earliest - first :]
            heard = self._blocks_at(before, earliest)[: len(rest)]
            sound = self._lexicon.audible[earliest : earliest + len(heard)] & ~rest[: len(heard)]
            words += self._note(before, earliest, self._lexicon.match(earliest, heard) & sound)
        self._offset, self._next = offset, first + len(matched)
        self._unexplained = None if matched[-1] else self._next * self._block + offset - self._block
        return words + self._note(offset, first, matched)

    def _note(self, offset: int, first: int, matched: NDArray[np.bool_]) -> list[HeardWord]:
        """Count the blocks that matched; the words that are complete by them."""
        words = []
        for block in (np.flatnonzero(matched) + first).tolist():
            index = int(self._lexicon.word_of[block])
            if index < 0 or block * self._block + offset < self._accounted:
                continue
            blocks = self._heard.setdefault(index, {})
            blocks[block] = offset
            word = self._lexicon.words[index]
            if len(blocks) >= word.needed and self._near(offset, blocks) >= word.needed:
                del self._heard[index]
                start = word.first * self._block + blocks.get(word.first, offset)
                end = word.end * self._block + offset
                words.append(HeardWord(word.text, self._ms(max(start, self._accounted)), self._ms(min(end, self._end))))
                self._accounted = (block + 1) * self._block + offset
        return words

    def _near(self, offset: int, blocks: dict[int, int]) -> int:
        """How many of the blocks were heard within 40 ms of where `offset` puts them."""
        limit = _INSERTED * self._spacing
        return sum(abs(at - offset) <= limit for at in blocks.values())
