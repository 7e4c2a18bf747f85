"""What is said in the chain's bench, and how each 20 ms of it is marked so that nothing can go missing unseen. Pure.

Every block of A-law carries a mark: whose it is, its number, the word it belongs to, when it was sent. The mark is
written in nibbles next to the code of silence, so that it is hardly audible and survives only bit-exact transport.
A call goes round one of the bundled conversations: real Russian lines, one party at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ari_bridge.demo.samples import load_conversations

BLOCK: Final = 160
BLOCK_S: Final = 0.02
WORD_BLOCKS: Final = 15
HALF_WORD: Final = 8  # blocks after which the first half of a word is heard
PAUSE_BLOCKS: Final = 40
SILENCE: Final = 0xD5  # A-law
NIBBLES: Final = 24
STAMP_S: Final = 1e-5  # unit of `Mark.sent`, which wraps at 32 bits: after twelve hours
_SHIFTS: Final = np.arange(60, -4, -4, dtype=np.uint64)
_TO_HEX: Final = bytes(b"0123456789abcdef"[code ^ SILENCE] if code ^ SILENCE < 16 else ord("x") for code in range(256))


class Mark(NamedTuple):
    """`word` counts the leg's words from 1; 0 is silence. `sent` counts `STAMP_S`."""

    leg: int
    block: int
    word: int
    sent: int


def write_marks(
    payloads: NDArray[np.uint8], legs: NDArray[np.int64], blocks: NDArray[np.int64], words: NDArray[np.int64], sent: int
) -> None:
    """Mark the rows of `payloads` (n × 160)."""
    packed = (legs << 48 | blocks << 16 | words).astype(np.uint64)
    payloads[:, :16] = (packed[:, np.newaxis] >> _SHIFTS & np.uint64(15)).astype(np.uint8) ^ SILENCE
    stamp = np.uint64(sent & 0xFFFFFFFF)
    payloads[:, 16:NIBBLES] = (stamp >> _SHIFTS[8:] & np.uint64(15)).astype(np.uint8) ^ SILENCE


def read_mark(audio: bytes, start: int) -> Mark | None:
    """The mark of the block at `start`; None where there is none."""
    digits = audio[start : start + NIBBLES].translate(_TO_HEX)
    try:
        value = int(digits, 16)
    except ValueError:
        return None
    return Mark(value >> 80, value >> 48 & 0xFFFFFFFF, value >> 32 & 0xFFFF, value & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Part:
    """One party's part: its lines, over and over. `at[i]` is the word (from 0) that block i of a round is in, or -1."""

    lines: tuple[tuple[str, ...], ...]
    at: tuple[int, ...]

    @property
    def words_per_round(self) -> int:
        return sum(map(len, self.lines))

    def word(self, number: int) -> tuple[str, bool]:
        """The leg's word `number` (from 1), and whether it is the last of its line."""
        return _flat(self)[(number - 1) % self.words_per_round]

    def texts(self, words: int) -> Iterator[str]:
        """The lines that the leg's first `words` words make; the last one may be broken off."""
        line: list[str] = []
        for number in range(1, words + 1):
            text, last = self.word(number)
            line.append(text)
            if last or number == words:
                yield " ".join(line)
                line = []


@cache
def _flat(part: Part) -> tuple[tuple[str, bool], ...]:
    return tuple((word, place == len(line) - 1) for line in part.lines for place, word in enumerate(line))


@cache
def parts() -> tuple[tuple[Part, Part], ...]:
    """Client's and operator's part of every conversation."""
    return tuple(
        _parts([u.text for u in conversation.client.utterances], [u.text for u in conversation.operator.utterances])
        for conversation in load_conversations()
    )


def part_of(leg: int) -> Part:
    """Leg 2i is the client of call i, 2i + 1 its operator."""
    return parts()[leg // 2 % len(parts())][leg % 2]


def _parts(client: Sequence[str], operator: Sequence[str]) -> tuple[Part, Part]:
    at: tuple[list[int], list[int]] = ([], [])
    lines: tuple[list[tuple[str, ...]], list[tuple[str, ...]]] = ([], [])
    counts = [0, 0]
    for turn in range(2 * max(len(client), len(operator))):
        side = turn % 2
        said = (client, operator)[side]
        if turn // 2 >= len(said):
            continue
        words = tuple(said[turn // 2].split())
        lines[side].append(words)
        for _ in words:
            at[side].extend([counts[side]] * WORD_BLOCKS)
            counts[side] += 1
        at[side].extend([-1] * PAUSE_BLOCKS)
        at[1 - side].extend([-1] * (len(words) * WORD_BLOCKS + PAUSE_BLOCKS))
    return Part(tuple(lines[0]), tuple(at[0])), Part(tuple(lines[1]), tuple(at[1]))
