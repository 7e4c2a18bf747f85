"""Writes down what happens as it happens, and lets a final line be told only once it is written.

Live work never waits for the disk: a store that fails or is slow is an alarm, its backlog stays in memory, and people
see the words all the same. When the store is back it catches up.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final

import structlog

from ari_bridge.backoff import backoff
from ari_bridge.events import (
    CallEnded,
    CallEvent,
    Component,
    ComponentState,
    ComponentStatus,
    Event,
    Leg,
    Level,
    SystemChanged,
    Transcript,
)
from ari_bridge.history import CallFrames, Cost
from ari_bridge.interfaces import EventSink, StatusSink
from ari_bridge.store.alarm import OVERFLOW, alarm
from ari_bridge.store.incidents import IncidentWatch
from ari_bridge.store.repository import Entry, Fault, Store, StoreError
from ari_bridge.store.turnstile import Turnstile

log = structlog.get_logger(__name__)

GROUP_S: Final = 0.01  # what comes together is written together: one fsync
HOLD_S: Final = 0.8  # a final line is told a second after it was final, written or not
CLOSE_WITHIN_S: Final = 3.0
MOST_ENTRIES: Final = 2_000  # in one transaction
BACKLOG: Final = 100_000  # entries in memory, some 100 MB at worst; policy: refuse the newest, count, alarm
RETRY_FIRST_S: Final = 0.25
RETRY_MOST_S: Final = 5.0

Passage = tuple[Event, EventSink]


@dataclass(frozen=True, slots=True)
class StoreCounters:
    """What `/metrics` shows of the store."""

    backlog: int = field(metadata={"help": "Entries that are not written yet"})
    written_total: int = field(metadata={"help": "Entries written"})
    lost_total: int = field(metadata={"help": "Entries never written: the backlog was full, or they were refused"})


class Recorder:
    """`on_event` and `publish_after` are called on the event loop and return at once; `serve` once, then `close`."""

    def __init__(
        self,
        store: Store,
        report: StatusSink,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        backlog: int = BACKLOG,
    ) -> None:
        self._store = store
        self._report = report
        self._clock = clock
        self._most = backlog
        self._pending: deque[Entry] = deque()
        self._accepted = 0  # entries so far: the ticket of the last one
        self._kept = 0
        self._lost = 0
        self._overflowing = False
        self._numbers: dict[tuple[str, Leg], int] = {}  # highest utterance seen, by call and leg
        self._incidents = IncidentWatch()
        self._turnstile: Turnstile[Passage] = Turnstile(HOLD_S)
        self._timer: asyncio.TimerHandle | None = None
        self._passing = False  # the store fails or is behind: nobody waits for it
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def backlog(self) -> int:
        """Entries that are not written yet."""
        return len(self._pending)

    @property
    def lost(self) -> int:
        """Entries that were never written: the backlog was full, or the database refused their values."""
        return self._lost

    @property
    def counters(self) -> StoreCounters:
        return StoreCounters(len(self._pending), self._kept, self._lost)

    def on_event(self, event: Event) -> None:
        """Keep what is worth keeping of an event."""
        at = self._clock()
        for incident in self._incidents.on_event(event, at):
            self._keep(Entry(at, self._accepted, incident))
        if not isinstance(event, SystemChanged) and self._is_news(event):
            self._keep(Entry(at, self._accepted, event))

    def on_cost(self, cost: Cost) -> None:
        self._keep(Entry(self._clock(), self._accepted, cost))

    def on_frames(self, frames: CallFrames) -> None:
        self._keep(Entry(self._clock(), self._accepted, frames))

    def publish_after(self, event: Event, then: EventSink) -> None:
        """Keep the event, and call `then(event)`: for a final line once it is durable, for others at once.

        What is told of one call stays in order: behind a line that waits, all its later events wait. `then` is called
        on the event loop, within a second whatever the store does.
        """
        self.on_event(event)
        if isinstance(event, SystemChanged):
            then(event)
            return
        waits = isinstance(event, Transcript) and event.final and not self._passing and self._kept < self._accepted
        now = asyncio.get_running_loop().time()
        if self._turnstile.enter(event.call_id, self._accepted if waits else None, (event, then), now):
            then(event)
        else:
            self._watch_the_time()

    async def serve(self) -> None:
        """Write until cancelled."""
        self._wake.set()  # also where there is nothing to write yet: it tells whether the store is there
        waits = _new_waits()
        while True:
            await self._wake.wait()
            await asyncio.sleep(GROUP_S)
            if await self._write():
                waits = _new_waits()
            else:
                await asyncio.sleep(next(waits))

    async def close(self) -> None:
        """Write the rest, as far as that goes quickly, and let everything be told. `serve` has been cancelled."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                while self._pending and await self._write():
                    pass
        except TimeoutError:
            log.warning("store_close_timeout", backlog=len(self._pending))
        self._passing = True
        self._let_pass()
        if self._timer is not None:
            self._timer.cancel()
        if self._pending:
            log.error("store_backlog_lost", entries=len(self._pending))

    # Taking

    def _is_news(self, event: CallEvent) -> bool:
        """Whether it changes what is kept: of a partial line only that its number is taken."""
        if isinstance(event, Level):
            return False
        if isinstance(event, CallEnded):
            for leg in Leg:
                self._numbers.pop((event.call_id, leg), None)
        if not isinstance(event, Transcript):
            return True
        known = self._numbers.get((event.call_id, event.leg), 0)
        self._numbers[event.call_id, event.leg] = max(known, event.utterance)
        return event.final or event.utterance > known

    def _keep(self, entry: Entry) -> None:
        if len(self._pending) >= self._most:
            self._lost += 1
            if not self._overflowing:
                self._overflowing = True
                log.error("store_backlog_full", entries=self._most)
                self._report(Component.STORE, OVERFLOW)
            return
        self._pending.append(entry)
        self._accepted += 1
        self._wake.set()

    # Writing

    async def _write(self) -> bool:
        """Write one batch; False where the store cannot. Cancelled in the middle, the same batch is written again."""
        async with self._writing:
            batch = list(islice(self._pending, MOST_ENTRIES))
            try:
                refused = await self._store.append(batch)
            except StoreError as error:
                self._fail(error)
                return False
            for _ in batch:
                self._pending.popleft()
            self._kept += len(batch)
            self._note_refused(refused)
            self._tell(self._turnstile.durable(self._kept))
            if not self._pending:
                self._wake.clear()
                self._recover()
            return True

    def _note_refused(self, refused: int) -> None:
        if refused:
            self._lost += refused
            log.error("store_entries_refused", entries=refused)

    def _fail(self, error: StoreError) -> None:
        self._passing = True
        self._let_pass()
        log.debug("store_write_failed", code=error.code, error=str(error), backlog=len(self._pending))
        self._report(Component.STORE, OVERFLOW if self._overflowing else alarm(error.fault, self._store.place))

    def _recover(self) -> None:
        if self._passing:
            log.info("store_caught_up", lost=self._lost)
        self._passing = self._overflowing = False
        self._report(Component.STORE, ComponentStatus(ComponentState.UP))

    # Telling

    def _watch_the_time(self) -> None:
        deadline = self._turnstile.deadline()
        if self._timer is None and deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        deadline = self._turnstile.deadline()
        if deadline is not None and deadline <= asyncio.get_running_loop().time():
            self._passing = True
            self._report(Component.STORE, alarm(Fault.SLOW, self._store.place))
            self._let_pass()
        self._watch_the_time()

    def _let_pass(self) -> None:
        self._tell(self._turnstile.open())

    def _tell(self, passages: list[Passage]) -> None:
        for event, then in passages:
            try:
                then(event)
            except Exception:  # boundary: whoever cannot take one event must not keep the others from theirs
                log.exception("event_not_taken", type=event.type)


def _new_waits() -> Iterator[float]:
    return backoff(RETRY_FIRST_S, RETRY_MOST_S, random.Random())
