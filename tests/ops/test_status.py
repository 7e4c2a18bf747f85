from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from ari_bridge.events import Component, ComponentState, ComponentStatus, Event, SystemChanged
from ari_bridge.ops.status import StatusBoard

UP = ComponentStatus(ComponentState.UP)
DOWN = ComponentStatus(ComponentState.DOWN, "ARI не принимает пароль.", "Проверьте ari.password.")
TRYING = ComponentStatus(ComponentState.CONNECTING)


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def test_only_changes_are_told(logged: list[structlog.typing.EventDict]) -> None:
    events: list[Event] = []
    board = StatusBoard(events.append)
    for status in (DOWN, DOWN, UP, UP):
        board.report(Component.ARI, status)
    assert [e.components[Component.ARI] for e in events if isinstance(e, SystemChanged)] == [DOWN, UP]
    assert [(entry["event"], entry["component"], entry["state"], entry["log_level"]) for entry in logged] == [
        ("component_state", "ari", "down", "warning"),
        ("component_state", "ari", "up", "info"),
    ]
    assert (logged[0]["reason"], logged[0]["action"]) == (DOWN.reason, DOWN.action)
    assert board.snapshot()[Component.ARI] == UP


def test_a_dependency_that_stays_away_costs_one_line(logged: list[structlog.typing.EventDict]) -> None:
    events: list[Event] = []
    board = StatusBoard(events.append)
    for _ in range(5):
        board.report(Component.ARI, TRYING)
        board.report(Component.ARI, DOWN)
    assert len(logged) == 1
    assert len(events) == 9  # the first `connecting` is what the board says before anybody reports
    board.report(Component.ARI, UP)
    board.report(Component.ARI, DOWN)
    assert len(logged) == 3


def test_before_any_report_everything_is_connecting() -> None:
    board = StatusBoard(lambda event: None)
    assert {status.state for status in board.snapshot().values()} == {ComponentState.CONNECTING}
