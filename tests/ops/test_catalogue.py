"""`docs/logs.md` against the code: every line that the daemon can write, with its level and its members."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVELS = frozenset({"debug", "info", "warning", "error", "exception"})
EVERYWHERE = frozenset({"call_id", "leg", "channel"})  # bound by whoever writes for a leg


@dataclass
class Line:
    """One event's name: all levels and members that it is written with, and whether members are computed."""

    levels: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    computed: bool = False


def written() -> dict[str, Line]:
    """What the source says it logs; a name that is no literal fails."""
    found: dict[str, Line] = defaultdict(Line)
    for path in sorted([*ROOT.glob("ari_bridge/**/*.py"), *ROOT.glob("media/**/*.py")]):
        if "demo" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = _log_call(node)
            if call is None:
                continue
            level, arguments, keywords = call
            name = arguments[0] if arguments else None
            assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: the event's name is no literal"
            assert len(arguments) == 1, f"{path}:{node.lineno}: members are named"
            line = found[str(name.value)]
            line.levels |= level
            for keyword in keywords:
                if keyword.arg is None:
                    line.computed = True
                elif keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
                    line.members |= {str(key.value) for key in keyword.value.keys if isinstance(key, ast.Constant)}
                else:
                    line.members.add(keyword.arg)
    return found


def _log_call(node: ast.AST) -> tuple[set[str], list[ast.expr], list[ast.keyword]] | None:
    """Levels, arguments and members of `log.LEVEL(…)`, or of `tell(…)` where `tell = log.A if … else log.B`."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS and _is_log(node.func.value):
        return {_level(node.func.attr)}, node.args, node.keywords
    if isinstance(node.func, ast.IfExp):
        branches = [node.func.body, node.func.orelse]
        levels = {_level(b.attr) for b in branches if isinstance(b, ast.Attribute) and _is_log(b.value)}
        return (levels, node.args, node.keywords) if levels else None
    return None


def _is_log(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "log") or (
        isinstance(node, ast.Attribute) and node.attr == "_log"
    )


def _level(method: str) -> str:
    return "error" if method == "exception" else method


@dataclass(frozen=True)
class Row:
    levels: frozenset[str]
    members: frozenset[str]
    when: str
    cure: str


def documented() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for text in (ROOT / "docs/logs.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
        if len(cells) == 5 and re.fullmatch(r"`[a-z_]+`", cells[0]):
            name = cells[0].strip("`")
            assert name not in rows, f"{name} stands twice"
            rows[name] = Row(
                frozenset(cells[1].split(", ")), frozenset(re.findall(r"`([a-z_0-9]+)`", cells[3])), cells[2], cells[4]
            )
    return rows


WRITTEN, DOCUMENTED = written(), documented()


def test_every_event_stands_in_the_catalogue_and_no_other() -> None:
    assert DOCUMENTED.keys() == WRITTEN.keys()


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_levels_and_members_are_those_of_the_code(name: str) -> None:
    line, row = WRITTEN[name], DOCUMENTED[name]
    assert row.levels == line.levels
    if line.computed:
        assert line.members - EVERYWHERE <= row.members
    else:
        assert row.members - EVERYWHERE == line.members - EVERYWHERE


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_names_are_one_word_and_faults_have_a_cure(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    row = DOCUMENTED[name]
    assert row.when
    if row.levels & {"warning", "error"}:
        assert row.cure
