from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.repository import Store
from tests.lab.conftest_plugin import require
from tests.store.postgresql import Server, binaries, running_server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "calls.db"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    pytest.importorskip("psycopg")
    tools = binaries()
    require("postgresql", None if tools else "no PostgreSQL server here: run tests/lab/install.sh postgresql")
    assert tools is not None
    with running_server(tools) as server:
        yield server


@pytest.fixture
def empty_postgresql(postgresql: Server) -> Server:
    import psycopg

    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, path: Path) -> str:
    """Of a database that is still empty: the same tests for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{path}"
    server: Server = request.getfixturevalue("empty_postgresql")
    return server.url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = open_store(StoreSettings(url=store_url))
    yield store
    await store.close()


@pytest.fixture
async def sqlite_store(path: Path) -> AsyncIterator[Store]:
    store = open_store(StoreSettings(url=f"sqlite:///{path}"))
    yield store
    await store.close()
