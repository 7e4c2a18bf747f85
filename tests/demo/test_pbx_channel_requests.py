"""Requests to channels and bridges, answer by answer as Asterisk 22.10.1 gave them."""

from __future__ import annotations

from typing import Any

import pytest

from ari_bridge.demo.pbx import CallScript, VirtualPbx
from ari_bridge.demo.pbx_calls import VirtualCall
from ari_bridge.demo.pbx_script import Way
from tests.demo.pbx_ari import Ari, EventLog

NOT_IN_STASIS = "Channel not in Stasis application"


@pytest.fixture
async def log(ari: Ari) -> EventLog:
    return await ari.listen()


@pytest.fixture
async def call(pbx: VirtualPbx, log: EventLog) -> VirtualCall:
    return pbx.call(CallScript(client="79001234567", client_name="Иван", ring_s=60.0))


@pytest.fixture
def client(call: VirtualCall) -> str:
    return call.caller_channel


async def snoop(ari: Ari, log: EventLog, client: str, snoop_id: str = "s1") -> None:
    await ari.do("POST", f"/channels/{client}/snoop/{snoop_id}", app="ari_bridge", spy="in")
    await log.until(lambda event: event["type"] == "StasisStart" and event["channel"]["id"] == snoop_id)


async def refused(ari: Ari, method: str, path: str, **query: str) -> tuple[int, str]:
    status, value = await ari.request(method, path, **query)
    return status, value["message"]


@pytest.mark.parametrize(
    ("path", "query", "answer"),
    [
        ("none/snoop/s", {"app": "a", "spy": "in"}, (404, "Provided channel was not found")),
        ("{}/snoop/s", {"app": "a", "spy": "bogus"}, (400, "Invalid direction specified for spy")),
        ("{}/snoop/s", {"app": "a"}, (400, "Direction must be specified for at least spy or whisper")),
        ("{}/snoop/s", {"spy": "in"}, (400, "Application name is required")),
        ("{}/snoop/{}", {"app": "a", "spy": "in"}, (500, "Snoop channel could not be created")),
    ],
)
async def test_snoop_is_refused(ari: Ari, client: str, path: str, query: dict[str, str], answer: object) -> None:
    assert await refused(ari, "POST", f"/channels/{path}".replace("{}", client), **query) == answer


async def test_a_snoop_comes_to_its_application(ari: Ari, log: EventLog, client: str) -> None:
    snoop = await ari.do("POST", f"/channels/{client}/snoop/s1", app="ari_bridge", spy="in", appArgs="a,b")
    assert (snoop["id"], snoop["state"], snoop["name"]) == ("s1", "Up", f"Snoop/{client}-00000000")
    start = await log.until(lambda event: event["type"] == "StasisStart")
    assert start["args"] == ["a", "b"]
    assert start["channel"]["dialplan"]["app_data"] == "ari_bridge,a,b"


async def test_a_snoop_for_nobody_is_gone_again(pbx: VirtualPbx, ari: Ari, client: str) -> None:
    await ari.listen("all", subscribeAll="true")
    all_log = ari._logs[-1]
    await ari.do("POST", f"/channels/{client}/snoop", app="nobody", spy="in")
    destroyed = await all_log.until(lambda event: event["type"] == "ChannelDestroyed")
    assert destroyed["channel"]["name"].startswith("Snoop/")
    assert len(pbx.holdings()) == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"format": "bogus"}, 500),
        ({"format": ""}, 400),
        ({"external_host": ""}, 400),
        ({"external_host": "127.0.0.1"}, 400),
        ({"app": ""}, 400),
        ({"transport": "tcp"}, 400),
        ({"encapsulation": "audiosocket"}, 501),
    ],
)
async def test_external_media_is_refused(pbx: VirtualPbx, ari: Ari, query: dict[str, str], status: int) -> None:
    good = {"app": "ari_bridge", "external_host": "127.0.0.1:4000", "format": "alaw"}
    assert (await ari.request("POST", "/channels/externalMedia", **good | query))[0] == status
    assert pbx.holdings() == []


