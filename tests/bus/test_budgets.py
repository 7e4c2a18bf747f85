"""Budgets of several nodes on one real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_bridge.bus.budgets import LEASE_S, SharedBudgets
from tests.bus.test_redis_bus import until
from tests.ops.redis_server import RedisServer

TOTAL = 10


class Node:
    def __init__(self, url: str, name: str) -> None:
        self.share = 0
        self.spent = 0.0
        self.day = "2026-11-27"
        self.budgets = SharedBudgets(url, "t:", name, self._on_spent, lambda: self.day)
        self._task = asyncio.create_task(self.budgets.serve(), name=name)

    def want(self, wanted: int, used: int = 0) -> None:
        self.budgets.want(TOTAL, wanted, used, self._on_share)

    async def die(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _on_share(self, places: int) -> None:
        self.share = places

    def _on_spent(self, usd: float) -> None:
        self.spent = usd


@asynccontextmanager
async def two(redis: RedisServer) -> AsyncIterator[tuple[Node, Node]]:
    a, b = Node(redis.url, "a"), Node(redis.url, "b")
    try:
        yield a, b
    finally:
        await a.die()
        await b.die()


async def test_places_are_counted_once(redis: RedisServer) -> None:
    async with two(redis) as (a, b):
        a.want(7, 7)
        await until(lambda: a.share == 7)
        b.want(7)
        await until(lambda: b.share == 3)
        a.want(4, 4)
        await until(lambda: b.share == 6, 5.0)
        a.want(2, 2)
        await until(lambda: b.share == 7, 5.0)


async def test_who_has_more_than_an_even_part_gives_back_what_is_free(redis: RedisServer) -> None:
    async with two(redis) as (a, b):
        a.want(10, 10)
        await until(lambda: a.share == 10)
        b.want(6)
        await asyncio.sleep(1.5)
        assert (a.share, b.share) == (10, 0)  # nobody loses a place that is taken
        a.want(10, 6)
        await until(lambda: a.share == 6 and b.share == 4, 5.0)


async def test_the_places_of_a_dead_node_come_back(redis: RedisServer) -> None:
    async with two(redis) as (a, b):
        a.want(8, 8)
        await until(lambda: a.share == 8)
        await a.die()
        b.want(8)
        await until(lambda: b.share == 2)
        await until(lambda: b.share == 8, LEASE_S + 3.0)


async def test_without_redis_a_node_keeps_its_share(redis: RedisServer) -> None:
    async with two(redis) as (a, b):
        a.want(6, 6)
        b.want(3)
        await until(lambda: (a.share, b.share) == (6, 3))
        redis.kill()
        a.want(8, 6)
        b.budgets.spend(0.5)
        await asyncio.sleep(1.5)
        assert (a.share, b.share) == (6, 3)
        redis.start()
        await until(lambda: a.share == 7 and b.spent == 0.5, 5.0)


async def test_money_is_added_up(redis: RedisServer) -> None:
    async with two(redis) as (a, b):
        a.budgets.remember(1.0)  # the store knows of it
        b.budgets.remember(1.0)
        for _ in range(10):
            a.budgets.spend(0.25)
            b.budgets.spend(0.5)
        await until(lambda: a.spent == b.spent == pytest.approx(8.5), 5.0)
        redis.kill()
        redis.start()  # empty
        a.budgets.spend(0.5)
        await until(lambda: a.spent == b.spent == pytest.approx(9.0), 5.0)
        a.day = b.day = "2026-11-28"
        b.budgets.spend(0.25)
        await until(lambda: a.spent == b.spent == pytest.approx(0.25), 5.0)
