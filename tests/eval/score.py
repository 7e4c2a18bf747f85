"""Precision, recall and delay of what was shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.eval.golden import Dialogue
from tests.eval.replay import Screen

MODEL = "llm"  # a card of the model's own: welcome wherever a card is wanted


@dataclass(slots=True)
class Score:
    """Counts of cards; `faults` are lines for people. Delays are seconds after the utterance became final,
    but for cards that were `held` by the spacing."""

    right: int = 0
    false: int = 0
    missed: int = 0
    forbidden: int = 0
    held: int = 0
    delays_s: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.false) if self.right + self.false else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    def dialogue(self, dialogue: Dialogue, screen: Screen) -> None:
        """A card counts as right once per turn that wants it, also where it stands on the screen since an earlier turn;
        what shows unwanted counts as false, even if it was withdrawn a moment later."""
        for number, turn in enumerate(dialogue.turns):
            shown = [a for a in screen.appearances if a.turn == number]
            for appearance in shown:
                if appearance.card in turn.expected and not appearance.withdrawn:
                    self.held += appearance.held
                    if not appearance.held:
                        self.delays_s.append(appearance.at - appearance.final_at)
                elif appearance.card == MODEL and turn.expected:
                    continue
                elif appearance.card not in turn.expected | turn.tolerated:
                    self._false(f"{dialogue.name}: «{turn.text}» → {appearance.card}")
                if appearance.card in dialogue.forbidden:
                    self.forbidden += 1
                    self.faults.append(f"FORBIDDEN {dialogue.name}: «{turn.text}» → {appearance.card}")
            there = {a.card for a in shown if not a.withdrawn} | screen.visible[number]
            for card in sorted(turn.expected):
                if card in there:
                    self.right += 1
                else:
                    self.missed += 1
                    self.faults.append(f"missed    {dialogue.name}: «{turn.text}» → {card}")

    def ordinary(self, line: str, screen: Screen) -> None:
        """Any card on ordinary talk is false."""
        for appearance in screen.appearances:
            self._false(f"«{line}» → {appearance.card}")

    def _false(self, text: str) -> None:
        self.false += 1
        self.faults.append(f"false     {text}")


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest rank; 0 for no values."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
