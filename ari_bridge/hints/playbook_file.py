"""The playbook's file: the bundled Russian sales playbook, or the one that the settings name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ari_bridge.hints.playbook import Playbook, PlaybookError
from ari_bridge.hints.playbook_yaml import parse_playbook


def playbook_path(configured: Path | None, database: Path | None) -> Path | None:
    """Where the page saves: the file that the settings name, else `playbook.yaml` beside the database."""
    return configured or (database.with_name("playbook.yaml") if database is not None else None)


def in_force(configured: Path | None, path: Path | None) -> Path | None:
    """Of which file the playbook is read, None for the bundled one: a file that only the page makes need not be there.

    `path` is that of `playbook_path`.
    """
    return path if configured or (path is not None and path.exists()) else None


def read_playbook(path: Path | None) -> Playbook:
    """None: the bundled one. Raises `PlaybookError`, also where the file cannot be read."""
    source = files("ari_bridge.hints").joinpath("playbooks/sales_ru.yaml") if path is None else path
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise PlaybookError(0, f"файл {path} не читается: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PlaybookError(0, f"файл {path} не в кодировке UTF-8") from None
    return parse_playbook(text)


class PlaybookWatch:
    """Notices that the file changed. An editor that writes in place, one that renames, and a copy are all seen."""

    def __init__(self, path: Path) -> None:
        """The file as it is now counts as read."""
        self._path = path
        self._seen = self._mark()

    def skip(self) -> None:
        """The file as it is now is known: it was written here."""
        self._seen = self._mark()

    def changed(self) -> Playbook | None:
        """The new playbook, None where nothing changed. Raises `PlaybookError` once for each bad version."""
        mark = self._mark()
        if mark == self._seen:
            return None
        self._seen = mark
        return read_playbook(self._path)

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
