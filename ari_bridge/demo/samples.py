"""The recorded conversations of the demo and the tests: A-law audio per leg, and when each word is said in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

SAMPLE_RATE = 8000
BLOCK = 160
"""Samples of one 20 ms packet. Word boundaries stand on multiples of it."""

FOLDER = "samples"
INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word with its punctuation; `start` and `end` are samples of the leg, `end` excluded."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpokenUtterance:
    """What a party says in one turn. `text` is its words joined by single spaces."""

    text: str
    words: tuple[SpokenWord, ...]

    @property
    def start(self) -> int:
        return self.words[0].start

    @property
    def end(self) -> int:
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class RecordedLeg:
    """One party over the whole conversation: `alaw` is headerless A-law, 8 kHz, mono, silence while the other talks."""

    alaw: bytes
    utterances: tuple[SpokenUtterance, ...]

    @property
    def text(self) -> str:
        return " ".join(utterance.text for utterance in self.utterances)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Both legs are of one length and start at the answer: played together they are the conversation."""

    id: str
    title: str
    client_number: str
    client: RecordedLeg
    operator: RecordedLeg

    @property
    def duration_ms(self) -> int:
        return len(self.client.alaw) * 1000 // SAMPLE_RATE


def load_conversations() -> tuple[Conversation, ...]:
    """All bundled conversations, in the order of the script. Works from an installed wheel too."""
    folder = files(__package__) / FOLDER
    index: list[dict[str, Any]] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return tuple(
        Conversation(
            entry["id"],
            entry["title"],
            entry["client_number"],
            *(_leg((folder / f"{entry['id']}.{leg}.alaw").read_bytes(), entry[leg]) for leg in ("client", "operator")),
        )
        for entry in index
    )


def _leg(alaw: bytes, utterances: list[list[list[Any]]]) -> RecordedLeg:
    spoken = tuple(tuple(SpokenWord(*word) for word in words) for words in utterances)
    return RecordedLeg(alaw, tuple(SpokenUtterance(" ".join(w.text for w in words), words) for words in spoken))
