from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ari_bridge.events import CallEnded, CallStarted, Leg, Summary
from ari_bridge.history import Cost, HistoryQuery, Incident, Track
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.recordings import FolderOfRecordings
from ari_bridge.store.repository import Entry, Store, StoreError
from media.codecs import Codec
from media.wav import WavFile
from tests.store.talk import AT, Diary, card, ringing, said

SECRET = "Баобаб"
NUMBER = "+79991234567"


def conversation(call_id: str, number: str, word: str, days: int = 0) -> list[Entry]:
    diary = Diary()
    call = ringing(call_id, number, AT + timedelta(days=days))
    entries = diary.conversation(call, *(f"{word} {n} {word.lower()}ами и ещё раз" for n in range(40)))
    return entries + diary.note(
        card(call_id, f"s-{call_id}", title=f"Карта {word}"),
        Summary(call_id, word, f"Исход {word}", (word,)),
        Cost(call.started_at, "soniox", word, "seconds", 1.0, None, call_id, Leg.CLIENT),
        Incident(call.started_at, "no_audio", f"нет звука {word}", call_id=call_id, leg=Leg.CLIENT),
    )


def bytes_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


def traces(path: Path, word: str) -> list[str]:
    """In which case the word, or a number, still stands in database, index or log."""
    everything = bytes_of(path)
    return [form for form in (word, word.lower(), word.upper()) if form.encode() in everything]


