"""How late the event loop runs: the one figure that shows that something blocks it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog

log = structlog.get_logger(__name__)

PROBE_S: Final = 0.25
BLOCKED_S: Final = 1.0
"""From here on a lag is told in the log: sockets hold about this much audio."""


@dataclass(slots=True)
class LoopHealth:
    """`/metrics` shows it. The maximum is of the present and the previous minute."""

    tasks: int = field(default=0, metadata={"help": "Tasks of the event loop; after each call as many as before"})
    lag_seconds: float = field(default=0.0, metadata={"help": "How late the event loop woke a timer, last probe"})
    lag_max_seconds: float = field(default=0.0, metadata={"help": "Worst lag of the last one to two minutes"})


class LoopProbe:
    def __init__(self, window_s: float = 60.0) -> None:
        self.health = LoopHealth()
        self._window_s = window_s
        self._previous_max = 0.0
        self._current_max = 0.0

    async def serve(self) -> None:
        """Probe until cancelled."""
        loop = asyncio.get_running_loop()
        window_ends = loop.time() + self._window_s
        while True:
            due = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            now = loop.time()
            self.note(max(0.0, now - due))
            self.health.tasks = len(asyncio.all_tasks(loop))
            if now >= window_ends:
                self._previous_max, self._current_max = self._current_max, 0.0
                window_ends = now + self._window_s

    def note(self, lag_s: float) -> None:
        if lag_s >= BLOCKED_S:
            log.warning("event_loop_blocked", seconds=round(lag_s, 2))
        self._current_max = max(self._current_max, lag_s)
        self.health.lag_seconds = lag_s
        self.health.lag_max_seconds = max(self._current_max, self._previous_max)
