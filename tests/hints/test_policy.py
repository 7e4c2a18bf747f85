from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.errors import IllegalInput
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.policy import TABLE, Act, Input, Requests, State, Trigger

LIMITS = Limits(debounce_s=0.25, first_token_s=4, total_s=8, stale_s=8, retry_after_s=0.4)
TRIGGER = Trigger(1, "дорого", "playbook", at=100.0)


def at(state: State) -> Requests:
    requests = Requests(LIMITS)
    path = {
        State.IDLE: [],
        State.WAITING: [Input.TRIGGER],
        State.ASKING: [Input.TRIGGER, Input.DUE],
        State.STREAMING: [Input.TRIGGER, Input.DUE, Input.TOKEN],
        State.CLOSED: [Input.CLOSE],
    }[state]
    now = {Input.TRIGGER: 100.0, Input.DUE: 100.25, Input.TOKEN: 101.0, Input.CLOSE: 101.0}
    for given_input in path:
        requests.step(given_input, now[given_input], TRIGGER)
    assert requests.state is state
    return requests


def test_every_request_that_is_asked_ends_exactly_once() -> None:
    """Breadth first over all states: a request is open exactly in ASKING and STREAMING, whatever the inputs."""
    seen: set[tuple[State, bool]] = set()
    queue: deque[tuple[State, bool]] = deque([(State.IDLE, False)])
    ends = {Input.ANSWERED, Input.FAILED, Input.RETRY}
    while queue:
        state, is_open = queue.popleft()
        if (state, is_open) in seen:
            continue
        seen.add((state, is_open))
        assert is_open == (state in (State.ASKING, State.STREAMING))
        for given_input, (following, acts) in TABLE[state].items():
            still = is_open
            if given_input in ends:
                assert still
                still = False
            if Act.CANCEL in acts:
                assert still, "only an open request is cancelled"
                still = False
            if Act.ASK in acts:
                assert not still, "one request in flight"
                still = True
            queue.append((following, still))
    assert {state for state, _ in seen} == set(State)


def test_the_end_of_the_call_ends_everything_from_every_state() -> None:
    for state in State:
        requests = at(state)
        requests.step(Input.CLOSE, 200.0)
        assert requests.state is State.CLOSED
        assert requests.next_timer() is None


def test_debounce_then_ask() -> None:
    requests = at(State.WAITING)
    assert requests.next_timer() == 100.25
    assert requests.expired(100.2) is None
    assert requests.expired(100.25) == (Input.DUE, "due")
    assert requests.step(Input.DUE, 100.25) == (Act.ASK,)
    assert requests.number == 1


def test_the_newest_words_win_and_cancel_the_older_request() -> None:
    for state in (State.ASKING, State.STREAMING):
        requests = at(state)
        newer = Trigger(2, "а гарантия", "playbook", at=102.0)
        assert requests.step(Input.TRIGGER, 102.0, newer) == (Act.CANCEL, Act.SCHEDULE)
        assert requests.trigger == newer
        assert not requests.current(1)


@pytest.mark.parametrize(
    ("state", "now", "why"),
    [
        (State.ASKING, 104.25, "no_first_token"),
        (State.ASKING, 108.0, "stale"),
        (State.STREAMING, 108.25, "too_slow"),
        (State.WAITING, 108.0, "stale"),
    ],
)
def test_deadlines(state: State, now: float, why: str) -> None:
    requests = at(state)
    assert requests.expired(now) == (Input.LATE, why)
    requests.step(Input.LATE, now)
    assert requests.state is State.IDLE


def test_a_streaming_answer_is_not_stale() -> None:
    assert at(State.STREAMING).expired(108.1) is None


def test_one_retry_and_only_while_the_answer_could_still_be_fresh() -> None:
    requests = at(State.ASKING)
    assert requests.failure(retryable=False, now=101.0) is Input.FAILED
    assert requests.failure(retryable=True, now=107.0) is Input.FAILED
    assert requests.failure(retryable=True, now=101.0) is Input.RETRY
    assert requests.step(Input.RETRY, 101.0) == (Act.RESCHEDULE,)
    assert requests.next_timer() == 101.4
    requests.step(Input.DUE, 101.4)
    assert requests.failure(retryable=True, now=101.5) is Input.FAILED
    assert at(State.STREAMING).failure(retryable=True, now=101.5) is Input.FAILED


def test_what_cannot_be_is_our_own_fault() -> None:
    with pytest.raises(IllegalInput):
        at(State.IDLE).step(Input.TOKEN, 0.0)
    with pytest.raises(IllegalInput):
        at(State.IDLE).step(Input.TRIGGER, 0.0)


@given(st.lists(st.sampled_from(list(Input)), max_size=30))
def test_timers_always_lie_ahead_of_what_set_them(inputs: list[Input]) -> None:
    requests, now = Requests(LIMITS), 100.0
    for given_input in inputs:
        now += 0.1
        if given_input in TABLE[requests.state]:
            requests.step(given_input, now, Trigger(1, "", "", now))
        timer = requests.next_timer()
        assert timer is None or requests.expired(timer) is not None
