"""The bench's recogniser must notice whatever happens to its audio, or the bench proves nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.bench.chain_recogniser import Recogniser
from tests.bench.chain_script import BLOCK, SILENCE, Mark, part_of, read_mark, write_marks


def speech(leg: int, blocks: int, first: int = 0) -> list[bytes]:
    """The leg's blocks, its part beginning with block 0."""
    part = part_of(leg)
    numbers = np.arange(first, first + blocks)
    rounds, places = np.divmod(numbers, len(part.at))
    index = np.array(part.at)[places]
    words = np.where(index >= 0, index + rounds * part.words_per_round + 1, 0)
    payloads = np.full((blocks, BLOCK), SILENCE, dtype=np.uint8)
    write_marks(payloads, np.full(blocks, leg), numbers, words, sent=7)
    return [row.tobytes() for row in payloads]


def heard(recogniser: Recogniser, blocks: list[bytes]) -> list[str]:
    """The lines that were final."""
    replies: list[str] = []
    for start in range(0, len(blocks), 5):
        replies += [reply.json for reply in recogniser.feed(b"".join(blocks[start : start + 5]))[0]]
    lines, line = [], ""
    for reply in [*replies, *recogniser.finish()]:
        for token in json.loads(reply)["tokens"]:
            if token["text"] == "<end>":
                lines.append(line)
                line = ""
            elif token["is_final"]:
                line += token["text"]
    return lines


def test_a_mark_survives_the_wire() -> None:
    (block,) = speech(4711, 1, first=123_456)
    mark = read_mark(block, 0)
    assert mark == Mark(4711, 123_456, mark.word if mark else 0, 7)
    assert read_mark(bytes([SILENCE]) * BLOCK, 0) == Mark(0, 0, 0, 0)
    assert read_mark(bytes(BLOCK), 0) is None


@pytest.mark.parametrize("leg", range(4))
def test_what_is_said_is_heard(leg: int) -> None:
    recogniser = Recogniser()
    lines = heard(recogniser, speech(leg, 2 * len(part_of(leg).at)))
    assert lines == list(part_of(leg).texts(recogniser.words))
    assert recogniser.words == 2 * part_of(leg).words_per_round
    assert (recogniser.lost, recogniser.repeated, recogniser.foreign) == (0, 0, 0)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda blocks: blocks.pop(7), (1, 0, 0)),
        (lambda blocks: blocks.insert(7, blocks[7]), (0, 1, 0)),
        (lambda blocks: blocks.insert(7, bytes(BLOCK)), (0, 0, 1)),
        (lambda blocks: blocks.insert(7, speech(2, 1)[0]), (0, 0, 1)),
    ],
    ids=["lost", "repeated", "nobody's", "another leg's"],
)
def test_a_block_that_is_not_in_its_place_costs_the_word(spoil: object, expected: tuple[int, int, int]) -> None:
    blocks = speech(0, 60)
    spoil(blocks)  # type: ignore[operator]
    recogniser = Recogniser()
    heard(recogniser, blocks)
    assert (recogniser.lost, recogniser.repeated, recogniser.foreign) == expected
    assert recogniser.words == 0


def test_half_a_word_is_shown_but_never_said() -> None:
    recogniser = Recogniser()
    lines = heard(recogniser, speech(0, 15 + 12))
    assert lines == list(part_of(0).texts(1))


def test_five_messages_a_second_while_the_leg_speaks() -> None:
    recogniser = Recogniser()
    replies = [reply for block in speech(0, 45) for reply in recogniser.feed(block)[0]]
    assert 4 <= len(replies) <= 5  # of 0.9 s
    shown = [reply.shown.length for reply in replies if reply.shown is not None]
    assert shown == sorted(set(shown))
