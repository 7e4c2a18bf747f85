"""The room's own law: all but its shells decide without I/O, clock, environment, chance or log."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ari_bridge.hints

FOLDER = Path(ari_bridge.hints.__file__).parent
SHELLS = {
    "engine.py",
    "judge.py",
    "questions.py",
    "openrouter.py",
    "playbook_desk.py",
    "playbook_file.py",
    "webhook_sender.py",
}
IMPURE = {
    "asyncio",
    "aiohttp",
    "socket",
    "time",
    "os",
    "logging",
    "structlog",
    "random",
    "secrets",
    "pathlib",
    "datetime",
}


@pytest.mark.parametrize("path", [p for p in FOLDER.glob("*.py") if p.name not in SHELLS], ids=lambda p: p.name)
def test_pure_files_are_pure(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not {name.split(".")[0] for name in imported} & IMPURE
    assert not {name.removeprefix("ari_bridge.hints.") + ".py" for name in imported} & SHELLS
