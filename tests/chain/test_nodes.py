"""A bridge and a hub as two processes: what is said on the one's calls stands on the other's pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from ari_bridge.demo.samples import Conversation
from tests.chain.daemon import Page
from tests.chain.nodes import open_town
from tests.chain.pbx import Plan
from tests.lab.conftest_plugin import require
from tests.ops.redis_server import RedisServer, why_no_redis
from tests.store.postgresql import Server, binaries, running_server


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    tools = binaries()
    require("postgresql", None if tools else "no PostgreSQL here: run tests/lab/install.sh postgresql")
    assert tools is not None
    with running_server(tools) as server:
        yield server


async def test_calls_of_a_bridge_stand_on_the_pages_of_a_hub(
    postgresql: Server, conversations: dict[str, Conversation]
) -> None:
    require("redis", why_no_redis())
    talk = conversations["price"]
    with RedisServer() as redis:
        nodes = {name: {"HUB__BUS": redis.url} for name in ("bridge-1", "hub-1")}
        people = {"anna": ["1001"], "boris": ["1002"]}
        async with open_town(store_url=postgresql.url, nodes=nodes, operators=people) as town:
            bridge, hub = town.bridges[0], town.hubs[0]
            async with (
                Page(hub.url, town.tokens["anna"]) as anna,
                Page(hub.url, town.tokens["boris"]) as boris,
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {town.tokens['boss']}"}) as boss,
            ):
                call = asyncio.create_task(town.pbxs[0].play(Plan(conversation=talk, extension="1001")))
                await anna.until(lambda: [m for m in anna.of("transcript") if m["final"]], 30)
                [call_id] = {m["call"]["id"] for m in anna.of("call_start")}
                await anna.until(lambda: anna.of("suggestion"), 30)
                card = anna.of("suggestion")[-1]["id"]

                async with boss.post(f"{hub.url}/api/calls/{call_id}/whisper", json={"text": "Спокойно"}) as answer:
                    assert answer.status == 200
                await anna.until(lambda: [m for m in anna.of("suggestion") if m["source"] == "supervisor"])
                feedback = f"{hub.url}/api/suggestions/{card}/feedback"
                async with boss.post(feedback, json={"verdict": "useful"}) as answer:
                    assert (answer.status, (await answer.json())["verdicts"]) == (200, ["useful"])
                await anna.until(lambda: [m for m in anna.of("suggestion") if m["verdicts"] == ["useful"]])
                async with boss.get(f"{hub.url}/api/calls/{call_id}") as answer:
                    assert (await answer.json())["frames"]
                async with boss.get(f"{bridge.url}/api/calls") as answer:
                    assert answer.status == 404

                await call
                await anna.until(lambda: anna.of("call_end"))
                assert anna.text(call_id, "client") == talk.client.text
                assert not boris.of("call_start")
                async with boss.get(f"{hub.url}/api/history") as answer:
                    assert [found["id"] for found in (await answer.json())["calls"]] == [call_id]
