"""A short form of the trials; their problems are the same at any length."""

from __future__ import annotations

from random import Random

from tests.prove.media_trials import trials


def test_flood_stall_and_loss() -> None:
    seed = Random().randrange(10**6)
    verdicts = list(trials(short=True, seed=seed))
    assert [verdict.name for verdict in verdicts] == ["flood", "stall", "loss"]
    assert [(verdict.name, verdict.figures, verdict.problems) for verdict in verdicts if verdict.problems] == []
