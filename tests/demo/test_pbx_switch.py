from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ari_bridge.demo.pbx_model import AriFault, CallerId, Channel, Dialplan, read_variable
from ari_bridge.demo.pbx_switch import Switchboard

NOW = datetime(2026, 11, 22, 10, 0, 0, 123_000, tzinfo=UTC)


@pytest.fixture
def board() -> Switchboard:
    return Switchboard(["PJSIP/1001", "PJSIP/mango"], NOW)


def client(board: Switchboard) -> Channel:
    return board.line("PJSIP/mango", "Ring", Dialplan("from-mango", "7495"), CallerId("Иван", "7900"), None)


def told(board: Switchboard, app: str) -> list[str]:
    return [delivery.event["type"] for delivery in board.news.take() if delivery.app == app]


def test_a_channel_object_is_asterisks(board: Switchboard) -> None:
    channel = client(board)
    assert channel.id == f"{int(NOW.timestamp())}.0"
    assert board.news.describe(channel) == {
        "id": channel.id,
        "name": "PJSIP/mango-00000000",
        "state": "Ring",
        "protocol_id": channel.protocol_id,
        "caller": {"name": "Иван", "number": "7900"},
        "connected": {"name": "", "number": ""},
        "accountcode": "",
        "dialplan": {"context": "from-mango", "exten": "7495", "priority": 1, "app_name": "", "app_data": ""},
        "creationtime": "2026-11-22T10:00:00.123+0000",
        "language": "en",
    }


def test_channelvars_are_shown_where_ari_conf_asks_for_them() -> None:
    board = Switchboard(["PJSIP/mango"], NOW, channelvars=("CHANNEL(linkedid)", "NOTHING"))
    channel = client(board)
    assert board.news.describe(channel)["channelvars"] == {"CHANNEL(linkedid)": channel.id, "NOTHING": ""}


def test_names_and_ids_are_unique(board: Switchboard) -> None:
    first, second = client(board), client(board)
    board.news.at(NOW + timedelta(seconds=1))
    third = board.line("PJSIP/1001", "Down", Dialplan(), CallerId(), first.linkedid)
    assert [one.name[-8:] for one in (first, second, third)] == ["00000000", "00000001", "00000002"]
    assert third.id == f"{int(NOW.timestamp()) + 1}.2"
    assert third.linkedid == first.id


def test_endpoint_state_comes_before_a_channel_is_told_and_after_its_end(board: Switchboard) -> None:
    board.apps.register("a", "now", all_topics=False)
    board.apps.get("a").add("endpoint:PJSIP/mango")
    channel = client(board)
    assert told(board, "a") == ["EndpointStateChange", "ChannelCreated"]
    assert board.news.describe_endpoint("PJSIP/mango")["channel_ids"] == [channel.id]
    board.destroy(channel, 16)
    assert told(board, "a") == ["ChannelDestroyed", "EndpointStateChange"]
    assert board.news.describe_endpoint("PJSIP/mango")["channel_ids"] == []


def test_device_states_follow_the_channels(board: Switchboard) -> None:
    board.apps.register("a", "now", all_topics=False)
    board.apps.get("a").add("deviceState:PJSIP/1001")
    states = []
    peer = board.line("PJSIP/1001", "Down", Dialplan(), CallerId(), None)
    for state in ("Ringing", "Up"):
        board.set_state(peer, state)
    board.destroy(peer, 16)
    for delivery in board.news.take():
        states.append(delivery.event["device_state"]["state"])
    assert states == ["RINGING", "INUSE", "NOT_INUSE"]


def test_stasis_subscribes_for_as_long_as_the_channel_is_in_it(board: Switchboard) -> None:
    board.apps.register("a", "now", all_topics=False)
    channel = client(board)
    assert board.enter_stasis(channel, "a", ("x", "y"))
    start = board.news.take()[-1].event
    assert (start["type"], start["args"]) == ("StasisStart", ["x", "y"])
    assert start["channel"]["dialplan"]["app_data"] == "a,x,y"
    board.set_state(channel, "Up")
    assert told(board, "a") == ["ChannelStateChange"]
    board.leave_stasis(channel)
    assert told(board, "a") == ["StasisEnd"]
    board.destroy(channel, 16)
    assert told(board, "a") == []


