"""For all tests: how often a property is tried, and which files begin.

A run tries the same sample each time, so that it tells what a change did; `HYPOTHESIS_PROFILE=prove` (part of
`make prove`) tries far more, others each time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
import structlog
from hypothesis import settings

PROFILE: Final = os.environ.get("HYPOTHESIS_PROFILE", "sample")
LONGEST_FIRST: Final = (
    "hub/test_schemathesis.py",
    "chain",
    "prove",
    "deploy",
    "bench",
    "webui",
)
"""Files and folders that take minutes: begun last, they would keep one processor waiting for the other."""

# what comes out is a property, how fast on a busy machine is none
settings.register_profile("sample", max_examples=30, derandomize=True, deadline=None)
settings.register_profile("prove", max_examples=500, deadline=None)
settings.load_profile(PROFILE)

# rich, which schemathesis brings, draws a traceback with all locals: for seconds, in which the event loop stands still
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start the daemon by the hundred


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _turn(item.path))


def _turn(file: Path) -> int:
    name = file.relative_to(Path(__file__).parent)
    turns = (turn for turn, first in enumerate(LONGEST_FIRST) if name.is_relative_to(first))
    return next(turns, len(LONGEST_FIRST))
