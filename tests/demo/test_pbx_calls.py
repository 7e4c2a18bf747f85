from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from ari_bridge.demo.pbx import CallScript, VirtualPbx
from ari_bridge.demo.pbx_script import Side, Unanswered, Way
from tests.demo.pbx_ari import Ari

CLIENT = "79001234567"


class Hub:
    """What takes a dialplan's notices; `delay_s` is how long it thinks, `status` what it answers."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.delay_s = 0.0
        self.status = 200

    async def take(self, request: web.Request) -> web.Response:
        self.seen.append(request.path_qs)
        await asyncio.sleep(self.delay_s)
        return web.Response(status=self.status)


@pytest.fixture
async def hub(pbx: VirtualPbx) -> AsyncIterator[Hub]:
    hub, app = Hub(), web.Application()
    app.router.add_get("/agi/{notice}", hub.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pbx.send_notices_to(f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield hub
    await runner.cleanup()


def brief(**script: object) -> CallScript:
    return CallScript(client=CLIENT, **{"ring_s": 0.05, "talk_s": 0.1} | script)  # type: ignore[arg-type]


async def over(call: object, timeout_s: float = 3.0) -> None:
    await asyncio.wait_for(call.ended.wait(), timeout_s)  # type: ignore[attr-defined]


async def test_a_call_takes_its_time(pbx: VirtualPbx) -> None:
    began = time.monotonic()
    call = pbx.call(brief(ring_s=0.2, talk_s=0.3))
    await asyncio.wait_for(call.answered.wait(), 2)
    assert 0.15 < time.monotonic() - began < 0.35
    await over(call)
    assert 0.45 < time.monotonic() - began < 0.8
    assert pbx.holdings() == []


async def test_without_a_length_it_lasts_until_all_is_said(pbx: VirtualPbx) -> None:
    began = time.monotonic()
    await over(pbx.call(CallScript(client=CLIENT, ring_s=0.0, operator_audio=bytes(8000 // 4))))
    assert 0.7 < time.monotonic() - began < 1.1


async def test_many_at_once(pbx: VirtualPbx) -> None:
    calls = [pbx.call(brief(ring_s=0.01 * number)) for number in range(30)]
    assert len({call.linkedid for call in calls}) == 30
    await asyncio.gather(*map(over, calls))
    assert pbx.holdings() == []


@pytest.mark.parametrize("side", list(Side))
async def test_either_side_hangs_up_at_will(pbx: VirtualPbx, ari: Ari, side: Side) -> None:
    log = await ari.listen(subscribeAll="true")
    call = pbx.call(brief(talk_s=60.0))
    await asyncio.wait_for(call.answered.wait(), 2)
    call.hang_up(side, cause=21)
    await over(call)
    own = call.client_channel if side is Side.CLIENT else call.operator_channel
    requested = await log.until(lambda event: event["type"] == "ChannelHangupRequest")
    assert (requested["channel"]["id"], requested["cause"]) == (own, 21)
    destroyed = await log.until(lambda event: event["type"] == "ChannelDestroyed")
    assert (destroyed["cause"], destroyed["cause_txt"]) == (21, "Call Rejected")


async def test_the_client_gives_up_while_it_rings(pbx: VirtualPbx) -> None:
    call = pbx.call(brief(ring_s=60.0))
    await asyncio.sleep(0.05)
    call.hang_up()
    await over(call)
    assert not call.answered.is_set()
    assert pbx.holdings() == []


async def test_nobody_answers(pbx: VirtualPbx) -> None:
    call = pbx.call(brief(unanswered=Unanswered.NO_ANSWER))
    await over(call)
    assert not call.answered.is_set()
    assert call.operator_channel is None


async def test_deleting_a_party_ends_the_call(pbx: VirtualPbx, ari: Ari) -> None:
    log = await ari.listen(subscribeAll="true")
    call = pbx.call(brief(talk_s=60.0))
    await asyncio.wait_for(call.answered.wait(), 2)
    await ari.do("DELETE", f"/channels/{call.client_channel}")
    await over(call)
    assert (await log.until(lambda event: event["type"] == "ChannelHangupRequest"))["cause"] == 32


async def test_the_stasis_way_waits_for_continue(pbx: VirtualPbx, ari: Ari) -> None:
    log = await ari.listen()
    call = pbx.call(brief(way=Way.STASIS, args=("inbound",)))
    start = await log.until(lambda event: event["type"] == "StasisStart")
    assert start["args"] == ["inbound"]
    await asyncio.sleep(0.2)
    assert len(pbx.board.channels) == 1
    await ari.do("POST", f"/channels/{start['channel']['id']}/continue")
    await over(call)
    assert call.answered.is_set()


async def test_a_party_in_stasis_is_stranded_when_the_application_dies(pbx: VirtualPbx, ari: Ari) -> None:
    log = await ari.listen()
    call = pbx.call(brief(way=Way.STASIS))
    await log.until(lambda event: event["type"] == "StasisStart")
    await log.close()
    await asyncio.sleep(0.2)
    assert not call.ended.is_set()
    call.hang_up()
    await over(call)


async def test_the_stasis_way_goes_on_without_the_application(pbx: VirtualPbx) -> None:
    call = pbx.call(brief(way=Way.STASIS))
    await over(call)
    assert call.answered.is_set()


async def test_notices_carry_number_and_unique_id(pbx: VirtualPbx, hub: Hub) -> None:
    call = pbx.call(brief(way=Way.NOTICE))
    await over(call)
    assert hub.seen == [f"/agi/call_start?caller={CLIENT}&id={call.linkedid}", f"/agi/call_end?id={call.linkedid}"]
    assert call.notices == [200, 200]


@pytest.mark.parametrize("trouble", ["slow", "error", "away"])
async def test_notices_never_cost_more_than_their_deadline(pbx: VirtualPbx, hub: Hub, trouble: str) -> None:
    hub.delay_s, hub.status = (5.0, 200) if trouble == "slow" else (0.0, 500)
    if trouble == "away":
        pbx.send_notices_to("http://127.0.0.1:1")
    began = time.monotonic()
    call = pbx.call(brief(way=Way.NOTICE))
    await over(call)
    assert call.answered.is_set()
    assert time.monotonic() - began < 0.15 + 0.6 + 0.2
    assert call.notices == ([500, 500] if trouble == "error" else [None, None])


async def test_leaving_the_pbx_ends_everything_at_once() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2), VirtualPbx() as pbx:
            for way in Way:
                pbx.call(CallScript(client=CLIENT, way=way, ring_s=60.0))
            await asyncio.sleep(0.05)
    left = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("pbx")]
    assert left == []
