"""What the bus costs: bridge processes on one real Redis, and a hub process that shows their calls.

    python -m tests.bench.bus_bench [--calls 25] [--seconds 10] [--bridges 1 2 4]

Each call tells as much as a call in talk does. Latency is from `publish` in a bridge's process to the frame for a
browser in the hub's, beside the same within one process. Cost is processor time: of a bridge and of the hub per event,
without Python's own start, and of Redis, as it says itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Final

import structlog

from ari_bridge.bus.redis_bus import RedisBus
from ari_bridge.events import Call, CallEnded, CallEvent, CallStarted, Direction, Leg, Level, Transcript
from ari_bridge.hub.access import LOCAL
from ari_bridge.hub.fanout import Hub
from ari_bridge.redis_link import RedisLink
from tests.ops.redis_server import RedisServer

PARTIALS_A_SECOND: Final = 4
LEVELS_A_SECOND: Final = 5
FINAL_EVERY: Final = 10  # partials: a line is final every 2.5 s
BEGINNING_S: Final = 1.0
MOST_SLOPE: Final = 1.6  # cost of a bridge's event with the most bridges, against one bridge

Publish = Callable[[CallEvent], None]


@dataclass(frozen=True, slots=True)
class Spent:
    events: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Row:
    bridges: int  # 0: hub and calls in one process, without a bus
    calls: int
    events_a_second: float
    bridge_us: float
    hub_us: float
    redis_us: float
    p50_ms: float
    p99_ms: float


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def talk(publish: Publish, name: str, calls: int, seconds: float) -> Spent:
    """`calls` of them, evenly spread over time; a transcript's text is when it was told."""
    ids = [f"{name}-{number}" for number in range(calls)]
    for call_id in ids:
        publish(CallStarted(Call(call_id, "+79001234567", None, None, Direction.INBOUND, datetime.now(UTC))))
    await asyncio.sleep(BEGINNING_S)
    before, events, loop = _cpu_s(), 0, asyncio.get_running_loop()
    steps = PARTIALS_A_SECOND + LEVELS_A_SECOND
    every_s = 1 / (steps * calls)
    due, end, turn = loop.time(), loop.time() + seconds, 0
    while due < end:
        await asyncio.sleep(max(0.0, due - loop.time()))
        while due <= loop.time():
            call_id, step = ids[turn % calls], turn // calls
            if step % steps < PARTIALS_A_SECOND:
                number = step // steps * PARTIALS_A_SECOND + step % steps
                final, told = number % FINAL_EVERY == FINAL_EVERY - 1, str(time.monotonic())
                text, tail = (told, "") if final else ("", told)
                line = Transcript(call_id, Leg.CLIENT, number // FINAL_EVERY, text, tail, final, 0, 1000)
                publish(line)
            else:
                publish(Level(call_id, 0.5, 0.25))
            turn, events, due = turn + 1, events + 1, due + every_s
    spent = Spent(events, _cpu_s() - before)
    for call_id in ids:
        publish(CallEnded(call_id, 16, "", 0))
    return spent


class Reader:
    """A browser's connection that is read at once."""

    def __init__(self, hub: Hub) -> None:
        self.late_ms: list[float] = []
        self._client = hub.connect(LOCAL)
        self._client.on_news = self._read

    def _read(self, urgent: bool) -> None:
        while (frame := self._client.outbox.take()) is not None:
            message = json.loads(frame)
            if message["type"] == "transcript":
                self.late_ms.append(1000 * (time.monotonic() - float(message["text"] or message["tail"])))


def bridge(pipe: Connection, url: str, name: str, calls: int, seconds: float) -> None:
    async def run() -> Spent:
        bus = RedisBus(url, "bench:", name)
        serving = asyncio.create_task(bus.serve(), name="bus")
        while not bus.up:
            await asyncio.sleep(0.02)
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        spent = await talk(bus.publish, name, calls, seconds)
        await asyncio.sleep(0.5)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await bus.close()
        return spent

    _quiet()
    pipe.send(asyncio.run(run()))


def hub(pipe: Connection, url: str) -> None:
    async def run() -> tuple[Spent, list[float]]:
        shown = Hub(on_bus=True)
        bus = RedisBus(url, "bench:", "hub", follower=shown)
        serving = asyncio.create_task(bus.serve(), name="bus")
        while not bus.up:
            await asyncio.sleep(0.02)
        reader = Reader(shown)
        before, received = _cpu_s(), bus.counters.received_total
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        spent = Spent(bus.counters.received_total - received, _cpu_s() - before)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await bus.close()
        return spent, reader.late_ms

    _quiet()
    pipe.send(asyncio.run(run()))


def alone(calls: int, seconds: float) -> Row:
    """Calls and pages in one process: the bus is a call of a method."""

    async def run() -> tuple[Spent, list[float]]:
        shown = Hub()
        reader = Reader(shown)
        return await talk(shown.publish, "alone", calls, seconds), reader.late_ms

    spent, late_ms = asyncio.run(run())
    cost_us = 1e6 * spent.cpu_s / spent.events
    return Row(0, calls, spent.events / seconds, cost_us, 0.0, 0.0, *_percentiles(late_ms))


def _percentiles(late_ms: list[float]) -> tuple[float, float]:
    hundredths = statistics.quantiles(late_ms, n=100)
    return hundredths[49], hundredths[98]


def together(bridges: int, calls: int, seconds: float) -> Row:
    """`calls` at each of them."""
    spawning = multiprocessing.get_context("spawn")
    with RedisServer() as redis:
        showing, far = spawning.Pipe()
        pipes = [(showing, spawning.Process(target=hub, args=(far, redis.url)))]
        for number in range(bridges):
            near, far = spawning.Pipe()
            told = (far, redis.url, f"bridge-{number}", calls, seconds)
            pipes.append((near, spawning.Process(target=bridge, args=told)))
        for _, process in pipes:
            process.start()
        for pipe, _ in pipes:
            assert pipe.recv() == "ready"
        redis_before = asyncio.run(_redis_cpu_s(redis.url))
        for pipe, _ in pipes[1:]:
            pipe.send("begin")
        spent = [pipe.recv() for pipe, _ in pipes[1:]]
        redis_cpu_s = asyncio.run(_redis_cpu_s(redis.url)) - redis_before
        showing.send("end")
        hub_spent, late_ms = showing.recv()
        for _, process in pipes:
            process.join()
    events = sum(each.events for each in spent)
    bridge_us = 1e6 * sum(each.cpu_s for each in spent) / events
    return Row(
        bridges,
        bridges * calls,
        events / seconds,
        bridge_us,
        1e6 * hub_spent.cpu_s / hub_spent.events,
        1e6 * redis_cpu_s / events,
        *_percentiles(late_ms),
    )


async def _redis_cpu_s(url: str) -> float:
    link = RedisLink(url)
    try:
        told = await link.ask("INFO", "cpu")
    finally:
        await link.close()
    figures = told if isinstance(told, dict) else dict(line.split(":") for line in told.decode().split() if ":" in line)
    return float(figures["used_cpu_sys"]) + float(figures["used_cpu_user"])


def show(rows: Sequence[Row]) -> str:
    widths = {"bridges": 10, "calls": 7, "events/s": 10, "bridge µs": 11, "hub µs": 9, "Redis µs": 10, "p50 ms": 8}
    head = "".join(f"{name:>{width}}" for name, width in (widths | {"p99 ms": 8}).items())
    lines = [
        f"{row.bridges or 'no bus':>10}{row.calls:7}{row.events_a_second:10.0f}{row.bridge_us:11.0f}{row.hub_us:9.0f}"
        f"{row.redis_us:10.0f}{row.p50_ms:8.2f}{row.p99_ms:8.2f}"
        for row in rows
    ]
    return "\n".join(["processor time is of one event; latency from a bridge to the frame for a browser", head, *lines])


def main(calls: int, seconds: float, bridges: Sequence[int]) -> int:
    rows = [alone(calls, seconds), *(together(number, calls, seconds) for number in bridges)]
    print(show(rows))
    slope = rows[-1].bridge_us / rows[1].bridge_us
    print(f"an event costs a bridge {slope:.2f} times as much with {bridges[-1]} bridges as with {bridges[0]}")
    return 0 if slope <= MOST_SLOPE else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=25, help="at each bridge")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--bridges", type=int, nargs="+", default=[1, 2, 4])
    chosen = parser.parse_args()
    sys.exit(main(chosen.calls, chosen.seconds, chosen.bridges))
