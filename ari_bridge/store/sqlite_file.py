"""An SQLite file: opening, migrating, its errors as ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ari_bridge.store.repository import Fault, StoreError
from ari_bridge.store.schema import APPLICATION_ID, SQLITE_MIGRATIONS

BUSY_TIMEOUT_S: Final = 0.5  # another program's lock: then the recorder goes on from memory

_FAULTS: Final = {
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_BUSY: Fault.BUSY,
    sqlite3.SQLITE_LOCKED: Fault.BUSY,
    sqlite3.SQLITE_READONLY: Fault.FORBIDDEN,
    sqlite3.SQLITE_PERM: Fault.FORBIDDEN,
    sqlite3.SQLITE_CANTOPEN: Fault.FORBIDDEN,
    sqlite3.SQLITE_AUTH: Fault.FORBIDDEN,
    sqlite3.SQLITE_IOERR: Fault.DISK,
    sqlite3.SQLITE_CORRUPT: Fault.DAMAGED,
    sqlite3.SQLITE_NOTADB: Fault.DAMAGED,
    sqlite3.SQLITE_INTERRUPT: Fault.SLOW,
}


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on the disk when they return (sqlite.org/pragma.html#pragma_synchronous)."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "journal_size_limit = 67108864",
            "cache_size = -16384",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with suppress(sqlite3.Error):  # the fault that brought us here is the one to tell
                connection.execute("ROLLBACK")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file's tables up to date. Raises `StoreError` (damaged) for a file that is not ours to write to."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and tables:
        raise StoreError(Fault.DAMAGED, "the SQLite file belongs to another program")
    if version > len(SQLITE_MIGRATIONS):
        raise StoreError(Fault.DAMAGED, "the database was made by a newer version of ari-bridge")
    for number, steps in enumerate(SQLITE_MIGRATIONS[version:], version + 1):
        with transaction(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] >= number:
                continue  # another program was quicker
            for sql in steps:
                connection.execute(sql)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")


def prepare_file(path: Path) -> None:
    """The folder and the file, readable by nobody else: it holds what people said. Its log inherits the mode.

    What root makes (`sudo ari-bridge user add`) belongs to whom the folder does: the daemon. A file that is there is
    not even opened: closing it would drop the locks that this process holds on it (fcntl(2);
    sqlite.org/howtocorrupt.html 2.2), and another program that closes the database would then take the log from us.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(file, folder.st_uid, folder.st_gid)
    finally:
        os.close(file)


def identity(path: Path) -> tuple[int, int] | None:
    """Of the file that has this name now; None where there is none."""
    try:
        file = path.stat()
    except OSError:
        return None
    return file.st_dev, file.st_ino


def store_error(error: sqlite3.DatabaseError) -> StoreError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return StoreError(_FAULTS.get(code & 0xFF, Fault.OTHER), str(error))
