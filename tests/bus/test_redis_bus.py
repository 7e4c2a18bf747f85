"""Nodes on one real Redis: what one tells, all show, numbered alike, whatever becomes of Redis meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ari_bridge.bus.redis_bus import RedisBus
from ari_bridge.errors import BridgeError
from ari_bridge.hub.access import LOCAL
from ari_bridge.hub.client import Client
from ari_bridge.hub.fanout import Hub
from tests.hub.calls import answered, card, ended, final, gap, level, partial, started
from tests.ops.redis_server import RedisServer


class Node:
    """A hub and its bus; `page` is somebody who looks from the beginning on."""

    def __init__(self, url: str, name: str) -> None:
        self.hub = Hub(on_bus=True)
        self.bus = RedisBus(url, "t:", name, follower=self.hub)
        self.pages: list[Client] = []

    def open_page(self, epoch: str | None = None, cursor: str | None = None) -> Page:
        return Page(self.hub, epoch, cursor)


class Page:
    """What a browser would be told; it comes back at once when it is sent away."""

    def __init__(self, hub: Hub, epoch: str | None = None, cursor: str | None = None) -> None:
        self.hub = hub
        self.told: list[dict[str, object]] = []
        self._open(epoch, cursor)

    def _open(self, epoch: str | None, cursor: str | None) -> None:
        self.client = self.hub.connect(LOCAL, epoch, cursor)
        first = json.loads(self.client.first)
        self.first, self.epoch, self.cursor = first["type"], first["epoch"], first["cursor"]

    def read(self) -> list[dict[str, object]]:
        while (frame := self.client.outbox.take()) is not None:
            message = json.loads(frame)
            assert message["prev"] == self.cursor
            self.cursor = message["cursor"]
            if message["type"] != "system":
                self.told.append(message)
        if self.client.closing.done():
            self.hub.disconnect(self.client)
            self._open(self.epoch, self.cursor)
        return self.told

    def texts(self) -> list[object]:
        return [message["text"] for message in self.read() if message["type"] == "transcript" and message["final"]]

    def shows(self) -> list[str]:
        """The final lines on screen: what a new page would be given."""
        view = self.hub.state.views.get("c1")
        return [] if view is None else [json.loads(b"{%b}" % m.members)["text"] for m in view.lines.values()]


@asynccontextmanager
async def nodes(url: str, *names: str) -> AsyncIterator[list[Node]]:
    made = [Node(url, name) for name in names]
    tasks = [asyncio.create_task(node.bus.serve(), name=node.bus.node) for node in made]
    try:
        await until(lambda: all(node.bus.up for node in made))
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for node in made:
            await node.bus.close()


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_every_node_shows_the_same_in_the_same_order(redis: RedisServer) -> None:
    async with nodes(redis.url, "a", "b") as (a, b):
        here, there = a.open_page(), b.open_page()
        for event in (started(), answered(), partial("Это"), final("Это дорого"), card(), level(0.5), ended()):
            a.bus.publish(event)
        b.bus.publish(started("c2"))
        kinds = {"call_start", "call_update", "transcript", "suggestion", "call_end"}
        await until(lambda: len(there.read()) >= 7 and len(here.read()) >= 7)
        assert [m["type"] for m in here.told] == [m["type"] for m in there.told]
        assert {m["type"] for m in there.told} >= kinds
        certain = [(m["cursor"], m["type"]) for m in here.told if m["type"] not in ("level",)]
        assert certain == [(m["cursor"], m["type"]) for m in there.told if m["type"] not in ("level",)]
        assert a.hub.epoch == b.hub.epoch


async def test_a_page_goes_on_at_another_node(redis: RedisServer) -> None:
    async with nodes(redis.url, "a", "b") as (a, b):
        page = a.open_page()
        a.bus.publish(started())
        a.bus.publish(final("раз", utterance=1))
        await until(lambda: len(page.read()) == 2)
        a.bus.publish(final("два", utterance=2))
        await until(lambda: b.hub.cursor == 3)
        again = b.open_page(page.epoch, page.cursor)
        assert again.first == "resumed"
        assert again.texts() == ["два"]


async def test_a_node_that_comes_later_knows_all(redis: RedisServer) -> None:
    async with nodes(redis.url, "a") as (a,):
        for event in (started(), final("Это дорого"), card()):
            a.bus.publish(event)
        await until(lambda: a.hub.cursor == 3)
        async with nodes(redis.url, "b") as (b,):
            page = b.open_page()
            assert page.shows() == ["Это дорого"]
            assert b.hub.cursor == 3
            assert b.bus.owner("c1") == "a"


async def test_redis_dies_and_comes_back_empty(redis: RedisServer) -> None:
    async with nodes(redis.url, "a", "b") as (a, b):
        here, there = a.open_page(), b.open_page()
        a.bus.publish(started())
        a.bus.publish(final("раз", utterance=1))
        await until(lambda: len(there.read()) == 2)
        redis.kill()
        await until(lambda: not a.bus.up)
        a.bus.publish(final("два", utterance=2))
        a.bus.publish(partial("т", utterance=3))
        a.bus.publish(gap())
        await until(lambda: here.texts() == ["раз", "два"], 2.0)
        assert there.texts() == ["раз"]
        assert a.open_page(here.epoch, here.cursor).first == "snapshot"
        redis.start()
        await until(lambda: a.bus.up and b.bus.up)
        a.bus.publish(final("три", utterance=3))
        await until(lambda: (here.read(), there.read(), there.shows() == ["раз", "два", "три"])[-1])
        await until(lambda: a.hub.epoch == b.hub.epoch and a.hub.cursor == b.hub.cursor)
        await until(lambda: (here.read(), there.read(), here.epoch == there.epoch == a.hub.epoch)[-1])
        assert len(here.texts()) == len(set(map(str, here.texts())))
        assert len(there.texts()) == len(set(map(str, there.texts())))
        assert here.shows() == ["раз", "два", "три"]


async def test_what_nobody_numbered_is_not_told_twice(redis: RedisServer) -> None:
    async with nodes(redis.url, "a") as (a,):
        here = a.open_page()
        a.bus.publish(started())
        await until(lambda: len(here.read()) == 1)
        redis.kill()
        await until(lambda: not a.bus.up)
        a.bus.publish(card())
        a.bus.publish(replace(card(), id="s2"))
        await until(lambda: len(here.read()) == 3)
        assert here.cursor.endswith("~")
        redis.start()
        await until(lambda: a.bus.up and a.hub.cursor == 3)
        a.bus.publish(final("ещё"))
        await until(lambda: here.texts() == ["ещё"] or here.shows() == ["ещё"])
        assert [m["type"] for m in here.told].count("suggestion") == 2


async def test_a_deleted_call_goes_everywhere(redis: RedisServer) -> None:
    async with nodes(redis.url, "a", "b") as (a, b):
        there = b.open_page()
        for event in (started(), final("Это дорого"), ended()):
            a.bus.publish(event)
        await until(lambda: len(there.read()) == 3)
        b.bus.forget("c1")
        await until(lambda: not a.hub.state.views and not b.hub.state.views)
        assert there.read()[-1]["type"] == "call_hidden"
        async with nodes(redis.url, "c") as (c,):
            assert not c.hub.state.views


async def test_questions_are_answered(redis: RedisServer) -> None:
    async def answer(verb: str, arguments: object) -> object:
        if verb == "no":
            raise BridgeError("not_now", "later", retryable=True)
        return {"verb": verb, "arguments": arguments}

    a, b = RedisBus(redis.url, "t:", "a"), RedisBus(redis.url, "t:", "b", answer=answer)
    tasks = [asyncio.create_task(bus.serve(), name=bus.node) for bus in (a, b)]
    await until(lambda: a.up and b.up)
    assert await a.ask("b", "echo", {"x": 1}) == {"verb": "echo", "arguments": {"x": 1}}
    with pytest.raises(BridgeError, match="later"):
        await a.ask("b", "no", {})
    with pytest.raises(BridgeError, match="not there"):
        await a.ask("nobody", "echo", {})
    with pytest.raises(BridgeError, match="follows no calls"):
        await b.ask("a", "echo", {})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for bus in (a, b):
        await bus.close()
