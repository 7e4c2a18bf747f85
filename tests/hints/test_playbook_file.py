from __future__ import annotations

import os
from pathlib import Path

import pytest

from ari_bridge.hints.playbook import PlaybookError
from ari_bridge.hints.playbook_file import PlaybookWatch, read_playbook
from tests.hints.playbooks import SMALL


def test_the_bundled_playbook_is_there() -> None:
    assert len(read_playbook(None).cards) >= 15


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="не читается"):
        read_playbook(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("company: Ромашка".encode("cp1251"))
    with pytest.raises(PlaybookError, match="UTF-8"):
        read_playbook(tmp_path / "latin.yaml")


def test_a_change_is_noticed_once_however_the_editor_writes(tmp_path: Path) -> None:
    path = tmp_path / "playbook.yaml"
    path.write_text(SMALL, encoding="utf-8")
    watch = PlaybookWatch(path)
    assert watch.changed() is None
    path.write_text(SMALL.replace("Ромашка", "Василёк"), encoding="utf-8")
    changed = watch.changed()
    assert changed is not None
    assert changed.company == "Василёк"
    assert watch.changed() is None
    other = tmp_path / "new.yaml"
    other.write_text(SMALL, encoding="utf-8")
    os.replace(other, path)
    assert watch.changed() is not None


def test_a_bad_version_is_refused_once(tmp_path: Path) -> None:
    path = tmp_path / "playbook.yaml"
    path.write_text(SMALL, encoding="utf-8")
    watch = PlaybookWatch(path)
    path.write_text("company: [", encoding="utf-8")
    with pytest.raises(PlaybookError):
        watch.changed()
    assert watch.changed() is None
