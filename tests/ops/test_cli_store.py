"""`forget` and `backup` as people type them, beside a daemon's store that is open and busy."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ari_bridge.events import CallStarted
from ari_bridge.history import Track
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_accounts, open_store
from ari_bridge.store.recordings import FolderOfRecordings
from ari_bridge.store.repository import Fault, Store, StoreError
from media.codecs import Codec
from media.wav import WavFile
from tests.ops.test_desk import Command, command
from tests.store.talk import AT, Diary, ringing, said

__all__ = ["command"]

NUMBER = "+79991234567"
SECRET = "Баобаб"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/var/calls.db"


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def keep(url: str) -> None:
    store, diary = open_store(StoreSettings(url=url)), Diary()
    for call_id, number, word in (("gone", NUMBER, SECRET), ("kept", "+79000000000", "Осина")):
        await store.append(diary.conversation(ringing(call_id, number, AT), *(f"{word} {n}" for n in range(100))))
    await store.close()


async def test_nothing_is_left_of_a_number(command: Command, url: str, tmp_path: Path) -> None:
    await keep(url)
    folder = FolderOfRecordings(tmp_path / "var" / "recordings")
    folder.make()
    for call_id in ("gone", "kept"):
        path = folder.path(call_id, Track.IN)
        assert path is not None
        WavFile(path).write(0, 0, call_id.encode() * 50, Codec.L16_8K)
    for trace in (SECRET.encode(), SECRET.lower().encode(), NUMBER.encode(), b"noge" * 10):
        assert trace in everything(tmp_path / "var")  # `gone` byte by byte turned round: L16 is big-endian
    done = await command("forget", "8 (999) 123-45-67")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("deleted 1 calls, 100 lines, ")
    assert done.out.endswith(" 1 recordings\n")
    left = everything(tmp_path / "var")
    for trace in (SECRET, SECRET.lower(), NUMBER, NUMBER[1:], NUMBER[-10:], "gone"):
        assert trace.encode() not in left
    assert "Осина".encode() in left
    assert await folder.tracks("kept") == (Track.IN,)
    again = await command("forget", NUMBER)
    assert (again.code, again.out.split(",")[0]) == (0, "deleted 0 calls")
    audit = (await command("audit")).out
    assert audit.count("number_erased") == 4
    assert "999" not in audit


async def test_a_daemon_that_writes_meanwhile_goes_on_and_nothing_is_left(
    command: Command, url: str, tmp_path: Path
) -> None:
    await keep(url)
    store, accounts, diary = open_store(StoreSettings(url=url)), open_accounts(StoreSettings(url=url)), Diary()
    await store.append(diary.note(CallStarted(ringing("live", "+79000000001", AT))))
    await store.call("gone")  # a reader's connection stays open
    forgetting = asyncio.create_task(command("forget", NUMBER), name="forget")
    written = 0
    while not forgetting.done():
        if await _written(store, diary, written + 1):
            written += 1
        await asyncio.sleep(0.02)
    assert (await forgetting).code == 0
    assert SECRET.encode() not in everything(tmp_path / "var")
    record = await store.call("live")
    assert record is not None
    assert len(record.transcript) == written > 0
    await store.close()
    await accounts.close()


async def _written(store: Store, diary: Diary, utterance: int) -> bool:
    """What the recorder does: the same again where the database is busy."""
    try:
        return await store.append(diary.note(said("Слово", utterance, "live"))) == 0
    except StoreError as busy:
        if busy.fault is not Fault.BUSY:
            raise
        return False


@pytest.mark.parametrize("number", ["", "Анна", "12", "+7900%", "1' OR '1'='1"])
async def test_what_is_no_number_deletes_nothing(command: Command, url: str, tmp_path: Path, number: str) -> None:
    await keep(url)
    refused = await command("forget", number)
    assert refused.code == 2
    assert "is no telephone number" in refused.err
    assert SECRET.encode() in everything(tmp_path / "var")


async def test_a_scrub_that_a_reader_prevents_says_so_and_is_made_good(
    command: Command, url: str, tmp_path: Path
) -> None:
    await keep(url)
    with closing(sqlite3.connect(tmp_path / "var" / "calls.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM calls").fetchone()
        hindered = await command("forget", NUMBER)
        assert hindered.code == 1
        assert "run the command again" in hindered.err
    assert (await command("forget", NUMBER)).code == 0
    assert SECRET.encode() not in everything(tmp_path / "var")


async def test_a_copy_is_whole(command: Command, url: str, tmp_path: Path) -> None:
    await keep(url)
    target = tmp_path / "copies" / "calls.db"
    done = await command("backup", str(target))
    assert (done.code, done.err) == (0, "")
    assert [path.name for path in target.parent.iterdir()] == ["calls.db"]
    assert target.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*) FROM utterances").fetchone() == (200,)


async def test_a_copy_that_cannot_be_made_says_why(command: Command, url: str, tmp_path: Path) -> None:
    await keep(url)
    (tmp_path / "file").write_text("")
    refused = await command("backup", str(tmp_path / "file" / "copy.db"))
    assert refused.code == 2
    assert "file: File exists" in refused.err
