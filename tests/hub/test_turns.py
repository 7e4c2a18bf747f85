"""Which partials and levels reach those who look at all calls, and when."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Event, Leg, Transcript
from ari_bridge.hub.protocol import Delivery, Message, encode
from ari_bridge.hub.turns import INTERVAL_S, Turns
from tests.hub.calls import STARTED, card, ended, final, gap, level, partial


def message(event: Event, sequence: int = 1) -> Message:
    return encode(event, sequence, STARTED, 0.0)


def tails(messages: list[Message]) -> list[str]:
    return [each.members.decode().partition('"tail":"')[2].partition('"')[0].strip() for each in messages]


def test_twice_a_second_per_call_and_both_legs_have_their_turn() -> None:
    turns = Turns()
    seen: list[Message] = []
    for tick in range(100):  # 10 s, both legs of two calls, ten partials a second each
        now = tick / 10
        for call_id in ("c1", "c2"):
            for leg in Leg:
                seen += turns.release(now)
                each = message(partial(f" {tick}", call_id=call_id, leg=leg), tick + 1)
                seen += [each] if turns.admit(each, now) else []
    for call_id in ("c1", "c2"):
        legs = [each.key[2] for each in seen if each.call_id == call_id and isinstance(each.key, tuple)]
        assert 19 <= len(legs) <= 20
        assert abs(legs.count("client") - legs.count("operator")) <= 1


def test_a_held_partial_goes_when_it_is_due_in_its_newest_state() -> None:
    turns = Turns()
    assert turns.admit(message(partial(" а")), 0.1)
    assert turns.next_due() is None
    assert not turns.admit(message(partial(" б")), 0.1)
    assert not turns.admit(message(partial(" в")), 0.1)
    assert turns.next_due() == 0.1 + INTERVAL_S
    assert turns.release(0.5) == []
    assert tails(turns.release(0.61)) == ["в"]
    assert turns.next_due() is None


def test_a_final_takes_what_is_held_of_its_line_along() -> None:
    turns = Turns()
    turns.admit(message(partial(" а")), 0.0)
    turns.admit(message(partial(" аб")), 0.0)
    assert turns.admit(message(final("абв")), 0.1)
    assert turns.next_due() is None
    assert turns.release(9.0) == []


def test_levels_and_partials_of_a_call_do_not_wait_for_each_other() -> None:
    turns = Turns()
    assert turns.admit(message(partial(" а")), 0.0)
    assert turns.admit(message(level(0.1)), 0.0)
    assert turns.admit(message(level(0.1, "c2")), 0.0)
    assert not turns.admit(message(level(0.2)), 0.1)
    assert [each.type for each in turns.release(1.0)] == ["level"]


def test_what_is_certain_never_waits() -> None:
    turns = Turns()
    turns.admit(message(partial(" а")), 0.0)
    assert all(turns.admit(message(event), 0.0) for event in (gap(), card(), final("а"), ended()))


def test_the_end_of_a_call_leaves_nothing_behind() -> None:
    turns = Turns()
    for event in (partial(" а"), partial(" б"), level(0.1), level(0.2), ended()):
        turns.admit(message(event), 0.0)
    assert turns.next_due() is None
    assert turns.release(9.0) == []
    assert turns.admit(message(partial(" а", 2)), 0.1)


EVENTS = st.sampled_from(
    [partial(" а"), partial(" б", leg=Leg.OPERATOR), partial(" в", 2), level(0.1), final("а"), final("в", 2), gap()]
)


@given(st.lists(st.tuples(EVENTS, st.floats(0, 0.4)), max_size=60))
def test_every_line_ends_in_its_newest_state_and_no_call_is_told_too_often(steps: list[tuple[Event, float]]) -> None:
    turns, now = Turns(), 0.0
    newest: dict[object, int] = {}
    seen: dict[object, int] = {}
    partials: list[float] = []
    final_lines = set[object]()

    def take(messages: list[Message]) -> None:
        for each in messages:
            seen[each.key] = each.sequence
            if each.delivery is Delivery.PARTIAL:
                partials.append(now)

    for sequence, (event, wait) in enumerate(steps, 1):
        now += wait
        each = message(event, sequence)
        if each.key in final_lines:
            continue  # the state lets nothing change a final line
        newest[each.key] = sequence
        if isinstance(event, Transcript) and event.final:
            final_lines.add(each.key)
        take(turns.release(now))
        if turns.admit(each, now):
            take([each])
    while turns.next_due() is not None:
        now += INTERVAL_S
        take(turns.release(now))
    assert seen == newest
    assert all(later - earlier >= INTERVAL_S - 1e-9 for earlier, later in pairwise(partials))
