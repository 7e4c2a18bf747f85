"""All connections lost at once: who comes back when, how many requests that takes, what it costs in words and memory.

    python -m tests.prove.stt_outage --calls 100 --away 5

Every call has two legs, every leg a stream. Time runs `--speed` times faster on both ends; all that is printed is real
life's seconds. The peer answers as Soniox does, and hears nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import structlog
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ari_bridge.events import Leg, LegState
from ari_bridge.interfaces import AudioEncoding, SpeechSpec
from ari_bridge.settings import SonioxSettings
from ari_bridge.stt.leg_stream import LegStream
from ari_bridge.stt.soniox import SonioxSpeechToText
from ari_bridge.stt.timing import Timing
from tests.stt.byte_speech import MS, silence
from tests.stt.leg import Ear

SLICE_MS = 1000
NOWHERE = "http://127.0.0.1:9/v1"
MINUTE_S = 60.0
BUNCHING = 5  # of the account's 100 requests we make 95: so many may be held up into the next minute
TOGETHER = 2 * 16  # legs that are connected at the same time may overtake one another
LATE_S = 0.3  # of our own clock: what a loaded machine may be late by
SLACK_S = 2.0  # of real life: what a loaded machine may add to a minute's end


class DeafPeer:
    """Answers every piece of audio at once, as silence, and remembers when a connection was asked for."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[float] = []
        self._open: set[ServerConnection] = set()

    async def handle(self, socket: ServerConnection) -> None:
        self._open.add(socket)
        heard = 0
        with suppress(ConnectionClosed):
            async for frame in socket:
                heard += len(frame) // MS if isinstance(frame, bytes) else 0
                done = {"finished": True} if frame == "" else {}
                message = {"tokens": [], "final_audio_proc_ms": heard, "total_audio_proc_ms": heard, **done}
                await socket.send(json.dumps(message))
                if done:
                    break
        self._open.discard(socket)

    async def upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(time.monotonic())
        if self.away:
            connection.transport.abort()
        return None

    def lose(self) -> None:
        self.away = True
        for socket in list(self._open):
            socket.transport.abort()


@dataclass
class Talker(Ear):
    """One leg: keeps when it was back."""

    number: int = 0
    leg: Leg = Leg.CLIENT
    live_at: list[float] = field(default_factory=list)

    def on_speech_state(self, state: LegState, reason: str | None) -> None:
        super().on_speech_state(state, reason)
        if state is LegState.LIVE:
            self.live_at.append(time.monotonic())


@dataclass(frozen=True)
class Outcome:
    """In real life's seconds. `faults` is empty where all is as it should be."""

    legs: int
    most_a_minute: int
    back_s: tuple[float, ...]
    gaps_s: tuple[float, ...]
    faults: tuple[str, ...]


