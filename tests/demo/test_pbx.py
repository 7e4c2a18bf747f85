"""The virtual PBX as aioari, the daemon's ARI library, meets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aioari
import pytest
from aioari.model import Bridge, Channel, Endpoint
from aiohttp import web_exceptions

from ari_bridge.demo.pbx import CallScript, VirtualPbx
from tests.demo.pbx_ari import RtpSocket

VOICE = bytes(range(256)) * 100


@pytest.fixture
async def client(pbx: VirtualPbx) -> AsyncIterator[Any]:
    connected = await aioari.connect(pbx.url, "ari_bridge", "demo")
    yield connected
    await connected.close()


async def test_objects_are_promoted(pbx: VirtualPbx, client: Any) -> None:
    assert all(isinstance(one, Endpoint) for one in await client.endpoints.list())
    bridge = await client.bridges.createWithId(bridgeId="b", type="mixing")
    assert isinstance(bridge, Bridge)
    call = pbx.call(CallScript(client="79001234567", ring_s=60.0))
    (channel, _) = await client.channels.list()
    assert isinstance(channel, Channel)
    assert channel.id == call.caller_channel
    assert (await channel.getChannelVar(variable="CHANNEL(linkedid)"))["value"] == channel.id
    assert (await client.asterisk.getInfo(only="system"))["system"]["version"].startswith("22.")
    await bridge.destroy()


async def test_refusals_are_web_exceptions_with_asterisks_text(client: Any) -> None:
    with pytest.raises(web_exceptions.HTTPNotFound) as refused:
        await client.channels.get(channelId="none")
    assert refused.value.text == '{"message":"Channel not found"}'


async def test_a_wrong_password(pbx: VirtualPbx) -> None:
    http = aioari.AsynchronousHttpClient("ari_bridge", "wrong")
    with pytest.raises(web_exceptions.HTTPUnauthorized):
        await aioari.Client(pbx.url, http).init()
    await http.close()


async def test_a_call_from_ring_to_end_tapped(pbx: VirtualPbx, client: Any, rtp: RtpSocket) -> None:
    seen: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    client.on_event("StasisStart", seen.put_nowait)
    client.on_channel_event("ChannelDestroyed", lambda _channel, event: seen.put_nowait(event))
    events = asyncio.create_task(client.run("ari_bridge"))
    await asyncio.sleep(0.05)
    await client.applications.subscribe(
        applicationName="ari_bridge", eventSource=["endpoint:PJSIP/mango", "endpoint:PJSIP/1001", "bridge:"]
    )
    call = pbx.call(CallScript(client="79001234567", ring_s=0.3, talk_s=0.5, client_audio=VOICE))
    snoop = await client.channels.snoopChannelWithId(
        channelId=call.caller_channel, snoopId="s", app="ari_bridge", spy="in"
    )
    media = await client.channels.externalMedia(
        app="ari_bridge", external_host=f"127.0.0.1:{rtp.port}", format="alaw", channelId="e"
    )
    bridge = await client.bridges.create(type="mixing", bridgeId="b")
    for _ in range(2):
        await asyncio.wait_for(seen.get(), 2)
    await bridge.addChannel(channel=[snoop.id, media.id])
    ended = await asyncio.wait_for(seen.get(), 3)
    assert (ended["cause"], ended["channel"]["id"]) == (16, call.caller_channel)
    assert VOICE[: 160 * 20] in b"".join(packet.payload for packet in rtp.drain())
    await media.hangup()
    await bridge.destroy()
    assert pbx.holdings() == []
    events.cancel()
    await asyncio.wait([events])


async def test_a_restart_forgets_everything(pbx: VirtualPbx, client: Any) -> None:
    url = pbx.url
    events = asyncio.create_task(client.run("ari_bridge"))
    await asyncio.sleep(0.05)
    await client.applications.subscribe(applicationName="ari_bridge", eventSource="endpoint:PJSIP/mango")
    call = pbx.call(CallScript(client="79001234567", ring_s=60.0))
    await pbx.restart()
    assert call.ended.is_set()
    await asyncio.wait([events], timeout=2)
    assert events.done()
    assert (pbx.url, pbx.holdings()) == (url, [])
    with pytest.raises(web_exceptions.HTTPNotFound):
        await client.applications.get(applicationName="ari_bridge")
    again = pbx.call(CallScript(client="79001234567", ring_s=0.0, talk_s=0.0))
    await asyncio.wait_for(again.ended.wait(), 2)
    assert again.linkedid != call.linkedid
