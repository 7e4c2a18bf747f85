"""What a tap costs Asterisk: its own CPU time per call, with and without the daemon, at 1, 20 and 50 calls.

python -m tests.bench.asterisk_bench [--calls N …] [--seconds S]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.process import cpu_seconds
from tests.chain.daemon import Daemon, free_port
from tests.chain.pbx import RealPbx, real_pbx
from tests.chain.tones import pulses
from tests.lab import sipp
from tests.lab.asterisk import inbound_number
from tests.lab.conftest_plugin import why_no_asterisk

EXTENSION = "1001"
PER_SECOND = 25.0


@dataclass(frozen=True, slots=True)
class Row:
    calls: int
    without: float
    tapped: float

    @property
    def a_tap(self) -> float:
        """Share of a core that the two taps of one call cost."""
        return (self.tapped - self.without) / self.calls


async def measure(pbx: RealPbx, folder: Path, calls: int, seconds: float, taps: int) -> float:
    """Asterisk's share of a core while so many calls talk, which have so many taps."""
    asterisk, audio = pbx.asterisk, sipp.Audio(file=pulses(folder, 0), loop=True)
    callee = sipp.operator(asterisk, EXTENSION, audio, calls=calls)
    caller = sipp.trunk_caller(
        asterisk,
        inbound_number("passive", EXTENSION),
        audio,
        talk_s=seconds + calls / PER_SECOND + 12.0,
        calls=calls,
        per_second=PER_SECOND,
    )
    caller.timeout_s = callee.timeout_s = seconds + 60.0
    with contextlib.ExitStack() as running:
        for party in (callee, caller):
            await asyncio.to_thread(running.enter_context, party)
        await until_talking(pbx, calls, taps)
        before = cpu_seconds(asterisk.pid)
        await asyncio.sleep(seconds)
        after = cpu_seconds(asterisk.pid)
        for party in (callee, caller):
            assert (await asyncio.to_thread(party.wait)).failed == 0
    await asyncio.to_thread(asterisk.wait_idle, timeout_s=20.0)
    return (sum(after) - sum(before)) / seconds


async def until_talking(pbx: RealPbx, calls: int, taps: int) -> None:
    """Until all are bridged, and all taps stand."""
    async with asyncio.timeout(10 + calls / PER_SECOND):
        while True:
            bridges = await asyncio.to_thread(pbx.asterisk.ari.bridges)
            whole = [bridge["bridge_class"] for bridge in bridges if len(bridge["channels"]) == 2]
            if (whole.count("basic"), whole.count("stasis")) == (calls, taps):
                return
            await asyncio.sleep(0.2)


async def run(counts: list[int], seconds: float) -> list[Row]:
    without, tapped = {}, {}
    hub_port = free_port()
    async with real_pbx(hub_port, realtime=False) as pbx:
        with tempfile.TemporaryDirectory() as folder:
            for calls in counts:
                without[calls] = await measure(pbx, Path(folder), calls, seconds, 0)
            async with Daemon(dict(pbx.variables), port=hub_port) as daemon:
                await daemon.until_ready()
                for calls in counts:
                    tapped[calls] = await measure(pbx, Path(folder), calls, seconds, 2 * calls)
    return [Row(calls, without[calls], tapped[calls]) for calls in counts]


def table(rows: list[Row]) -> str:
    lines = ["Asterisk's own CPU, % of a core       without      with taps   a call's two taps"]
    lines += [
        f"{row.calls:4} calls                        {row.without:11.1%} {row.tapped:14.1%} {row.a_tap:19.2%}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 20, 50])
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    if missing := why_no_asterisk():
        print(f"Asterisk's CPU is not measured: {missing}")
        sys.exit(0)
    print(table(asyncio.run(run(chosen.calls, chosen.seconds))))
    sys.exit(0)
