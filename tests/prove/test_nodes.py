"""A row of the node matrix, with fewer calls and a short cut; which one is chosen by chance."""

from __future__ import annotations

from random import Random

import pytest

from tests.lab.conftest_plugin import require
from tests.ops.redis_server import why_no_redis
from tests.prove.nodes import faults, matrix
from tests.store.postgresql import binaries


@pytest.mark.timeout(400)
async def test_nobody_lacks_a_word_whatever_dies() -> None:
    require("redis", why_no_redis())
    require("postgresql", None if binaries() else "no PostgreSQL here: run tests/lab/install.sh postgresql")
    seed = Random().randrange(10**6)
    fault = Random(seed).choice([name for name in faults() if name != "nothing"])
    rows = [row async for row in matrix(4, 8.0, [fault], seed)]
    assert [(seed, row.fault, row.problems) for row in rows] == [(seed, fault, [])]
