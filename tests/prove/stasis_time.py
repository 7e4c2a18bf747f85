"""How long a party waits in our Stasis application: from `Stasis()` to the next step of its dialplan, as logged.

python -m tests.prove.stasis_time [--calls N] [--at-once N]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import statistics
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from tests.chain.tones import pulses
from tests.chain.town import Town, open_town
from tests.lab import sipp
from tests.lab.asterisk import inbound_number

MOST_P99_MS: Final = 50.0
TALK_S: Final = 1.0
_STEP: Final = re.compile(r'^\[([^\]]+)\].*Executing \[.*\] (\w+)\("(PJSIP/mango-[^"]+)"', re.MULTILINE)


def waits_ms(log: str) -> list[float]:
    """The time between `Stasis()` and what follows it, for each of the trunk's channels."""
    entered: dict[str, datetime] = {}
    waits: list[float] = []
    for at, application, channel in _STEP.findall(log):
        moment = datetime.fromisoformat(at)
        if channel in entered:
            waits.append((moment - entered.pop(channel)).total_seconds() * 1000)
        if application == "Stasis":
            entered[channel] = moment
    return waits


def p99(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=100, method="inclusive")[98]


async def play(town: Town, calls: int, at_once: int) -> list[float]:
    extension = town.asterisk.options.phones[0]
    audio = sipp.Audio(file=pulses(town.folder, 0), loop=True)
    callee = sipp.operator(town.asterisk, extension, audio, ring_s=0.1, calls=calls)
    caller = sipp.trunk_caller(
        town.asterisk,
        inbound_number("stasis", extension),
        audio,
        talk_s=TALK_S,
        calls=calls,
        per_second=at_once / (TALK_S + 0.2),
    )
    caller.at_once = at_once
    with contextlib.ExitStack() as running:
        for party in (callee, caller):
            await asyncio.to_thread(running.enter_context, party)
        for party in (callee, caller):
            assert (await asyncio.to_thread(party.wait)).failed == 0
    return waits_ms((town.asterisk.home / "log" / "messages").read_text(errors="replace"))


async def run(folder: Path, calls: int, at_once: int) -> list[float]:
    async with open_town(folder) as town:
        waits = await play(town, calls, at_once)
    assert len(waits) == calls, f"{len(waits)} of {calls} calls went through Stasis"
    return waits


async def main(calls: int, at_once: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        waits = await run(Path(folder), calls, at_once)
    print(
        f"time in Stasis over {calls} calls, {at_once} at a time: "
        f"median {statistics.median(waits):.1f}, p99 {p99(waits):.1f}, longest {max(waits):.1f} ms"
    )
    return 0 if p99(waits) <= MOST_P99_MS else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=10)
    chosen = parser.parse_args()
    sys.exit(asyncio.run(main(chosen.calls, chosen.at_once)))
