"""Processor time of one event at each station of its way between nodes: `python -m tests.bench.bus_costs`.

The least of several rounds, so that what else the machine does counts little; Redis says itself what it used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from ari_bridge.bus.outlet import Outlet
from ari_bridge.bus.scripts import JOIN, LIVE_S, PUBLISH
from ari_bridge.bus.wire import Told, pack, unpack
from ari_bridge.hub.access import LOCAL
from ari_bridge.hub.fanout import Hub
from ari_bridge.redis_link import RedisLink
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.repository import Entry
from tests.bench.bus_bench import _redis_cpu_s
from tests.hub.calls import final, partial, started
from tests.ops.redis_server import RedisServer
from tests.store.postgresql import binaries, running_server

EVENTS: Final = 200
WORDS: Final = "Это для нас слишком дорого, давайте подумаем"
AT: Final = datetime(2026, 11, 27, tzinfo=UTC)


def least_us(act: Callable[[], object], times: int = 300, rounds: int = 12) -> float:
    spent = []
    for _ in range(rounds):
        before = time.process_time()
        for _ in range(times):
            act()
        spent.append(time.process_time() - before)
    return 1e6 * min(spent) / times


def in_python() -> Iterator[str]:
    told = Told("office-1", "a1b2c3", 0, AT, partial(WORDS))
    line = pack(told)
    yield f"written for the bus {least_us(lambda: pack(told)):.0f} µs"
    yield f"read from it {least_us(lambda: unpack(line)):.0f} µs"
    for readers in (0, 1, 20):
        hub = Hub()
        hub.publish(started())
        clients = [hub.connect(LOCAL) for _ in range(readers)]

        def show(hub: Hub = hub, clients: list = clients) -> None:  # type: ignore[type-arg]
            hub.publish(partial(WORDS))
            for client in clients:
                client.outbox.take_batch(65_536)

        yield f"shown by a hub to {readers} readers {least_us(show):.0f} µs"


async def in_redis(batch: int, rounds: int = 3) -> str:
    """One event in ten is certain, as in talk."""
    spent = []
    with RedisServer() as redis:
        link = RedisLink(redis.url, timeout_s=10.0)
        epoch, _ = await link.run(JOIN, "c:", "x")
        outlet = Outlet("office-1", "a1b2c3")
        for _ in range(rounds):
            before = await _redis_cpu_s(redis.url)
            for _ in range(EVENTS // batch):
                for number in range(batch):
                    outlet.put(final(WORDS, number) if number % 10 == 0 else partial(WORDS), AT, 0.0, awaited=False)
                events = outlet.batch(batch)
                told = [part for one in events for part in (one.number, one.event.call_id, LIVE_S, pack(one))]
                await link.run(PUBLISH, "c:", epoch.decode(), outlet.origin, *told)
                outlet.sent(len(events))
            spent.append((await _redis_cpu_s(redis.url) - before) / (EVENTS // batch * batch))
        await link.close()
    return f"taken by Redis, {batch} at once: {1e6 * min(spent):.0f} µs"


async def in_postgresql(batch: int, rounds: int = 12) -> str:
    tools = binaries()
    if tools is None:
        return "no PostgreSQL here"
    with running_server(tools) as server:
        store = open_store(StoreSettings(url=server.url))
        await store.append([Entry(AT, 0, started())])
        waited, spent = [], []
        for turn in range(rounds):
            first = 1 + turn * batch
            lines = [Entry(AT, number, final(WORDS, number)) for number in range(first, first + batch)]
            before, used = time.perf_counter(), time.process_time()
            await store.append(lines)
            waited.append(time.perf_counter() - before)
            spent.append(time.process_time() - used)
        await store.close()
    return (
        f"lines into PostgreSQL, {batch} at once: {1000 * min(waited):.0f} ms, "
        f"{1e6 * min(spent) / batch:.0f} µs of the daemon's own for each"
    )


async def main() -> None:
    for line in in_python():
        print(line)
    for batch in (1, 10, 50):
        print(await in_redis(batch))
    for batch in (1, 100):
        print(await in_postgresql(batch))


if __name__ == "__main__":
    asyncio.run(main())
