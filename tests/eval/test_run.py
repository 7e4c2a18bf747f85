"""The floors of `make eval`, held by the tests too; and the scorer must be able to fail."""

from __future__ import annotations

import dataclasses

import pytest

from ari_bridge.hints.compiled import compile_playbook
from ari_bridge.hints.playbook_file import read_playbook
from tests.eval.golden import Dialogue, Turn, load, load_ordinary, parse
from tests.eval.replay import Replay
from tests.eval.run import main, recorded_answers
from tests.eval.score import Score


@pytest.mark.parametrize("seed", [1, 2])
def test_the_floors_hold(seed: int) -> None:
    assert main(["--seed", str(seed), "--offline"]) == 0


def test_the_set_is_as_large_as_it_has_to_be() -> None:
    assert len(load()) >= 60
    assert len(load_ordinary()) >= 500
    assert all(turn.text == turn.text.lower() and "," not in turn.text for d in load() for turn in d.turns)


def test_a_worse_playbook_scores_worse() -> None:
    playbook = read_playbook(None)
    fewer = compile_playbook(dataclasses.replace(playbook, cards=playbook.cards[:3]))
    score = Score()
    for dialogue in load():
        score.dialogue(dialogue, Replay(fewer, 1).play(dialogue))
    assert score.recall < 0.5


def test_an_eager_playbook_is_caught() -> None:
    playbook = read_playbook(None)
    eager = dataclasses.replace(playbook.cards[0], phrases=(*playbook.cards[0].phrases, "да"), unless=())
    compiled = compile_playbook(dataclasses.replace(playbook, cards=(eager, *playbook.cards[1:])))
    score = Score()
    score.ordinary("да конечно", Replay(compiled, 1).play(Dialogue("x", (Turn(True, "да конечно"),))))
    assert score.false == 1


def test_a_forbidden_card_is_counted() -> None:
    (dialogue,) = parse("== x\nforbid: warranty\nк: какая гарантия\n")
    score = Score()
    score.dialogue(dialogue, Replay(compile_playbook(read_playbook(None)), 1).play(dialogue))
    assert (score.forbidden, score.false) == (1, 1)


def test_a_licence_that_allows_anything_is_caught_by_the_recorded_answers() -> None:
    playbook = read_playbook(None)
    generous = dataclasses.replace(playbook, offers=(*playbook.offers, "Скидка 15 %", "Скидка 20 000 рублей"))
    assert recorded_answers(compile_playbook(playbook), 1) == []
    assert recorded_answers(compile_playbook(generous), 1) != []
