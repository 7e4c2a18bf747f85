from __future__ import annotations

import asyncio

import aiohttp
import pytest

from ari_bridge.demo.pbx import CallScript, Drop, VirtualPbx
from tests.demo.pbx_ari import Ari


async def test_a_second_connection_takes_over(ari: Ari) -> None:
    first = await ari.listen(subscribeAll="true")
    second = await ari.listen(subscribeAll="true")
    await first.until(lambda event: event["type"] == "ApplicationReplaced")
    await ari.do("POST", "/bridges", bridgeId="b")
    await second.until(lambda event: event["type"] == "BridgeCreated")
    assert first.types() == ["ApplicationReplaced"]
    assert not first.closed.is_set()  # Asterisk leaves it open


async def test_the_first_of_two_leaving_does_not_end_the_application(pbx: VirtualPbx, ari: Ari) -> None:
    first = await ari.listen()
    await ari.listen()
    await first.close()
    await asyncio.sleep(0.05)
    assert pbx.board.apps.is_active("ari_bridge")


async def test_every_event_names_its_application(ari: Ari) -> None:
    log = await ari.listen("a,b", subscribeAll="true")
    await ari.do("POST", "/bridges", bridgeId="b")
    await log.until(lambda event: event["application"] == "b")
    assert [event["application"] for event in log.events] == ["a", "b"]


async def test_a_clean_close(pbx: VirtualPbx, ari: Ari) -> None:
    log = await ari.listen()
    await pbx.drop_events("ari_bridge", Drop.CLEAN)
    await asyncio.wait_for(log.closed.wait(), 2)
    assert log.socket.close_code == aiohttp.WSCloseCode.GOING_AWAY
    assert (await ari.request("GET", "/applications/ari_bridge"))[0] == 404


async def test_a_reset(pbx: VirtualPbx, ari: Ari) -> None:
    log = await ari.listen()
    await pbx.drop_events("ari_bridge", Drop.RESET)
    await asyncio.wait_for(log.closed.wait(), 2)
    assert log.socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


async def test_dead_silence_answers_no_ping_and_says_nothing(pbx: VirtualPbx, ari: Ari) -> None:
    socket = await ari.http.ws_connect(f"{ari.url}/events", params={"app": "ari_bridge"}, heartbeat=0.4)
    message = asyncio.create_task(socket.receive())
    await asyncio.sleep(1.0)
    assert not message.done()  # pings are answered
    await pbx.drop_events("ari_bridge", Drop.SILENT)
    assert (await asyncio.wait_for(message, 2)).type in (aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED)


async def test_a_new_connection_after_silence_is_served(pbx: VirtualPbx, ari: Ari) -> None:
    dead = await ari.listen(subscribeAll="true")
    await pbx.drop_events("ari_bridge", Drop.SILENT)
    alive = await ari.listen(subscribeAll="true")
    await ari.do("POST", "/bridges", bridgeId="b")
    await alive.until(lambda event: event["type"] == "BridgeCreated")
    assert dead.events == []


async def test_noise_comes_between_real_events(pbx: VirtualPbx, ari: Ari) -> None:
    log = await ari.listen(subscribeAll="true")
    pbx.events.noise = True
    await ari.do("POST", "/bridges", bridgeId="b")
    await log.until(lambda event: event["type"] == "BridgeCreated")
    assert log.types() == ["NobodyKnowsThis", "BridgeCreated"]


@pytest.mark.parametrize("text", ["{", "", "[1, 2", '"x"', "[]", '{"type": 5}', '{"type": "Dial", "peer": 7}'])
async def test_malformed_text_goes_out_as_it_is(pbx: VirtualPbx, ari: Ari, text: str) -> None:
    log = await ari.listen(subscribeAll="true")
    pbx.events.inject("ari_bridge", text)
    await ari.do("POST", "/bridges", bridgeId="b")
    await log.until(lambda event: isinstance(event, dict) and event["type"] == "BridgeCreated")
    assert log.texts[0] == text


async def test_a_message_of_the_client_is_ignored(ari: Ari) -> None:
    log = await ari.listen(subscribeAll="true")
    await log.socket.send_str("garbage")
    await ari.do("POST", "/bridges", bridgeId="b")
    await log.until(lambda event: event["type"] == "BridgeCreated")


async def test_a_client_that_left_costs_nothing(pbx: VirtualPbx, ari: Ari) -> None:
    log = await ari.listen(subscribeAll="true")
    await log.close()
    call = pbx.call(CallScript(client="79001234567", ring_s=0.05, talk_s=0.05))
    await asyncio.wait_for(call.ended.wait(), 2)
    assert (await ari.get("/applications")) == []
