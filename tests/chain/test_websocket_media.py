"""Audio over Asterisk's media WebSocket: the same words by the other way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.pbx_script import Side, Way
from ari_bridge.demo.samples import Conversation, load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from tests.chain.conftest import House, open_house
from tests.chain.daemon import Daemon, Page, free_port
from tests.chain.pbx import Plan, RealPbx
from tests.chain.test_calls import call_of, check_nothing_left, check_told_in_order, play_until_whole
from tests.lab import asterisk_root
from tests.lab.ari_probe import AriProbe
from tests.lab.asterisk import Asterisk, Options
from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.lab.far_line import FarLine, far_line

pytestmark = [pytest.mark.asterisk, pytest.mark.alone]


async def test_calls_over_the_media_websocket(conversations: dict[str, Conversation]) -> None:
    plans = [
        Plan(conversation=conversations["price"], way=Way.PASSIVE, extension="1001", number="79000000021"),
        Plan(
            conversation=conversations["competitor"],
            way=Way.STASIS,
            extension="1002",
            number="79000000022",
            hangup_by=Side.OPERATOR,
        ),
    ]
    async with open_house("asterisk", MEDIA__TRANSPORT="websocket") as house, Page(house.daemon.url) as page:
        for plan in await play_until_whole(house, page, plans):
            call_id = call_of(page, "+" + plan.number)
            check_told_in_order(page, call_id)
            assert page.of("gap", call_id) == []
        await check_nothing_left(house)
        log = house.daemon.log
        assert {line["transport"] for line in log if line["event"] == "media_route"} == {"websocket"}
        legs = [line for line in log if line["event"] == "leg_finished"]
        assert len(legs) >= 4
        assert all(line["packets"] > 500 and line["lost"] == 0 for line in legs)


HTTP_CONF = """[general]
enabled = yes
bindaddr = 0.0.0.0
bindport = {{http_port}}
sessionlimit = 1000
"""


def far_asterisk(line: FarLine) -> Asterisk:
    """An Asterisk at the other end of the line, with its telephones; not started."""
    options = Options(
        netns=line.namespace, phones=("1001", "1002", "1003"), hub_port=free_port(), files={"http.conf": HTTP_CONF}
    )
    asterisk = Asterisk(options, root=asterisk_root("22"))
    asterisk.ari_url = f"http://{line.there}:{asterisk.http_port}"
    asterisk.ari = AriProbe(asterisk.ari_url, options.ari_user, options.ari_password)
    return asterisk


@contextlib.asynccontextmanager
async def far_house(home: Path, **variables: str) -> AsyncIterator[tuple[House, FarLine]]:
    """The daemon here, its PBX in another namespace: only TCP that we open gets through, a hundredth of it is lost, and
    every packet takes 50 ms each way."""
    require("asterisk", why_no_asterisk())
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("no /dev/net/tun")
    with far_line(delay_s=0.05, loss=0.01, seed=time.monotonic_ns()) as line, far_asterisk(line) as asterisk:
        async with SonioxStandIn(Lexicon.of(load_conversations())) as soniox, OpenRouterStandIn() as openrouter:
            pbx = RealPbx(asterisk, home)
            settings = {
                **pbx.variables,
                "SONIOX__URL": soniox.url,
                "SONIOX__API_URL": soniox.api_url,
                "SONIOX__API_KEY": "demo",
                "OPENROUTER__URL": openrouter.url,
                "OPENROUTER__API_KEY": "demo",
                **variables,
            }
            async with Daemon(settings, port=free_port()) as daemon:
                await daemon.until_ready()
                yield House(pbx, soniox, openrouter, daemon), line


@pytest.mark.parametrize("media_host", ["127.0.0.1", "here"])
async def test_a_pbx_that_only_outgoing_tcp_reaches_over_a_bad_line(
    conversations: dict[str, Conversation], tmp_path: Path, media_host: str
) -> None:
    """`media.host` left as it is: RTP is not even tried; set to an address of ours: it is, and nothing arrives."""
    plan = Plan(conversation=conversations["price"], way=Way.PASSIVE, extension="1001", number="79000000031")
    here = f"10.213.{os.getpid() % 200 + 20}.2"
    async with far_house(tmp_path, MEDIA__HOST=here if media_host == "here" else media_host) as (house, line):
        async with Page(house.daemon.url) as page:
            if media_host == "here":  # whose first seconds tell that RTP does not arrive
                await house.pbx.play(Plan(conversation=plan.conversation, extension="1002", seconds=4.0))
                await page.until(lambda: page.of("call_end"))
            began = time.monotonic()
            (played,) = await play_until_whole(house, page, [plan])
            call_id = call_of(page, "+" + played.number)
            check_told_in_order(page, call_id)
            told = ("media_skipped", "media_lost", "leg_finished", "stt_finished", "stt_gap")
            print(page.of("gap", call_id), [entry for entry in house.daemon.log if entry["event"] in told])
            assert page.of("gap", call_id) == []
            print(f"far line: {line.passed} packets, {line.lost} lost, {line.refused} refused")
            print(f"all words of both legs after {time.monotonic() - began:.1f} s")
        assert line.lost > 0
        routes = [line["transport"] for line in house.daemon.log if line["event"] == "media_route"]
        assert routes == (["rtp", "websocket"] if media_host == "here" else ["websocket"])
        for _ in range(50):
            if not house.pbx.holdings():
                return
            await asyncio.sleep(0.1)
        assert house.pbx.holdings() == []
