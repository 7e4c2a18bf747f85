"""A store in an SQL database: one thread writes, a few read, so that nothing of it ever runs on the event loop.

A connection that met a fault is thrown away; the next attempt opens a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from ari_bridge.history import CallRecord, Erased, HistoryPage, HistoryQuery, Incident
from ari_bridge.playbooks import PlaybookVersion
from ari_bridge.report import NumberHistory, Report, ReportQuery
from ari_bridge.store import figures, finding, reading, retention, shelf
from ari_bridge.store.reading import Run
from ari_bridge.store.recordings import FolderOfRecordings
from ari_bridge.store.repository import Entry, Fault, StoreError
from ari_bridge.store.retention import Keeping
from ari_bridge.store.rows import Row
from ari_bridge.store.word_search import FullText
from ari_bridge.store.writing import Statement, Value, statements

READERS: Final = 2
BUSY_FOR_S: Final = 30.0
BUSY_PAUSE_S: Final = 0.1

Answer = TypeVar("Answer")


class NonsenseValue(Exception):
    """The database will never take these values, whoever tries how often."""


class Connection(Protocol):
    """A connection used by one thread at a time. Its methods raise `StoreError` and `NonsenseValue` only."""

    def run(self, sql: str, values: Mapping[str, Value]) -> list[Row]:
        """The rows that it gives, if any."""

    def write(self, statements: Iterable[Statement]) -> None:
        """All in one transaction."""

    def change(self, sql: str, values: Mapping[str, Value]) -> int:
        """How many rows it changed."""

    def transaction(self) -> AbstractContextManager[None]:
        """Durable when it is left without an exception, else undone. A reader sees one picture in it."""

    def close(self) -> None:
        """Never raises."""


class Database(Protocol):
    """What differs between databases. Its methods run in the store's threads."""

    @property
    def place(self) -> str: ...

    @property
    def full_text(self) -> FullText: ...

    def writer(self) -> Connection:
        """A connection to tables that are up to date. Raises `StoreError`."""

    def reader(self) -> Connection: ...

    def scrub(self, writer: Connection) -> bool:
        """Leave no byte of what was deleted; False where a reader prevented it."""

    def backup(self, target: Path) -> None: ...


