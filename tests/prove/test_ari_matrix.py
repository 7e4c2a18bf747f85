"""A seeded sample of the ARI fault matrix."""

from __future__ import annotations

from random import Random

import pytest

from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.prove.ari_matrix import DRAWN_FROM, draw, run_cases

pytestmark = pytest.mark.asterisk


async def test_no_fault_of_ari_is_noticed_by_a_party() -> None:
    require("asterisk", why_no_asterisk())
    seed = Random().randrange(10**6)
    cases = draw(DRAWN_FROM, 6, seed)
    print(f"seed {seed}: {', '.join(map(str, cases))}")
    verdicts = await run_cases(cases, workers=2)
    assert [verdict for verdict in verdicts if verdict.problems] == []
