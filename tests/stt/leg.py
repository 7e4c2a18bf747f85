"""One leg for tests: feeds a script's audio in slices at a multiple of real time and keeps what it is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ari_bridge.events import LegState
from ari_bridge.interfaces import SpeechStream, Utterance
from tests.stt.byte_speech import MS

SLICE_MS = 100


@dataclass
class Ear:
    """A `SpeechListener` that checks the contract of what it hears."""

    utterances: dict[int, Utterance] = field(default_factory=dict)
    told: list[Utterance] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    states: list[tuple[LegState, str | None]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def on_utterance(self, utterance: Utterance) -> None:
        before = self.utterances.get(utterance.number)
        if before is None and self.utterances and utterance.number != max(self.utterances) + 1:
            self.faults.append(f"number {utterance.number} after {max(self.utterances)}")
        if before is not None and before.final:
            self.faults.append(f"{utterance.number} changed after its final")
        if before is not None and not utterance.text.startswith(before.text):
            self.faults.append(f"{utterance.number}: confirmed text changed")
        if utterance.final and utterance.tail:
            self.faults.append(f"{utterance.number}: final with a tail")
        if any(mark in utterance.text + utterance.tail for mark in ("<end>", "<fin>")):
            self.faults.append(f"{utterance.number}: marker shown")
        if (utterance.text or utterance.tail)[:1].isspace() or utterance.end_ms < utterance.start_ms:
            self.faults.append(f"{utterance.number}: malformed")
        self.utterances[utterance.number] = utterance
        self.told.append(utterance)

    def on_speech_gap(self, start_ms: int, end_ms: int, reason: str) -> None:
        self.gaps.append((start_ms, end_ms))

    def on_speech_state(self, state: LegState, reason: str | None) -> None:
        self.states.append((state, reason))

    @property
    def finals(self) -> list[str]:
        return [utterance.text for _, utterance in sorted(self.utterances.items()) if utterance.final]

    @property
    def text(self) -> str:
        return " ".join(text for text in self.finals if text)


async def speak(stream: SpeechStream, audio: bytes, speed: float, start_ms: int = 0) -> None:
    """Feed `audio` in slices, `speed` times real time; a late wake-up is made good at once."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number, offset in enumerate(range(0, len(audio), SLICE_MS * MS)):
        due = begun + (number + 1) * SLICE_MS / 1000 / speed
        await asyncio.sleep(max(due - loop.time(), 0))
        stream.feed(audio[offset : offset + SLICE_MS * MS], start_ms + number * SLICE_MS)
