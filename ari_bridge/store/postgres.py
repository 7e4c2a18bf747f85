"""PostgreSQL behind the store. The only file that imports psycopg."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ari_bridge.store.repository import Fault, StoreError
from ari_bridge.store.rows import Row
from ari_bridge.store.schema_postgres import POSTGRES_MIGRATIONS
from ari_bridge.store.search import Match, Term
from ari_bridge.store.sql_store import Connection, NonsenseValue
from ari_bridge.store.word_search import FullText
from ari_bridge.store.writing import Statement, Value

TABLES: Final = (
    "calls",
    "legs",
    "participations",
    "utterances",
    "gaps",
    "frames",
    "suggestions",
    "feedback",
    "summaries",
)
OPTIONS: Final = {
    "connect_timeout": "3",
    "tcp_user_timeout": "5000",  # ms; a server that is gone without a word
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "application_name": "ari-bridge",
}
WRITER_OPTIONS: Final = "-c lock_timeout=500ms -c synchronous_commit=on"
READER_OPTIONS: Final = "-c statement_timeout=5s -c lock_timeout=500ms"
_MIGRATION_LOCK: Final = 0x41724272

_FAULTS: Final = {
    "53100": Fault.FULL,
    "55P03": Fault.BUSY,
    "40": Fault.BUSY,
    "57014": Fault.SLOW,
    "25006": Fault.FORBIDDEN,
    "42501": Fault.FORBIDDEN,
    "28": Fault.FORBIDDEN,
    "58": Fault.DISK,
    "XX": Fault.DAMAGED,
    "42": Fault.OTHER,
}
"""By SQLSTATE or its class (PostgreSQL, Appendix A); whatever else the server says: away."""


def tsquery(term: Term) -> str:
    """For `to_tsquery` (12.3.2); the words hold letters and digits only."""
    if term.match is Match.PREFIX:
        return f"'{term.words[0]}':*B"
    return " | ".join("(" + " <-> ".join(f"'{word}':A" for word in words) + ")" for words in term.phrasings())


class PostgresDatabase:
    """A `Database`; `url` as libpq takes it."""

    full_text: Final = FullText(
        "SELECT seq FROM utterances WHERE words @@ to_tsquery('simple', :term) AND seq BETWEEN :first AND :last",
        tsquery,
    )

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def place(self) -> str:
        url = urlsplit(self._url)
        return f"{url.scheme}://{url.hostname or ''}{f':{url.port}' if url.port else ''}{url.path}"

    def writer(self) -> Connection:
        with _faults():
            connection = _connect(self._url, WRITER_OPTIONS)
            try:
                _migrate(connection)
            except (psycopg.Error, StoreError):
                connection.close()
                raise
        return PostgresConnection(connection)

    def reader(self) -> Connection:
        with _faults():
            connection = _connect(self._url, READER_OPTIONS)
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
        return PostgresConnection(connection)

    def scrub(self, writer: Connection) -> bool:
        """The tables and their indexes are written anew; the server's own log and its archive are its owner's."""
        for table in TABLES:
            writer.run(f"VACUUM (FULL) {table}", {})
        return True

    def backup(self, target: Path) -> None:
        raise StoreError(Fault.OTHER, f"PostgreSQL is backed up by its own tools: pg_dump -Fc -f {target} …")


class PostgresConnection:
    """A `Connection`."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def run(self, sql: str, values: Mapping[str, Value]) -> list[Row]:
        with _faults():
            cursor = self._connection.execute(of_psycopg(sql), values)
            return list(cursor.fetchall()) if cursor.description else []

    def write(self, statements: Iterable[Statement]) -> None:
        """Without waiting for the server's answer to each."""
        with _faults(), self._connection.pipeline(), self._connection.transaction():
            for sql, values in statements:
                self._connection.execute(of_psycopg(sql), values)

    def change(self, sql: str, values: Mapping[str, Value]) -> int:
        with _faults():
            return self._connection.execute(of_psycopg(sql), values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with _faults(), self._connection.transaction():
            yield

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._connection.close()


@lru_cache(maxsize=500)
def of_psycopg(sql: str) -> bytes:
    """`:name` → `%(name)s`. The statements hold no other percent sign."""
    return re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", sql).encode()


def _connect(url: str, options: str) -> psycopg.Connection[tuple[Any, ...]]:
    """What the URL says itself goes before `OPTIONS`."""
    said = conninfo_to_dict(url)
    options = f"{said.get('options') or ''} {options}".strip()
    return psycopg.connect(make_conninfo(url, **(OPTIONS | said | {"options": options})), autocommit=True)


def _migrate(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        connection.execute("CREATE TABLE IF NOT EXISTS ari_bridge_schema (version BIGINT NOT NULL)")
        row = connection.execute("SELECT max(version) FROM ari_bridge_schema").fetchone()
        version = row[0] if row and row[0] else 0
        if version > len(POSTGRES_MIGRATIONS):
            raise StoreError(Fault.DAMAGED, "the database was made by a newer version of ari-bridge")
        for number, steps in enumerate(POSTGRES_MIGRATIONS[version:], version + 1):
            for sql in steps:
                connection.execute(sql.encode())
            connection.execute("INSERT INTO ari_bridge_schema (version) VALUES (%s)", (number,))


@contextmanager
def _faults() -> Iterator[None]:
    """PostgreSQL's errors as the store's."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError, ValueError, OverflowError) as error:
        raise NonsenseValue(str(error)) from None
    except psycopg.Error as error:
        state = error.sqlstate
        if state is None and isinstance(error, psycopg.ProgrammingError | psycopg.InterfaceError):
            raise NonsenseValue(str(error)) from None  # a value that the driver cannot write down
        fault = _FAULTS.get(state or "") or _FAULTS.get((state or "")[:2], Fault.AWAY)
        raise StoreError(fault, " ".join(str(error).split())) from None  # libpq writes several lines
