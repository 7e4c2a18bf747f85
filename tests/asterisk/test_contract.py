"""What the daemon builds on in ARI, through its own client, listener and tapper: against both PBXs, unchanged."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.asterisk.housekeeping import list_all
from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.demo.pbx_script import Side, Way
from ari_bridge.demo.samples import load_conversations
from ari_bridge.events import ComponentState
from ari_bridge.settings import AriSettings
from media.codecs import ASTERISK_PAYLOAD_TYPES, Codec
from tests.asterisk.line import Line, line
from tests.chain.pbx import DemoPbx, Plan, RealPbx

APP = "ari_bridge"
ALAW_SILENCE = b"\xd5" * 160


@pytest.fixture(params=["demo", pytest.param("asterisk", marks=pytest.mark.asterisk)])
async def pbx(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DemoPbx | RealPbx]:
    if request.param == "demo":
        async with VirtualPbx() as virtual:
            yield DemoPbx(virtual)
    else:
        asterisk = request.getfixturevalue("shared_asterisk")
        yield RealPbx(asterisk, tmp_path)
        asterisk.wait_idle()


def settings_of(pbx: DemoPbx | RealPbx, **members: object) -> AriSettings:
    known = {name.removeprefix("ARI__").lower(): value for name, value in pbx.variables.items()}
    return AriSettings.model_validate({"app": APP, **known, **members})


@pytest.fixture
async def heard(pbx: DemoPbx | RealPbx) -> AsyncIterator[Line]:
    """The line is up and the first snapshot taken."""
    async with line(settings_of(pbx)) as made:
        await made.until_up()
        yield made


@contextlib.asynccontextmanager
async def call(pbx: DemoPbx | RealPbx, **members: object) -> AsyncIterator[None]:
    """A call that goes on beside the block, and ends as planned."""
    plan = Plan(conversation=load_conversations()[0], **{"seconds": 1.5} | members)  # type: ignore[arg-type]
    playing = asyncio.create_task(pbx.play(plan), name="call")
    try:
        yield
    finally:
        await playing


async def talking(heard: Line) -> tuple[ari.Channel, ari.Channel]:
    """Once both parties are in one bridge: the trunk's channel and the operator's."""
    await heard.until(lambda: any(len(event.bridge.channels) == 2 for event in heard.of(ari.BridgeEntered)))
    both = {event.channel.resource: event.channel for event in heard.of(ari.BridgeEntered)}
    heard.tapped = frozenset(channel.id for channel in both.values())  # what the test makes is no left-over
    return both["mango"], both["1001"]


def story(heard: Line, resource: str) -> list[str]:
    """What was told of a channel, in order: dialling and bridges, its answer and its end."""
    told = []
    for event in heard.events:
        match event:
            case ari.Dialled(caller, peer, status) if resource in (caller and caller.resource, peer.resource):
                told.append(f"dial {status}".strip())
            case ari.ChannelSeen(channel) if channel.resource == resource and f"is {channel.state}" not in told:
                told.append(f"is {channel.state}")
            case ari.BridgeEntered(channel) if channel.resource == resource:
                told.append("enters")
            case ari.BridgeLeft(channel) if channel.resource == resource:
                told.append("leaves")
            case ari.HangupRequested(channel, _, soft) if channel.resource == resource:
                told.append("soft hangup" if soft else "hangs up")
            case ari.ChannelGone(channel, cause) if channel.resource == resource:
                told.append(f"gone {cause}")
    return told


async def test_connecting_shows_what_is_there(heard: Line) -> None:
    assert heard.states[-1].state is ComponentState.UP, "the modules run, and the trunk exists"
    [snapshot] = heard.of(ari.Snapshot)
    assert snapshot == ari.Snapshot((), ())


async def test_a_trunk_that_does_not_exist_is_told_with_those_that_do(pbx: DemoPbx | RealPbx) -> None:
    async with line(settings_of(pbx, trunks=["PJSIP/beeline"])) as heard:
        degraded = await heard.until_state(ComponentState.DEGRADED)
        assert "PJSIP/1001, PJSIP/1002" in (degraded.reason or "")
        assert "PJSIP/mango" in (degraded.reason or "")


async def test_a_wrong_password_is_a_401(pbx: DemoPbx | RealPbx) -> None:
    client = AriClient(settings_of(pbx, password="mistyped"))
    with pytest.raises(AriError) as caught:
        await client.connect()
    await client.close()
    assert (caught.value.code, caught.value.status) == ("ari_unauthorized", 401)


@pytest.mark.parametrize(
    ("resource", "operation", "arguments", "status"),
    [
        ("channels", "get", {"channelId": "nobody"}, 404),
        ("channels", "hangup", {"channelId": "nobody"}, 404),
        ("channels", "continueInDialplan", {"channelId": "nobody"}, 404),
        ("channels", "getChannelVar", {"channelId": "nobody", "variable": "CHANNEL(audionativeformat)"}, 404),
        ("channels", "rtpstatistics", {"channelId": "nobody"}, 404),
        ("channels", "snoopChannelWithId", {"channelId": "nobody", "snoopId": "s", "app": APP, "spy": "in"}, 404),
        ("bridges", "destroy", {"bridgeId": "nothing"}, 404),
        ("bridges", "addChannel", {"bridgeId": "nothing", "channel": "nobody"}, 404),
        ("applications", "get", {"applicationName": "nobody"}, 404),
    ],
)
async def test_what_is_not_there_is_a_404(
    heard: Line, resource: str, operation: str, arguments: dict[str, str], status: int
) -> None:
    with pytest.raises(AriError) as caught:
        await heard.client.call(resource, operation, **arguments)
    assert caught.value.status == status


@pytest.mark.parametrize("hangup_by", [Side.CLIENT, Side.OPERATOR])
async def test_an_inbound_call_is_told_in_order(pbx: DemoPbx | RealPbx, heard: Line, hangup_by: Side) -> None:
    async with call(pbx, hangup_by=hangup_by):
        pass
    await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 2)
    client, operator = story(heard, "mango"), story(heard, "1001")
    assert client[0] == "is Ring"
    assert [one for one in client if one.startswith("dial")] == ["dial", "dial RINGING", "dial ANSWER"]
    assert client.index("dial ANSWER") < client.index("enters") < client.index("leaves") < client.index("gone 16")
    assert client.index("is Up") < client.index("enters")
    assert operator[0] == "is Down"
    assert {"is Ringing", "is Up", "enters", "leaves"} < set(operator)
    assert operator[-1] == "gone 16" or operator[-2] == "gone 16", "the last bridge event may come after the end"
    assert ("hangs up" in client, "hangs up" in operator) == (hangup_by is Side.CLIENT, hangup_by is Side.OPERATOR)
    assert not heard.listener.unknown, "only what was asked for is sent"


async def test_an_outbound_call_is_told_in_order(pbx: DemoPbx | RealPbx, heard: Line) -> None:
    async with call(pbx, outbound=True, hangup_by=Side.OPERATOR):
        pass
    await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 2)
    dialled = heard.of(ari.Dialled)
    assert [(d.caller and d.caller.resource, d.peer.resource) for d in dialled] == [("1001", "mango")] * 3
    assert dialled[0].dialstring == "89001234567@mango" or dialled[0].dialstring == "79001234567@mango"
    assert dialled[0].peer.app_name == "AppDial"
    assert story(heard, "mango")[0] == "is Down"


async def test_a_call_in_progress_is_in_the_next_snapshot(pbx: DemoPbx | RealPbx, heard: Line) -> None:
    async with call(pbx):
        client, operator = await talking(heard)
        channels, bridges = await list_all(heard.client)
        assert {channel.id for channel in channels} == {client.id, operator.id}
        assert [set(bridge.channels) for bridge in bridges] == [{client.id, operator.id}]
        assert {channel.state for channel in channels} == {"Up"}
        assert client.caller_number == "79001234567"
        assert client.created_at is not None


async def test_a_party_in_stasis_goes_on(pbx: DemoPbx | RealPbx, heard: Line) -> None:
    async with call(pbx, way=Way.STASIS):
        await talking(heard)
    [entered] = heard.of(ari.StasisEntered)
    [left] = heard.of(ari.StasisLeft)
    assert entered.channel.id == left.channel.id
    assert entered.channel.app_name == "Stasis"
    with pytest.raises(AriError) as caught:
        await heard.client.call("channels", "continueInDialplan", channelId=entered.channel.id)
    assert caught.value.status in (404, 409)


class Ear:
    """Where a tap's RTP goes: accepts the announced source alone."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = int(self.socket.getsockname()[1])

    async def until(self, count: int) -> list[bytes]:
        """At least so many packets."""
        packets = self.heard()
        async with asyncio.timeout(5):
            while len(packets) < count:
                await asyncio.sleep(0.05)
                packets += self.heard()
        return packets

    def heard(self) -> list[bytes]:
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packets.append(self.socket.recv(4096))
        return packets

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def ours(pbx: DemoPbx | RealPbx) -> list[str]:
    return [held for held in pbx.holdings() if APP in held]


