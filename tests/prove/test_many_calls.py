"""A sample of what `make prove` shows with hundreds of calls."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.prove import many_calls, stasis_time

pytestmark = pytest.mark.asterisk

LOG = """
[2026-11-27 13:00:00.100] VERBOSE[7][C-1] pbx.c: Executing [1@in:1] Stasis("PJSIP/mango-0001", "ari_bridge") in new stack
[2026-11-27 13:00:00.101] VERBOSE[8][C-2] pbx.c: Executing [1@in:1] Stasis("PJSIP/mango-0002", "ari_bridge") in new stack
[2026-11-27 13:00:00.112] VERBOSE[8][C-2] pbx.c: Executing [1@in:2] Dial("PJSIP/mango-0002", "PJSIP/1001") in new stack
[2026-11-27 13:00:00.150] VERBOSE[7][C-1] pbx.c: Executing [1@in:2] Dial("PJSIP/mango-0001", "PJSIP/1001") in new stack
[2026-11-27 13:00:09.000] VERBOSE[7][C-1] pbx.c: Executing [1@in:3] Hangup("PJSIP/mango-0001", "") in new stack
"""  # noqa: E501 - as Asterisk writes it


def test_the_ruler_reads_asterisks_log() -> None:
    assert stasis_time.waits_ms(LOG) == [11.0, 50.0]


def test_a_leak_is_told() -> None:
    few, more = many_calls.Holdings(0, 0, 20, 30), many_calls.Holdings(1, 2, 20, 29)
    result = many_calls.Result(calls=9, seen=8, before=few, after=more, bytes_a_call=1001.0, resident=1)
    assert [problem.split()[0] for problem in result.problems] == ["channels_and_bridges:", "ports:", "8", "memory"]


async def test_short_calls_leave_nothing_behind_and_wait_for_nobody(tmp_path: Path) -> None:
    require("asterisk", why_no_asterisk())
    result = await many_calls.run(tmp_path, 18, 6, first=6, settle_s=3.0)
    leaks = [leak for leak in many_calls.grown(result.before, result.after) if not leak.startswith("files")]
    assert leaks == [], "connections to Asterisk are kept open for longer than this takes"
    assert result.seen == result.calls
    assert len(result.stasis_ms) == 6 + 2  # those before the counted ones too
    assert statistics.median(result.stasis_ms) <= stasis_time.MOST_P99_MS
