"""The desk on a real file and a real store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.judge import line_of
from ari_bridge.hints.playbook_desk import MODE, FileDesk
from ari_bridge.hints.playbook_file import PlaybookWatch, in_force, playbook_path, read_playbook
from ari_bridge.history import CallRecord
from ari_bridge.playbooks import PlaybookChanged, PlaybookFault, PlaybookLocked, version_of
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.repository import Store
from tests.hints.playbooks import SMALL
from tests.hints.test_rehearsal import line
from tests.hub.calls import call

OTHER = SMALL.replace("Ромашка", "Лютик")


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(StoreSettings(url=f"sqlite:///{tmp_path}/calls.db"))
    yield store
    await store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "playbook.yaml"


def desk_of(path: Path | None, shelf: Store, adopted: list[Compiled] | None = None) -> FileDesk:
    return FileDesk(path, shelf, (adopted if adopted is not None else []).append)


async def test_a_save_is_seen_by_the_watch_and_told_at_once(path: Path, shelf: Store) -> None:
    adopted: list[Compiled] = []
    desk, watch = desk_of(path, shelf, adopted), PlaybookWatch(path)
    before = await desk.current()
    saved, checked = await desk.save(SMALL, before.version, "Ольга")
    assert (saved.text, saved.version, checked.cards) == (SMALL, version_of(SMALL), 4)
    assert adopted[0].playbook.company == "Ромашка"
    changed = watch.changed()
    assert changed is not None
    assert changed.company == "Ромашка"
    assert [(v.who, v.cards) for v in await desk.versions()] == [("Ольга", 4), ("", len(read_playbook(None).cards))]
    assert os.listdir(path.parent).count("playbook.yaml") == 1
    assert not [name for name in os.listdir(path.parent) if name.startswith(".playbook")]


async def test_mode_and_link_of_the_file_stay(path: Path, shelf: Store, tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(SMALL, encoding="utf-8")
    real.chmod(0o604)
    path.symlink_to(real)
    desk = desk_of(path, shelf)
    await desk.save(OTHER, version_of(SMALL), "Ольга")
    assert path.is_symlink()
    assert real.read_text(encoding="utf-8") == OTHER
    assert real.stat().st_mode & 0o777 == 0o604


async def test_a_new_file_is_not_for_everybody(path: Path, shelf: Store) -> None:
    desk = desk_of(path, shelf)
    await desk.save(SMALL, (await desk.current()).version, "")
    assert path.stat().st_mode & 0o777 == MODE


async def test_an_edit_on_the_disk_counts_as_a_change(path: Path, shelf: Store) -> None:
    path.write_text(SMALL, encoding="utf-8")
    desk = desk_of(path, shelf)
    base = (await desk.current()).version
    path.write_text(OTHER, encoding="utf-8")
    with pytest.raises(PlaybookChanged):
        await desk.save(SMALL, base, "Ольга")
    assert path.read_text(encoding="utf-8") == OTHER
    assert await desk.versions() == ()


async def test_of_two_who_save_at_once_one_is_told(path: Path, shelf: Store) -> None:
    desk = desk_of(path, shelf)
    base = (await desk.current()).version
    first, second = await asyncio.gather(
        desk.save(SMALL, base, "Ольга"), desk.save(OTHER, base, "Анна"), return_exceptions=True
    )
    assert not isinstance(first, BaseException)
    assert isinstance(second, PlaybookChanged)
    assert path.read_text(encoding="utf-8") == SMALL


async def test_what_was_edited_by_hand_can_be_had_back(path: Path, shelf: Store) -> None:
    path.write_text("company: сломано", encoding="utf-8")
    desk = desk_of(path, shelf)
    await desk.save(SMALL, version_of("company: сломано"), "Ольга")
    assert [v.cards for v in await desk.versions()] == [4, 0]
    with pytest.raises(PlaybookFault):  # it was no playbook then either
        await desk.restore(version_of("company: сломано"), "Ольга")
    assert path.read_text(encoding="utf-8") == SMALL
    assert await desk.version(version_of("company: сломано")) == "company: сломано"


async def test_the_versions_order_holds_within_one_moment(path: Path, shelf: Store) -> None:
    moment = datetime(2026, 11, 22, 10, tzinfo=UTC)
    desk = FileDesk(path, shelf, [].append, clock=lambda: moment)  # type: ignore[arg-type]
    base = (await desk.current()).version
    for text in (SMALL, OTHER, SMALL):
        saved, _ = await desk.save(text, base, "Ольга")
        base = saved.version
    assert [v.version for v in await desk.versions()][:3] == [version_of(t) for t in (SMALL, OTHER, SMALL)]


async def test_nowhere_to_save_says_so(shelf: Store, tmp_path: Path) -> None:
    for path in (None, tmp_path / "none" / "playbook.yaml"):
        desk = desk_of(path, shelf)
        current = await desk.current()
        assert not current.editable
        with pytest.raises(PlaybookLocked, match=r"HINTS__PLAYBOOK|нельзя писать"):
            await desk.save(SMALL, current.version, "Ольга")


async def test_a_file_that_cannot_be_replaced_keeps_the_old_one(path: Path, shelf: Store) -> None:
    path.mkdir()  # a folder in its place: even root cannot rename over it
    (path / "x").touch()
    desk = desk_of(path, shelf)
    with pytest.raises(PlaybookLocked):
        await desk.current()


async def test_bytes_that_are_no_text_are_shown(path: Path, shelf: Store) -> None:
    path.write_bytes(b"company: \xff")
    assert (await desk_of(path, shelf).current()).text == "company: \N{REPLACEMENT CHARACTER}"


async def test_preview_sums_up_by_card(path: Path, shelf: Store) -> None:
    records = [CallRecord(call(f"c{n}"), (line("это дорого", 1, 5),)) for n in range(3)]
    preview = await desk_of(path, shelf).preview(SMALL, records)
    assert preview.calls == 3
    assert preview.totals == (("dear", "Возражение: дорого", 0, 3),)
    assert not preview.more


async def test_preview_is_bounded(path: Path, shelf: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_bridge.hints.playbook_desk.MOST_LINES", 2)
    records = [CallRecord(call(f"c{n}"), (line("это дорого", 1, 5),)) for n in range(3)]
    preview = await desk_of(path, shelf).preview(SMALL, records)
    assert (preview.calls, len(preview.lines), preview.more) == (2, 2, True)


def test_the_line_of_a_card() -> None:
    assert SMALL.splitlines()[line_of(SMALL, "warranty") - 1].strip() == "- id: warranty"
    assert SMALL.splitlines()[line_of(SMALL, "offers") - 1].strip() == "offers:"
    assert line_of(SMALL, "war") == 0


def test_which_file_is_in_force(tmp_path: Path) -> None:
    database = tmp_path / "calls.db"
    beside = tmp_path / "playbook.yaml"
    assert playbook_path(None, database) == beside
    assert playbook_path(None, None) is None
    assert in_force(None, beside) is None
    beside.write_text(SMALL, encoding="utf-8")
    assert in_force(None, beside) == beside
    configured = tmp_path / "mine.yaml"
    assert in_force(configured, playbook_path(configured, database)) == configured