async def test_external_media_answers_with_its_address_and_variables(ari: Ari, log: EventLog) -> None:
    query = {"app": "ari_bridge", "external_host": "127.0.0.1:4000", "format": "alaw", "channelId": "e1"}
    media = await ari.do("POST", "/channels/externalMedia", {"variables": {"FOO": "bar"}}, **query)
    assert media["name"].startswith("UnicastRTP/127.0.0.1:4000-0x")
    assert media["state"] == "Down"
    assert media["channelvars"]["FOO"] == "bar"
    assert media["channelvars"]["UNICASTRTP_LOCAL_ADDRESS"] == "127.0.0.1"
    port = media["channelvars"]["UNICASTRTP_LOCAL_PORT"]
    assert (await ari.get("/channels/e1/variable", variable="UNICASTRTP_LOCAL_PORT"))["value"] == port
    await log.until(lambda event: event["type"] == "StasisStart")
    assert log.types("ChannelVarset", "ChannelDialplan") == [
        "Dial:",
        "ChannelStateChange",
        "Dial:ANSWER",
        "StasisStart",
    ]
    assert (await ari.request("POST", "/channels/externalMedia", **query))[0] == 500


async def test_only_channels_in_stasis_are_bridged(ari: Ari, log: EventLog, client: str) -> None:
    await ari.do("POST", "/bridges", type="mixing", bridgeId="b")
    await snoop(ari, log, client)
    assert await refused(ari, "POST", "/bridges/b/addChannel", channel=client) == (422, NOT_IN_STASIS)
    assert await refused(ari, "POST", "/bridges/b/addChannel", channel="s1,none") == (400, "Channel not found")
    assert await refused(ari, "POST", "/bridges/b/addChannel") == (400, "Missing parameter channel")
    assert await refused(ari, "POST", "/bridges/none/addChannel", channel="s1") == (404, "Bridge not found")
    assert (await ari.get("/bridges/b"))["channels"] == []
    await ari.do("POST", "/bridges/b/addChannel", channel="s1")
    assert (await ari.get("/bridges/b"))["channels"] == ["s1"]


async def test_bridging_before_stasis_start_is_refused() -> None:
    async with VirtualPbx(stasis_delay_s=0.2) as pbx, Ari(pbx.url) as ari:
        log = await ari.listen()
        client = pbx.call(CallScript(client="79001234567", ring_s=60.0)).caller_channel
        await ari.do("POST", "/bridges", bridgeId="b")
        await ari.do("POST", f"/channels/{client}/snoop/s1", app="ari_bridge", spy="in")
        assert await refused(ari, "POST", "/bridges/b/addChannel", channel="s1") == (422, NOT_IN_STASIS)
        await log.until(lambda event: event["type"] == "StasisStart")
        await ari.do("POST", "/bridges/b/addChannel", channel="s1")


async def test_removing_from_a_bridge(ari: Ari, log: EventLog, client: str) -> None:
    await ari.do("POST", "/bridges", bridgeId="b")
    await snoop(ari, log, client)
    assert await refused(ari, "POST", "/bridges/b/removeChannel", channel="s1") == (422, "Channel not in this bridge")
    await ari.do("POST", "/bridges/b/addChannel", channel="s1")
    await ari.do("POST", "/bridges/b/removeChannel", channel="s1")
    assert (await ari.get("/bridges/b"))["channels"] == []
    assert (await ari.get("/channels/s1"))["dialplan"]["app_name"] == "Stasis"


async def test_bridges_come_and_go(pbx: VirtualPbx, ari: Ari, log: EventLog, client: str) -> None:
    bridge = await ari.do("POST", "/bridges/b", name="tap")
    assert (bridge["bridge_class"], bridge["technology"], bridge["name"]) == ("stasis", "simple_bridge", "tap")
    assert await refused(ari, "POST", "/bridges", bridgeId="b") == (409, "Bridge with id 'b' already exists")
    assert (await ari.request("POST", "/bridges", type="bogus"))[0] == 500
    await snoop(ari, log, client)
    await ari.do("POST", "/bridges/b/addChannel", channel="s1")
    await ari.do("DELETE", "/bridges/b")
    assert await refused(ari, "DELETE", "/bridges/b") == (404, "Bridge not found")
    assert "s1" in pbx.holdings()


async def test_a_bridge_of_dial_is_not_ours(pbx: VirtualPbx, ari: Ari, log: EventLog, client: str) -> None:
    call = pbx.call(CallScript(client="79001112233", ring_s=0.0, talk_s=60.0))
    await call.answered.wait()
    (basic,) = [bridge["id"] for bridge in await ari.get("/bridges")]
    await snoop(ari, log, client)
    for method, path in (("POST", f"/bridges/{basic}/addChannel"), ("DELETE", f"/bridges/{basic}")):
        assert await refused(ari, method, path, channel="s1") == (409, "Bridge not in Stasis application")
    source = f"bridge:{basic}"
    assert (await ari.request("POST", "/applications/ari_bridge/subscription", eventSource=source))[0] == 422


