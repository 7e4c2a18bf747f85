"""Two daemons on one PBX, each with a share of its calls: every call is followed once."""

from __future__ import annotations

import asyncio

import pytest

from ari_bridge.demo.samples import Conversation
from tests.chain.conftest import open_house
from tests.chain.daemon import Daemon, Page
from tests.chain.pbx import Plan
from tests.lab.conftest_plugin import require
from tests.ops.redis_server import RedisServer, why_no_redis

CALLS = 6


def finished(daemon: Daemon) -> int:
    """Calls that it has followed to their ends."""
    return sum(line["event"] == "call_finished" for line in daemon.log)


@pytest.mark.timeout(300)
async def test_every_call_is_followed_by_one_of_two(conversations: dict[str, Conversation]) -> None:
    require("redis", why_no_redis())
    talk = conversations["price"]
    with RedisServer() as redis:
        async with open_house("demo", HUB__BUS=redis.url, HUB__NODE="first", ARI__SHARE="1/2") as house:
            first = house.daemon
            low, _, high = first.variables["MEDIA__PORTS"].partition("-")
            own = {
                **{"HUB__NODE": "second", "ARI__SHARE": "2/2", "ARI__APP": "ari_bridge_2"},
                **{"MEDIA__PORTS": f"{int(low) + 400}-{int(high) + 400}"},
            }
            shared = {k: v for k, v in first.variables.items() if k not in ("HUB__PORT", "STORE__URL")}
            async with Daemon({**shared, **own}, started_within_s=60.0) as second:
                await second.until_ready(60.0)
                async with Page(second.url) as page:
                    plans = [
                        Plan(
                            conversation=talk,
                            number=f"7900000010{number}",
                            extension=f"100{1 + number % 3}",
                            seconds=6.0,
                        )
                        for number in range(CALLS)
                    ]
                    await asyncio.gather(*(house.pbx.play(plan) for plan in plans))
                    await page.until(lambda: len(page.of("call_end")) >= CALLS, 30)
                    numbers = [m["call"]["client_number"] for m in page.of("call_start")]
                    assert sorted(numbers) == [f"+{plan.number}" for plan in plans]
                async with asyncio.timeout(10):  # the line is written a moment after the page is told
                    while sum(finished(daemon) for daemon in (first, second)) != CALLS:
                        await asyncio.sleep(0.1)
                assert house.pbx.holdings() == []
