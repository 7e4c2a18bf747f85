"""Where the page edits the playbook: the file that is in force, its versions, a look at what another text would do.

The file is replaced in one step (write beside it, sync, rename), so whoever reads it, the daemon included, finds the
old text or the new one. A version is on the shelf before the file changes: nothing that was ever in force is lost.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

import structlog

from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.judge import judged, judged_apart
from ari_bridge.hints.playbook import PlaybookError
from ari_bridge.hints.playbook_yaml import parse_playbook
from ari_bridge.hints.rehearsal import compare
from ari_bridge.history import CallRecord
from ari_bridge.playbooks import (
    Checked,
    PlaybookChanged,
    PlaybookLocked,
    PlaybookShelf,
    PlaybookText,
    PlaybookVersion,
    Preview,
    Previewed,
    version_of,
)

log = structlog.get_logger(__name__)

PREVIEW_WITHIN_S: Final = 4.0  # live calls share the processor
BREATH_S: Final = 0.005  # between two calls, for the daemon's other threads
MOST_LINES: Final = 300
MODE: Final = 0o640  # of a file that is made here: it holds prices, and nothing of clients


class FileDesk:
    """A `PlaybookDesk`. `path` is the file in force (it need not exist yet: then the bundled playbook is), None where
    there is no place for one. `adopt` is given every playbook that was saved, at once.
    """

    def __init__(
        self,
        path: Path | None,
        shelf: PlaybookShelf,
        adopt: Callable[[Compiled], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._shelf = shelf
        self._adopt = adopt
        self._clock = clock
        self._saving = asyncio.Lock()
        self._reading = asyncio.Lock()  # one text at a time

    async def current(self) -> PlaybookText:
        return await asyncio.to_thread(self._read)

    async def check(self, text: str) -> Checked:
        async with self._reading:
            return await judged_apart(text)

    async def save(self, text: str, base: str, who: str) -> tuple[PlaybookText, Checked]:
        async with self._saving:
            before = await asyncio.to_thread(self._read)
            if before.version != base:
                raise PlaybookChanged("плейбук тем временем изменил кто-то другой")
            return await self._put(before, text, who)

    async def versions(self) -> tuple[PlaybookVersion, ...]:
        return await self._shelf.playbooks()

    async def version(self, version: str) -> str | None:
        return await self._shelf.playbook(version)

    async def restore(self, version: str, who: str) -> tuple[PlaybookText, Checked] | None:
        async with self._saving:
            text = await self._shelf.playbook(version)
            if text is None:
                return None
            return await self._put(await asyncio.to_thread(self._read), text, who)

    async def preview(self, text: str, calls: Sequence[CallRecord]) -> Preview:
        async with self._reading:
            return await asyncio.to_thread(_previewed, text, calls)

    async def _put(self, before: PlaybookText, text: str, who: str) -> tuple[PlaybookText, Checked]:
        if not before.editable or self._path is None:
            raise PlaybookLocked(before.reason or "")
        async with self._reading:
            compiled, checked = await asyncio.to_thread(judged, text)
        await self._shelve(before.text, text, who, checked)
        try:
            await asyncio.to_thread(_replace, self._path, text)
        except OSError as error:
            raise PlaybookLocked(f"файл {self._path} не записывается: {error.strerror}") from None
        self._adopt(compiled)
        log.info("playbook_saved", version=version_of(text), cards=checked.cards)
        return PlaybookText(text, version_of(text), editable=True), checked

    async def _shelve(self, before: str, text: str, who: str, checked: Checked) -> None:
        """The text that goes, too, where it came by another way than this one."""
        now = self._clock()
        kept = await self._shelf.playbooks()
        if version_of(before) not in {version.version for version in kept}:
            await self._shelf.keep_playbook(PlaybookVersion(version_of(before), now, "", _count(before)), before)
        latest = max((version.saved_at for version in kept), default=now)
        at = max(now, latest).replace(microsecond=0).timestamp() + 1  # behind all others, also in the same second
        saved = PlaybookVersion(version_of(text), datetime.fromtimestamp(at, UTC), who, checked.cards)
        await self._shelf.keep_playbook(saved, text)

    def _read(self) -> PlaybookText:
        text = read_text(self._path)
        reason = _why_locked(self._path)
        return PlaybookText(text, version_of(text), editable=reason is None, reason=reason)


def read_text(path: Path | None) -> str:
    """The file's text, the bundled one where there is none. A byte that is no UTF-8 is shown as such."""
    try:
        if path is not None:
            return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        pass  # not saved yet
    except OSError as error:
        raise PlaybookLocked(f"файл {path} не читается: {error.strerror}") from None
    return files("ari_bridge.hints").joinpath("playbooks/sales_ru.yaml").read_text(encoding="utf-8")


def _why_locked(path: Path | None) -> str | None:
    if path is None:
        return "не задан файл плейбука: укажите ARI_BRIDGE_HINTS__PLAYBOOK"
    folder = path.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return f"в папку {folder} нельзя писать: дайте на неё права пользователю службы"
    return None


def _replace(path: Path, text: str) -> None:
    """Atomically, with the mode and the owner that the file has; a link goes on pointing to it."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            _like(file.fileno(), target)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    finally:
        with suppress(OSError):  # it is gone where all went well
            os.unlink(name)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _like(handle: int, target: Path) -> None:
    try:
        known = target.stat()
    except OSError:
        os.fchmod(handle, MODE)
        return
    os.fchmod(handle, known.st_mode & 0o777)
    with suppress(OSError):  # only root may give files away
        os.fchown(handle, known.st_uid, known.st_gid)


def _count(text: str) -> int:
    try:
        return len(parse_playbook(text).cards)
    except PlaybookError:
        return 0  # the file is edited by hand, too


def _previewed(text: str, calls: Sequence[CallRecord]) -> Preview:
    compiled, _ = judged(text)
    late = time.monotonic() + PREVIEW_WITHIN_S
    lines: list[Previewed] = []
    looked_at = 0
    for record in calls:
        if time.monotonic() > late or len(lines) >= MOST_LINES:
            break
        lines += compare(compiled, record)
        looked_at += 1
        time.sleep(BREATH_S)
    more = looked_at < len(calls) or len(lines) > MOST_LINES
    return Preview(looked_at, tuple(lines[:MOST_LINES]), _totals(lines), more)


def _totals(lines: Sequence[Previewed]) -> tuple[tuple[str, str, int, int], ...]:
    """By card: id, title, shown, would be; what changes most comes first."""
    shown = Counter(card.card for line in lines for card in line.shown)
    would = Counter(card.card for line in lines for card in line.would)
    titles = {card.card: card.title for line in lines for card in (*line.shown, *line.would)}
    names = sorted(titles, key=lambda name: (-abs(would[name] - shown[name]), -would[name], name))
    return tuple((name, titles[name], shown[name], would[name]) for name in names)
