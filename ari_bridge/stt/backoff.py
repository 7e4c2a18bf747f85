"""How long to wait before the next attempt: the first is made at once. Pure: randomness is an argument."""

from __future__ import annotations

from random import Random

from ari_bridge.backoff import backoff


class Backoff:
    """No wait at first, then those of `ari_bridge.backoff`; `reset` where an attempt worked."""

    __slots__ = ("_at_once", "_fresh", "_limits", "_waits")

    def __init__(self, first_s: float, most_s: float, draw: Random, *, at_once: bool = True) -> None:
        self._limits = (first_s, most_s, draw)
        self._at_once = self._fresh = at_once
        self._waits = backoff(first_s, most_s, draw)

    def next_s(self) -> float:
        """Seconds until the next attempt; each call counts as one."""
        if self._fresh:
            self._fresh = False
            return 0.0
        return next(self._waits)

    def reset(self) -> None:
        """It worked: start again."""
        self._fresh = self._at_once
        self._waits = backoff(*self._limits)
