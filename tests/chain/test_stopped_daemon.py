"""A daemon that stands still for a while (SIGSTOP, a suspended machine) and goes on."""

from __future__ import annotations

import asyncio
import signal

from ari_bridge.demo.samples import Conversation
from tests.chain.conftest import open_house
from tests.chain.daemon import Page
from tests.chain.pbx import Plan
from tests.chain.test_calls import call_of, words_of

STOPPED_S = 4.0  # the sockets hold six seconds of G.711


async def test_what_was_said_meanwhile_is_heard_afterwards(conversations: dict[str, Conversation]) -> None:
    plan = Plan(conversation=conversations["price"], number="79000000051")
    async with open_house("demo") as house, Page(house.daemon.url) as page, asyncio.TaskGroup() as tasks:
        playing = tasks.create_task(house.pbx.play(plan), name="call")
        await page.until(lambda: page.of("transcript"))
        house.daemon.signal(signal.SIGSTOP)
        await asyncio.sleep(STOPPED_S)
        house.daemon.signal(signal.SIGCONT)
        await playing
        await page.until(lambda: page.of("call_end"))
        assert words_of(page, plan.number) == (plan.conversation.client.text, plan.conversation.operator.text)
        assert page.of("gap", call_of(page, "+" + plan.number)) == []
