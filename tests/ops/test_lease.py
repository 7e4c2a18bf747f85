"""A lease in a real Redis: one holder at a time, through deaths, pauses and Redis' own absence."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator

import pytest

from ari_bridge.ops.lease import Lease
from ari_bridge.ops.redis_lease import RedisLease
from tests.ops.redis_server import RedisServer
from tests.prove.takeovers import takeovers

TTL_S = 0.6

# A death in the middle of a request leaves redis-py's connection to the garbage collector; a real one to the kernel.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Contender:
    """A daemon that wants the lease: `driving` as long as it believes to have it."""

    def __init__(self, redis: RedisServer, name: str) -> None:
        self.lease = Lease(RedisLease(redis.url, "pbx"), name, TTL_S)
        self.driving = asyncio.Event()
        self.states: list[str] = []
        self.task = asyncio.create_task(self._run(), name=name)

    async def _run(self) -> None:
        await self.lease.acquire(self.states.append)
        self.driving.set()
        await self.lease.keep()
        self.driving.clear()

    async def die(self) -> None:
        """Without a word to anybody."""
        self.task.cancel()
        await asyncio.wait((self.task,))


@pytest.fixture
async def two(redis: RedisServer) -> AsyncIterator[tuple[Contender, Contender]]:
    """The first one drives, the second one waits."""
    first = Contender(redis, "first")
    await asyncio.wait_for(first.driving.wait(), 5)
    second = Contender(redis, "second")
    yield first, second
    for contender in (first, second):
        await contender.die()
        await contender.lease.release()
    gc.collect()  # while its warnings are expected


async def test_the_second_waits_until_the_first_dies(two: tuple[Contender, Contender]) -> None:
    first, second = two
    await asyncio.sleep(3 * TTL_S)
    assert not second.driving.is_set()
    assert second.states == ["waiting"]
    began = asyncio.get_running_loop().time()
    await first.die()
    await asyncio.wait_for(second.driving.wait(), 10)
    assert asyncio.get_running_loop().time() - began >= TTL_S / 3  # not before the lease ran out


async def test_a_lease_that_is_given_back_is_taken_at_once(two: tuple[Contender, Contender]) -> None:
    first, second = two
    await first.die()
    await first.lease.release()
    await asyncio.wait_for(second.driving.wait(), 10)


async def test_the_holder_goes_on_while_redis_is_away_and_nobody_else_begins(
    redis: RedisServer, two: tuple[Contender, Contender]
) -> None:
    first, second = two
    redis.kill()
    await asyncio.sleep(4 * TTL_S)
    assert first.driving.is_set()
    assert not second.driving.is_set()
    assert second.states[-1] == "store_away"
    redis.start()  # and it has forgotten everything
    await asyncio.sleep(4 * TTL_S)
    assert first.driving.is_set()
    assert not second.driving.is_set()


async def test_whoever_was_away_too_long_finds_another_and_stops(
    redis: RedisServer, two: tuple[Contender, Contender]
) -> None:
    first, second = two
    await first.die()
    await asyncio.wait_for(second.driving.wait(), 10)
    await asyncio.wait_for(first.lease.keep(), 5)  # it wakes up, and is told at its first look
    assert second.driving.is_set()


async def test_a_doubt_is_looked_into_at_once(redis: RedisServer) -> None:
    slow = Lease(RedisLease(redis.url, "pbx"), "first", 30.0)
    await slow.acquire()
    keeping = asyncio.create_task(slow.keep(), name="keep")
    await asyncio.sleep(0.1)
    other = RedisLease(redis.url, "pbx")
    await other.give_back("first")
    assert await other.take("second", 30.0)
    slow.doubt()
    await asyncio.wait_for(keeping, 5)
    await slow.release()
    assert not await other.take("third", 1.0), "what is another's is not given back"
    await other.close()


async def test_takeovers_never_overlap(redis: RedisServer) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    outcome = await takeovers(redis.url, count=10, ttl_s=0.3, draw=random.Random(seed))
    gc.collect()
    assert outcome.takeovers == 10
    assert outcome.overlaps == 0
