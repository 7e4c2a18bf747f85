"""Calls without a clock: what they wait for is answered by hand, what they publish is compared with real traces."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ari_bridge.demo.pbx_dialplan import Stage, begin, play
from ari_bridge.demo.pbx_media import open_snoop
from ari_bridge.demo.pbx_model import Channel, Json
from ari_bridge.demo.pbx_script import CallScript, Continue, HangUp, Notice, Side, Signal, Unanswered, Wait, Way
from ari_bridge.demo.pbx_switch import Switchboard

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
NOISE = ("ChannelVarset", "ChannelDialplan", "DeviceStateChanged", "EndpointStateChange")


class Playing:
    """A call under way, and what an application with `subscribeAll` is told of it."""

    def __init__(self, script: CallScript) -> None:
        self.board = Switchboard(["PJSIP/mango", "PJSIP/1001", "PJSIP/1002"], NOW)
        self.board.apps.register("all", "now", all_topics=True)
        self.board.apps.register("ari_bridge", "now", all_topics=False)
        self.stage: Stage = begin(self.board, "PJSIP/mango", script)
        self._steps = play(self.board, self.stage)
        self.step: Wait | Notice | None = None
        self.over = False
        self.go_on(None)

    def go_on(self, signal: Signal = None) -> Wait | Notice | None:
        try:
            self.step = self._steps.send(signal)
        except StopIteration:
            self.step, self.over = None, True
        return self.step

    def told(self) -> list[Json]:
        events = [delivery.event for delivery in self.board.news.take() if delivery.app == "all"]
        return [event for event in events if event["type"] not in NOISE]

    def told_shortly(self) -> list[str]:
        return [shortly(event) for event in self.told()]


def shortly(event: Json) -> str:
    """`ChannelDestroyed mango 16`, `Dial RINGING 1001`."""
    channel = event.get("peer") or event.get("channel")
    who = channel["name"].partition("/")[2].rpartition("-")[0] if channel else ""
    what = event.get("dialstatus", event.get("cause", ""))
    return " ".join(str(part) for part in (event["type"], what, who) if part != "")


def ids(*channels: Channel | None) -> list[str]:
    return [channel.id for channel in channels if channel]


RINGING = [
    "ChannelCreated mango",
    "ChannelCreated 1001",
    "ChannelCallerId 1001",
    "ChannelConnectedLine 1001",
    "Dial 1001",
    "ChannelConnectedLine mango",
    "ChannelStateChange 1001",
    "Dial RINGING 1001",
]
ANSWERED = [
    "ChannelStateChange 1001",
    "Dial ANSWER 1001",
    "ChannelStateChange mango",
    "BridgeCreated",
    "ChannelEnteredBridge 1001",
    "ChannelEnteredBridge mango",
]


def test_an_answered_call_that_the_client_ends() -> None:
    call = Playing(CallScript(client="79001234567", client_name="Иван", ring_s=2.0, talk_s=30.0))
    assert call.step == Wait(2.0)
    ringing = call.told()
    assert [shortly(event) for event in ringing] == RINGING
    peer = ringing[-1]["peer"]
    assert peer["caller"] == {"name": "", "number": "74950000001"}
    assert peer["connected"] == {"name": "Иван", "number": "79001234567"}
    assert call.go_on() == Wait(30.0)
    assert call.told_shortly() == ANSWERED
    call.go_on()
    assert call.over
    assert call.told_shortly() == [
        "ChannelHangupRequest 16 mango",
        "ChannelLeftBridge mango",
        "ChannelHangupRequest 16 mango",
        "ChannelLeftBridge 1001",
        "BridgeDestroyed",
        "ChannelDestroyed 16 mango",
        "ChannelDestroyed 16 1001",
    ]
    assert (call.board.channels, call.board.bridges) == ({}, {})


def test_the_operator_ends_it() -> None:
    call = Playing(CallScript(client="79001234567", hangup_by=Side.OPERATOR))
    call.go_on()
    call.told()
    call.go_on()
    assert call.told_shortly() == [
        "ChannelHangupRequest 16 1001",
        "ChannelLeftBridge 1001",
        "ChannelLeftBridge mango",
        "BridgeDestroyed",
        "ChannelHangupRequest 16 mango",
        "ChannelDestroyed 16 1001",
        "ChannelDestroyed 16 mango",
    ]


def test_two_ring_and_one_answers() -> None:
    call = Playing(CallScript(client="79001234567", ringing=("1001", "1002"), answered_by="1002"))
    call.told()
    call.go_on()
    told = call.told_shortly()
    assert told.index("Dial CANCEL 1001") < told.index("Dial ANSWER 1002")
    assert "ChannelDestroyed 26 1001" in told
    assert len(call.board.channels) == 2


def test_outbound_the_trunk_is_dialled_and_is_the_client() -> None:
    call = Playing(CallScript(client="89001234567", outbound=True))
    told = call.told()
    assert [shortly(event) for event in told][:2] == ["ChannelCreated 1001", "ChannelCreated mango"]
    assert told[1]["channel"]["state"] == "Down"
    dialled = next(event for event in told if event["type"] == "Dial")
    assert dialled["dialstring"] == "89001234567@mango"
    call.go_on()
    assert call.stage.client is not None
    assert call.stage.client.endpoint == "PJSIP/mango"
    assert call.stage.operator is call.stage.caller


@pytest.mark.parametrize(
    ("unanswered", "dial", "caller_cause", "peer_cause"),
    [
        (Unanswered.BUSY, "Dial BUSY 1001", 17, 17),
        (Unanswered.NO_ANSWER, "Dial NOANSWER 1001", 16, 0),
        (Unanswered.CANCEL, "Dial CANCEL 1001", 127, 127),
    ],
)
def test_nobody_answers(unanswered: Unanswered, dial: str, caller_cause: int, peer_cause: int) -> None:
    call = Playing(CallScript(client="79001234567", unanswered=unanswered))
    call.told()
    call.go_on()
    assert call.over
    told = call.told_shortly()
    assert dial in told
    assert told[-2:] == [f"ChannelDestroyed {caller_cause} mango", f"ChannelDestroyed {peer_cause} 1001"]
    assert not call.board.channels


def test_the_client_gives_up_while_it_rings() -> None:
    call = Playing(CallScript(client="79001234567"))
    call.go_on(HangUp(call.stage.caller.id))
    assert call.over
    assert "Dial CANCEL 1001" in call.told_shortly()
    assert not call.board.channels


def test_one_of_two_rejects_and_the_other_rings_on() -> None:
    call = Playing(CallScript(client="79001234567", ringing=("1001", "1002")))
    assert isinstance(call.go_on(HangUp(call.stage.peers["1001"].id)), Wait)
    assert "1001" not in call.stage.peers
    call.go_on()
    assert call.stage.operator is not None
    assert call.stage.operator.endpoint == "PJSIP/1002"


def test_the_last_who_rings_rejects() -> None:
    call = Playing(CallScript(client="79001234567"))
    call.go_on(HangUp(call.stage.peers["1001"].id))
    assert call.over
    assert "Dial BUSY 1001" in call.told_shortly()


def test_ari_hangs_the_client_up_in_mid_call() -> None:
    call = Playing(CallScript(client="79001234567"))
    call.go_on()
    call.told()
    call.go_on(HangUp(call.stage.caller.id, cause=16, soft=True))
    assert call.over
    first = call.told_shortly()[0]
    assert first == "ChannelHangupRequest 32 mango"


def test_stasis_holds_the_caller_until_it_is_handed_back() -> None:
    call = Playing(CallScript(client="79001234567", way=Way.STASIS, args=("x",)))
    assert call.step == Wait(None)
    assert call.stage.caller.stasis == "ari_bridge"
    call.board.leave_stasis(call.stage.caller)
    assert isinstance(call.go_on(Continue()), Wait)
    assert call.stage.peers


def test_a_caller_who_hangs_up_in_stasis() -> None:
    call = Playing(CallScript(client="79001234567", way=Way.STASIS))
    call.go_on(HangUp(call.stage.caller.id))
    assert call.over
    assert not call.board.channels


def test_stasis_without_its_application_goes_on_at_once() -> None:
    call = Playing(CallScript(client="79001234567", way=Way.STASIS, app="nobody"))
    assert call.stage.peers
    assert call.stage.caller.variables["STASISSTATUS"] == "FAILED"


def test_notices_are_sent_before_dialling_and_after_the_end() -> None:
    call = Playing(CallScript(client="79001234567", way=Way.NOTICE))
    caller = call.stage.caller.id
    assert call.step == Notice("start", {"caller": "79001234567", "id": caller})
    assert not call.stage.peers
    call.go_on()
    call.go_on()
    assert call.go_on() == Notice("end", {"id": caller})
    assert list(call.board.channels) == ids(call.stage.caller, call.stage.connected)
    call.go_on()
    assert call.over
    assert not call.board.channels


def test_a_snoop_ends_with_its_channel_and_media_stays() -> None:
    call = Playing(CallScript(client="79001234567"))
    call.go_on()
    board = call.board
    tap = open_snoop(board, call.stage.caller.id, app="ari_bridge", spy="in", whisper="none", snoop_id="s")
    board.enter_stasis(tap, "ari_bridge", ())
    media = board.inner_channel("e", "UnicastRTP/x-1", "Up", call.stage.caller.dialplan)
    bridge = board.create_bridge("stasis", "b")
    board.enter_bridge(bridge, tap)
    board.enter_bridge(bridge, media)
    call.told()
    call.go_on()
    assert list(board.channels) == ["e"]
    assert bridge.channels == ["e"]
    told = [shortly(event) for event in call.told()]
    left = told.index(f"ChannelLeftBridge {call.stage.caller.id}")
    assert left < told.index("ChannelDestroyed 16 mango") < told.index(f"ChannelDestroyed 16 {call.stage.caller.id}")
