"""What the Soniox stand-in can be told to do wrong, and when. Pure.

Tests plan faults for coming sessions (`FaultPlan.next`, `.every`) or strike live ones (`SonioxStandIn.strike`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from ari_bridge.demo.soniox_protocol import ERRORS, SonioxError


class FaultKind(Enum):
    """Struck once: the first group ends the session, the second goes on. Kept from the start: the third group."""

    ERROR = auto()  # the error frame `Fault.error`, then close
    RESET = auto()  # TCP reset
    EOF = auto()  # the TCP connection ends without a close frame
    CLOSE = auto()  # a close frame without an error frame
    FREEZE = auto()  # half-open: nothing is read, answered or ponged, for `duration_s` (0: until the client leaves)

    BROKEN_JSON = auto()  # one frame that is no JSON
    STRANGE_JSON = auto()  # frames of unknown shape: no tokens, no object, wrong types
    SLOW_READER = auto()  # nothing is read for `duration_s`: TCP back-pressure

    REFUSE = auto()  # the connection is reset before the upgrade is answered
    LATE_FINALS = auto()  # no final and no endpoint before the end of the stream; there, after `duration_s`
    FINALS_IN_FINISHED = auto()  # the last tokens stand in the `finished` message
    BARE_TOKENS = auto()  # tokens without times, confidence and language


KEPT = frozenset({FaultKind.REFUSE, FaultKind.LATE_FINALS, FaultKind.FINALS_IN_FINISHED, FaultKind.BARE_TOKENS})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, at the session's start or when that much audio (`after_audio_ms`) or time (`after_s`) has passed."""

    kind: FaultKind
    after_audio_ms: int | None = None
    after_s: float | None = None
    duration_s: float = 0.0
    error: SonioxError = ERRORS["service_unavailable"]


def error_fault(error_type: str, after_audio_ms: int | None = None, *, typed: bool = True) -> Fault:
    """The error frame of `error_type`; `typed=False` leaves `error_type` out, as older servers did."""
    error = ERRORS[error_type]
    shown = error if typed else SonioxError(error.code, None, error.message)
    return Fault(FaultKind.ERROR, after_audio_ms=after_audio_ms, error=shown)


@dataclass(slots=True)
class FaultPlan:
    """Which faults a new session gets: the next planned ones, else the usual ones."""

    _planned: deque[tuple[Fault, ...]] = field(default_factory=deque)
    _usual: tuple[Fault, ...] = ()

    def next(self, *faults: Fault) -> None:
        """Plan one more session: it gets these faults, none of them meaning a well-behaved one."""
        self._planned.append(faults)

    def every(self, *faults: Fault) -> None:
        """From now on every session without a plan of its own gets these; none of them: all is well again."""
        self._usual = faults

    def take(self) -> tuple[Fault, ...]:
        """The faults of a session that begins now."""
        return self._planned.popleft() if self._planned else self._usual