async def outage(calls: int, away_s: float, speed: float, per_minute: int, ring_s: float = 60.0) -> Outcome:
    """Open all, lose all, wait until all are back."""
    peer = DeafPeer()
    timing = Timing().faster(speed)
    async with serve(
        peer.handle, "127.0.0.1", 0, process_request=peer.upgrade, compression=None, ping_interval=None, backlog=1024
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        settings = SonioxSettings(
            url=f"ws://127.0.0.1:{port}/",
            api_url=NOWHERE,
            api_key=SecretStr("k"),
            max_streams=2 * calls,
            requests_per_minute=per_minute,
            ring_s=ring_s,
        )
        stt = SonioxSpeechToText(settings, lambda *_: None, timing=timing, random=Random(1))
        talkers = [Talker(number=number, leg=leg) for number in range(calls) for leg in Leg]
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(stt.serve(), name="stt")
            streams = [
                stt.open(SpeechSpec(f"c{t.number}", t.leg, AudioEncoding.MULAW, 8000, started_at=t.number), t)
                for t in talkers
            ]
            talking = tasks.create_task(talk(streams, speed), name="talk")
            await until(lambda: all(t.live_at for t in talkers))
            for talker in talkers:
                talker.gaps.clear()  # the opening itself has to wait for the minute's budget
            await asyncio.sleep(2 * timing.minute_s)  # all have caught up, and the budget is whole
            lost_at = time.monotonic()
            peer.lose()
            await asyncio.sleep(away_s / speed)
            peer.away = False
            await until(lambda: all(t.live_at[-1] > lost_at for t in talkers))
            await asyncio.sleep(timing.minute_s / 2)  # the last ones hear what they missed
            talking.cancel()
            serving.cancel()
    return judge(talkers, peer.asked, lost_at, Rules(speed, per_minute, ring_s))


async def talk(streams: list[LegStream], speed: float) -> None:
    audio, began = silence(SLICE_MS), time.monotonic()
    for number in range(100_000):
        await asyncio.sleep(max(began + number * SLICE_MS / 1000 / speed - time.monotonic(), 0))
        for count, stream in enumerate(streams):
            stream.feed(audio, number * SLICE_MS)
            if count % 20 == 0:
                await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not true():
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Rules:
    """What `judge` holds an outage to."""

    speed: float
    per_minute: int
    ring_s: float


def judge(talkers: list[Talker], asked: list[float], lost_at: float, rules: Rules) -> Outcome:
    minute_s = MINUTE_S / rules.speed
    most = max(sum(0 <= later - at < minute_s for later in asked) for at in asked)
    back = sorted((t.live_at[-1], t.leg is not Leg.CLIENT, t.number) for t in talkers)
    faults = [*out_of_order([(operator, number) for _, operator, number in back])]
    if most > rules.per_minute + BUNCHING:
        faults.append(f"{most} requests in a minute, {rules.per_minute} are allowed")
    for talker in talkers:
        late_s = (talker.live_at[-1] - lost_at) * rules.speed
        lost_s = sum(end - start for start, end in talker.gaps) / 1000
        if abs(max(late_s - rules.ring_s, 0) - lost_s) > SLACK_S + 2 * SLICE_MS / 1000 + rules.speed * LATE_S:
            faults.append(f"call {talker.number} {talker.leg}: away for {late_s:.1f} s, gap of {lost_s:.1f} s")
    gaps_s = tuple((end - start) / 1000 for talker in talkers for start, end in talker.gaps)
    return Outcome(len(talkers), most, tuple((at - lost_at) * rules.speed for at, _, _ in back), gaps_s, tuple(faults))


def out_of_order(order: list[tuple[bool, int]]) -> Iterator[str]:
    """Legs, as (operator?, call), that did not come back where the admission's policy puts them."""
    wanted = {one: place for place, one in enumerate(sorted(order))}
    for place, one in enumerate(order):
        if abs(wanted[one] - place) > TOGETHER:
            yield f"call {one[1]} {'operator' if one[0] else 'client'} came back as {place} instead of {wanted[one]}"


async def memory(legs: int) -> tuple[float, float]:
    """kB of memory a leg takes with an empty ring and with a full minute of G.711; nobody to connect to."""
    settings = SonioxSettings(url="ws://127.0.0.1:9/", api_url=NOWHERE, api_key=SecretStr("k"))
    stt = SonioxSpeechToText(settings, lambda *_: None, random=Random(1))
    gc.collect()
    before = resident_kb()
    streams = [stt.open(SpeechSpec(f"c{n}", Leg.CLIENT, AudioEncoding.ALAW, 8000), Ear()) for n in range(legs)]
    empty = resident_kb()
    audio = silence(100)
    for number in range(900):  # a minute and a half: the ring keeps one
        for stream in streams:
            stream.feed(audio, number * 100)
    return (empty - before) / legs, (resident_kb() - before) / legs


def resident_kb() -> float:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--away", type=float, default=5.0, help="seconds until the service can be reached again")
    parser.add_argument("--speed", type=float, default=4.0)
    parser.add_argument("--per-minute", type=int, default=95)
    parser.add_argument("--ring", type=float, default=60.0, help="soniox.ring_s")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    empty, full = asyncio.run(memory(200))
    print(f"memory of a leg: {empty:.0f} kB with an empty ring, {full:.0f} kB with a full one (60 s of G.711)")
    found = asyncio.run(outage(given.calls, given.away, given.speed, given.per_minute, given.ring))
    print(f"{found.legs} legs lost at once, the service away for {given.away:g} s")
    for share in (0.25, 0.5, 0.75, 1.0):
        print(f"  {share:4.0%} back after {found.back_s[int(len(found.back_s) * share) - 1]:6.1f} s")
    print(f"  {found.most_a_minute} requests in the busiest minute")
    print(f"  {len(found.gaps_s)} gaps, the longest {max(found.gaps_s, default=0):.1f} s")
    for fault in found.faults:
        print(f"  FAULT {fault}")
    print("stt outage: " + ("failed" if found.faults else "clients first, oldest call first; every gap is marked"))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
