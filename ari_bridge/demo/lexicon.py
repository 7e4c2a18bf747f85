"""All the words that a hearing stand-in knows, by their sound. Pure.

Theory. A recording is cut into blocks of 20 ms on its own packet grid. A block of a stream matches where the squared
error stays below a small share of the block's energy, which G.711 transcoding keeps and nothing else does. To find
where in all recordings a piece of audio comes from, signs are compared: A-law and µ-law never change the sign of a
sample, so the signs of `WINDOW` consecutive samples are an exact key however the audio was transcoded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ari_bridge.demo.g711 import decode_alaw
from ari_bridge.demo.samples import BLOCK, Conversation, RecordedLeg, SpokenUtterance, SpokenWord
from ari_bridge.errors import IllegalInput

Floats = NDArray[np.float32]

WINDOW = 96
AUDIBLE_RMS = 50.0
_ERROR_SHARE = 0.03
_ERROR_FLOOR = 16.0**2 * BLOCK
_INTACT_SHARE = 0.9
_SAME_KEY = 8


@dataclass(frozen=True, slots=True)
class LexiconWord:
    """A word and its blocks `first` … `end` (excluded), without silence at its edges.

    `needed` is how many of them must have matched: ≥ 90 %.
    """

    text: str
    first: int
    end: int
    needed: int


class Lexicon:
    """Blocks of all recordings, one after the other, and the words in them. Immutable, shared by all streams.

    `word_of[block]` is the index in `words`, -1 where nothing is said; `audible[block]` tells sound from silence.
    """

    __slots__ = ("_keys", "_places", "audible", "blocks", "limits", "word_of", "words")

    def __init__(self, legs: Iterable[RecordedLeg]) -> None:
        recordings = list(legs)
        padded = [leg.alaw + b"\xd5" * (-len(leg.alaw) % BLOCK) for leg in recordings]
        samples: Floats = decode_alaw(b"".join(padded)).astype(np.float32)
        self.blocks: Floats = samples.reshape(-1, BLOCK)
        energy = np.einsum("ij,ij->i", self.blocks, self.blocks)
        self.audible = energy > AUDIBLE_RMS**2 * BLOCK
        self.limits: Floats = np.maximum(energy * _ERROR_SHARE, _ERROR_FLOOR).astype(np.float32)
        first_blocks = np.cumsum([0, *(len(audio) // BLOCK for audio in padded)])
        self.words = tuple(
            self._word(word, int(first_block))
            for leg, first_block in zip(recordings, first_blocks, strict=False)
            for utterance in leg.utterances
            for word in utterance.words
        )
        self.word_of = np.full(len(self.blocks), -1, np.int32)
        for index, word in enumerate(self.words):
            self.word_of[word.first : word.end] = index
        self._keys, self._places = _anchors(samples)

    @classmethod
    def of(cls, conversations: Iterable[Conversation]) -> Lexicon:
        """Both legs of each conversation."""
        return cls(leg for conversation in conversations for leg in (conversation.client, conversation.operator))

    def match(self, first: int, heard: Floats) -> NDArray[np.bool_]:
        """Which of `heard` (blocks × 160 samples) sound like the recorded blocks from `first` on."""
        difference = heard - self.blocks[first : first + len(heard)]
        matched: NDArray[np.bool_] = (
            np.einsum("ij,ij->i", difference, difference) <= self.limits[first : first + len(heard)]
        )
        return matched

    def locate(self, heard: Floats, stride: int) -> Iterator[tuple[int, int]]:
        """Where pieces of `heard` may come from: pairs of a position in `heard` and a sample of the recordings."""
        positions = np.arange(0, len(heard) - WINDOW + 1, stride)
        if not len(positions) or not len(self._keys):
            return
        wanted = sign_keys(heard)[positions]
        found = np.searchsorted(self._keys, wanted)
        for step in range(_SAME_KEY):
            index = np.minimum(found + step, len(self._keys) - 1)
            hits = np.flatnonzero(self._keys[index] == wanted)
            if not len(hits):
                return
            yield from zip(positions[hits].tolist(), self._places[index[hits]].tolist(), strict=True)

    def _word(self, word: SpokenWord, first_block: int) -> LexiconWord:
        first, end = first_block + word.start // BLOCK, first_block + math.ceil(word.end / BLOCK)
        sounding = np.flatnonzero(self.audible[first:end])
        if not len(sounding):
            raise IllegalInput(f"the recording holds no sound for «{word.text}»")
        first, end = first + int(sounding[0]), first + int(sounding[-1]) + 1
        return LexiconWord(word.text, first, end, math.ceil(_INTACT_SHARE * (end - first)))


def sign_keys(samples: Floats) -> NDArray[np.uint64]:
    """A key of the signs of the `WINDOW` samples from each position on; `len(samples) - WINDOW + 1` of them."""
    keys = (samples >= 0).astype(np.uint64)
    width = 1
    while width < 64:  # doubling: the signs of 2n samples are those of n and, shifted, of the n after them
        keys = keys[:-width] | (keys[width:] << np.uint64(width))
        width *= 2
    rest = WINDOW - 64
    mixed: NDArray[np.uint64] = keys[:-rest] * np.uint64(0x9E3779B97F4A7C15) ^ keys[rest:]
    return mixed


def _anchors(samples: Floats) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Keys of all audible windows, sorted, and where each begins."""
    if len(samples) < WINDOW:
        return np.empty(0, np.uint64), np.empty(0, np.int32)
    total = np.concatenate(([0.0], np.cumsum(samples.astype(np.float64) ** 2)))
    places = np.flatnonzero(total[WINDOW:] - total[:-WINDOW] > AUDIBLE_RMS**2 * WINDOW).astype(np.int32)
    keys = sign_keys(samples)[places]
    order = np.argsort(keys, kind="stable")
    return keys[order], places[order]


def spread_words(alaw: bytes, text: str) -> RecordedLeg:
    """A recording of `text` whose word boundaries nobody knows: its sound is shared out by the number of letters.

    Good enough to hear the text where the recording arrives as a whole; `speech.record` knows the true boundaries.
    """
    blocks = decode_alaw(alaw[: len(alaw) // BLOCK * BLOCK]).astype(np.float32).reshape(-1, BLOCK)
    sounding = np.flatnonzero(np.einsum("ij,ij->i", blocks, blocks) > AUDIBLE_RMS**2 * BLOCK)
    words = text.split()
    if len(sounding) < len(words):
        raise IllegalInput("the recording is too short for its text")
    letters = np.cumsum([0, *(len(word) for word in words)])
    cuts = [int(sounding[round(int(n) * (len(sounding) - 1) / int(letters[-1]))]) * BLOCK for n in letters]
    cuts[-1] += BLOCK
    spans = zip(words, cuts, cuts[1:], strict=False)
    return RecordedLeg(alaw, (SpokenUtterance(" ".join(words), tuple(SpokenWord(*span) for span in spans)),))
