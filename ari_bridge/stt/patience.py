"""How long a peer may say nothing of what it was sent, before its session is given up. Pure.

A peer that is silent while a leg is would look like a dead one: so what it owes must be a sound, to our own ears, and
each session given up without a word since doubles the patience.
"""

from __future__ import annotations

from collections.abc import Callable

from ari_bridge.stt.session import Session
from ari_bridge.stt.timing import Timing

LOOK_AGAIN = 1 / 7  # of `stall_s`: whether what the peer owes is still silence
SHORT = 2 / 7  # of `stall_s`: the patience when a leg ends
MOST_DOUBLINGS = 4


class Patience:
    """Of one leg, over its sessions. `first_sound_ms` finds the first sound of a span of the tape (ms), or None."""

    __slots__ = ("_doublings", "_first_sound_ms", "_silent_ms", "_stall_s")

    def __init__(self, timing: Timing, first_sound_ms: Callable[[int, int], int | None]) -> None:
        self._stall_s = timing.stall_s
        self._first_sound_ms = first_sound_ms
        self._doublings = 0
        self._silent_ms = 0  # no sound between what the open session answered and here

    def begin(self) -> None:
        """A session opens."""
        self._silent_ms = 0

    def reward(self) -> None:
        """The peer told words."""
        self._doublings = 0

    def is_over(self, session: Session, now: float) -> bool:
        """The session takes audio and gives nothing back. Asked again and again; True once for each session."""
        patience = 2.0**self._doublings
        if not session.stalled(now, patience):
            return False
        if not (session.overrun or session.ended or self._owed_ms(session) >= self._stall_s * 1000):
            session.excuse(now - self._stall_s * (patience - LOOK_AGAIN))
            return False
        self._doublings = min(self._doublings + 1, MOST_DOUBLINGS)
        return True

    def is_short(self, session: Session, now: float) -> bool:
        """The leg ends, and the session has given nothing back for a while: there is no time to find out more."""
        if session.ended or not session.stalled(now, SHORT):
            return False
        return session.overrun or self._owed_ms(session) >= self._stall_s * SHORT * 1000

    def _owed_ms(self, session: Session) -> int:
        """How much was sent from the first sound on that the peer has said nothing of."""
        sound_ms = self._first_sound_ms(max(session.total_ms, self._silent_ms), session.sent_ms)
        self._silent_ms = session.sent_ms if sound_ms is None else sound_ms
        return session.sent_ms - self._silent_ms
