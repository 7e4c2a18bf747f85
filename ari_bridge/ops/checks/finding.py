"""One line of `ari-bridge check`. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it stands and what that means, and what to do about it (empty where nothing is).

    `state` and `cure` are Russian: people read them.
    """

    name: str
    grade: Grade
    state: str
    cure: str = ""


MARKS = {Grade.OK: "✓", Grade.WARNING: "!", Grade.FAULT: "✗"}


def exit_code(findings: Sequence[Finding]) -> int:
    """0 all well, 1 warnings, 2 it cannot work."""
    grades = {finding.grade for finding in findings}
    return 2 if Grade.FAULT in grades else 1 if Grade.WARNING in grades else 0


def as_text(findings: Sequence[Finding]) -> str:
    """A line each, the cure below it."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        cure = f"\n  {'':{width}}  → {finding.cure}" if finding.cure else ""
        lines.append(f"{MARKS[finding.grade]} {finding.name:<{width}}  {finding.state}{cure}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2)
