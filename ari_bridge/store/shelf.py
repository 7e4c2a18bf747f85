"""Versions of the playbook, in any SQL database. Pure but for `run`, which the shell gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ari_bridge.playbooks import PlaybookVersion
from ari_bridge.store.reading import Run
from ari_bridge.store.writing import Statement, milliseconds, moment_of

MOST_VERSIONS: Final = 100  # the oldest go

_KEEP = """
INSERT INTO playbooks (at, version, who, cards, text) VALUES (:at, :version, :who, :cards, :text)
ON CONFLICT DO NOTHING"""
_FORGET = f"""
DELETE FROM playbooks WHERE at < (SELECT min(at) FROM (SELECT at FROM playbooks ORDER BY at DESC
    LIMIT {MOST_VERSIONS}) AS kept)"""


def keeping(kept: PlaybookVersion, text: str) -> Iterator[Statement]:
    yield (
        _KEEP,
        {
            "at": milliseconds(kept.saved_at),
            "version": kept.version,
            "who": kept.who,
            "cards": kept.cards,
            "text": text,
        },
    )
    yield _FORGET, {}


def versions(run: Run) -> tuple[PlaybookVersion, ...]:
    """Newest first."""
    found = run("SELECT version, at, who, cards FROM playbooks ORDER BY at DESC, version", {})
    return tuple(PlaybookVersion(row[0], moment_of(row[1]), row[2], row[3]) for row in found)


def text_of(run: Run, version: str) -> str | None:
    found = run("SELECT text FROM playbooks WHERE version = :version LIMIT 1", {"version": version})
    return found[0][0] if found else None
