"""Every fault of ARI, and the daemon's death, at every request of a call: the parties must not notice.

    python -m tests.prove.ari_matrix [--sample N | --part K/N] [--workers N] --seed S

Each run has two calls on a real Asterisk: a bystander, and a victim during whose set-up or tear-down a proxy in front
of ARI strikes once, outside the daemon. Judged by what the telephones got, by what Asterisk holds afterwards as an
independent client reads it, and by the proxy's list of all requests. A killed daemon is started again at once, as
systemd would. Asterisk, the telephones and the capture run in real time, so that a machine that has much else to do is
not taken for a fault; the daemon does not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from ari_bridge.demo.pbx_script import Way
from tests.chain.daemon import Daemon, free_port
from tests.chain.pbx import RealPbx, real_pbx
from tests.chain.tones import ToneSoniox
from tests.lab import LabError, sipp
from tests.lab.ari_proxy import STALL_S, AriProxy, Fault, Point
from tests.lab.asterisk import inbound_number
from tests.lab.capture import Capture, blocks_heard, heard_by, payload, sent_by, transit_ms
from tests.lab.party import Audio, CallFailed, Party

EVERY_CALL: Final = (
    "GET /channels/*/variable",
    "POST /channels/externalMedia",
    "POST /channels/*/snoop/ari_bridge-snoop-*",
    "POST /bridges/ari_bridge-tap-*",
    "POST /bridges/ari_bridge-tap-*/addChannel",
    "DELETE /channels/ari_bridge-media-*",
    "DELETE /channels/ari_bridge-snoop-*",
    "DELETE /bridges/ari_bridge-tap-*",
)
"""Requests that each leg of every call makes; the full matrix asks an undisturbed call for all of them."""

BYSTANDER, VICTIM = "1001", "1002"
TALK_S = 2.5
INTACT = 0.98
EDGE_PACKETS = 15  # the first and last 0.3 s: said before the other side was through, or after it had left
CLEAN_WITHIN_S = 10.0
BACK_WITHIN_S = 2.0
TRIES = 5


@dataclass(frozen=True, slots=True)
class Case:
    """Where to strike, and with what. `point` None: an undisturbed call, which shows what requests there are."""

    way: Way
    point: Point | None
    fault: Fault

    def __str__(self) -> str:
        return f"{self.way.value}: {self.fault.value} at {self.point.kind} #{self.point.nth}" if self.point else "calm"


@dataclass(frozen=True, slots=True)
class Verdict:
    case: Case
    struck: bool
    problems: tuple[str, ...]
    points: tuple[Point, ...] = ()


DRAWN_FROM: Final = (
    *(Case(way, Point(kind, nth), fault) for way in Way for kind in EVERY_CALL for nth in (0, 1) for fault in Fault),
    *(Case(Way.STASIS, Point("POST /channels/*/continue", 0), fault) for fault in Fault),
)


def draw(cases: Sequence[Case], count: int | None, seed: int) -> list[Case]:
    """That many of them (None: all) in an order of the seed."""
    shuffled = sorted(cases, key=str)
    Random(seed).shuffle(shuffled)
    return shuffled[:count]


class Bench:
    """One Asterisk, one proxy, one daemon; plays one case after the other."""

    def __init__(self, pbx: RealPbx, soniox: ToneSoniox, hub_port: int, folder: Path) -> None:
        self._pbx = pbx
        self._noise = [folder / f"{name}.alaw" for name in "abcd"]
        for number, file in enumerate(self._noise):
            file.write_bytes(Random(number).randbytes(8000 * 60))
        self.proxy = AriProxy(pbx.asterisk.ari_url, self._die)
        self._soniox, self._hub_port = soniox, hub_port
        self._daemon: Daemon | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._ready_at = 0.0

    @property
    def daemon(self) -> Daemon:
        assert self._daemon is not None
        return self._daemon

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Bench]:
        first = free_port() // 2 * 2 % 20000 + 40000
        async with self.proxy:
            settings = {
                **self._pbx.variables,
                "ARI__URL": self.proxy.url,
                "ARI__RECONNECT_MAX_S": "1",
                "MEDIA__PORTS": f"{first}-{first + 199}",
                "SONIOX__URL": self._soniox.url,
                "SONIOX__API_URL": self._soniox.api_url,
                "SONIOX__API_KEY": "demo",
                "HINTS__MODE": "text",
            }
            async with Daemon(settings, port=self._hub_port) as self._daemon:
                await self._daemon.until_ready()
                yield self

    async def judge(self, case: Case) -> Verdict:
        """Play it, again where the laboratory could not measure, or where the call made no such request this time."""
        verdict = Verdict(case, struck=False, problems=())
        for _ in range(TRIES):
            try:
                verdict = await self.run(case)
            except LabError as error:
                verdict = Verdict(case, struck=False, problems=(f"not measured: {error}",))
                await self._check_clean(case)
            else:
                if verdict.problems or verdict.struck:
                    break
        return verdict

    async def run(self, case: Case) -> Verdict:
        began = len(self.proxy.log)
        self._ready_at = 0.0
        try:
            async with asyncio.timeout(60):
                problems = await self._play(case)
        except (CallFailed, TimeoutError) as error:
            problems = [f"{type(error).__name__}: {str(error)[:2800]}"]
            await self._end_calls()  # the next case must not suffer
        problems += [f"harmful request: {r.method} {r.path}" for r in self.proxy.log[began:] if r.harms]
        points = tuple(self.proxy.points())
        problems += await self._check_clean(case)
        struck = case.point is None or self.proxy.struck.is_set()
        return Verdict(case, struck, tuple(problems), points)

    async def _play(self, case: Case) -> list[str]:
        bystander = self._call(BYSTANDER, Way.PASSIVE, None, 0)
        victim = self._call(VICTIM, case.way, TALK_S, 2)
        ports = [party.media_ports for party in (*bystander, *victim)]
        with Capture(*ports, self._pbx.asterisk.rtp_ports, ahead=True) as recording, contextlib.ExitStack() as calls:
            for party in reversed(bystander):
                await asyncio.to_thread(calls.enter_context, party)
            await self._until_tapped(2)
            self.proxy.arm(case.point, case.fault)
            for party in reversed(victim):
                await asyncio.to_thread(calls.enter_context, party)
            for party in victim:
                await asyncio.to_thread(party.wait, 30.0)
            if case.point is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.proxy.struck.wait(), 3.0)  # tear-down goes on after the hang-up
            elif self.proxy.log:
                await asyncio.sleep(1.0)
            late = self._talking_late(case, victim[0])
            bystander_talks = all(party.running for party in bystander)
            await self._end_calls()
            for party in bystander:
                await asyncio.to_thread(party.wait, 5.0)
        if recording.lost:
            raise LabError(f"the capture lost {recording.lost} packets: nothing is known")
        return [
            *late,
            *([] if bystander_talks else ["the bystander's call ended"]),
            *_not_heard("bystander", recording, bystander),
            *_not_heard("victim", recording, victim),
        ]

    async def _end_calls(self) -> None:
        await asyncio.to_thread(self._pbx.asterisk.cli, "channel request hangup all")

    def _call(self, extension: str, way: Way, talk_s: float | None, noise: int) -> tuple[Party, Party]:
        """Caller and callee; both speak noise, of which no two blocks are alike."""
        asterisk, audio = self._pbx.asterisk, [Audio(file=file) for file in self._noise[noise : noise + 2]]
        did = inbound_number(way.value, extension)
        caller = sipp.trunk_caller(asterisk, did, audio[0], number=f"7900000{extension}", talk_s=talk_s)
        return caller, sipp.operator(asterisk, extension, audio[1])

    async def _until_tapped(self, count: int) -> None:
        deadline = time.monotonic() + 10.0
        while len(await asyncio.to_thread(self._taps)) < count:
            if time.monotonic() > deadline:
                raise CallFailed(f"the bystander is not tapped; the daemon said: {self.daemon.log_text()[-2500:]}")
            await asyncio.sleep(0.05)

    def _taps(self) -> list[str]:
        return [line for line in self._pbx.asterisk.ari.holdings() if line.startswith("bridge ari_bridge-tap-")]

    def _talking_late(self, case: Case, caller: Party) -> list[str]:
        """A caller in Stasis may wait for the daemon's supervised restart, and 2 s; nobody else may wait at all."""
        times = caller.timeline()
        asked = next(at for at, what in times if what.startswith("INVITE"))
        answered = next(at for at, what in times if what.startswith("SIP/2.0 200"))
        if case.way is Way.STASIS and self._ready_at > asked:
            waited = answered - self._ready_at
            return [f"talking {waited:.1f} s after the restart"] if waited > BACK_WITHIN_S else []
        return [f"answered after {answered - asked:.1f} s"] if answered - asked > BACK_WITHIN_S else []

    async def _check_clean(self, case: Case) -> list[str]:
        """What is left in Asterisk ten seconds after the restart, or after a stalled request came through."""
        if self._restarting is not None:
            await self._restarting
            self._restarting = None
        try:
            await self.daemon.until_ready()
        except TimeoutError:
            return [f"the daemon did not come back: {self.daemon.log_text()[-1500:]}"]
        patience = CLEAN_WITHIN_S + (STALL_S if case.fault is Fault.STALL else 2.0)
        deadline = time.monotonic() + patience
        while left := await asyncio.to_thread(self._pbx.asterisk.ari.holdings):
            if time.monotonic() > deadline:
                return [f"left in Asterisk: {left}"]
            await asyncio.sleep(0.2)
        return []

    async def _die(self) -> None:
        """SIGKILL, and the service manager that starts the daemon again."""
        if self._restarting is None:
            self._restarting = asyncio.create_task(self._restart(), name="matrix.restart")
            await asyncio.sleep(0.05)  # so that the request is not passed on in its name

    async def _restart(self) -> None:
        await self.daemon.kill()
        await self.daemon.start()
        await self.daemon.until_ready()
        self._ready_at = time.time()


