"""Two daemons for one PBX: when the one that drives dies, the other goes on with the call, and never both drive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest

from ari_bridge.demo.samples import Conversation
from tests.chain.conftest import House, open_house
from tests.chain.daemon import Daemon, Page
from tests.chain.pbx import Plan
from tests.chain.test_calls import check_nothing_left
from tests.ops.redis_server import RedisServer

TAKEN_OVER_WITHIN_S = 5.0


@contextlib.asynccontextmanager
async def two_daemons(redis: RedisServer, kind: str) -> AsyncIterator[tuple[House, Daemon]]:
    """A house whose daemon drives, and a second daemon with the same store that waits."""
    async with open_house(kind, STANDBY__REDIS=redis.url) as house:
        first = house.daemon
        low, _, high = first.variables["MEDIA__PORTS"].partition("-")
        own = {"HUB__PORT": None, "MEDIA__PORTS": f"{int(low) + 400}-{int(high) + 400}"}
        variables = {k: v for k, v in {**first.variables, **own}.items() if v is not None}
        async with Daemon(variables) as second:
            yield house, second


async def until_waiting(daemon: Daemon) -> None:
    """Until its page says that another one drives."""
    async with Page(daemon.url) as page:
        await page.until(lambda: "резерв" in str(page.system["ari"]["reason"]))


@pytest.mark.parametrize("kind", ["demo", pytest.param("asterisk", marks=pytest.mark.asterisk)])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_second_goes_on_with_the_call(
    redis: RedisServer, conversations: dict[str, Conversation], kind: str, how: signal.Signals
) -> None:
    plan = Plan(conversation=conversations["price"], number="79000000001")
    async with two_daemons(redis, kind) as (house, second):
        await until_waiting(second)
        async with Page(house.daemon.url) as before:
            call = asyncio.create_task(house.pbx.play(plan), name="call")
            await before.until(lambda: [m for m in before.of("transcript") if m["final"] and m["leg"] == "client"], 30)
            call_id = before.of("call_start")[0]["call"]["id"]
            os.kill(house.daemon.pid, how)
            began = time.monotonic()
        await second.until_ready(20.0)
        assert time.monotonic() - began < TAKEN_OVER_WITHIN_S + 1.0
        async with Page(second.url) as page:
            if how is signal.SIGSTOP:
                os.kill(house.daemon.pid, signal.SIGCONT)
            await page.until(lambda: [m for m in page.of("transcript") if m["leg"] == "operator"], 20)
            await call
            await page.until(lambda: page.of("call_end"))
            assert {m["call_id"] for m in page.of("call_end")} == {call_id}
            last = plan.conversation.operator.utterances[-1].text
            assert any(m["final"] and m["text"].endswith(last) for m in page.of("transcript"))
        if how is signal.SIGSTOP:
            async with asyncio.timeout(10):
                while house.daemon.running:
                    await asyncio.sleep(0.05)
            assert any(line["event"] == "lease_lost" for line in house.daemon.log)
        await check_nothing_left(house)


async def test_a_clean_stop_hands_over_at_once(redis: RedisServer) -> None:
    async with two_daemons(redis, "demo") as (house, second):
        await until_waiting(second)
        assert await house.daemon.stop() == 0
        began = time.monotonic()
        await second.until_ready(20.0)
        assert time.monotonic() - began < TAKEN_OVER_WITHIN_S
