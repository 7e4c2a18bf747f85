"""SQLite behind the store. Readers never wait for the writer (WAL)."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from ari_bridge.errors import ConfigError
from ari_bridge.store.recordings import FolderOfRecordings
from ari_bridge.store.repository import Fault, StoreError
from ari_bridge.store.retention import Keeping
from ari_bridge.store.rows import Row
from ari_bridge.store.search import Match, Term
from ari_bridge.store.sql_store import Connection, NonsenseValue, SqlStore
from ari_bridge.store.sqlite_file import connect, identity, migrate, prepare_file, store_error, transaction
from ari_bridge.store.word_search import FullText
from ari_bridge.store.writing import Statement, Value

READ_WITHIN_S: Final = 5.0
SCRUB_ATTEMPTS: Final = 20  # a reader may hold the log; each attempt waits for the busy timeout

_EXAMPLE: Final = "e.g. ARI_BRIDGE_STORE__URL='sqlite:////var/lib/ari-bridge/calls.db'"
_NONSENSE: Final = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError),
    *(ValueError, OverflowError),  # a lone surrogate; an integer beyond 64 bits
)


def open_sqlite(path: Path, keeping: Keeping, recordings: FolderOfRecordings | None = None) -> SqlStore:
    """A store in the file `path`. Raises `ConfigError` where that can never work; a busy or full one may come back."""
    store = SqlStore(SqliteDatabase(path), keeping, recordings)
    try:
        prepare_file(path)
        store.connect()
    except OSError as error:
        store.shut()
        raise ConfigError(f"store.url: {path}: {error.strerror}; {_EXAMPLE}") from None
    except StoreError as error:
        if error.fault in (Fault.FORBIDDEN, Fault.DAMAGED):
            store.shut()
            raise ConfigError(f"store.url: {path}: {error}; {_EXAMPLE}") from None
    return store


def fts(term: Term) -> str:
    """FTS5's query (sqlite.org/fts5.html#full_text_query_syntax)."""
    if term.match is Match.PREFIX:
        return f'forms : "{term.words[0]}" *'
    return "stems : (" + " OR ".join(f'"{" ".join(words)}"' for words in term.phrasings()) + ")"


class SqliteDatabase:
    """A `Database`."""

    full_text: Final = FullText(
        "SELECT rowid FROM talk WHERE talk MATCH :term AND rowid BETWEEN :first AND :last",
        fts,
    )

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None

    @property
    def place(self) -> str:
        return str(self._path)

    def writer(self) -> Connection:
        if self._file is not None:
            self._check()
        with _faults():
            connection = connect(self._path)
            try:
                migrate(connection)
                connection.execute("PRAGMA cache_size = -256")  # it only adds: pages that it keeps grow with each call
            except (sqlite3.Error, StoreError):
                connection.close()
                raise
        return SqliteConnection(connection, "BEGIN IMMEDIATE", check=self._check)

    def reader(self) -> Connection:
        if self._file is not None:
            self._check()
        with _faults():
            connection = connect(self._path)
            connection.execute("PRAGMA query_only = ON")
        return SqliteConnection(connection, "BEGIN", READ_WITHIN_S, self._check)

    def _check(self) -> None:
        """Raises `StoreError` where the file was deleted or replaced while it was open.

        What is written to the old one is out of the world, and the new one would be ruined by the old one's log
        (howtocorrupt.html 2.4): only a restart, which closes everything, can help.
        """
        file = identity(self._path)
        if self._file is None:
            self._file = file
        elif file != self._file:
            raise StoreError(Fault.REPLACED, f"{self._path} was deleted or replaced")

    def scrub(self, writer: Connection) -> bool:
        """Index, free pages, log; a deleted word stays in FTS5's index until its segments are merged (3.40)."""
        writer.run("INSERT INTO talk (talk) VALUES ('optimize')", {})
        writer.run("VACUUM", {})
        for _ in range(SCRUB_ATTEMPTS):
            ((blocked, _, _),) = writer.run("PRAGMA wal_checkpoint(TRUNCATE)", {})
            if not blocked:
                return True
        return False

    def backup(self, target: Path) -> None:
        """All pages in one step: it holds a picture of the database, so writing does not make it begin anew."""
        copying = target.with_name(f"{target.name}.partial")
        try:
            prepare_file(copying)
            with _faults(), closing(connect(self._path)) as source, closing(sqlite3.connect(copying)) as copy:
                source.backup(copy)
                (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
                if verdict != "ok":
                    raise StoreError(Fault.DAMAGED, f"the copy is damaged: {verdict}")
            _sync(copying)
            os.replace(copying, target)
        except OSError as error:
            raise StoreError(Fault.FORBIDDEN, f"{error.filename or target}: {error.strerror}") from None
        finally:
            with suppress(OSError):
                copying.unlink(missing_ok=True)


class SqliteConnection:
    """A `Connection`; `within_s` bounds each transaction of a reader, `check` comes before each."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        begin: str,
        within_s: float | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._check = check
        self._begin = begin
        self._within_s = within_s

    def run(self, sql: str, values: Mapping[str, Value]) -> list[Row]:
        with _faults():
            return self._connection.execute(sql, values).fetchall()

    def write(self, statements: Iterable[Statement]) -> None:
        with self.transaction():
            for sql, values in statements:
                self._connection.execute(sql, values)

    def change(self, sql: str, values: Mapping[str, Value]) -> int:
        with _faults():
            return self._connection.execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._check()
        if self._within_s is not None:
            late = time.monotonic() + self._within_s
            self._connection.set_progress_handler(lambda: time.monotonic() > late, 20_000)
        with _faults(), transaction(self._connection, self._begin):
            yield

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()


@contextmanager
def _faults() -> Iterator[None]:
    """SQLite's errors as the store's."""
    try:
        yield
    except _NONSENSE as error:
        raise NonsenseValue(str(error)) from None
    except sqlite3.DatabaseError as error:
        raise store_error(error) from None


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