def _not_heard(name: str, recording: Capture, parties: Sequence[Party]) -> list[str]:
    streams = recording.streams()
    problems = []
    for speaker, listener in (parties, reversed(parties)):
        # a straggler of the call before, whose ports these were, makes a flow of its own
        heard = max(heard_by(streams, listener.media_ports), key=len, default=[])
        sent = max(sent_by(streams, speaker.media_ports), key=len, default=[])
        if len(sent) <= 2 * EDGE_PACKETS or not heard:
            problems.append(f"{name}: no audio")
            continue
        share = blocks_heard(payload(sent[EDGE_PACKETS:-EDGE_PACKETS]), payload(heard))
        if share < INTACT:
            late_s = max(transit_ms(sent, heard), default=0.0) / 1000
            counted = f"{len(sent)} packets were sent, {len(heard)} heard"
            problems.append(f"{name}: {share:.0%} of the audio came through, up to {late_s:.1f} s late; {counted}")
    return problems


async def work(cases: asyncio.Queue[Case], verdicts: list[Verdict], opening: asyncio.Lock) -> None:
    hub_port = free_port()
    async with contextlib.AsyncExitStack() as opened:
        async with opening:
            pbx = await opened.enter_async_context(real_pbx(hub_port))
            soniox = await opened.enter_async_context(ToneSoniox())
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            bench = await opened.enter_async_context(Bench(pbx, soniox, hub_port, folder).open())
        while not cases.empty():
            case = cases.get_nowait()
            verdict = await bench.judge(case)
            verdicts.append(verdict)
            print(f"{'FAILED' if verdict.problems else 'ok    ' if verdict.struck else 'missed'} {case}", flush=True)
            for problem in verdict.problems:
                print(f"    {problem}", flush=True)


