"""Two PBXs, two bridges, two hub nodes, a Redis, a PostgreSQL: what dies or is cut off, and what browsers then lack.

    python -m tests.prove.nodes [--asterisk] [--calls 20] [--cut-s 30] [--seed N] [--fault NAME …]

Every operator must be shown exactly his calls, every final line and card of them, each once, whichever node he is on;
the calls themselves must not notice. The truth is what PostgreSQL holds at the end. The PBXs are virtual, which is
easier on the machine, or two of Asterisk with SIPp as trunk and operators.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import logging
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from ari_bridge.demo.samples import Conversation, RecordedLeg, load_conversations
from ari_bridge.history import CallRecord
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from tests.chain.nodes import NODES, OpenPbx, Town, open_town, virtual_pbx
from tests.chain.pbx import RING_S, Pbx, Plan, RealPbx, real_pbx
from tests.lab import LabError
from tests.lab.gates import Gate
from tests.ops.redis_server import RedisServer
from tests.prove.nodes_browser import Browser
from tests.prove.nodes_hearing import ClockHearing
from tests.store.postgresql import Server, binaries, running_server

FAULT_AT_S: Final = 6.0
AFTER_S: Final = 14.0  # of talk after the fault is over
SETTLE_S: Final = 20.0
REDIS_DOWN_S: Final = 3.0
RESTART_S: Final = 1.0  # as the unit has it
MOST_LATE_S: Final = 1.5  # a call's own length, on a machine that does much else
SIPP_S: Final = 20.0  # until two more SIPp run, beside forty others


@dataclass
class Scene:
    """What a fault may strike at. `gates`: by both ends' names, such as `bridge-1|redis`."""

    town: Town
    redis: RedisServer
    postgresql: Server
    gates: dict[str, Gate]
    calls: int
    cut_s: float

    async def cut(self, name: str) -> None:
        self.gates[name].freeze()
        await asyncio.sleep(self.cut_s)
        self.gates[name].thaw()

    async def kill_redis(self) -> None:
        self.redis.kill()
        await asyncio.sleep(REDIS_DOWN_S)
        await asyncio.to_thread(self.redis.start)

    async def kill(self, name: str) -> None:
        kind, _, number = name.partition("-")
        nodes = self.town.bridges if kind == "bridge" else self.town.hubs
        node = nodes[int(number) - 1]
        await node.kill()
        await asyncio.sleep(RESTART_S)
        await node.start()


Fault = Callable[[Scene], Awaitable[None]]


async def nothing(scene: Scene) -> None:
    pass


def faults() -> dict[str, Fault]:
    """By their names, in the order of the matrix."""
    found: dict[str, Fault] = {"nothing": nothing}
    for victim in ("bridge-1", "hub-1"):
        found[f"SIGKILL {victim}"] = lambda scene, victim=victim: scene.kill(victim)  # type: ignore[misc]
    found["SIGKILL redis"] = Scene.kill_redis
    for one in NODES:
        for other in ("redis", "postgresql"):
            cut = f"{one}|{other}"
            found[cut] = lambda scene, cut=cut: scene.cut(cut)  # type: ignore[misc]
    found["bridge-1|pbx-1"] = lambda scene: scene.cut("bridge-1|pbx-1")
    return found


@dataclass
class Row:
    """The outcome of one fault. `lost`, `doubled`: lines and cards, over all browsers."""

    fault: str
    calls: int
    lines: int = 0
    cards: int = 0
    browsers: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)  # calls seen by whom they do not concern
    touched: list[str] = field(default_factory=list)  # calls that were not as long as their script
    resumed: int = 0
    snapshots: int = 0

    told: list[str] = field(default_factory=list)  # warnings of the nodes' own, where there are problems

    @property
    def problems(self) -> list[str]:
        found = [*self.lost, *self.doubled, *self.strangers, *self.touched]
        return found if self.lines and self.cards else ["nothing was said", *found]


@contextlib.asynccontextmanager
async def scene(postgresql: Server, calls: int, cut_s: float, open_pbx: OpenPbx) -> AsyncIterator[Scene]:
    async with contextlib.AsyncExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        gates: dict[str, Gate] = {}
        for node in NODES:
            gates[f"{node}|redis"] = await stack.enter_async_context(Gate("127.0.0.1", redis.port))
            gates[f"{node}|postgresql"] = await stack.enter_async_context(Gate("127.0.0.1", postgresql.port))

        async def gate_of(node: str, host: str, port: int) -> int:
            gate = gates[f"{node}|pbx-{node[-1]}"] = await stack.enter_async_context(Gate(host, port))
            return gate.port

        town = await stack.enter_async_context(
            open_town(
                store_url=postgresql.url,
                nodes={
                    node: {
                        "HUB__BUS": f"redis://127.0.0.1:{gates[f'{node}|redis'].port}/0",
                        "STORE__URL": postgresql.url.replace(
                            f":{postgresql.port}/", f":{gates[f'{node}|postgresql'].port}/"
                        ),
                    }
                    for node in NODES
                },
                operators={extension: [extension] for extension in extensions(calls)},
                ari_through=gate_of,
                hear=ClockHearing,
                open_pbx=open_pbx,
            )
        )
        yield Scene(town, redis, postgresql, gates, calls, cut_s)


