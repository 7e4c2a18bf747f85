"""The state of the whole, out of what each node tells of itself."""

from __future__ import annotations

from ari_bridge.bus.roster import FORGOTTEN_S, GONE_S, NO_BRIDGE, Roster
from ari_bridge.events import Component, ComponentState, ComponentStatus

UP = ComponentStatus(ComponentState.UP)
DOWN = ComponentStatus(ComponentState.DOWN, "нет связи с Asterisk", "проверьте Asterisk")


def test_without_a_bridge_there_are_no_calls() -> None:
    roster = Roster()
    roster.note("hub-1", {Component.STORE: UP}, 0.0, follows=False)
    state = roster.state(1.0)
    assert (state[Component.ARI], state[Component.STORE]) == (NO_BRIDGE, UP)
    assert roster.following(1.0) == []


def test_one_pbx_of_two_away_is_a_state_in_between() -> None:
    roster = Roster()
    roster.note("a", {Component.ARI: UP}, 0.0, follows=True)
    assert roster.state(1.0)[Component.ARI] == UP
    roster.note("b", {Component.ARI: DOWN}, 0.0, follows=True)
    told = roster.state(1.0)[Component.ARI]
    assert (told.state, told.reason, told.action) == (ComponentState.DEGRADED, f"b: {DOWN.reason}", DOWN.action)
    roster.note("a", {Component.ARI: DOWN}, 1.0, follows=True)
    assert roster.state(2.0)[Component.ARI] == DOWN


def test_who_waits_to_take_over_says_nothing_of_the_pbx() -> None:
    roster = Roster()
    roster.note("a", {Component.ARI: UP}, 0.0, follows=True)
    roster.note("standby", {Component.ARI: DOWN}, 0.0, follows=False)
    assert roster.state(1.0)[Component.ARI] == UP


def test_a_node_that_went_silent_is_without_its_pbx_and_forgotten_in_the_end() -> None:
    roster = Roster()
    roster.note("a", {Component.ARI: UP, Component.STT: UP}, 0.0, follows=True)
    assert roster.following(GONE_S - 0.1) == ["a"]
    late = roster.state(GONE_S + 0.1)
    assert late[Component.ARI].state is ComponentState.DOWN
    assert late[Component.STT] == UP
    assert roster.following(GONE_S + 0.1) == []
    assert roster.state(FORGOTTEN_S + 1.0)[Component.ARI] == NO_BRIDGE
