from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.asterisk.names import tap_names
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.demo.pbx import CallScript, VirtualCall, VirtualPbx
from ari_bridge.demo.pbx_faults import Fault
from tests.demo.pbx_ari import RtpSocket

APP = "ari_bridge"


class Told:
    """An ARI that gives one answer to everything, and has a channel that it made come to the application."""

    def __init__(self, answer: object) -> None:
        self._answer = answer
        self.arguments: dict[str, object] = {}
        self.tapper: Tapper | None = None

    async def call(self, resource: str, operation: str, **arguments: object) -> object:
        self.arguments = arguments
        if self.tapper is not None:
            self.tapper.on_stasis_start(str(arguments["channelId"]), "made")
        return self._answer


@asynccontextmanager
async def tapping(client: AriClient, up_timeout_s: float = 0.5) -> AsyncIterator[Tapper]:
    """A tapper that is told of its channels, as the listener does it."""
    tapper = Tapper(client, APP, up_timeout_s)
    opened = asyncio.Event()

    async def listen() -> None:
        async for message in client.events(opened):
            match ari.parse(message):
                case ari.StasisEntered(channel):
                    tapper.on_stasis_start(channel.id, channel.name)
                case ari.ChannelGone(channel):
                    tapper.on_gone(channel.id, channel.name)

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(opened.wait(), 2)
    await client.subscribe()
    try:
        yield tapper
    finally:
        listening.cancel()
        await asyncio.wait([listening])


@pytest.fixture
async def tapper(client: AriClient) -> AsyncIterator[Tapper]:
    async with tapping(client) as made:
        yield made


async def talking(pbx: VirtualPbx, seconds: float = 10.0) -> VirtualCall:
    call = pbx.call(CallScript(client="79001234567", ring_s=0.01, talk_s=seconds, client_audio=b"\x55" * 80_000))
    await call.answered.wait()
    return call


async def test_a_tap_brings_what_the_party_says(tapper: Tapper, pbx: VirtualPbx) -> None:
    call = await talking(pbx)
    with RtpSocket() as rtp:
        source, _ = await asyncio.gather(
            tapper.create_media(call.caller_channel, "127.0.0.1", rtp.port, "alaw"),
            tapper.create_snoop(call.caller_channel),
        )
        await tapper.join(call.caller_channel)
        await asyncio.sleep(0.2)
        packets = rtp.drain()
    assert source[0] == "127.0.0.1"
    assert {packet.payload_type for packet in packets} == {8}
    assert b"\x55" * 160 in [packet.payload for packet in packets]
    await tapper.release(call.caller_channel)
    assert pbx.holdings() == [*pbx.board.channels, *pbx.board.bridges]
    assert not any(one.startswith(APP) for one in pbx.holdings())


@pytest.mark.parametrize(
    ("native", "chosen"),
    [
        ("(alaw)", "alaw"),
        ("(ulaw)", "ulaw"),
        ("(ulaw|alaw)", "ulaw"),
        ("(g722)", "slin16"),
        ("(opus|alaw)", "slin16"),
        ("(g729|alaw)", "alaw"),
        ("(gsm)", "alaw"),
        ("", "alaw"),
    ],
)
async def test_the_format_fits_the_channels_codec(native: str, chosen: str) -> None:
    told = Told({"value": native})
    assert await Tapper(told, APP, 0.2).format_of("1") == chosen
    narrow = await Tapper(told, APP, 0.2, bandwidth="narrow").format_of("1")
    assert narrow == (chosen if chosen in ("alaw", "ulaw") else "alaw")
    assert await Tapper(told, APP, 0.2, bandwidth="wide").format_of("1") == "slin16"


@pytest.mark.parametrize("answer", [None, [], {}, {"value": None}, {"rxcount": "5"}])
async def test_nonsense_answers(answer: object) -> None:
    tapper = Tapper(Told(answer), APP, 0.2)
    assert await tapper.format_of("1") == "alaw"
    with pytest.raises(AriError) as caught:
        await tapper.received_packets("1")
    assert caught.value.code == "ari_malformed"


async def test_the_packets_of_the_telephone_are_counted(tapper: Tapper, pbx: VirtualPbx) -> None:
    call = await talking(pbx)
    first = await tapper.received_packets(call.caller_channel)
    await asyncio.sleep(0.1)
    assert await tapper.received_packets(call.caller_channel) > first


async def test_a_channel_that_is_gone_cannot_be_tapped(tapper: Tapper) -> None:
    for request in (tapper.format_of("nobody"), tapper.create_snoop("nobody"), tapper.received_packets("nobody")):
        with pytest.raises(AriError) as caught:
            await request
        assert caught.value.status == 404


async def test_a_second_tap_of_the_same_channel_fails(tapper: Tapper, pbx: VirtualPbx) -> None:
    call = await talking(pbx)
    with RtpSocket() as rtp:
        await tapper.create_media(call.caller_channel, "127.0.0.1", rtp.port, "alaw")
        await tapper.create_snoop(call.caller_channel)
        await tapper.join(call.caller_channel)
        for again in (
            tapper.create_media(call.caller_channel, "127.0.0.1", rtp.port, "alaw"),
            tapper.create_snoop(call.caller_channel),
            tapper.join(call.caller_channel),
        ):
            with pytest.raises(AriError) as caught:
                await again
            assert (caught.value.status or 0) in (409, 500)