def test_an_application_follows_the_bridge_of_its_channel(board: Switchboard) -> None:
    board.apps.register("a", "now", all_topics=False)
    channel, other = client(board), client(board)
    board.enter_stasis(channel, "a", ())
    bridge = board.create_bridge("stasis", "b", "name")
    board.news.take()
    board.enter_bridge(bridge, channel)
    board.enter_bridge(bridge, other)
    assert told(board, "a").count("ChannelEnteredBridge") == 2
    board.destroy_bridge(bridge)
    assert told(board, "a")[-1] == "BridgeDestroyed"
    assert "bridge:b" not in board.apps.get("a").interest


def test_all_in_a_bridge_share_the_oldest_linkedid(board: Switchboard) -> None:
    older, younger = client(board), client(board)
    bridge = board.create_bridge("basic")
    board.enter_bridge(bridge, younger)
    board.enter_bridge(bridge, older)
    assert (older.linkedid, younger.linkedid) == (older.id, older.id)


def test_entering_again_is_leaving_and_entering(board: Switchboard) -> None:
    board.apps.register("all", "now", all_topics=True)
    channel, bridge = client(board), board.create_bridge("basic")
    board.enter_bridge(bridge, channel)
    board.news.take()
    board.enter_bridge(bridge, channel)
    assert told(board, "all") == ["ChannelLeftBridge", "ChannelEnteredBridge"]
    assert bridge.channels == [channel.id]


def test_what_is_not_there_is_refused(board: Switchboard) -> None:
    board.create_bridge("stasis", "b")
    with pytest.raises(AriFault, match="409"):
        board.create_bridge("stasis", "b")
    with pytest.raises(AriFault, match="404"):
        board.bridge("none")
    with pytest.raises(AriFault, match="404"):
        board.channel("none")


def test_variables_and_functions(board: Switchboard) -> None:
    channel = client(board)
    board.set_variable(channel, "FOO", "bar")
    read = {name: read_variable(channel, name) for name in ("FOO", "UNIQUEID", "EXTEN", "CALLERID(num)", "NONE")}
    assert read == {"FOO": "bar", "UNIQUEID": channel.id, "EXTEN": "7495", "CALLERID(num)": "7900", "NONE": None}
    with pytest.raises(AriFault, match="500"):
        read_variable(channel, "CHANNEL(bogus)")


class Consistency(RuleBasedStateMachine):
    """Whatever is done in whatever order, channels and bridges agree on who is where."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Switchboard(["PJSIP/mango"], NOW)
        self.board.apps.register("a", "now", all_topics=False)

    @rule()
    def arrive(self) -> None:
        client(self.board)

    @rule()
    def build(self) -> None:
        self.board.create_bridge("stasis")

    @precondition(lambda self: self.board.channels and self.board.bridges)
    @rule(data=st.data())
    def enter(self, data: st.DataObject) -> None:
        channel = data.draw(st.sampled_from(list(self.board.channels.values())))
        self.board.enter_bridge(data.draw(st.sampled_from(list(self.board.bridges.values()))), channel)

    @precondition(lambda self: self.board.channels)
    @rule(data=st.data())
    def visit(self, data: st.DataObject) -> None:
        channel = data.draw(st.sampled_from(list(self.board.channels.values())))
        if channel.stasis is None:
            self.board.enter_stasis(channel, "a", ())
        else:
            self.board.leave_stasis(channel)

    @precondition(lambda self: self.board.channels)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.board.destroy(data.draw(st.sampled_from(list(self.board.channels.values()))), 16)

    @precondition(lambda self: self.board.bridges)
    @rule(data=st.data())
    def tear_down(self, data: st.DataObject) -> None:
        self.board.destroy_bridge(data.draw(st.sampled_from(list(self.board.bridges.values()))))

    @invariant()
    def agree(self) -> None:
        members = {(b.id, c) for b in self.board.bridges.values() for c in b.channels}
        assert members == {(c.bridge_id, c.id) for c in self.board.channels.values() if c.bridge_id}
        assert all(len(b.channels) == len(set(b.channels)) for b in self.board.bridges.values())
        alive = {f"channel:{c}" for c in self.board.channels} | {f"bridge:{b}" for b in self.board.bridges}
        assert set(self.board.apps.get("a").interest) <= alive


TestConsistency = Consistency.TestCase
TestConsistency.settings = settings(stateful_step_count=30)
