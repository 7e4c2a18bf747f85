"""What is done for a call's legs beside it: each piece of work in a failure domain of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import structlog

from ari_bridge.events import Leg

log = structlog.get_logger(__name__)

Work = Coroutine[None, None, None]


class Aside:
    """Tasks of a call's task group. Before `open` and after `close` no work is begun."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._tasks: asyncio.TaskGroup | None = None
        self._awaited: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return self._tasks is not None

    def open(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks

    def close(self) -> None:
        """The task group has ended."""
        self._tasks = None

    def start(self, work: Work, leg: Leg, what: str, *, awaited: bool = False) -> None:
        """`awaited`: `until_done` waits for it."""
        if self._tasks is None:
            work.close()
            return
        task = self._tasks.create_task(self._guard(work, leg, what), name=f"call[{self._call_id}].{leg}.{what}")
        if awaited:
            self._awaited.add(task)
            task.add_done_callback(self._awaited.discard)

    async def until_done(self) -> None:
        if self._awaited:
            await asyncio.wait(self._awaited)

    async def _guard(self, work: Work, leg: Leg, what: str) -> None:
        try:
            await work
        except Exception:  # boundary: a fault in a leg ends what is done for the leg, never the call
            log.exception("leg_failed", call_id=self._call_id, leg=leg, work=what)
