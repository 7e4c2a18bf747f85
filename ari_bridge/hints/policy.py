"""When the model is asked: one request in flight per call, the newest words win.

Pure. The life of a request is a table; a transition returns acts and never talks to anybody. Time is an argument.

    IDLE ──TRIGGER──▶ WAITING ──DUE──▶ ASKING ──TOKEN──▶ STREAMING ──ANSWERED──▶ IDLE
                        ▲ │ debounce     │ │                 │
                        └─┘ newer words  │ └─RETRY─▶ WAITING │ FAILED, LATE ─▶ IDLE
                        ▲────TRIGGER─────┴────TRIGGER────────┘ cancels the older
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ari_bridge.errors import IllegalInput
from ari_bridge.hints.limits import Limits


class State(StrEnum):
    IDLE = "idle"
    WAITING = "waiting"
    ASKING = "asking"
    STREAMING = "streaming"
    CLOSED = "closed"


class Input(StrEnum):
    TRIGGER = "trigger"  # words worth asking about
    DUE = "due"  # the debounce is over
    TOKEN = "token"  # a piece of the answer
    ANSWERED = "answered"
    RETRY = "retry"  # a failure before any token that may pass, with time left
    FAILED = "failed"
    LATE = "late"  # first-token or total deadline, or the words are stale
    CLOSE = "close"  # the call is over


class Act(StrEnum):
    SCHEDULE = "schedule"  # remember the trigger, start the debounce
    RESCHEDULE = "reschedule"  # the same trigger again, after a pause
    ASK = "ask"
    CANCEL = "cancel"  # end the request at the provider, undo what was half shown
    DROP = "drop"  # forget the trigger that waited
    UNDO = "undo"  # the request ended by itself: undo what was half shown


_CLOSE = {Input.CLOSE: (State.CLOSED, ())}
_NEWER: tuple[Act, ...] = (Act.CANCEL, Act.SCHEDULE)

TABLE: Mapping[State, Mapping[Input, tuple[State, tuple[Act, ...]]]] = MappingProxyType(
    {
        State.IDLE: {Input.TRIGGER: (State.WAITING, (Act.SCHEDULE,)), **_CLOSE},
        State.WAITING: {
            Input.TRIGGER: (State.WAITING, (Act.DROP, Act.SCHEDULE)),
            Input.DUE: (State.ASKING, (Act.ASK,)),
            Input.LATE: (State.IDLE, (Act.DROP,)),
            Input.CLOSE: (State.CLOSED, (Act.DROP,)),
        },
        State.ASKING: {
            Input.TRIGGER: (State.WAITING, _NEWER),
            Input.TOKEN: (State.STREAMING, ()),
            Input.ANSWERED: (State.IDLE, ()),
            Input.RETRY: (State.WAITING, (Act.RESCHEDULE,)),
            Input.FAILED: (State.IDLE, (Act.UNDO,)),
            Input.LATE: (State.IDLE, (Act.CANCEL,)),
            Input.CLOSE: (State.CLOSED, (Act.CANCEL,)),
        },
        State.STREAMING: {
            Input.TRIGGER: (State.WAITING, _NEWER),
            Input.TOKEN: (State.STREAMING, ()),
            Input.ANSWERED: (State.IDLE, ()),
            Input.FAILED: (State.IDLE, (Act.UNDO,)),
            Input.LATE: (State.IDLE, (Act.CANCEL,)),
            Input.CLOSE: (State.CLOSED, (Act.CANCEL,)),
        },
        State.CLOSED: {Input.TRIGGER: (State.CLOSED, ()), **_CLOSE},
    }
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why the model is asked: the client's `utterance`, heard final at `at`, and the playbook card for it, if any."""

    utterance: int
    quote: str
    reason: str
    at: float
    card_id: str | None = None


@dataclass(slots=True)
class Requests:
    """The requests of one call, one at a time; `number` is that of the latest, `trigger` what it is about."""

    limits: Limits
    state: State = State.IDLE
    number: int = 0
    trigger: Trigger | None = None
    _due: float = 0.0
    _asked_at: float = 0.0
    _retried: bool = False

    def step(self, given: Input, now: float, trigger: Trigger | None = None) -> tuple[Act, ...]:
        """Raises `IllegalInput` for an input that the state cannot meet: `current` tells beforehand."""
        if given not in TABLE[self.state]:
            raise IllegalInput(f"{given} in {self.state}")
        self.state, acts = TABLE[self.state][given]
        if Act.SCHEDULE in acts:
            if trigger is None:
                raise IllegalInput("a trigger without words")
            self.trigger, self._due, self._retried = trigger, now + self.limits.debounce_s, False
        elif Act.RESCHEDULE in acts:
            self._due, self._retried = now + self.limits.retry_after_s, True
        elif Act.ASK in acts:
            self.number += 1
            self._asked_at = now
        return acts

    def current(self, number: int) -> bool:
        """Whether answers to request `number` still count."""
        return number == self.number and self.state in (State.ASKING, State.STREAMING)

    def failure(self, retryable: bool, now: float) -> Input:
        """RETRY once where the answer could still come in time, else FAILED."""
        in_time = self.trigger is not None and now + self.limits.retry_after_s < self._stale_at() - 1.0
        may = retryable and not self._retried and self.state is State.ASKING and in_time
        return Input.RETRY if may else Input.FAILED

    def next_timer(self) -> float | None:
        """When `expired` has something to say."""
        if self.state is State.WAITING:
            return min(self._due, self._stale_at())
        if self.state is State.ASKING:
            return min(self._asked_at + self.limits.first_token_s, self._total_at(), self._stale_at())
        return self._total_at() if self.state is State.STREAMING else None

    def expired(self, now: float) -> tuple[Input, str] | None:
        """What is due by `now`, with a word for the log."""
        timer = self.next_timer()
        if timer is None or now < timer:
            return None
        if self.state is State.WAITING and now < self._stale_at():
            return Input.DUE, "due"
        if self.state is not State.STREAMING and now >= self._stale_at():
            return Input.LATE, "stale"
        return Input.LATE, "no_first_token" if self.state is State.ASKING and now < self._total_at() else "too_slow"

    def _stale_at(self) -> float:
        return (self.trigger.at if self.trigger else 0.0) + self.limits.stale_s

    def _total_at(self) -> float:
        return self._asked_at + self.limits.total_s
