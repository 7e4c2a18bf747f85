"""Lines to Redis: requests that fail soon and say so, and what is published there. The only file that imports redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import redis.asyncio as redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ari_bridge.errors import BridgeError

TIMEOUT_S: Final = 0.5  # of a request; below what a lease lasts and what people notice


class RedisLink:
    """One connection, made when it is needed. Each request is one command or one script: done whole or not at all.

    Every method raises `BridgeError` (`redis_away`) where Redis does not answer in time, or refuses.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            single_connection_client=True,  # so that `close` finds it whatever was cancelled
            retry=Retry(NoBackoff(), 0),  # that it was away is what the caller must know
        )

    async def ask(self, *command: str | int) -> Any:
        """A command's answer; text comes back as bytes."""
        return await _asked(self._redis.execute_command(*command))  # type: ignore[no-untyped-call]

    async def run(self, script: str, *arguments: str | int) -> Any:
        """A Lua script's answer; it finds the arguments in ARGV."""
        return await self.ask("EVAL", script, 0, *arguments)

    async def close(self) -> None:
        await self._redis.aclose()


class Subscription:
    """`next` after `next`; nothing that is published meanwhile is lost as long as neither raises."""

    def __init__(self, listening: PubSub) -> None:
        self._listening = listening

    @classmethod
    @asynccontextmanager
    async def of(cls, url: str, *channels: str) -> AsyncIterator[Self]:
        """Raises `BridgeError` where Redis is away."""
        client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
        listening = client.pubsub(ignore_subscribe_messages=True)
        try:
            await _asked(listening.subscribe(*channels))
            yield cls(listening)
        finally:
            await listening.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()

    async def next(self, timeout_s: float) -> tuple[str, str]:
        """Channel and text. Raises `BridgeError` also where nothing comes for so long."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise BridgeError("redis_away", "Redis: silent", retryable=True)
            message = await _asked(self._listening.get_message(timeout=left))
            if message is not None:
                return message["channel"].decode(), message["data"].decode()


async def _asked(request: Awaitable[Any]) -> Any:
    try:
        return await request
    except (RedisError, OSError, TimeoutError) as error:
        raise BridgeError("redis_away", f"Redis: {type(error).__name__}", retryable=True) from None
    finally:
        # A cancellation that meets redis-py's own time-out can be swallowed there.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
