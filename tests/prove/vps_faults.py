"""Faults on a VPS, made from outside, and the line of `check` or `rca` that names each: a table. Part of `make prove`.

python -m tests.prove.vps_faults [PART OF A NAME …]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.faults import FAULTS
from tests.deploy.faults.fault import Fault, Line, ill
from tests.deploy.vps import open_vps
from tests.deploy.watched import open_watched


async def main(wanted: list[str]) -> int:
    chosen = [fault for fault in FAULTS if not wanted or any(part in fault.name for part in wanted)]
    misjudged = 0
    with tempfile.TemporaryDirectory() as folder, open_vps(Path(folder)) as vps:
        vps.install()
        # with `auto` a closed port range is no fault: the media WebSocket takes over
        async with open_watched(vps, media__transport="rtp") as watched:
            print(f"before: {ill(await asyncio.to_thread(vps.check)) or 'all well'}")
            for fault in chosen:
                found = await asyncio.to_thread(fault.trial, watched)
                wrong = fault.misjudged(found)
                misjudged += wrong is not None
                print(f"{'✗' if wrong else '✓'} {fault.name}", *lines(fault, found, wrong), sep="\n", flush=True)
            after = ill(await asyncio.to_thread(vps.check))
            print(f"after: {after or 'all well'}")
    print(f"{len(chosen) - misjudged} of {len(chosen)} faults are named")
    return 1 if misjudged or after else 0


def lines(fault: Fault, found: list[Line], wrong: str | None) -> Iterator[str]:
    named = fault.named(found)
    if named is not None:
        yield f"    {named['name']}: {named['state']}"
    if wrong:
        yield f"    wrong: {wrong}"
        for line in ill(found):
            yield f"        {line['name']} {line['grade']}: {line['state']} → {line['cure']}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", help="only faults whose name has one of these in it")
    sys.exit(asyncio.run(main(parser.parse_args().names)))
