"""The daemon leaves in the middle of things: stopped, with its last words; by force, and `release` sets people free."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from ari_bridge.demo.pbx_script import Way
from ari_bridge.demo.samples import Conversation
from tests.chain.conftest import House
from tests.chain.daemon import Page
from tests.chain.pbx import Plan
from tests.chain.test_calls import check_nothing_left

STOPS_WITHIN_S = 8.0
FREE_WITHIN_S = 3.0


def ours(house: House) -> list[str]:
    return [one for one in house.pbx.holdings() if "ari_bridge-" in one]


async def test_a_stop_takes_the_last_words_and_leaves_asterisk_as_it_was(
    house: House, page: Page, conversations: dict[str, Conversation]
) -> None:
    plan = Plan(conversation=conversations["price"], number="79000000001", seconds=11.0)
    call = asyncio.create_task(house.pbx.play(plan), name="call")
    await page.until(lambda: [m for m in page.of("transcript") if m["leg"] == "client" and m["text"] and m["tail"]])
    began = time.monotonic()
    assert await house.daemon.stop() == 0
    assert time.monotonic() - began < STOPS_WITHIN_S
    assert ours(house) == []
    assert house.pbx.holdings(), "the call goes on"
    lines = {(m["leg"], m["utterance"]): m for m in page.of("transcript")}
    assert all(line["final"] for line in lines.values())
    heard = page.text(page.of("call_start")[0]["call"]["id"], "client")
    assert plan.conversation.client.text.startswith(heard)
    assert page.of("call_end") == [], "it has not ended"
    await call
    await check_nothing_left(house)


async def test_release_sets_whoever_waits_in_stasis_free(house: House, conversations: dict[str, Conversation]) -> None:
    """A daemon that hangs keeps its line open, so that Asterisk lets people in; nobody sends them on."""
    house.daemon.signal(signal.SIGSTOP)
    plan = Plan(conversation=conversations["price"], number="79000000002", way=Way.STASIS, seconds=2.0)
    call = asyncio.create_task(house.pbx.play(plan), name="call")
    async with asyncio.timeout(5):
        while not house.pbx.holdings():
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    assert len(house.pbx.holdings()) == 1, "nobody is rung: the party waits"
    began = time.monotonic()
    environment = os.environ | {f"ARI_BRIDGE_{key}": value for key, value in house.daemon.variables.items()}
    release = await asyncio.create_subprocess_exec(sys.executable, "-m", "ari_bridge", "release", env=environment)
    assert await release.wait() == 0
    async with asyncio.timeout(FREE_WITHIN_S - (time.monotonic() - began)):
        while len(house.pbx.holdings()) < 2:
            await asyncio.sleep(0.05)
    house.daemon.signal(signal.SIGCONT)
    await call
    await check_nothing_left(house)
