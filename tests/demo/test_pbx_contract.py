"""What the daemon builds on in ARI, asserted unchanged against the virtual PBX and a real Asterisk 22."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.demo.pbx_script import Side, Way
from ari_bridge.demo.samples import load_conversations
from tests.chain.pbx import DemoPbx, Plan, RealPbx
from tests.demo.pbx_ari import Ari, Event, EventLog, RtpSocket

SUBSCRIPTION = "/applications/ari_bridge/subscription"
ENDPOINTS = "endpoint:PJSIP/mango,endpoint:PJSIP/1001,bridge:"
NOISE = [{"type": name} for name in ("ChannelVarset", "ChannelDialplan", "DeviceStateChanged")]
CHANNEL = {
    *("id", "name", "state", "protocol_id", "caller", "connected", "accountcode", "dialplan"),
    *("creationtime", "language"),
}
BRIDGE = {
    *("id", "technology", "bridge_type", "bridge_class", "creator", "name", "channels", "creationtime", "video_mode"),
}


@dataclass
class Contract:
    pbx: DemoPbx | RealPbx
    ari: Ari
    log: EventLog

    async def play(self, **plan: object) -> asyncio.Task[None]:
        """A call begins; the test goes on beside it."""
        wanted = Plan(conversation=load_conversations()[0], **{"seconds": 1.5} | plan)  # type: ignore[arg-type]
        return asyncio.create_task(self.pbx.play(wanted), name="test.call")

    async def until_channels(self, count: int) -> list[Event]:
        """Waits until the telephones have so many channels, and these are described."""
        async with asyncio.timeout(5):
            while len(found := [c for c in await self.ari.get("/channels") if c["name"].startswith("PJSIP/")]) != count:
                await asyncio.sleep(0.02)
        return sorted(found, key=lambda channel: str(channel["name"]).rpartition("-")[2])

    async def until_nothing_is_left(self) -> None:
        """A deleted channel may be listed for a moment more."""
        async with asyncio.timeout(1):
            while await self.ari.get("/channels") or await self.ari.get("/bridges"):
                await asyncio.sleep(0.02)

    def told(self, who: str, *kinds: str) -> list[str]:
        """The events of the channel of that endpoint, in order, as `Dial ANSWER`, `ChannelStateChange Up`."""
        told = []
        for event in self.log.events:
            channel = event.get("channel") or event.get("caller") or {}
            if channel.get("name", "").startswith(f"PJSIP/{who}-") and (not kinds or event["type"] in kinds):
                detail = event.get("dialstatus", channel["state"] if event["type"] == "ChannelStateChange" else "")
                told.append(f"{event['type']} {detail}".strip())
        return told


@pytest.fixture(params=["demo", pytest.param("asterisk", marks=pytest.mark.asterisk)])
async def pbx_of_kind(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DemoPbx | RealPbx]:
    if request.param == "demo":
        async with VirtualPbx() as virtual:
            yield DemoPbx(virtual)
    else:
        asterisk = request.getfixturevalue("shared_asterisk")
        yield RealPbx(asterisk, tmp_path)
        asterisk.wait_idle()


@pytest.fixture
async def contract(pbx_of_kind: DemoPbx | RealPbx) -> AsyncIterator[Contract]:
    known = pbx_of_kind.variables
    async with Ari(known["ARI__URL"], known["ARI__USERNAME"], known["ARI__PASSWORD"]) as ari:
        log = await ari.listen()
        await ari.do("PUT", "/applications/ari_bridge/eventFilter", {"disallowed": NOISE})
        yield Contract(pbx_of_kind, ari, log)
        app = await ari.get("/applications/ari_bridge")
        kinds = {"endpoint": "endpoint_ids", "channel": "channel_ids", "bridge": "bridge_ids"}
        for kind, member in kinds.items():
            for name in app[member]:
                whole = name.startswith("__AST")
                await ari.request("DELETE", SUBSCRIPTION, eventSource=f"{kind}:{'' if whole else name}")
        await ari.do("PUT", "/applications/ari_bridge/eventFilter", {})


@pytest.mark.parametrize(
    ("request_line", "status", "message"),
    [
        ("GET /nonesuch", 404, "Resource not found"),
        ("GET /channels/none", 404, "Channel not found"),
        ("DELETE /channels/none", 404, "Channel not found"),
        ("POST /channels/none/continue", 404, "Channel not found"),
        ("GET /channels/none/variable?variable=X", 404, "Provided channel was not found"),
        ("POST /channels/none/snoop/s?app=ari_bridge&spy=in", 404, "Provided channel was not found"),
        ("GET /bridges/none", 404, "Bridge not found"),
        ("DELETE /bridges/none", 404, "Bridge not found"),
        ("POST /bridges/none/addChannel?channel=none", 404, "Bridge not found"),
        ("POST /bridges/b?type=bogus", 500, "Unable to create bridge"),
        ("POST /bridges?type=bogus", 500, "Unable to create bridge. Possible duplicate bridge id '(null)'"),
        ("GET /applications/none", 404, "Application not found"),
        ("POST /applications/none/subscription?eventSource=bridge:", 404, "Application not found"),
        (f"POST {SUBSCRIPTION}", 400, "Missing parameter eventSource"),
        (f"POST {SUBSCRIPTION}?eventSource=bogus:x", 400, "Invalid event source URI scheme"),
        (f"POST {SUBSCRIPTION}?eventSource=endpoint:PJSIP/none", 422, "Event source does not exist"),
        (f"POST {SUBSCRIPTION}?eventSource=channel:none", 422, "Event source does not exist"),
        (f"DELETE {SUBSCRIPTION}?eventSource=endpoint:PJSIP/1002", 422, "Event source was not subscribed to"),
        ("GET /endpoints/PJSIP/none", 404, "Endpoint not found"),
        ("GET /asterisk/modules/none.so", 404, "Module could not be found in running modules"),
        ("POST /channels/externalMedia?app=a&external_host=127.0.0.1:4000", 400, "format cannot be empty"),
        (
            "POST /channels/externalMedia?app=a&external_host=127.0.0.1:4000&format=bogus",
            500,
            "An internal error prevented this request from being handled",
        ),
    ],
)
async def test_refusals(contract: Contract, request_line: str, status: int, message: str) -> None:
    method, _, path = request_line.partition(" ")
    assert await contract.ari.request(method, path) == (status, {"message": message})


async def test_shapes(contract: Contract) -> None:
    call = await contract.play(seconds=1.0)
    client, _ = await contract.until_channels(2)
    assert set(client) - {"channelvars"} == CHANNEL
    assert client["caller"]["number"] == "79001234567"
    assert set(client["dialplan"]) == {"context", "exten", "priority", "app_name", "app_data"}
    assert client["dialplan"]["app_name"] == "Dial"
    endpoint = await contract.ari.get("/endpoints/PJSIP/mango")
    assert endpoint == {"technology": "PJSIP", "resource": "mango", "state": "online", "channel_ids": [client["id"]]}
    assert set(await contract.ari.do("POST", "/bridges/b")) == BRIDGE
    await contract.ari.do("DELETE", "/bridges/b")
    variable = await contract.ari.get(f"/channels/{client['id']}/variable", variable="CHANNEL(linkedid)")
    assert variable == {"value": client["id"]}
    await call


async def test_an_inbound_call_seen_through_its_endpoints(contract: Contract) -> None:
    await contract.ari.do("POST", SUBSCRIPTION, eventSource=ENDPOINTS)
    await (await contract.play())
    await contract.log.until(lambda event: event["type"] == "BridgeDestroyed")
    assert contract.told("mango", "ChannelCreated", "Dial", "ChannelStateChange", "ChannelDestroyed") == [
        "ChannelCreated",
        "Dial",
        "Dial RINGING",
        "Dial ANSWER",
        "ChannelStateChange Up",
        "ChannelDestroyed",
    ]
    assert contract.told("1001", "ChannelCreated", "ChannelCallerId", "ChannelStateChange", "ChannelDestroyed") == [
        "ChannelCreated",
        "ChannelCallerId",
        "ChannelStateChange Ringing",
        "ChannelStateChange Up",
        "ChannelDestroyed",
    ]
    assert contract.log.types().count("EndpointStateChange") == 4
    bridged = [e for e in contract.log.events if e["type"] in ("ChannelEnteredBridge", "ChannelLeftBridge")]
    assert [len(event["bridge"]["channels"]) for event in bridged] == [1, 2, 1, 0]
    requested = next(e for e in contract.log.events if e["type"] == "ChannelHangupRequest")
    assert (requested["cause"], requested.get("soft")) == (16, None)
    gone = [e for e in contract.log.events if e["type"] == "ChannelDestroyed"]
    assert [(e["cause"], e["cause_txt"]) for e in gone] == [(16, "Normal Clearing")] * 2


async def test_who_hangs_up_is_told_first(contract: Contract) -> None:
    await contract.ari.do("POST", SUBSCRIPTION, eventSource=ENDPOINTS)
    await (await contract.play(hangup_by=Side.OPERATOR, seconds=0.5))
    await contract.log.until(lambda event: event["type"] == "BridgeDestroyed")
    requests = [e for e in contract.log.events if e["type"] == "ChannelHangupRequest"]
    assert requests[0]["channel"]["name"].startswith("PJSIP/1001-")
    assert (requests[1]["channel"]["name"][:12], requests[1]["soft"]) == ("PJSIP/mango-", True)


async def test_a_dial_of_an_outbound_call_is_told_to_the_operators_side_only(contract: Contract) -> None:
    await contract.ari.do("POST", SUBSCRIPTION, eventSource="endpoint:PJSIP/mango")
    await (await contract.play(outbound=True, seconds=0.5))
    await contract.log.until(lambda event: event["type"] == "ChannelDestroyed")
    assert contract.told("mango", "ChannelCreated", "ChannelStateChange", "Dial") == [
        "ChannelCreated",
        "ChannelStateChange Ringing",
        "ChannelStateChange Up",
    ]
    assert not [name for name in contract.log.types() if name.startswith("Dial")]
    created = next(e for e in contract.log.events if e["type"] == "ChannelCreated")
    assert created["channel"]["state"] == "Down"


async def test_overlapping_subscriptions_are_told_twice_and_subscribe_all_once(contract: Contract) -> None:
    everything = await contract.ari.listen("everything", subscribeAll="true")
    await contract.ari.do("POST", SUBSCRIPTION, eventSource="endpoint:PJSIP/mango,channel:")
    await (await contract.play(seconds=0.3))
    await contract.until_channels(0)
    await asyncio.sleep(0.1)
    assert (
        contract.told("mango", "ChannelCreated", "ChannelDestroyed")
        == ["ChannelCreated"] * 2 + ["ChannelDestroyed"] * 2
    )
    names = [
        name for name in everything.types() if name in ("ChannelCreated", "ChannelDestroyed", "EndpointStateChange")
    ]
    assert sorted(names) == ["ChannelCreated"] * 2 + ["ChannelDestroyed"] * 2


@pytest.mark.parametrize(
    ("source", "left"), [("channel:,bridge:,endpoint:,deviceState:", None), ("endpoint:PJSIP/1002", ["PJSIP/1002"])]
)
async def test_a_subscription_to_all_of_a_kind_ends_with_the_line(
    contract: Contract, source: str, left: list[str] | None
) -> None:
    path = "/applications/passing"
    log = await contract.ari.listen("passing")
    async with asyncio.timeout(1):
        while (await contract.ari.request("POST", f"{path}/subscription", eventSource=source))[0] == 404:
            await asyncio.sleep(0.02)
    await log.close()
    await asyncio.sleep(0.2)
    status, app = await contract.ari.request("GET", path)
    assert (app["endpoint_ids"] if status == 200 else None) == left
    await contract.ari.request("DELETE", f"{path}/subscription", eventSource=source)


async def test_bridges_of_dial_are_followed_as_a_whole_only(contract: Contract) -> None:
    call = await contract.play(seconds=0.8)
    async with asyncio.timeout(5):
        while not (bridges := await contract.ari.get("/bridges")):
            await asyncio.sleep(0.02)
    assert bridges[0]["bridge_class"] == "basic"
    source = f"bridge:{bridges[0]['id']}"
    assert (await contract.ari.request("POST", SUBSCRIPTION, eventSource=source))[0] == 422
    path = f"/bridges/{bridges[0]['id']}/addChannel"
    assert (await contract.ari.request("POST", path, channel=bridges[0]["channels"][0]))[0] == 409
    await call


async def test_stasis_and_back_to_the_dialplan(contract: Contract) -> None:
    call = await contract.play(way=Way.STASIS, seconds=0.5)
    start = await contract.log.until(lambda event: event["type"] == "StasisStart")
    client = start["channel"]["id"]
    assert start["channel"]["dialplan"]["app_name"] == "Stasis"
    assert (await contract.ari.get("/applications/ari_bridge"))["channel_ids"] == [client]
    began = time.monotonic()
    assert await contract.ari.request("POST", f"/channels/{client}/continue") == (204, None)
    assert time.monotonic() - began < 0.1
    await contract.log.until(lambda event: event["type"] == "StasisEnd")
    assert (await contract.ari.request("POST", f"/channels/{client}/continue"))[0] == 409
    await call
    assert contract.told("mango") == ["StasisStart", "StasisEnd"]  # the implicit subscription ended with Stasis


async def test_a_tap_from_ring_to_end(contract: Contract, rtp: RtpSocket) -> None:
    call = await contract.play(seconds=1.0)
    client = (await contract.until_channels(2))[0]["id"]
    await contract.ari.tap(client, rtp.port)
    again = f"/channels/{client}/snoop/s-{client}"
    assert (await contract.ari.request("POST", again, app="ari_bridge", spy="in"))[0] == 500
    assert (await contract.ari.request("POST", f"/bridges/b-{client}/addChannel", channel=client))[0] == 422
    assert (await contract.ari.request("GET", f"/channels/s-{client}/rtp_statistics"))[0] == 403
    await call
    await contract.log.until(lambda event: event["type"] == "StasisEnd")
    packets = rtp.drain()
    assert len(packets) > 50
    assert len({packet.ssrc for packet in packets}) == 1
    assert {(packet.payload_type, len(packet.payload)) for packet in packets} == {(8, 160)}
    assert {(b.sequence_number - a.sequence_number) & 0xFFFF for a, b in itertools.pairwise(packets)} == {1}
    left = [e["channel"]["id"] for e in contract.log.events if e["type"] == "ChannelLeftBridge"]
    assert left == [f"s-{client}"]
    assert [channel["id"] for channel in await contract.ari.get("/channels")] == [f"e-{client}"]
    assert [bridge["id"] for bridge in await contract.ari.get("/bridges")] == [f"b-{client}"]
    await contract.ari.untap(client)
    await contract.until_nothing_is_left()


async def test_removing_a_tap_leaves_the_call_alone(contract: Contract, rtp: RtpSocket) -> None:
    call = await contract.play(seconds=1.5)
    client = (await contract.until_channels(2))[0]["id"]
    await contract.ari.tap(client, rtp.port)
    await contract.ari.untap(client)
    await asyncio.sleep(0.2)
    assert len(await contract.until_channels(2)) == 2
    await call


@pytest.mark.parametrize(("audio_format", "kind", "size"), [("ulaw", 0, 160), ("slin", 10, 320), ("slin16", 118, 640)])
async def test_formats_on_the_wire(contract: Contract, rtp: RtpSocket, audio_format: str, kind: int, size: int) -> None:
    call = await contract.play(seconds=0.5)
    client = (await contract.until_channels(2))[0]["id"]
    await contract.ari.tap(client, rtp.port, audio_format)
    await call
    await contract.ari.untap(client)
    assert {(packet.payload_type, len(packet.payload)) for packet in rtp.drain()} == {(kind, size)}


async def test_a_second_websocket_replaces_the_first(contract: Contract) -> None:
    await contract.ari.listen()
    await contract.log.until(lambda event: event["type"] == "ApplicationReplaced")


async def test_event_filters(contract: Contract) -> None:
    path = "/applications/ari_bridge/eventFilter"
    rule = [{"type": "ChannelCreated"}]
    assert (await contract.ari.do("PUT", path, {"disallowed": rule}))["events_disallowed"] == rule
    assert (await contract.ari.do("PUT", path, {"allowed": [{"type": "Dial"}]}))["events_disallowed"] == rule
    assert (await contract.ari.do("PUT", path, {"filter": {}}))["events_disallowed"] == rule
    assert (await contract.ari.request("PUT", path, {"disallowed": "x"}))[0] == 400
    assert (await contract.ari.do("PUT", path, {}))["events_disallowed"] == []