def extensions(calls: int) -> list[str]:
    """One operator a call: 10xx at the first PBX, 20xx at the second."""
    return [f"{1 + number % 2}0{number // 2 + 1:02}" for number in range(calls)]


async def play(scene: Scene, round_: int, draw: random.Random) -> dict[str, str]:
    """All calls at once, to their ends; client's number → what was wrong with a call."""
    seconds = FAULT_AT_S + scene.cut_s + AFTER_S
    talks = load_conversations()
    wrong: dict[str, str] = {}
    stalled_s = [0.0]  # this process itself, which is the PBX too

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.05
            await asyncio.sleep(0.05)
            stalled_s[0] += max(0.0, loop.time() - due - 0.01)

    watching = asyncio.create_task(watch(), name="play.watch")

    async def one(extension: str, number: str) -> None:
        plan = Plan(
            conversation=_talk(number, draw.sample(talks, 3), seconds),
            extension=extension,
            number=number,
            seconds=seconds,
        )
        pbx = scene.town.pbxs[int(extension[0]) - 1]
        began = time.monotonic()
        try:
            await pbx.play(plan)
        except (AssertionError, LabError) as error:  # SIPp saw something else than its script
            wrong[number] = f"call of {extension}: {str(error)[:500]}"
            return
        off_s = time.monotonic() - began - RING_S - seconds
        if not -0.1 <= off_s <= stalled_s[0] + (SIPP_S if isinstance(pbx, RealPbx) else MOST_LATE_S):
            wrong[number] = f"call of {extension} is {off_s:+.1f} s off"

    async with asyncio.TaskGroup() as tasks:
        for at, extension in enumerate(extensions(scene.calls)):
            tasks.create_task(one(extension, number_of(round_, at)))
            await asyncio.sleep(0.05)
    watching.cancel()
    return wrong


def number_of(round_: int, at: int) -> str:
    return f"79{round_:03}{at:06}"


def _talk(name: str, parts: Sequence[Conversation], seconds: float) -> Conversation:
    """Several conversations one after the other, as long as the call is."""
    legs = [b"", b""]
    for part in parts:
        size = 8 * part.duration_ms // 160 * 160
        for leg, recorded in enumerate((part.client, part.operator)):
            legs[leg] += recorded.alaw[:size].ljust(size, b"\xd5")
    most = int(8000 * (seconds - 1))
    client, operator = (RecordedLeg(leg[:most], ()) for leg in legs)
    return Conversation(name, name, name, client, operator)


async def run(scene: Scene, name: str, round_: int, seed: int) -> Row:
    """One row of the matrix."""
    calls = scene.calls
    hubs = [hub.url for hub in scene.town.hubs]
    names = [*extensions(calls), "boss", "boss"]
    browsers = [
        Browser(who, scene.town.tokens[who], hubs if at // 2 % 2 == 0 else hubs[::-1]) for at, who in enumerate(names)
    ]
    looking = [asyncio.create_task(browser.run(), name=f"browser[{browser.name}]") for browser in browsers]
    try:
        began = datetime.now(UTC)
        playing = asyncio.create_task(play(scene, round_, random.Random(seed)), name="play")
        await asyncio.sleep(FAULT_AT_S)
        await faults()[name](scene)
        wrong = await playing
        numbers = {f"+{number_of(round_, at)}" for at in range(calls)}
        row = Row(name, calls, browsers=len(browsers), touched=list(wrong.values()))
        deadline = time.monotonic() + SETTLE_S
        while True:  # what is missing may still come
            await asyncio.sleep(1.0)
            truth = await _truth(scene.postgresql, began, numbers)
            _judge(row, browsers, truth)
            if not row.lost and all(record.end for record in truth) and len(truth) == calls:
                break
            if time.monotonic() > deadline:
                row.lost += [f"{calls - len(truth)} calls not in the store"] if len(truth) < calls else []
                row.lost += [f"{record.call.client_number} has no end" for record in truth if not record.end]
                break
        _judge_doubles(row, browsers, numbers)
        if row.problems:
            row.told = _warnings(scene.town, began)
        return row
    finally:
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)