class SqlStore:
    """A `Store`. `connect` may be called first, to know at once that the database can work."""

    def __init__(self, database: Database, keeping: Keeping, recordings: FolderOfRecordings | None = None) -> None:
        self._database = database
        self._recordings = recordings
        self._keeping = keeping
        self._writer: Connection | None = None
        self._to_scrub = False  # rows were deleted whose bytes may still be there
        self._readers: list[Connection] = []
        self._write_thread = ThreadPoolExecutor(1, "store.writer")
        self._read_threads = ThreadPoolExecutor(READERS, "store.reader")

    def connect(self) -> None:
        """Open the database, blocking. Raises `StoreError`; the store may be used all the same."""
        self._write_thread.submit(self._connected).result()

    @property
    def place(self) -> str:
        return self._database.place

    async def append(self, entries: Sequence[Entry]) -> int:
        return await self._write(lambda: self._append(entries))

    async def history(self, query: HistoryQuery) -> HistoryPage:
        return await self._read(lambda run: finding.history(run, self._database.full_text, query))

    async def call(self, call_id: str, seen_by: tuple[str, ...] | None = None) -> CallRecord | None:
        return await self._read(lambda run: reading.call_record(run, call_id, seen_by))

    async def unfinished_calls(self, since: datetime) -> tuple[CallRecord, ...]:
        return await self._read(lambda run: reading.unfinished_calls(run, since))

    async def calls_between(self, begin: datetime, end: datetime, limit: int) -> tuple[CallRecord, ...]:
        return await self._read(lambda run: reading.calls_between(run, begin, end, limit))

    async def incidents(self, begin: datetime, end: datetime) -> tuple[Incident, ...]:
        return await self._read(lambda run: reading.incidents(run, begin, end))

    async def report(self, query: ReportQuery) -> Report:
        return await self._read(lambda run: figures.report(run, query))

    async def number(self, number: str, limit: int) -> NumberHistory:
        return await self._read(lambda run: figures.number_history(run, number, limit))

    async def keep_playbook(self, kept: PlaybookVersion, text: str) -> None:
        await self._write(lambda: self._keep_playbook(kept, text))

    async def playbooks(self) -> tuple[PlaybookVersion, ...]:
        return await self._read(shelf.versions)

    async def playbook(self, version: str) -> str | None:
        return await self._read(lambda run: shelf.text_of(run, version))

    async def erase_number(self, number: str) -> Erased:
        return await self._erase(retention.by_number(number), always_scrub=True)

    async def purge(self, now: datetime) -> Erased:
        old = await self._write(partial(self._remove_old_recordings, now))
        erased = await self._erase(retention.by_age(now, self._keeping))
        return replace(erased, recordings=erased.recordings + old)

    async def backup(self, target: Path) -> None:
        await _in_thread(self._read_threads, lambda: self._database.backup(target))

    async def close(self) -> None:
        """Nothing may be asked afterwards."""
        await asyncio.to_thread(self.shut)

    def shut(self) -> None:
        """`close`, blocking."""
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        for connection in (self._writer, *self._readers):
            if connection is not None:
                connection.close()
        self._writer = None
        self._readers.clear()

    # Writing, in its thread

    async def _write(self, work: Callable[[], Answer]) -> Answer:
        return await _in_thread(self._write_thread, work)

    async def _write_patiently(self, work: Callable[[], Answer]) -> Answer:
        """Again while somebody else keeps the database busy, up to a point: nobody waits for what this is about."""
        late = asyncio.get_running_loop().time() + BUSY_FOR_S
        while True:
            try:
                return await self._write(work)
            except StoreError as error:
                if error.fault is not Fault.BUSY or asyncio.get_running_loop().time() > late:
                    raise
            await asyncio.sleep(BUSY_PAUSE_S)

    def _append(self, entries: Sequence[Entry]) -> int:
        with self._writing() as connection:
            if _take(connection, entries):
                return 0
            return sum(not _take(connection, [entry]) for entry in entries)

    def _keep_playbook(self, kept: PlaybookVersion, text: str) -> None:
        with self._writing() as connection:
            try:
                connection.write(shelf.keeping(kept, text))
            except NonsenseValue as error:
                raise StoreError(Fault.OTHER, str(error)) from None

    async def _erase(self, steps: Iterable[retention.Step], *, always_scrub: bool = False) -> Erased:
        """Step by step, so that what happens meanwhile is written in between; the scrub at the end is one piece.

        `always_scrub`: also where there is nothing to delete: an earlier attempt may have come as far as that.
        """
        counts, files = dict.fromkeys(retention.KINDS, 0), 0
        for step in steps:
            while True:
                deleted, removed = await self._write_patiently(partial(self._take_step, step))
                counts[step.kind] += deleted
                self._to_scrub |= deleted > 0
                files += removed
                if not deleted:
                    break
        if always_scrub or self._to_scrub:
            self._to_scrub = not await self._write_patiently(self._scrub)
        return Erased(counts["calls"], counts["utterances"], counts["other"], files, not self._to_scrub)

    def _take_step(self, step: retention.Step) -> tuple[int, int]:
        """Rows deleted, recordings removed: these first, so that none outlives what names it."""
        with self._writing() as connection, connection.transaction():
            files = 0
            if step.ids is not None and self._recordings is not None:
                files = self._recordings.remove(call_id for (call_id,) in connection.run(step.ids, step.values))
            return connection.change(step.sql, step.values), files

    def _remove_old_recordings(self, now: datetime) -> int:
        if self._recordings is None:
            return 0
        return self._recordings.remove_older(now - timedelta(days=self._keeping.recordings))

    def _scrub(self) -> bool:
        with self._writing() as connection:
            return self._database.scrub(connection)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            yield self._connected()
        except StoreError:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            raise

    def _connected(self) -> Connection:
        if self._writer is None:
            self._writer = self._database.writer()
        return self._writer

    # Reading, in two threads

    async def _read(self, work: Callable[[Run], Answer]) -> Answer:
        return await _in_thread(self._read_threads, lambda: self._answer(work))

    def _answer(self, work: Callable[[Run], Answer]) -> Answer:
        connection = self._readers.pop() if self._readers else self._database.reader()
        try:
            with connection.transaction():
                answer = work(connection.run)
        except (StoreError, NonsenseValue) as error:
            connection.close()
            if isinstance(error, StoreError):
                raise
            raise StoreError(Fault.OTHER, str(error)) from None
        self._readers.append(connection)
        return answer


def _take(connection: Connection, entries: Iterable[Entry]) -> bool:
    """Write all entries; False, and nothing written, where the values of one are nonsense."""
    try:
        connection.write(statement for entry in entries for statement in statements(entry))
    except (NonsenseValue, ValueError):
        return False
    return True


async def _in_thread(threads: ThreadPoolExecutor, work: Callable[[], Answer]) -> Answer:
    try:
        future = threads.submit(work)
    except RuntimeError as error:  # shut down: no more work is taken
        raise StoreError(Fault.CLOSED, str(error)) from None
    return await asyncio.wrap_future(future)
