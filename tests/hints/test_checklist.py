from __future__ import annotations

import dataclasses

from ari_bridge.hints.checklist import Progress
from ari_bridge.hints.compiled import compile_playbook
from tests.hints.playbooks import compiled, small


def test_steps_are_ticked_once_and_stay_ticked() -> None:
    progress = Progress(compiled())
    event = progress.event("c1")
    assert event is not None
    assert [(step.id, step.done) for step in event.steps] == [("hello", False), ("survey", False)]
    assert progress.hear("добрый день меня зовут Анна")
    assert not progress.hear("меня зовут Анна")
    event = progress.event("c1")
    assert event is not None
    assert [step.done for step in event.steps] == [True, False]
    assert progress.left == ("Назначить замер",)


def test_a_playbook_without_steps_has_no_checklist() -> None:
    bare = compile_playbook(dataclasses.replace(small(), checklist=()))
    assert Progress(bare).event("c1") is None


def test_what_was_told_before_stays_ticked() -> None:
    before, progress = Progress(compiled()), Progress(compiled())
    before.hear("меня зовут Анна")
    told = before.event("c1")
    assert told is not None
    progress.recall(told)
    assert progress.event("c1") == told
    assert not progress.hear("меня зовут Анна")
