"""The golden set's files as values; the format is told at the top of `golden/frozen.txt`. Pure but for `load`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
DIALOGUES = ("frozen.txt", "frozen_more.txt", "tuned.txt", "tuned_more.txt", "tuned_last.txt")
UNSEEN = {  # set → its dialogues and its ordinary talk; each file's head tells when it was frozen and measured
    "heldout": (("heldout.txt",), ()),
    "blind": (("blind.txt",), ("blind_ordinary.txt",)),
    "sealed": (("sealed.txt",), ("sealed_ordinary.txt",)),
    "last": (("last.txt",), ("last_ordinary.txt",)),
    "closing": (("closing.txt",), ("closing_ordinary.txt",)),
}
ORDINARY = ("ordinary.txt",)
_TURN = re.compile(r"([ок])((?: \??[a-z_]+)*): (.+)")


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance, and the cards that must (`expected`) and may (`tolerated`) show on it."""

    client: bool
    text: str
    expected: frozenset[str] = frozenset()
    tolerated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Dialogue:
    name: str
    turns: tuple[Turn, ...]
    forbidden: frozenset[str] = frozenset()


def parse(text: str) -> Iterator[Dialogue]:
    """Raises `ValueError` for a line that is none of the format's."""
    for block in re.split(r"^== ", text, flags=re.MULTILINE)[1:]:
        name, *lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
        turns: list[Turn] = []
        forbidden: frozenset[str] = frozenset()
        for line in lines:
            if line.startswith("forbid:"):
                forbidden = frozenset(line.removeprefix("forbid:").split())
            elif match := _TURN.fullmatch(line):
                marks = match[2].split()
                expected = frozenset(mark for mark in marks if not mark.startswith("?"))
                tolerated = frozenset(mark[1:] for mark in marks if mark.startswith("?"))
                turns.append(Turn(match[1] == "к", match[3], expected, tolerated))
            else:
                raise ValueError(f"{name}: {line}")
        yield Dialogue(name, tuple(turns), forbidden)


def load(files: tuple[str, ...] = DIALOGUES) -> tuple[Dialogue, ...]:
    """All dialogues of these files, in order."""
    return tuple(d for name in files for d in parse((FOLDER / name).read_text(encoding="utf-8")))


def load_ordinary(files: tuple[str, ...] = ORDINARY) -> tuple[str, ...]:
    """Lines of ordinary talk."""
    lines = [line for name in files for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]
    return tuple(line for line in lines if line.strip() and not line.startswith("#"))