async def test_channels_are_listed_and_read(ari: Ari, call: VirtualCall) -> None:
    channels = await ari.get("/channels")
    assert [channel["name"].rpartition("-")[0] for channel in channels] == ["PJSIP/mango", "PJSIP/1001"]
    assert await ari.get(f"/channels/{call.caller_channel}") == channels[0]
    assert await refused(ari, "GET", "/channels/none") == (404, "Channel not found")


@pytest.mark.parametrize(
    ("variable", "answer"),
    [
        ("CHANNEL(linkedid)", (200, "{}")),
        ("CHANNEL(audionativeformat)", (200, "(alaw)")),
        ("CALLERID(num)", (200, "79001234567")),
        ("CALLERID(all)", (200, '"Иван" <79001234567>')),
        ("NONE", (404, "Provided variable was not found")),
        ("CHANNEL(bogus)", (500, "Unable to read provided function")),
        ("", (400, "Variable name is required")),
    ],
)
async def test_variables_are_read(ari: Ari, client: str, variable: str, answer: tuple[int, str]) -> None:
    status, value = await ari.request("GET", f"/channels/{client}/variable", variable=variable)
    told: Any = value.get("value", value.get("message"))
    assert (status, told) == (answer[0], answer[1].replace("{}", client))


async def test_variables_are_set_in_stasis_only(ari: Ari, log: EventLog, client: str) -> None:
    assert await refused(ari, "POST", f"/channels/{client}/variable", variable="A", value="1") == (409, NOT_IN_STASIS)
    await snoop(ari, log, client)
    await ari.do("POST", "/channels/s1/variable", variable="A", value="1")
    assert (await ari.get("/channels/s1/variable", variable="A"))["value"] == "1"
    assert (await ari.request("POST", "/channels/s1/variable", value="1"))[0] == 400


@pytest.mark.parametrize("request_name", ["continue", "answer", "ring"])
async def test_dialplan_requests_need_stasis(ari: Ari, client: str, request_name: str) -> None:
    assert await refused(ari, "POST", f"/channels/{client}/{request_name}") == (409, NOT_IN_STASIS)
    assert await refused(ari, "POST", f"/channels/none/{request_name}") == (404, "Channel not found")


async def test_a_party_in_stasis_may_be_answered_and_is_continued_once(
    pbx: VirtualPbx, ari: Ari, log: EventLog
) -> None:
    client = pbx.call(CallScript(client="79001234567", way=Way.STASIS, ring_s=60.0)).caller_channel
    await log.until(lambda event: event["type"] == "StasisStart")
    await ari.do("POST", f"/channels/{client}/ring")
    await ari.do("POST", f"/channels/{client}/answer")
    assert (await ari.get(f"/channels/{client}"))["state"] == "Up"
    await ari.do("POST", f"/channels/{client}/continue")
    assert await refused(ari, "POST", f"/channels/{client}/continue") == (409, NOT_IN_STASIS)


async def test_hanging_up_our_own(ari: Ari, log: EventLog, client: str) -> None:
    await snoop(ari, log, client)
    assert (await ari.request("DELETE", "/channels/s1", reason="bogus"))[0] == 400
    assert (await ari.request("DELETE", "/channels/s1", reason_code="x"))[0] == 400
    await ari.do("DELETE", "/channels/s1", reason="busy")
    assert await refused(ari, "DELETE", "/channels/s1") == (404, "Channel not found")
    await log.until(lambda event: event["type"] == "StasisEnd")


async def test_rtp_statistics(pbx: VirtualPbx, ari: Ari, log: EventLog, client: str) -> None:
    await snoop(ari, log, client)
    assert await refused(ari, "GET", f"/channels/{client}/rtp_statistics") == (404, "RTP info not found")
    assert (await ari.request("GET", "/channels/s1/rtp_statistics"))[0] == 403
    call = pbx.call(CallScript(client="79001112233", ring_s=0.0, talk_s=60.0, client_audio=None))
    await call.answered.wait()
    pbx.board.tick += 50
    dumb = await ari.get(f"/channels/{call.client_channel}/rtp_statistics")
    speaking = await ari.get(f"/channels/{call.operator_channel}/rtp_statistics")
    assert dumb["rxcount"] == 0
    assert dumb["txcount"] >= 50
    assert speaking["rxcount"] >= 50
