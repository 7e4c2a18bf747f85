"""What a packet costs: `python -m tests.bench.media_bench [--short] [--calls 1,10,…] [--seconds S]`.

For each number of calls (two legs each) a sender process paces real-time RTP at a receiving process, which is measured:
the product's receiver (`media`) beside the usual `asyncio.DatagramProtocol` per leg (`datagrams`) and beside a loop
that only empties sockets, the least that can be had without C (`floor`). All in one run on one machine, so the ratios
mean something where the absolute figures do not.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.bench.designs import DESIGNS
from tests.bench.process import machine
from tests.bench.rtp_sender import Sent, serve

CALLS = (1, 10, 50, 100, 200, 400)
CALLS_AT_MOST = {"datagrams": 200}  # beyond, the usual way needs more than the core that it has
WARM_UP_S = 0.8
ENDURANCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One design at one number of calls. Latencies from sending to handing over; the floor has none."""

    design: str
    calls: int
    cpu_us: float  # per packet
    cpu_share: float  # of one core
    packets: int
    lost: int
    p50_ms: float | None
    p99_ms: float | None
    kilobytes_per_leg: float
    sender_late_ms: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What the receiving process saw."""

    cpu_s: float
    wall_s: float
    packets_in_window: int
    packets: int
    latencies_ms: list[float]
    grown_bytes: int


def receive(pipe: Connection, design: str, sources: Sequence[int], seconds: float, cpu: int | None) -> None:
    """Process main: tell the legs' ports, measure while told to, tell what was `Measured`."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    asyncio.run(_receive(pipe, design, sources, seconds))


async def _receive(pipe: Connection, name: str, sources: Sequence[int], seconds: float) -> None:
    design = DESIGNS[name]()
    before = _resident_bytes()
    pipe.send(await design.open(sources))
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(design.run(), name="receiver")
        await asyncio.sleep(WARM_UP_S)
        packets, cpu, wall = design.packets(), time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, wall, packets = time.process_time() - cpu, time.monotonic() - wall, design.packets() - packets
        grown = _resident_bytes() - before
        design.note_latencies()
        await asyncio.sleep(min(seconds, 1.5))
        pipe.send("measured")
        while not pipe.poll():
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.15)
        run.cancel()
    design.close()
    pipe.send(Measured(cpu, wall, packets, design.packets(), design.latencies_ms, grown))


def measure(design: str, calls: int, seconds: float) -> Row:
    """Run one row."""
    context = multiprocessing.get_context("spawn")
    cpus = sorted(os.sched_getaffinity(0))
    sending_cpu, receiving_cpu = (cpus[0], cpus[1]) if len(cpus) > 1 else (None, None)
    to_sender, sender_pipe = context.Pipe()
    to_receiver, receiver_pipe = context.Pipe()
    sender = context.Process(target=serve, args=(sender_pipe, calls * 2, sending_cpu), name="sender")
    sender.start()
    sources = to_sender.recv()
    receiver = context.Process(
        target=receive, args=(receiver_pipe, design, sources, seconds, receiving_cpu), name=design
    )
    receiver.start()
    to_sender.send(to_receiver.recv())
    to_receiver.recv()
    to_sender.send("stop")
    sent: Sent = to_sender.recv()
    to_receiver.send("stop")
    seen: Measured = to_receiver.recv()
    sender.join()
    receiver.join()
    percentiles = statistics.quantiles(seen.latencies_ms, n=100) if len(seen.latencies_ms) > 1 else None
    return Row(
        design=design,
        calls=calls,
        cpu_us=seen.cpu_s / seen.packets_in_window * 1e6,
        cpu_share=seen.cpu_s / seen.wall_s,
        packets=sent.packets,
        lost=sent.packets - seen.packets,
        p50_ms=percentiles[49] if percentiles else None,
        p99_ms=percentiles[98] if percentiles else None,
        kilobytes_per_leg=seen.grown_bytes / 1024 / (calls * 2),
        sender_late_ms=sent.latest_s * 1000,
    )


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


HEADINGS = (
    "calls",
    "design",
    "µs/packet",
    "core",
    "packets",
    "lost",
    "p50 ms",
    "p99 ms",
    "KB/leg",
    "× media",
    "× floor",
    "sender late",
)


def print_rows(rows: Sequence[Row]) -> None:
    """The table of one number of calls: each design's cost also as a multiple of the product's and of the floor's, and
    what correctness adds to the floor."""
    by_design = {row.design: row for row in rows}
    media, floor = by_design["media"], by_design.get("floor")
    for row in rows:
        latency = [f"{ms:.1f}" if ms is not None else "–" for ms in (row.p50_ms, row.p99_ms)]
        cells = (
            row.calls, row.design, f"{row.cpu_us:.2f}", f"{row.cpu_share:.1%}", row.packets, row.lost, *latency,
            f"{row.kilobytes_per_leg:.0f}", f"{row.cpu_us / media.cpu_us:.2f}",
            f"{row.cpu_us / floor.cpu_us:.2f}" if floor else "–", f"{row.sender_late_ms:.1f} ms",
        )  # fmt: skip
        print(_line(cells), flush=True)
    if floor:
        added = media.cpu_us - floor.cpu_us
        print(f"{'':>6}  RFC 3550, frames, level and speech add {added:.2f} µs/packet to the bare loop", flush=True)


def endurance() -> int:
    """The most calls for a whole minute; how many packets were lost."""
    row = measure("media", max(CALLS), ENDURANCE_S)
    print_rows([row])
    print(f"{'':>6}  for {ENDURANCE_S:.0f} s", flush=True)
    return row.lost


def _line(cells: Sequence[object]) -> str:
    return f"{cells[0]:>6}  {cells[1]:<10}" + "".join(f"{cell:>12}" for cell in cells[2:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="two small rows of a second: is the bench whole?")
    parser.add_argument("--calls", help="numbers of calls, with commas")
    parser.add_argument("--seconds", type=float, help="measured per row (default 4)")
    parser.add_argument("--only", action="store_true", help="the product's receiver alone")
    arguments = parser.parse_args()
    calls = [int(n) for n in arguments.calls.split(",")] if arguments.calls else [1, 20] if arguments.short else CALLS
    seconds = arguments.seconds or (1.0 if arguments.short else 4.0)
    print(machine())
    print(_line(HEADINGS))
    lost = endurance() if not (arguments.short or arguments.calls) else 0
    for number in calls:
        designs = ["media"] if arguments.only else list(DESIGNS)
        rows = [measure(design, number, seconds) for design in designs if number <= CALLS_AT_MOST.get(design, number)]
        print_rows(rows)
        lost += sum(row.lost for row in rows if row.design == "media")
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