@pytest.mark.parametrize(
    ("audio_format", "codec"), [("alaw", Codec.PCMA), ("ulaw", Codec.PCMU), ("slin16", Codec.L16_16K)]
)
async def test_a_tap_brings_rtp_from_the_announced_address_in_the_asked_for_format(
    pbx: DemoPbx | RealPbx, heard: Line, audio_format: str, codec: Codec
) -> None:
    async with call(pbx, seconds=2.5):
        client, _ = await talking(heard)
        assert await heard.tapper.format_of(client.id) == "alaw"
        with Ear() as ear:
            source, _ = await asyncio.gather(
                heard.tapper.create_media(client.id, "127.0.0.1", ear.port, audio_format),
                heard.tapper.create_snoop(client.id),
            )
            ear.socket.connect(source)
            await heard.tapper.join(client.id)
            packets = await ear.until(15)
            await heard.tapper.release(client.id)
        assert {ASTERISK_PAYLOAD_TYPES[packet[1] & 0x7F] for packet in packets} == {codec}
        assert {len(packet) - 12 for packet in packets} == {int(codec.rate * codec.bytes_per_sample * 0.02)}
        assert ours(pbx) == []


async def test_a_tap_brings_what_its_party_says_and_not_what_it_hears(pbx: DemoPbx | RealPbx, heard: Line) -> None:
    said = load_conversations()[0].operator.alaw
    async with call(pbx, seconds=2.5):
        _, operator = await talking(heard)
        with Ear() as ear:
            source = await heard.tapper.create_media(operator.id, "127.0.0.1", ear.port, "alaw")
            ear.socket.connect(source)
            await heard.tapper.create_snoop(operator.id)
            await heard.tapper.join(operator.id)
            await asyncio.sleep(1.5)
            packets = ear.heard()
            await heard.tapper.release(operator.id)
    heard_blocks = {packet[12:] for packet in packets} - {ALAW_SILENCE}
    assert len(heard_blocks) > 20
    assert heard_blocks <= {said[at : at + 160] for at in range(0, len(said), 160)}


