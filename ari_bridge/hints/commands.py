"""What a call's director wants done, in order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ari_bridge.events import Checklist, Suggestion
from ari_bridge.hints.conversation import Line
from ari_bridge.hints.playbook import Card
from ari_bridge.hints.policy import Trigger


@dataclass(frozen=True, slots=True)
class Publish:
    event: Suggestion | Checklist


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the model, as request `number`; `lines` are masked already."""

    number: int
    trigger: Trigger
    lines: Sequence[Line]
    card: Card | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """End request `number`; `fault` is the code of what the provider did wrong, "" where it did nothing wrong."""

    number: int
    why: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """For the log: `what` (asked, shown, suppressed, deferred, withdrawn, cancelled, expired, …) and why."""

    what: str
    why: str = ""
    utterance: int | None = None
    card: str | None = None


Command = Publish | Ask | Cancel | Decided


@dataclass(slots=True)
class Orders:
    """Commands gathered during one step of the director; `flush` hands them over."""

    _gathered: list[Command] = field(default_factory=list)

    def publish(self, event: Suggestion | Checklist) -> None:
        self._gathered.append(Publish(event))

    def give(self, command: Ask | Cancel) -> None:
        self._gathered.append(command)

    def decide(self, what: str, why: str = "", *, utterance: int | None = None, card: str | None = None) -> None:
        self._gathered.append(Decided(what, why, utterance, card))

    def flush(self) -> list[Command]:
        gathered, self._gathered = self._gathered, []
        return gathered
