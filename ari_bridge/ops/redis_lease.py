"""A lease in Redis: one key that holds the holder's token and runs out."""

from __future__ import annotations

from typing import Final

from ari_bridge.redis_link import RedisLink

_RENEW: Final = """
local holder = redis.call('get', ARGV[1])
if holder and holder ~= ARGV[2] then return 0 end
redis.call('set', ARGV[1], ARGV[2], 'px', ARGV[3])
return 1
"""
_GIVE_BACK: Final = "if redis.call('get', ARGV[1]) == ARGV[2] then return redis.call('del', ARGV[1]) end return 0"


class RedisLease:
    """A `LeaseStore`."""

    def __init__(self, url: str, key: str) -> None:
        self._key = key
        self._redis = RedisLink(url)

    async def reach(self) -> None:
        await self._redis.ask("PING")

    async def take(self, token: str, ttl_s: float) -> bool:
        return await self._redis.ask("SET", self._key, token, "PX", _ms(ttl_s), "NX") is not None

    async def renew(self, token: str, ttl_s: float) -> bool:
        return bool(await self._redis.run(_RENEW, self._key, token, _ms(ttl_s)))

    async def give_back(self, token: str) -> None:
        await self._redis.run(_GIVE_BACK, self._key, token)

    async def close(self) -> None:
        await self._redis.close()


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
