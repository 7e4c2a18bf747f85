"""What both parties said, as far as it is final. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ari_bridge.events import Leg, Transcript

MAX_LINES = 2000  # five hours of talk; beyond it the oldest lines go


@dataclass(frozen=True, slots=True)
class Line:
    leg: Leg
    utterance: int
    text: str
    start_ms: int


@dataclass(slots=True)
class Conversation:
    """Final utterances of one call in the order in which they began."""

    _lines: list[Line] = field(default_factory=list)

    def add(self, transcript: Transcript) -> bool:
        """Take a final utterance; False where it is a repeat or holds no words."""
        line = Line(transcript.leg, transcript.utterance, transcript.text.strip(), transcript.start_ms)
        if not line.text or any(
            known.utterance == line.utterance and known.leg is line.leg for known in reversed(self._lines)
        ):
            return False
        place = len(self._lines)
        while place and self._lines[place - 1].start_ms > line.start_ms:
            place -= 1
        self._lines.insert(place, line)
        del self._lines[:-MAX_LINES]
        return True

    def recent(self, least: int, most: int) -> tuple[Sequence[Line], int]:
        """The last lines, more than `least` and up to `most` where there are so many, and how many before them.

        They begin at the same line for `most - least` utterances together: what was sent is then a beginning of what is
        sent next, and a provider has it cached.
        """
        step = most - least
        start = max(0, -(-(len(self._lines) - most) // step) * step)
        return tuple(self._lines[start:]), start

    @property
    def lines(self) -> Sequence[Line]:
        return tuple(self._lines)