def _warnings(town: Town, since: datetime) -> list[str]:
    """What the nodes complained of, for whoever looks for the cause."""
    found = []
    for name, node in zip(NODES, (*town.bridges, *town.hubs), strict=True):
        for line in node.log:
            if line["level"] != "info" and datetime.fromisoformat(line["timestamp"]) >= since:
                shown = {key: value for key, value in line.items() if key not in ("logger", "level", "exception")}
                found.append(f"{name}: {shown}")
    return found


async def _truth(postgresql: Server, began: datetime, numbers: set[str]) -> list[CallRecord]:
    store = open_store(StoreSettings(url=postgresql.url))
    try:
        kept = await store.calls_between(began - timedelta(seconds=5), datetime.now(UTC) + timedelta(days=1), 500)
    finally:
        await store.close()
    return [record for record in kept if record.call.client_number in numbers]


def _judge(row: Row, browsers: Sequence[Browser], truth: Sequence[CallRecord]) -> None:
    row.lost, row.lines, row.cards = [], 0, 0
    for record in truth:
        call = record.call
        lines = [(call.id, line.leg.value, line.utterance) for line in record.transcript]
        cards = [(call.id, card.id) for card in record.suggestions if card.state.value == "complete"]
        row.lines += len(lines)
        row.cards += len(cards)
        for browser in browsers:
            if browser.name in ("boss", call.operator):
                row.lost += [f"{browser.name} lacks line {key}" for key in lines if key not in browser.lines]
                row.lost += [f"{browser.name} lacks card {key}" for key in cards if key not in browser.cards]


def _judge_doubles(row: Row, browsers: Sequence[Browser], numbers: set[str]) -> None:
    for browser in browsers:
        row.doubled += [f"{browser.name}: {what}" for what in browser.doubled]
        row.resumed += browser.opened.count("resumed")
        row.snapshots += browser.opened.count("snapshot") - 1
        seen = [number for number in browser.calls.values() if number in numbers]
        if browser.name != "boss" and len(seen) != 1:
            row.strangers.append(f"{browser.name} sees {len(seen)} calls")


def asterisks(calls: int) -> OpenPbx:
    """Each with the telephones of its own operators."""

    def open_pbx(place: int, hub_port: int) -> AbstractAsyncContextManager[Pbx]:
        phones = tuple(extension for extension in extensions(calls) if int(extension[0]) == place + 1)
        return real_pbx(hub_port, phones=phones)

    return open_pbx


async def matrix(
    calls: int, cut_s: float, names: Sequence[str], seed: int, open_pbx: OpenPbx = virtual_pbx
) -> AsyncIterator[Row]:
    tools = binaries()
    assert tools is not None, "no PostgreSQL here: run tests/lab/install.sh postgresql"
    with running_server(tools) as postgresql:
        async with scene(postgresql, calls, cut_s, open_pbx) as made:
            for round_, name in enumerate(names):
                yield await run(made, name, round_, seed + round_)


HEAD: Final = (
    "fault",
    "calls",
    "browsers",
    "lines",
    "cards",
    "lost",
    "doubled",
    "foreign",
    "touched",
    "resumed",
    "anew",
)


def show(row: Row) -> str:
    cells = (row.calls, row.browsers, row.lines, row.cards, len(row.lost), len(row.doubled), len(row.strangers))
    return f"{row.fault:22}" + "".join(f"{cell:9}" for cell in (*cells, len(row.touched), row.resumed, row.snapshots))


async def main(calls: int, cut_s: float, names: Sequence[str], seed: int, real: bool) -> int:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * calls + 8))  # each SIPp is waited for in one
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # the model's stand-in drops lines on purpose
    print(f"{'two of Asterisk' if real else 'two virtual PBXs'}; seed {seed}; a cut lasts {cut_s:.0f} s")
    print("lines and cards as PostgreSQL has them, the rest over all browsers")
    print(f"{HEAD[0]:22}" + "".join(f"{head:>9}" for head in HEAD[1:]))
    failed = 0
    async for row in matrix(calls, cut_s, names, seed, asterisks(calls) if real else virtual_pbx):
        print(show(row), flush=True)
        for problem in itertools.islice(row.problems, 8):
            print(f"  FAILED {problem}")
        for told in itertools.islice(row.told, 40):
            print(f"    {told}")
        failed += bool(row.problems)
    print(f"{len(names) - failed} of {len(names)} rows without a fault")
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--asterisk", action="store_true", help="real PBXs: Asterisk and SIPp")
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--cut-s", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--fault", action="append", choices=list(faults()), help="only this one; may be repeated")
    chosen = parser.parse_args()
    names = chosen.fault or list(faults())
    sys.exit(asyncio.run(main(chosen.calls, chosen.cut_s, names, chosen.seed, chosen.asterisk)))