async def run_cases(cases: Iterable[Case], workers: int) -> list[Verdict]:
    waiting: asyncio.Queue[Case] = asyncio.Queue()  # bounded by the matrix
    for case in cases:
        waiting.put_nowait(case)
    verdicts: list[Verdict] = []
    opening = asyncio.Lock()  # one after the other: an Asterisk and a daemon take a whole core to start
    async with asyncio.TaskGroup() as tasks:
        for number in range(workers):
            tasks.create_task(work(waiting, verdicts, opening), name=f"matrix.worker[{number}]")
    return verdicts


async def matrix(workers: int) -> list[Case]:
    """Every fault at every request that an undisturbed call of each way makes."""
    calm = await run_cases([Case(way, None, Fault.ERROR) for way in Way], workers)
    broken = [verdict for verdict in calm if verdict.problems]
    if broken:
        raise SystemExit(f"the undisturbed call fails already: {broken[0].problems}")
    return [Case(v.case.way, point, fault) for v in calm for point in v.points for fault in Fault]


async def main(sample: int | None, part: str, workers: int, seed: int) -> int:
    cases = await matrix(workers)
    first, of = map(int, part.split("/"))
    verdicts = await run_cases(draw(cases, sample, seed)[first - 1 :: of], workers)
    print_result(verdicts, len(cases), seed)
    return 1 if any(verdict.problems for verdict in verdicts) else 0


def print_result(verdicts: Sequence[Verdict], possible: int, seed: int) -> None:
    runs, failed = Counter(), Counter()  # type: ignore[var-annotated]
    for verdict in verdicts:
        key = (verdict.case.way.value, verdict.case.fault.value)
        runs[key] += 1
        failed[key] += bool(verdict.problems)
    for key in sorted(runs):
        print(f"{key[0]:8} {key[1]:16} {runs[key]:4} runs {failed[key]:4} failed")
    missed = sum(not verdict.struck for verdict in verdicts)
    print(f"{len(verdicts)} runs of {possible}, {sum(failed.values())} failed, {missed} not struck, seed {seed}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sample", type=int, help="only so many cases, drawn by the seed")
    parser.add_argument("--part", default="1/1", help="the first of three, say: 1/3; all parts make the whole matrix")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    sys.exit(asyncio.run(main(chosen.sample, chosen.part, chosen.workers, chosen.seed)))
