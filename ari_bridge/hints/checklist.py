"""The playbook's steps, ticked as the operator says them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ari_bridge.events import Checklist, ChecklistStep
from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.stems import words


@dataclass(slots=True)
class Progress:
    """What of the checklist is done in one call; a step that is done stays done."""

    compiled: Compiled
    _done: set[str] = field(default_factory=set)

    def recall(self, told: Checklist) -> None:
        """What an earlier run of the daemon told of this call."""
        self._done |= {step.id for step in told.steps if step.done}

    def hear(self, text: str) -> bool:
        """The operator said `text`; whether a step was ticked by it."""
        fulfilled = self.compiled.steps_in(words(text)) - self._done
        self._done |= fulfilled
        return bool(fulfilled)

    def event(self, call_id: str) -> Checklist | None:
        """The whole checklist, None where the playbook has none."""
        steps = self.compiled.playbook.checklist
        if not steps:
            return None
        return Checklist(call_id, tuple(ChecklistStep(s.id, s.title, s.id in self._done) for s in steps))

    @property
    def left(self) -> tuple[str, ...]:
        """Titles of the steps that are still to be done."""
        return tuple(s.title for s in self.compiled.playbook.checklist if s.id not in self._done)
