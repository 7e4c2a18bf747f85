"""Daemons that die and come back, with a lease in a real Redis: never two drivers at once.

`python -m tests.prove.takeovers [--count 100] [--seed N]`
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
from dataclasses import dataclass, field

from ari_bridge.ops.lease import Lease
from ari_bridge.ops.redis_lease import RedisLease
from tests.ops.redis_server import RedisServer

CONTENDERS = 3


@dataclass
class Outcome:
    """What happened. `gaps_s`: from the end of a driver to the beginning of the next."""

    takeovers: int = 0
    overlaps: int = 0
    stalls: int = 0  # this process itself was stopped for so long that the holder's lease ran out: fencing's case
    gaps_s: list[float] = field(default_factory=list)


async def takeovers(url: str, *, count: int, ttl_s: float, draw: random.Random) -> Outcome:
    """`count` drivers one after the other: each dies without a word, or gives the lease back, by chance."""
    outcome = Outcome()
    driving: set[int] = set()
    enough = asyncio.Event()
    ended_at: list[float] = []
    stalled_at = [float("-inf")]

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.02
            await asyncio.sleep(0.02)
            if loop.time() - due > ttl_s / 2:
                stalled_at.append(loop.time())

    stores: list[RedisLease] = []  # a death closes its connection, but not here

    async def daemon(number: int) -> None:
        life = 0
        while not enough.is_set():
            life += 1
            store = RedisLease(url, "pbx")
            stores.append(store)
            lease = Lease(store, f"{number}.{life}", ttl_s)
            await lease.acquire()
            now = asyncio.get_running_loop().time()
            outcome.takeovers += 1
            if driving:
                stalled = now - stalled_at[-1] < ttl_s
                outcome.stalls += stalled
                outcome.overlaps += not stalled
            if ended_at:
                outcome.gaps_s.append(now - ended_at[-1])
            driving.add(number)
            keeping = asyncio.create_task(lease.keep(), name=f"keep[{number}]")
            await asyncio.sleep(draw.uniform(0.0, 1.5 * ttl_s))
            while not keeping.done():
                keeping.cancel()
                await asyncio.wait((keeping,), timeout=1.0)
            driving.discard(number)
            ended_at.append(asyncio.get_running_loop().time())
            if draw.random() < 0.3:
                await lease.release()
            if outcome.takeovers >= count:
                enough.set()
            await asyncio.sleep(draw.uniform(0.0, ttl_s))

    watching = asyncio.create_task(watch(), name="watch")
    tasks = [asyncio.create_task(daemon(number), name=f"daemon[{number}]") for number in range(CONTENDERS)]
    await enough.wait()
    for task in (*tasks, watching):
        task.cancel()
    await asyncio.gather(*tasks, watching, return_exceptions=True)
    for store in stores:
        await store.close()
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    arguments = parser.parse_args()
    ttl_s = 0.6
    with RedisServer() as server:
        outcome = asyncio.run(
            takeovers(server.url, count=arguments.count, ttl_s=ttl_s, draw=random.Random(arguments.seed))
        )
    gaps = [gap / ttl_s for gap in outcome.gaps_s]
    print(
        f"seed {arguments.seed}: {outcome.takeovers} takeovers, {outcome.overlaps} times two drivers at once, "
        f"{outcome.stalls} stalls of this process"
    )
    print(f"without a driver: median {statistics.median(gaps):.2f}, longest {max(gaps):.2f} times the lease's length")
    return 1 if outcome.overlaps else 0


if __name__ == "__main__":
    raise SystemExit(main())
