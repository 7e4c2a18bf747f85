"""The bus's bench measures what it says: a short run shows every event, with and without a bus."""

from __future__ import annotations

import pytest

from tests.bench.bus_bench import LEVELS_A_SECOND, PARTIALS_A_SECOND, alone, show, together
from tests.lab.conftest_plugin import require
from tests.ops.redis_server import why_no_redis


@pytest.mark.timeout(200)
def test_events_reach_the_browser_with_and_without_a_bus() -> None:
    require("redis", why_no_redis())
    rows = [alone(4, 1.0), together(2, 4, 1.0)]
    assert [row.calls for row in rows] == [4, 8]
    for row in rows:
        assert row.events_a_second > 0.5 * row.calls * (PARTIALS_A_SECOND + LEVELS_A_SECOND)
        assert 0 < row.p50_ms <= row.p99_ms
    assert len(show(rows).splitlines()) == 4
