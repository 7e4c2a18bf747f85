"""A model test: every path through the table, with a model of what stands in Asterisk beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from ari_bridge.calls.leg import TABLE, Command, Input, State, advance
from ari_bridge.errors import IllegalInput

ENDS = (Input.STOP, Input.LOST)
DONE_BY = {Command.CREATE_MEDIA: Input.MEDIA_UP, Command.CREATE_SNOOP: Input.SNOOP_UP, Command.JOIN: Input.JOINED}


@dataclass(frozen=True)
class Tap:
    """A state, and what the shell has seen so far: commands given, and those whose answer is still to come."""

    state: State = State.IDLE
    given: tuple[Command, ...] = ()
    pending: frozenset[Command] = frozenset()

    def after(self, one: Input, answers: Command | None = None) -> Tap:
        state, commands = advance(self.state, one)
        pending = (self.pending - {answers}) | set(commands)
        return Tap(state, self.given + commands, pending)

    def possible(self) -> list[tuple[Input, Command | None]]:
        """What may come now: the owner's wishes and Asterisk's news at any time, an answer for what was asked."""
        found: list[tuple[Input, Command | None]] = [(one, None) for one in ENDS]
        if not self.given and self.state is State.IDLE:
            found.append((Input.START, None))
        for command in self.pending - {Command.RELEASE}:
            found += [(DONE_BY[command], command), (Input.FAILED, command)]
        if self.pending == {Command.RELEASE}:  # the shell waits for all other requests first
            found.append((Input.RELEASED, Command.RELEASE))
        return found


def reachable() -> set[Tap]:
    """Breadth first: every tap there can be."""
    seen, todo = {Tap()}, [Tap()]
    while todo:
        tap = todo.pop(0)
        if tap.state is State.CLOSED:
            continue
        for one, answers in tap.possible():
            new = tap.after(one, answers)
            if new not in seen:
                seen.add(new)
                todo.append(new)
    return seen


TAPS = reachable()


def test_every_state_of_the_table_is_reached_and_no_other() -> None:
    assert {tap.state for tap in TAPS} == set(State) == set(TABLE)


def test_no_command_is_given_twice() -> None:
    assert all(len(set(tap.given)) == len(tap.given) for tap in TAPS)


def test_what_was_begun_is_released_exactly_once_and_nothing_else_is() -> None:
    for tap in TAPS:
        if tap.state is State.CLOSED:
            assert tap.given.count(Command.RELEASE) == (1 if tap.given else 0)
            assert tap.pending == frozenset()
        elif tap.state is not State.RELEASING:
            assert Command.RELEASE not in tap.given


def test_a_bridge_is_made_of_two_channels_that_are_up() -> None:
    for tap in TAPS:
        if Command.JOIN in tap.given:
            before = tap.given[: tap.given.index(Command.JOIN)]
            assert {Command.CREATE_MEDIA, Command.CREATE_SNOOP} <= set(before)
        if tap.state in (State.JOINING, State.LIVE):
            assert not tap.pending & {Command.CREATE_MEDIA, Command.CREATE_SNOOP}


def test_closed_is_reached_from_everywhere() -> None:
    closing = {tap for tap in TAPS if tap.state is State.CLOSED}
    while True:
        more = {
            tap
            for tap in TAPS - closing
            if tap.state is not State.CLOSED and any(tap.after(*step) in closing for step in tap.possible())
        }
        if not more:
            break
        closing |= more
    assert closing == TAPS


@pytest.mark.parametrize("state", [State.CREATING, State.WAIT_MEDIA, State.WAIT_SNOOP, State.JOINING, State.LIVE])
def test_a_stop_releases_at_once(state: State) -> None:
    assert advance(state, Input.STOP) == (State.RELEASING, (Command.RELEASE,))


@pytest.mark.parametrize("state", [State.WAIT_MEDIA, State.JOINING, State.LIVE])
def test_a_snoop_that_is_up_and_goes_away_ends_the_tap(state: State) -> None:
    assert advance(state, Input.LOST) == (State.RELEASING, (Command.RELEASE,))


@pytest.mark.parametrize("state", [State.IDLE, State.CREATING, State.WAIT_SNOOP])
def test_the_end_of_a_former_snoop_is_not_the_end_of_one_that_is_not_up_yet(state: State) -> None:
    """Ids are fixed by the tapped channel: the farewell of the snoop before carries the same one."""
    assert advance(state, Input.LOST) == (state, ())


def test_after_the_end_nothing_matters() -> None:
    for one in ENDS:
        assert advance(State.CLOSED, one) == (State.CLOSED, ())


def test_what_cannot_happen_is_our_own_fault() -> None:
    for state, one in ((State.IDLE, Input.RELEASED), (State.LIVE, Input.START), (State.CLOSED, Input.SNOOP_UP)):
        with pytest.raises(IllegalInput, match=f"{one.name} in {state.name}"):
            advance(state, one)


def test_the_model_would_notice_a_second_release() -> None:
    twice = replace(Tap(), given=(Command.RELEASE, Command.RELEASE))
    assert len(set(twice.given)) != len(twice.given)
