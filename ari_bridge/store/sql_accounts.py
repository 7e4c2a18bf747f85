"""Accounts in the store's database: connections and a thread of their own, so that nobody waits for the calls.

A connection that met a fault is thrown away; the next question opens a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeVar

from ari_bridge.accounts import ApiToken, AuditEntry, Directory, Role, SignedIn, User
from ari_bridge.store import users
from ari_bridge.store.reading import Run
from ari_bridge.store.repository import Fault, StoreError
from ari_bridge.store.sql_store import Connection, Database, NonsenseValue

BUSY_FOR_S: Final = 5.0  # a person who signs in can wait for a scrub of the calls, up to a point
BUSY_PAUSE_S: Final = 0.05

Answer = TypeVar("Answer")


class SqlAccounts:
    """An `AccountStore`. `connect` may be called first, to know at once that the database can work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._thread = ThreadPoolExecutor(1, "store.accounts")

    def connect(self) -> None:
        """Open the database and read who there is, blocking. Raises `StoreError`."""
        self._thread.submit(lambda: self._answer(users.directory, writing=True)).result()

    async def version(self) -> int:
        return await self._read(users.version)

    async def directory(self) -> Directory:
        return await self._read(users.directory)

    async def add_user(self, user: User, entry: AuditEntry) -> bool:
        return await self._write(lambda run: users.add_user(run, user, entry))

    async def remove_user(self, user_id: str, entry: AuditEntry) -> bool:
        return await self._write(lambda run: users.remove_user(run, user_id, entry))

    async def change_user(self, user_id: str, role: Role, extensions: tuple[str, ...], entry: AuditEntry) -> bool:
        return await self._write(lambda run: users.change_user(run, user_id, role, extensions, entry))

    async def set_password(self, user_id: str, password_hash: str, entry: AuditEntry) -> bool:
        return await self._write(lambda run: users.set_password(run, user_id, password_hash, entry))

    async def sign_in(self, session: SignedIn, password_hash: str, entry: AuditEntry) -> bool:
        return await self._write(lambda run: users.sign_in(run, session, password_hash, entry))

    async def prolong(self, digest: str, expires_at: datetime) -> None:
        await self._write(lambda run: users.prolong(run, digest, expires_at))

    async def sign_out(self, digest: str, entry: AuditEntry) -> None:
        await self._write(lambda run: users.sign_out(run, digest, entry))

    async def add_token(self, token: ApiToken, entry: AuditEntry) -> None:
        await self._write(lambda run: users.add_token(run, token, entry))

    async def remove_token(self, token_id: str, entry: AuditEntry) -> bool:
        return await self._write(lambda run: users.remove_token(run, token_id, entry))

    async def note(self, entry: AuditEntry) -> None:
        await self._write(lambda run: users.note(run, entry))

    async def audit(self, since: datetime, limit: int) -> tuple[AuditEntry, ...]:
        return await self._read(lambda run: users.audit(run, since, limit))

    async def forget(self, now: datetime, audit_before: datetime) -> None:
        await self._write(lambda run: users.forget(run, now, audit_before))

    async def close(self) -> None:
        """Nothing may be asked afterwards."""
        await asyncio.to_thread(self.shut)

    def shut(self) -> None:
        """`close`, blocking."""
        self._thread.shutdown()
        self._drop()

    async def _write(self, work: Callable[[Run], Answer]) -> Answer:
        return await self._in_thread(work, writing=True)

    async def _read(self, work: Callable[[Run], Answer]) -> Answer:
        return await self._in_thread(work, writing=False)

    async def _in_thread(self, work: Callable[[Run], Answer], *, writing: bool) -> Answer:
        try:
            future = self._thread.submit(lambda: self._answer(work, writing=writing))
        except RuntimeError as error:  # shut down: no more work is taken
            raise StoreError(Fault.CLOSED, str(error)) from None
        return await asyncio.wrap_future(future)

    def _answer(self, work: Callable[[Run], Answer], *, writing: bool) -> Answer:
        """Once more while somebody else writes."""
        late = time.monotonic() + BUSY_FOR_S
        while True:
            try:
                connection = self._connected(writing=writing)
                with connection.transaction():
                    return work(connection.run)
            except NonsenseValue as error:
                raise StoreError(Fault.OTHER, str(error)) from None
            except StoreError as error:
                self._drop()
                if error.fault is not Fault.BUSY or time.monotonic() > late:
                    raise
                time.sleep(BUSY_PAUSE_S)

    def _connected(self, *, writing: bool) -> Connection:
        if self._writer is None:
            self._writer = self._database.writer()  # first of all: it makes the tables
        if writing:
            return self._writer
        if self._reader is None:
            self._reader = self._database.reader()
        return self._reader

    def _drop(self) -> None:
        for connection in (self._writer, self._reader):
            if connection is not None:
                with suppress(StoreError):
                    connection.close()
        self._writer = self._reader = None