async def test_every_part_of_a_tap_can_be_made_once_only(pbx: DemoPbx | RealPbx, heard: Line) -> None:
    async with call(pbx):
        client, _ = await talking(heard)
        with Ear() as ear:
            await heard.tapper.create_media(client.id, "127.0.0.1", ear.port, "alaw")
            await heard.tapper.create_snoop(client.id)
            await heard.tapper.join(client.id)
            for again in (
                heard.tapper.create_media(client.id, "127.0.0.1", ear.port, "alaw"),
                heard.tapper.create_snoop(client.id),
            ):
                with pytest.raises(AriError) as caught:
                    await again
                assert caught.value.status in (409, 500)
            await heard.tapper.release(client.id)
            await heard.tapper.create_media(client.id, "127.0.0.1", ear.port, "alaw")  # the ids are free again
            await heard.tapper.create_snoop(client.id)
            await heard.tapper.join(client.id)
            await heard.tapper.release(client.id)
        assert ours(pbx) == []


async def test_the_end_of_a_tapped_channel_is_the_end_of_its_snoop_alone(pbx: DemoPbx | RealPbx, heard: Line) -> None:
    async with call(pbx):
        client, _ = await talking(heard)
        names = heard.tapper.names(client.id)
        with Ear() as ear:
            await heard.tapper.create_media(client.id, "127.0.0.1", ear.port, "alaw")
            await heard.tapper.create_snoop(client.id)
            await heard.tapper.join(client.id)
    await heard.until(lambda: [left.channel.id for left in heard.of(ari.StasisLeft)] == [names.snoop])
    await heard.until(lambda: names.snoop in [gone.channel.id for gone in heard.of(ari.ChannelGone)])
    channels, bridges = await list_all(heard.client)
    assert [channel.id for channel in channels] == [names.media]
    assert [bridge.id for bridge in bridges] == [names.bridge]
    heard.tapped = frozenset()
    await heard.until(lambda: not pbx.holdings())  # the sweep


async def test_a_snoop_cannot_be_joined_before_it_is_up_nor_after_it_is_gone(
    pbx: DemoPbx | RealPbx, heard: Line
) -> None:
    async with call(pbx):
        client, _ = await talking(heard)
        await heard.tapper.create_snoop(client.id)
        with pytest.raises(AriError) as caught:
            await heard.tapper.join(client.id)
        assert caught.value.status == 400, "there is no media channel"
        await heard.tapper.release(client.id)
        assert ours(pbx) == []


async def test_the_telephones_packets_are_counted(pbx: DemoPbx | RealPbx, heard: Line) -> None:
    async with call(pbx):
        client, _ = await talking(heard)
        await asyncio.sleep(0.3)
        first = await heard.tapper.received_packets(client.id)
        await asyncio.sleep(0.3)
        assert first < await heard.tapper.received_packets(client.id)


async def test_a_second_connection_takes_the_application_over(pbx: DemoPbx | RealPbx, heard: Line) -> None:
    async with line(settings_of(pbx)) as second:
        await heard.until(lambda: any("занял другой процесс" in (state.reason or "") for state in heard.states))
        await second.until(lambda: second.of(ari.Snapshot))
