from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.store.turnstile import Turnstile


def test_who_need_not_wait_passes() -> None:
    gate: Turnstile[str] = Turnstile(1.0)
    assert gate.enter("a", None, "partial", 0.0)
    assert gate.deadline() is None


def test_a_call_s_later_events_wait_behind_its_line_and_other_calls_pass() -> None:
    gate: Turnstile[str] = Turnstile(1.0)
    assert not gate.enter("a", 1, "final", 0.0)
    assert not gate.enter("a", None, "card", 0.1)
    assert gate.enter("b", None, "partial", 0.1)
    assert gate.durable(0) == []
    assert gate.durable(1) == ["final", "card"]
    assert gate.enter("a", None, "next", 0.2)


def test_only_what_is_durable_leaves() -> None:
    gate: Turnstile[str] = Turnstile(1.0)
    gate.enter("a", 1, "first", 0.0)
    gate.enter("a", None, "card", 0.0)
    gate.enter("a", 5, "second", 0.0)
    assert gate.durable(4) == ["first", "card"]
    assert gate.deadline() == 1.0
    assert not gate.enter("a", None, "third", 0.0)
    assert gate.open() == ["second", "third"]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60),
    st.lists(st.integers(0, 60), max_size=20),
)
def test_no_event_overtakes_another_of_its_call_and_none_is_lost(
    events: list[tuple[str, bool]], commits: list[int]
) -> None:
    gate: Turnstile[tuple[str, int, bool]] = Turnstile(1.0)
    left: list[tuple[str, int, bool]] = []
    durable = 0
    todo = sorted(commits)
    for number, (call, final) in enumerate(events, 1):
        passage = (call, number, final)
        if gate.enter(call, number if final else None, passage, float(number)):
            left.append(passage)
        if todo and todo[0] <= number:
            durable = todo.pop(0)
            left += gate.durable(durable)
            assert all(ticket <= durable for _, ticket, is_final in left if is_final)
    left += gate.open()
    assert gate.deadline() is None
    for call in "abc":
        assert [p for p in left if p[0] == call] == [(c, n, f) for n, (c, f) in enumerate(events, 1) if c == call]
