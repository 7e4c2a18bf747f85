"""A seeded sample of the matrix: every kind of fault once."""

from __future__ import annotations

from random import Random

from tests.prove.stt_matrix import CASES, run_matrix


async def test_no_fault_changes_the_text() -> None:
    seed = Random().randrange(10**6)
    count = len(CASES)
    print(f"python -m tests.prove.stt_matrix --runs {count} --seed {seed}")
    runs = await run_matrix(count, seed)
    assert len({run.kind for run in runs}) == len(set(CASES))
    assert [run for run in runs if run.problems] == []
