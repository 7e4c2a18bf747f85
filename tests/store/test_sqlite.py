from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from ari_bridge.errors import ConfigError
from ari_bridge.events import CallStarted
from ari_bridge.history import HistoryQuery
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.repository import Fault, Store, StoreError
from tests.store.talk import Diary, ringing, said


async def test_a_lock_of_another_program_is_told_and_writes_nothing(sqlite_store: Store, path: Path) -> None:
    entries = Diary().conversation(ringing(), "Алло")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught:
        await sqlite_store.append(entries)
    assert caught.value.fault is Fault.BUSY
    assert caught.value.retryable
    assert await sqlite_store.call("c1") is None  # reading goes on
    other.close()
    await sqlite_store.append(entries)
    assert await sqlite_store.call("c1") is not None


async def test_nobody_else_may_read_the_file(sqlite_store: Store, path: Path) -> None:
    await sqlite_store.append(Diary().conversation(ringing(), "Алло"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) == {"calls.db", "calls.db-wal", "calls.db-shm"}
    assert set(modes.values()) == {0o600}


async def test_a_backup_is_whole_and_can_be_opened(sqlite_store: Store, path: Path) -> None:
    await sqlite_store.append(Diary().conversation(ringing(), "Алло"))
    target = path.with_name("copy.db")
    await sqlite_store.backup(target)
    await sqlite_store.append(Diary().conversation(ringing("later"), "Алло"))
    copy = open_store(StoreSettings(url=f"sqlite:///{target}"))
    assert [hit.call.id for hit in (await copy.history(HistoryQuery("алло"))).hits] == ["c1"]
    await copy.close()
    assert [file.name for file in path.parent.glob("*partial*")] == []


async def test_a_backup_that_cannot_be_written_says_why(sqlite_store: Store, path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        await sqlite_store.backup(path / "nowhere" / "copy.db")


async def test_after_the_end_a_store_says_that_it_is_closed(path: Path) -> None:
    store = open_store(StoreSettings(url=f"sqlite:///{path}"))
    await store.close()
    with pytest.raises(StoreError) as caught:
        await store.call("c1")
    assert caught.value.fault is Fault.CLOSED


def test_a_file_of_another_program_is_not_touched(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(ConfigError, match="another program"):
        open_store(StoreSettings(url=f"sqlite:///{path}"))


def test_a_newer_version_s_file_is_not_touched(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA application_id = {0x41724272}")
    other.execute("PRAGMA user_version = 999")
    other.close()
    with pytest.raises(ConfigError, match="newer version"):
        open_store(StoreSettings(url=f"sqlite:///{path}"))


def test_what_is_no_database_stops_the_start(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, however long one reads in it" * 100)
    with pytest.raises(ConfigError, match=r"store\.url: .* not a database"):
        open_store(StoreSettings(url=f"sqlite:///{path}"))


@pytest.mark.parametrize("replaced", [True, False])
async def test_a_file_that_is_taken_away_is_told_and_nothing_touches_what_took_its_place(
    sqlite_store: Store, path: Path, tmp_path: Path, replaced: bool
) -> None:
    """Somebody puts a backup back, or deletes the file, while the daemon runs: the new file must stay as it is."""
    diary = Diary()
    await sqlite_store.append(diary.note(CallStarted(ringing("before"))))
    copy, aside = tmp_path / "copy.db", tmp_path / "aside.db"
    await sqlite_store.backup(copy)
    whole = copy.read_bytes()
    path.rename(aside)
    if replaced:
        copy.rename(path)
    for _ in range(2):
        for asking in (sqlite_store.append(diary.note(said("Раз"))), sqlite_store.call("before")):
            with pytest.raises(StoreError, match="deleted or replaced") as told:
                await asking
            assert told.value.fault is Fault.REPLACED
    assert (path.read_bytes() == whole) if replaced else not path.exists()
    aside.rename(path)
    await sqlite_store.append(diary.note(CallStarted(ringing("after"))))
    assert await sqlite_store.call("before") is not None
    assert await sqlite_store.call("after") is not None