def terms(path: Path, word: str) -> list[str]:
    """What the index has of a word; its pages leave out the letters that a term shares with the one before."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, talk, row)")
        found = database.execute("SELECT term FROM terms WHERE term LIKE ?", (f"{word.lower()}%",))
        return [term for (term,) in found]


async def test_after_deletion_by_number_no_byte_is_left(sqlite_store: Store, path: Path) -> None:
    for n in range(60):
        await sqlite_store.append(conversation(f"kept{n}", f"+7900111{n:04}", "Осина"))
        if n % 10 == 0:
            await sqlite_store.append(conversation(f"gone{n}", NUMBER, SECRET))
    assert traces(path, SECRET)
    assert traces(path, NUMBER)
    assert terms(path, SECRET)
    erased = await sqlite_store.erase_number("8 (999) 123-45-67")
    assert (erased.calls, erased.utterances, erased.scrubbed) == (6, 240, True)
    assert erased.other_rows > 0
    assert traces(path, SECRET) == []
    assert traces(path, NUMBER) == []
    assert traces(path, NUMBER[-10:]) == []
    assert terms(path, SECRET) == []
    assert (await sqlite_store.history(HistoryQuery(SECRET))).hits == ()
    assert len((await sqlite_store.history(HistoryQuery("осина", limit=100))).hits) == 60


async def test_a_reader_who_looks_meanwhile_does_not_keep_the_bytes(sqlite_store: Store, path: Path) -> None:
    await sqlite_store.append(conversation("gone", NUMBER, SECRET))
    await sqlite_store.history(HistoryQuery(SECRET))  # its connection stays open
    await sqlite_store.erase_number(NUMBER)
    assert traces(path, SECRET) == []


async def test_what_is_no_number_deletes_nothing(store: Store) -> None:
    await store.append([*conversation("c1", NUMBER, SECRET), *Diary().note(CallStarted(ringing("anonymous", None)))])
    for number in ("", "anonymous", "+"):
        assert (await store.erase_number(number)).calls == 0
    assert len((await store.history(HistoryQuery())).hits) == 2


async def test_part_of_a_number_is_not_the_number(store: Store) -> None:
    await store.append(conversation("c1", NUMBER, SECRET))
    assert (await store.erase_number(NUMBER[-7:])).calls == 0


async def test_the_number_that_was_called_is_not_the_client_s(store: Store) -> None:
    call = ringing("c1", NUMBER)
    await store.append(Diary().note(CallStarted(call)))
    assert call.callee is not None
    assert (await store.erase_number(call.callee)).calls == 0


async def test_each_kind_is_kept_for_its_days(path: Path) -> None:
    settings = StoreSettings(
        url=f"sqlite:///{path}", calls_days=30, speech_days=10, hints_days=5, incidents_days=3, costs_days=20
    )
    store = open_store(settings)
    for days in (1, 4, 7, 15, 25, 40):
        await store.append(conversation(f"c{days}", NUMBER, f"День{days}", days=-days))
    diary = Diary(AT - timedelta(days=4))
    await store.append(diary.note(Incident(diary.at, "down", "давно"), Cost(diary.at, "s", "m", "tokens", 1.0, None)))
    erased = await store.purge(AT)
    assert (erased.calls, erased.scrubbed) == (1, True)
    assert await store.call("c40") is None
    kept = {}
    for days in (1, 4, 7, 15, 25):
        record = await store.call(f"c{days}")
        assert record is not None
        kept[days] = (
            bool(record.transcript),
            record.summary is not None,
            bool(record.suggestions),
            bool(record.incidents),
            bool(record.costs),
        )
    assert kept == {
        1: (True, True, True, True, True),
        4: (True, True, True, False, True),
        7: (True, True, False, False, True),
        15: (False, False, False, False, True),
        25: (False, False, False, False, False),
    }
    assert traces(path, "День40") == []
    assert traces(path, "День15 1") == []
    assert (await store.purge(AT)).calls == 0
    await store.close()


async def test_a_call_goes_on_being_written_while_its_past_is_deleted(store: Store) -> None:
    diary = Diary()
    await store.append(diary.note(CallStarted(ringing("c1", NUMBER)), said("Раз", 1)))
    await store.erase_number(NUMBER)
    await store.append(diary.note(said("Два", 2), CallEnded("c1", 16, "", 0)))
    assert await store.call("c1") is None


def recorded(folder: FolderOfRecordings, *call_ids: str) -> None:
    folder.make()
    for call_id in call_ids:
        for track in Track:
            path = folder.path(call_id, track)
            assert path is not None
            WavFile(path, channels=2 if track is Track.STEREO else 1).write(0, 0, b"\x01" * 800, Codec.PCMA)


async def test_recordings_go_with_their_calls(store_url: str, tmp_path: Path) -> None:
    folder = FolderOfRecordings(tmp_path / "recordings")
    store = open_store(StoreSettings(url=store_url), folder)
    for n in range(3):
        await store.append(conversation(f"gone{n}", NUMBER, SECRET))
    await store.append(conversation("kept", "+79000000000", "Осина"))
    recorded(folder, "gone0", "gone2", "kept")
    assert (await store.erase_number(NUMBER)).recordings == 6
    assert sorted(path.name for path in (tmp_path / "recordings").iterdir()) == [
        "kept-in.wav",
        "kept-out.wav",
        "kept.wav",
    ]
    erased = await store.purge(AT + timedelta(days=91))
    assert (erased.calls, erased.recordings) == (1, 3)
    await store.close()


async def test_a_recording_that_cannot_be_removed_keeps_its_call(store_url: str, tmp_path: Path) -> None:
    """Else nobody would know whose it is; the deletion says that it failed, and is made again."""
    folder = FolderOfRecordings(tmp_path / "recordings")
    store = open_store(StoreSettings(url=store_url), folder)
    await store.append(conversation("c1", NUMBER, SECRET))
    folder.make()
    path = folder.path("c1", Track.IN)
    assert path is not None
    path.mkdir()  # what root cannot unlink either
    with pytest.raises(StoreError):
        await store.erase_number(NUMBER)
    assert await store.call("c1") is not None
    path.rmdir()
    assert (await store.erase_number(NUMBER)).calls == 1
    await store.close()


async def test_recordings_are_kept_for_their_own_days(path: Path, tmp_path: Path) -> None:
    folder = FolderOfRecordings(tmp_path / "recordings")
    store = open_store(StoreSettings(url=f"sqlite:///{path}"), folder, recording_days=30)
    call = ringing("c1", NUMBER, datetime.now(UTC) - timedelta(days=31))
    await store.append(Diary().note(CallStarted(call)))
    recorded(folder, "c1")
    assert (await store.purge(datetime.now(UTC))).recordings == 0
    assert (await store.purge(datetime.now(UTC) + timedelta(days=31))).recordings == 3
    assert await store.call("c1") is not None
    await store.close()


async def test_a_scrub_that_was_prevented_is_made_good_the_next_time(sqlite_store: Store, path: Path) -> None:
    await sqlite_store.append(conversation("gone", NUMBER, SECRET))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM calls").fetchone()
        erased = await sqlite_store.purge(AT + timedelta(days=91))
        assert (erased.calls, erased.scrubbed) == (1, False)
    erased = await sqlite_store.purge(AT + timedelta(days=91))
    assert (erased.calls, erased.scrubbed) == (0, True)
    assert traces(path, SECRET) == []