async def test_without_its_stasis_start_a_channel_is_not_up(client: AriClient, pbx: VirtualPbx) -> None:
    deaf = Tapper(client, APP, 0.2)  # nobody tells it
    call = await talking(pbx)
    with pytest.raises(AriError, match=r"no StasisStart of ari_bridge-snoop-.* in 0\.2 s") as caught:
        await deaf.create_snoop(call.caller_channel)
    assert caught.value.retryable
    assert not vars(deaf)["_awaited"]


async def test_a_refused_request_waits_for_nothing(tapper: Tapper, pbx: VirtualPbx) -> None:
    call = await talking(pbx)
    pbx.faults.add(Fault(status=500, path="/channels/*/snoop/*"))
    started = time.monotonic()
    with pytest.raises(AriError):
        await tapper.create_snoop(call.caller_channel)
    assert time.monotonic() - started < 0.3
    assert not vars(tapper)["_awaited"]


@pytest.mark.parametrize("variables", [None, {}, {"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1"}])
@pytest.mark.parametrize("port", ["x", "0", "70000", None])
async def test_media_without_a_source_address_is_refused(variables: dict[str, str] | None, port: str | None) -> None:
    told = Told({"channelvars": variables | {"UNICASTRTP_LOCAL_PORT": port} if variables is not None else None})
    told.tapper = Tapper(told, APP, 0.2)
    with pytest.raises(AriError) as caught:
        await told.tapper.create_media("1", "127.0.0.1", 40000, "alaw")
    assert caught.value.code == "ari_malformed"


@pytest.mark.parametrize("made", [(), ("media",), ("snoop",), ("media", "snoop")])
async def test_release_removes_whatever_was_made(tapper: Tapper, pbx: VirtualPbx, made: tuple[str, ...]) -> None:
    call = await talking(pbx)
    with RtpSocket() as rtp:
        if "media" in made:
            await tapper.create_media(call.caller_channel, "127.0.0.1", rtp.port, "alaw")
        if "snoop" in made:
            await tapper.create_snoop(call.caller_channel)
        await tapper.release(call.caller_channel)
    assert not any(one.startswith(APP) for one in pbx.holdings())
    assert not vars(tapper)["_up"]


@pytest.mark.parametrize("refused", ["/channels/*media*", "/channels/*snoop*", "/bridges/*"])
async def test_what_cannot_be_removed_keeps_nothing_else(tapper: Tapper, pbx: VirtualPbx, refused: str) -> None:
    call = await talking(pbx)
    with RtpSocket() as rtp:
        await tapper.create_media(call.caller_channel, "127.0.0.1", rtp.port, "alaw")
        await tapper.create_snoop(call.caller_channel)
        await tapper.join(call.caller_channel)
        pbx.faults.add(Fault(status=500, method="DELETE", path=refused))
        with pytest.raises(AriError):
            await tapper.release(call.caller_channel)
    assert len([one for one in pbx.holdings() if one.startswith(APP)]) == 1
    await tapper.release(call.caller_channel)
    assert not any(one.startswith(APP) for one in pbx.holdings())


async def test_after_a_release_the_ids_are_free(tapper: Tapper, pbx: VirtualPbx) -> None:
    call = await talking(pbx)
    with RtpSocket() as rtp:
        for _ in range(3):
            await tapper.create_media(call.caller_channel, "127.0.0.1", rtp.port, "alaw")
            await tapper.create_snoop(call.caller_channel)
            await tapper.join(call.caller_channel)
            await tapper.release(call.caller_channel)


async def test_a_release_without_news_of_the_end_does_not_last(tapper: Tapper) -> None:
    tapper.on_stasis_start(tap_names(APP, "1").media, "old")  # its end was told while the line was away
    started = time.monotonic()
    await tapper.release("1")
    assert time.monotonic() - started < 2
    assert not vars(tapper)["_up"]


async def test_only_our_own_is_ever_removed(tapper: Tapper, pbx: VirtualPbx) -> None:
    call = await talking(pbx)
    for foreign in (call.caller_channel, "ari_bridge", "other-snoop-1"):
        with pytest.raises(ValueError, match="not ours"):
            await tapper.remove_stray(foreign, bridge=False)
    assert call.caller_channel in pbx.board.channels
    await tapper.remove_stray(tapper.names("long gone").snoop, bridge=False)
    await tapper.remove_stray(tapper.names("long gone").bridge, bridge=True)


async def test_the_address_may_be_ipv6() -> None:
    told = Told({"channelvars": {"UNICASTRTP_LOCAL_ADDRESS": "::1", "UNICASTRTP_LOCAL_PORT": "5000"}})
    told.tapper = Tapper(told, APP, 0.2)
    assert await told.tapper.create_media("1", "::1", 40000, "alaw") == ("::1", 5000)
    assert told.arguments["external_host"] == "[::1]:40000"
