"""Deletes what is too old, once a day, at a quiet moment: the scrub afterwards keeps the writer for seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ari_bridge.store.repository import Store, StoreError

log = structlog.get_logger(__name__)

EVERY: Final = timedelta(days=1)
PATIENCE: Final = timedelta(hours=12)  # then also while people talk
LOOK_EVERY_S: Final = 600.0
CLOCK_MAY_DIFFER: Final = timedelta(minutes=10)


def is_due(now: datetime, due_at: datetime, busy: bool) -> bool:
    """Whether to delete now what is due since `due_at`; `busy`: calls are live."""
    return now >= due_at + (PATIENCE if busy else timedelta())


def has_jumped(passed: timedelta, passed_s: float) -> bool:
    """Whether the wall clock went another way than the monotonic one: what is old then is not known."""
    return abs(passed - timedelta(seconds=passed_s)) > CLOCK_MAY_DIFFER


class Upkeep:
    """`busy` tells whether there are live calls. `serve` until cancelled."""

    def __init__(
        self,
        store: Store,
        busy: Callable[[], bool],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._store = store
        self._busy = busy
        self._clock = clock
        self._look_every_s = look_every_s
        self._due_at = clock()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        seen, seen_s = self._clock(), loop.time()
        while True:
            await asyncio.sleep(self._look_every_s)
            now, now_s = self._clock(), loop.time()
            if has_jumped(now - seen, now_s - seen_s):
                log.warning("store_clock_jumped", seconds=round((now - seen).total_seconds() - (now_s - seen_s)))
                self._due_at = now + EVERY  # if it was set right, a day more does no harm; if not, somebody will see
            seen, seen_s = now, now_s
            if is_due(now, self._due_at, self._busy()):
                await self._purge(now)

    async def _purge(self, now: datetime) -> None:
        try:
            erased = await self._store.purge(now)
        except StoreError as error:
            log.warning("store_purge_failed", code=error.code, error=str(error))
            return
        self._due_at = now + EVERY
        if erased.calls or erased.other_rows or erased.utterances or erased.recordings:
            log.info(
                "store_purged",
                calls=erased.calls,
                utterances=erased.utterances,
                other_rows=erased.other_rows,
                recordings=erased.recordings,
                scrubbed=erased.scrubbed,
            )
