from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.calls.membership import Membership

CHANNELS = st.sampled_from("abcde")
BRIDGES = st.sampled_from("xyz")
STEPS = st.one_of(
    st.tuples(st.just("place"), BRIDGES, st.sets(CHANNELS), st.sets(CHANNELS)),
    st.tuples(st.just("remove"), CHANNELS),
)


def test_the_members_of_a_bridge_are_beside_each_other() -> None:
    bridges = Membership()
    bridges.place("x", {"b", "a", "c"})
    assert bridges.beside("b") == ["a", "c"]
    assert bridges.beside("stranger") == []
    assert bridges.members(None) == set()


def test_what_is_told_of_a_bridge_replaces_what_was_known() -> None:
    bridges = Membership()
    bridges.place("x", {"a", "b"})
    bridges.place("x", {"b", "c"})
    assert bridges.members("x") == {"b", "c"}
    assert bridges.bridge_of("a") is None


def test_late_news_of_the_former_bridge_does_not_take_a_channel_back() -> None:
    bridges = Membership()
    bridges.place("x", {"a", "b"})
    bridges.place("y", {"b"}, moving={"b"})
    bridges.place("x", {"a", "b", "c"}, moving={"c"})
    assert (bridges.members("x"), bridges.members("y")) == ({"a", "c"}, {"b"})


@given(st.lists(STEPS))
def test_a_channel_is_in_one_bridge_and_an_empty_bridge_is_forgotten(steps: list[tuple[str, ...]]) -> None:
    bridges = Membership()
    for step in steps:
        getattr(bridges, step[0])(*step[1:])
        inside = [(bridge, member) for bridge in "xyz" for member in bridges.members(bridge)]
        assert sorted(member for _, member in inside) == sorted({member for _, member in inside})
        assert all(bridges.bridge_of(member) == bridge for bridge, member in inside)
        assert len(bridges) == len(inside)
    for channel_id in "abcde":
        bridges.remove(channel_id)
    assert all(not held for held in vars(bridges).values())


def test_clear_forgets_all() -> None:
    bridges = Membership()
    bridges.place("x", {"a", "b"})
    bridges.clear()
    assert len(bridges) == 0
    assert bridges.beside("a") == []
