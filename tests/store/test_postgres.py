from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from ari_bridge.errors import ConfigError
from ari_bridge.events import CallStarted, ComponentState, Event
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.postgres import of_psycopg, tsquery
from ari_bridge.store.recorder import Recorder
from ari_bridge.store.repository import Fault, StoreError
from ari_bridge.store.search import parse
from tests.store.postgresql import Server
from tests.store.talk import Diary, ringing, said
from tests.store.test_recorder import Board, serving, texts, until


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("дорогая", "('дорог':A)"),
        ("догов*", "'догов':*B"),
        ('"так дорого"', "('так':A <-> 'дорог':A)"),
        ("скидками", "('скидк':A) | ('скидок':A) | ('скидек':A)"),
    ],
)
def test_a_term_as_postgresql_asks_for_it(typed: str, query: str) -> None:
    (term,) = parse(typed).terms
    assert tsquery(term) == query


def test_names_become_the_driver_s() -> None:
    assert of_psycopg("SELECT a::text FROM t WHERE b = :b AND c IN (:c0, :c1)") == (
        b"SELECT a::text FROM t WHERE b = %(b)s AND c IN (%(c0)s, %(c1)s)"
    )


async def test_the_place_says_no_password(empty_postgresql: Server) -> None:
    store = open_store(StoreSettings(url=empty_postgresql.url))
    assert store.place == f"postgresql://127.0.0.1:{empty_postgresql.port}/postgres"
    await store.close()


async def test_a_server_that_goes_and_comes_back_costs_nothing(empty_postgresql: Server) -> None:
    store = open_store(StoreSettings(url=empty_postgresql.url))
    told: list[Event] = []
    board = Board()
    recorder = Recorder(store, board.report)
    async with serving(recorder):
        recorder.publish_after(CallStarted(ringing()), told.append)
        recorder.publish_after(said("Раз"), told.append)
        await until(lambda: recorder.backlog == 0)
        empty_postgresql.stop()
        try:
            recorder.publish_after(said("Два", 2), told.append)
            assert await until(lambda: len(told) == 3) < 1.0
            await until(lambda: board.states[-1] is ComponentState.DOWN)
            assert "нет связи с базой данных" in (board.told[-1].reason or "")
            with pytest.raises(StoreError) as caught:
                await store.call("c1")
            assert caught.value.fault is Fault.AWAY
        finally:
            empty_postgresql.start()
        await until(lambda: board.states[-1] is ComponentState.UP, 15)
    assert await texts(store) == ["Раз", "Два"]
    await store.close()


async def test_a_server_that_is_away_at_the_start_is_waited_for(postgresql: Server) -> None:
    nobody = postgresql.url.replace(str(postgresql.port), "1")
    store = open_store(StoreSettings(url=nobody))
    with pytest.raises(StoreError) as caught:
        await store.append(Diary().conversation(ringing(), "Алло"))
    assert caught.value.fault is Fault.AWAY
    assert "secret" not in str(caught.value)
    await store.close()


async def test_another_s_lock_is_told(empty_postgresql: Server) -> None:
    store = open_store(StoreSettings(url=empty_postgresql.url))
    with psycopg.connect(empty_postgresql.url) as other:
        other.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError) as caught:
            await store.append(Diary().conversation(ringing(), "Алло"))
        assert caught.value.fault is Fault.BUSY
    assert await store.append(Diary().conversation(ringing(), "Алло")) == 0
    await store.close()


async def test_a_newer_version_s_tables_are_not_touched(empty_postgresql: Server) -> None:
    with psycopg.connect(empty_postgresql.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE ari_bridge_schema (version BIGINT NOT NULL)")
        connection.execute("INSERT INTO ari_bridge_schema (version) VALUES (999)")
    with pytest.raises(ConfigError, match="newer version"):
        open_store(StoreSettings(url=empty_postgresql.url))


async def test_a_backup_is_the_server_s_own(empty_postgresql: Server, tmp_path: Path) -> None:
    store = open_store(StoreSettings(url=empty_postgresql.url))
    with pytest.raises(StoreError, match="pg_dump"):
        await store.backup(tmp_path / "copy")
    await store.close()
