"""What Asterisk 22.10.1 tells of real calls, as the daemon is told it; made by `record.py`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in HERE.glob("*.jsonl")))


@cache
def messages(name: str) -> tuple[dict[str, Any], ...]:
    """The messages of one trace in their order: ARI's own, and `{"type": "notice", …}` where the dialplan sent one."""
    lines = (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)
