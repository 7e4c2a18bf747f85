"""Hundreds of short calls in a row leave nothing behind: no channel, bridge, port, task, descriptor, no memory.

    python -m tests.prove.many_calls [--calls N] [--at-once N]

Real calls on a real Asterisk through the daemon as a process of its own, judged from outside: what Asterisk holds,
what `/proc` tells of the process, what `/metrics` says of its tasks.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np

from ari_bridge.calls.supervisor import REMEMBERED_NOTICES
from ari_bridge.ops.health import PROBE_S
from tests.bench.process import resident_bytes
from tests.chain.tones import pulses
from tests.chain.town import Town, open_town
from tests.lab import sipp
from tests.lab.asterisk import inbound_number
from tests.prove.stasis_time import waits_ms

TALK_S: Final = 1.2
RING_S: Final = 0.2
WARM_UP: Final = 0.2  # of the calls, after which memory must not grow
MOST_BYTES_A_CALL: Final = 1000.0
WAYS: Final = ("passive", "stasis", "notice")
SETTLE_S: Final = 20.0
FIRST: Final = len(WAYS) * REMEMBERED_NOTICES
"""By then the last and largest of the bounded memories, that of the notices, is full."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the daemon and Asterisk hold at one moment. `ports` are UDP sockets, `files` all descriptors."""

    channels_and_bridges: int
    ports: int
    tasks: int
    files: int


@dataclass(frozen=True, slots=True)
class Result:
    calls: int
    seen: int
    before: Holdings
    after: Holdings
    bytes_a_call: float
    resident: int
    stasis_ms: tuple[float, ...] = ()

    @property
    def problems(self) -> list[str]:
        found = grown(self.before, self.after)
        if self.seen != self.calls:
            found.append(f"{self.seen} of {self.calls} calls began and ended on the page")
        if self.bytes_a_call > MOST_BYTES_A_CALL:
            found.append(f"memory grows by {self.bytes_a_call:.0f} bytes a call")
        return found


async def holdings(town: Town) -> Holdings:
    pid = town.daemon.pid
    async with aiohttp.ClientSession() as http, http.get(f"{town.daemon.url}/metrics") as answer:
        tasks = re.search(r"^ari_bridge_event_loop_tasks (\S+)", await answer.text(), re.M)
    assert tasks is not None
    links = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(one))
    sockets = {link[8:-1] for link in links if link.startswith("socket:")}
    udp = [line.split()[9] for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]]
    held = await asyncio.to_thread(town.asterisk.ari.holdings)
    return Holdings(len(held), sum(inode in sockets for inode in udp), round(float(tasks[1])), len(links))


async def settled(town: Town, settle_s: float, wanted: Holdings | None = None) -> Holdings:
    """What is held once no more than `wanted` is, or after `settle_s`: connections are kept open for a while."""
    deadline = time.monotonic() + settle_s
    while True:
        await asyncio.sleep(2 * PROBE_S)  # the number of tasks is as old as the last probe
        now = await holdings(town)
        if time.monotonic() > deadline or (wanted and not grown(wanted, now)):
            return now


def grown(before: Holdings, after: Holdings) -> list[str]:
    was, now = asdict(before), asdict(after)
    return [f"{name}: {now[name] - was[name]:+d}" for name in was if now[name] > was[name]]


class Counted:
    """The page's `call_end`s, counted as they come."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._before = self.ended
        self.samples: list[tuple[int, int]] = []  # calls that have ended, resident bytes

    @property
    def ended(self) -> int:
        return len(self._town.page.of("call_end"))

    async def watch(self) -> None:
        while True:
            self.samples.append((self.ended, resident_bytes(self._town.daemon.pid)))
            await asyncio.sleep(0.25)

    def bytes_a_call(self, calls: int) -> float:
        """The slope of a straight line through what was measured after the warm-up."""
        late = [(ended, size) for ended, size in self.samples if ended >= self._before + WARM_UP * calls]
        return float(np.polyfit(*zip(*late, strict=True), 1)[0]) if len(late) > 2 else 0.0


async def play(town: Town, calls: int, at_once: int) -> None:
    """`calls` of them in the three ways, `at_once` at a time, each way with an operator of its own."""
    shares = [calls // len(WAYS) + (number < calls % len(WAYS)) for number in range(len(WAYS))]
    audio = sipp.Audio(file=pulses(town.folder, 0), loop=True)
    with contextlib.ExitStack() as running:
        parties = []
        for number, (way, share) in enumerate(zip(WAYS, shares, strict=True)):
            extension = town.asterisk.options.phones[number]
            limit = at_once // len(WAYS) + (number < at_once % len(WAYS))
            callee = sipp.operator(town.asterisk, extension, audio, ring_s=RING_S, calls=share)
            caller = sipp.trunk_caller(
                town.asterisk,
                inbound_number(way, extension),
                audio,
                number=f"7900{number}[call_number]",
                talk_s=TALK_S,
                calls=share,
                per_second=limit / (TALK_S + RING_S),
            )
            caller.at_once = limit
            caller.timeout_s = callee.timeout_s = 60.0 + 10.0 * calls / at_once
            parties += [callee, caller]
        for party in parties:
            await asyncio.to_thread(running.enter_context, party)
        for party in parties:
            stats = await asyncio.to_thread(party.wait)
            assert stats.failed == 0, stats


async def run(folder: Path, calls: int, at_once: int, *, first: int, settle_s: float = SETTLE_S) -> Result:
    """The `first` calls are not counted among `calls`: what they make once and for all is no leak."""
    async with open_town(folder, phones=("1001", "1002", "1003")) as town:
        await play(town, first, at_once)
        await town.page.until(lambda: len(town.page.of("call_end")) == first)
        before = await settled(town, settle_s)
        counted = Counted(town)
        watching = asyncio.create_task(counted.watch(), name="many_calls.watch")
        try:
            await play(town, calls, at_once)
            with contextlib.suppress(TimeoutError):
                await town.page.until(lambda: counted.ended == calls + first, 15.0)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        after = await settled(town, settle_s, before)
        return Result(
            calls=calls,
            seen=min(len(town.page.of("call_start")), counted.ended) - first,
            before=before,
            after=after,
            bytes_a_call=counted.bytes_a_call(calls),
            resident=resident_bytes(town.daemon.pid),
            stasis_ms=tuple(waits_ms((town.asterisk.home / "log" / "messages").read_text(errors="replace"))),
        )


def show(result: Result) -> str:
    after = result.after
    rows = [f"{name:22}{count:8}{asdict(after)[name]:8}" for name, count in asdict(result.before).items()]
    return "\n".join(
        [
            f"{result.calls} calls, {result.seen} seen from beginning to end on the page",
            f"{'':22}{'before':>8}{'after':>8}",
            *rows,
            f"memory: {result.bytes_a_call:+.0f} bytes a call over the last {1 - WARM_UP:.0%} of the run, "
            f"{result.resident / 1e6:.1f} MB resident at the end",
        ]
    )


async def main(calls: int, at_once: int, first: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        result = await run(Path(folder), calls, at_once, first=first)
    print(f"after {first} calls: ", end="")
    print(show(result))
    for problem in result.problems:
        print(f"FAILED {problem}")
    return 1 if result.problems else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--first", type=int, default=FIRST, help="calls before those, which fill what is bounded")
    chosen = parser.parse_args()
    sys.exit(asyncio.run(main(chosen.calls, chosen.at_once, chosen.first)))
