"""Every fault of the recogniser's line at random moments, over whole conversations; the text must not show any of it.

    python -m tests.prove.stt_matrix --runs 200 --seed 1

Every kind of fault in turn. Some runs play the recorded conversations to the Soniox stand-in, which hears; some speech
made of bytes to a peer that cuts words into tokens and finals in their middle; some the same to a vosk-server. Time
runs faster (`SPEED`) on both ends.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from random import Random

import structlog
import uvloop
from pydantic import SecretStr

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.samples import Conversation, load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from ari_bridge.demo.soniox_faults import Fault, FaultKind, error_fault
from ari_bridge.demo.soniox_session import Timing as StandInTiming
from ari_bridge.events import Component, ComponentStatus, Leg
from ari_bridge.interfaces import AudioEncoding, SpeechSpec, SpeechToText
from ari_bridge.settings import SonioxSettings
from ari_bridge.stt.soniox import SonioxSpeechToText
from ari_bridge.stt.timing import Timing
from ari_bridge.stt.vosk import VoskSpeechToText
from tests.stt.byte_speech import Ears, Script, conversation
from tests.stt.leg import Ear, speak
from tests.stt.peer import Peer, Plan
from tests.stt.vosk_peer import VoskPeer

SPEED = 20.0
PARALLEL = 6
FINISH_S = 30.0  # a loaded machine must not turn red; the 3 s of real life are a test of their own

HEARD_FAULTS = (
    "408", "413", "500", "503", "untyped_503", "reset", "eof", "close", "freeze", "broken_json", "strange_json",
    "slow_reader", "refuse", "late_finals", "finals_in_finished", "bare_tokens", "network", "limit",
)  # fmt: skip
BYTE_FAULTS = (
    "408", "413", "500", "503", "503bare", "rst", "close", "freeze", "stall", "noise", "no_finished", "deaf_end",
    "frozen_end", "503_end", "inside", "rst_start", "1001", "twice", "backwards", "no_end", "bare", "mute", "boast",
    "network", "http_503", "429", "roll_over",
)  # fmt: skip
VOSK_FAULTS = ("rst",) * 4


@dataclass(frozen=True)
class Run:
    """One run's verdict; `faults` is empty where the text came out as in an undisturbed run."""

    number: int
    kind: str
    sessions: int
    problems: tuple[str, ...]


@asynccontextmanager
async def recogniser(url: str, timing: Timing, random: Random, key: str = "demo") -> AsyncIterator[SonioxSpeechToText]:
    def report(component: Component, status: ComponentStatus) -> None:
        assert component is Component.STT

    settings = SonioxSettings(url=url, api_url="http://127.0.0.1:9/v1", api_key=SecretStr(key))
    stt = SonioxSpeechToText(settings, report, timing=timing, random=random)
    serving = asyncio.create_task(stt.serve(), name="stt")
    try:
        yield stt
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def compare(leg: Leg, ear: Ear, words: str, utterances: list[str] | None) -> list[str]:
    """What differs from the undisturbed run."""
    problems = [f"{leg}: {fault}" for fault in ear.faults]
    if ear.text != words:
        problems.append(f"{leg}: heard {ear.text!r} instead of {words!r}")
    elif utterances is not None and ear.finals != utterances:
        problems.append(f"{leg}: cut as {ear.finals} instead of {utterances}")
    if ear.gaps:
        problems.append(f"{leg}: gaps {ear.gaps}")
    if any(not utterance.final for utterance in ear.utterances.values()):
        problems.append(f"{leg}: a line without an end")
    return problems


async def play(stt: SpeechToText, audio: dict[Leg, bytes], encoding: AudioEncoding) -> dict[Leg, Ear]:
    """Both legs of one call, at the same time, to the end."""
    ears = {leg: Ear() for leg in audio}

    async def one(leg: Leg) -> None:
        stream = stt.open(SpeechSpec("c", leg, encoding, 8000), ears[leg])
        await speak(stream, audio[leg], SPEED)
        await stream.finish(FINISH_S)

    async with asyncio.TaskGroup() as tasks:
        for leg in audio:
            tasks.create_task(one(leg), name=f"speaker[{leg}]")
    return ears


@cache
def recordings() -> tuple[tuple[Conversation, ...], Lexicon]:
    conversations = load_conversations()
    return conversations, Lexicon.of(conversations)


def planned(kind: str, random: Random) -> Fault | None:
    """The fault of one session of the stand-in; None for those that strike from outside."""
    at_ms = random.randrange(0, 24_000)
    match kind:
        case "408" | "413" | "500" | "503" | "untyped_503":
            code = kind.removeprefix("untyped_")
            names = {"408": "request_timeout", "413": "max_duration_reached", "500": "internal_error"}
            return error_fault(names.get(code, "service_unavailable"), at_ms, typed=kind == code)
        case "slow_reader":
            return Fault(FaultKind.SLOW_READER, at_ms, duration_s=random.uniform(1, 6) / SPEED)
        case "late_finals":
            return Fault(FaultKind.LATE_FINALS, duration_s=random.uniform(0, 2) / SPEED)
        case "network" | "limit":
            return None
        case _:
            whole = FaultKind[kind.upper()]
            return Fault(whole, at_ms if whole not in (FaultKind.REFUSE,) else None)


async def heard_run(number: int, kind: str, random: Random) -> Run:
    """Recorded conversations against the stand-in that hears."""
    conversations, lexicon = recordings()
    told = conversations[random.randrange(len(conversations))]
    divided = StandInTiming(40 / SPEED, 20 / SPEED, 1 / SPEED)
    async with SonioxStandIn(lexicon, timing=divided) as standin:
        for _ in range(random.randrange(1, 5)):
            fault = planned(kind, random)
            if fault is not None:
                standin.faults.next(fault)
        async with recogniser(standin.url, Timing().faster(SPEED), random) as stt, asyncio.TaskGroup() as tasks:
            trouble = tasks.create_task(outside_standin(standin, kind, random), name="trouble")
            audio = {Leg.CLIENT: told.client.alaw, Leg.OPERATOR: told.operator.alaw}
            ears = await play(stt, audio, AudioEncoding.ALAW)
            trouble.cancel()
        problems = []
        for leg, recorded in ((Leg.CLIENT, told.client), (Leg.OPERATOR, told.operator)):
            problems += compare(leg, ears[leg], recorded.text, None)
        return Run(number, f"heard:{kind}", len(standin.sessions), tuple(problems))


async def outside_standin(standin: SonioxStandIn, kind: str, random: Random) -> None:
    if kind == "network":
        await asyncio.sleep(random.uniform(1, 24) / SPEED)
        standin.faults.every(Fault(FaultKind.REFUSE))
        standin.strike(Fault(FaultKind.RESET))
        await asyncio.sleep(random.uniform(0.5, 20) / SPEED)
        standin.faults.every()
    elif kind == "limit":
        standin.stream_limit = 1
        await asyncio.sleep(random.uniform(1, 15) / SPEED)
        standin.stream_limit = 10


async def byte_run(number: int, kind: str, random: Random) -> Run:
    """Speech made of bytes against the scripted peer; cut into the same utterances, too."""
    scripts = {leg: conversation(random.randrange(10**6), random.randrange(15, 31)) for leg in Leg}
    faulty = random.randrange(1, 6)
    lag_ms, endpoint_ms = random.randrange(0, 2500), random.randrange(500, 1500)

    def plan(session: object) -> Plan:
        nonlocal faulty
        faulty -= 1
        ears = Ears(lag_ms, endpoint_ms)
        fault = kind if faulty >= 0 and kind not in ("network", "http_503", "429", "roll_over") else None
        return Plan(fault, random.randrange(0, 12_000), ears=ears)

    timing = Timing().faster(SPEED)
    if kind == "roll_over":
        timing = replace(timing, roll_over_s=5 / SPEED, roll_over_grace_s=random.uniform(0, 8) / SPEED)
    async with Peer(plan) as peer:
        async with recogniser(peer.url, timing, random) as stt, asyncio.TaskGroup() as tasks:
            trouble = tasks.create_task(outside_peer(peer, kind, random), name="trouble")
            audio = {leg: script.audio() for leg, script in scripts.items()}
            ears = await play(stt, audio, AudioEncoding.MULAW)
            trouble.cancel()
        problems = []
        for leg, script in scripts.items():
            problems += compare(leg, ears[leg], script.text(), undisturbed(script, lag_ms, endpoint_ms))
        return Run(number, f"bytes:{kind}", len(peer.sessions), tuple(problems))


async def outside_peer(peer: Peer, kind: str, random: Random) -> None:
    if kind in ("network", "http_503", "429"):
        await asyncio.sleep(random.uniform(0, 15) / SPEED)
        if kind == "429":
            peer.max_streams = random.randrange(0, 2)
        if kind == "http_503":
            peer.refuse = HTTPStatus.SERVICE_UNAVAILABLE
        peer.lose_network()
        peer.away = kind == "network"
        await asyncio.sleep(random.uniform(0.5, 20) / SPEED)
        peer.away, peer.refuse, peer.max_streams = False, None, 10


def undisturbed(script: Script, lag_ms: int, endpoint_ms: int) -> list[str]:
    """The utterances of the run without faults, computed without sockets."""
    from tests.stt.offline import OfflineLeg

    return OfflineLeg(script, ears=Ears(lag_ms, endpoint_ms)).run().texts


async def vosk_run(number: int, kind: str, random: Random) -> Run:
    """The same against a vosk-server whose connections die."""
    scripts = {leg: conversation(random.randrange(10**6), random.randrange(15, 31)) for leg in Leg}
    drops = iter([random.randrange(300, 12_000) for _ in range(random.randrange(1, 8))])
    async with VoskPeer(lambda: next(drops, None)) as peer:
        stt = VoskSpeechToText(peer.url, lambda *_: None, timing=Timing().faster(SPEED), random=random)
        serving = asyncio.create_task(stt.serve(), name="stt")
        ears = await play(stt, {leg: script.audio() for leg, script in scripts.items()}, AudioEncoding.ALAW)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        problems = []
        for leg, script in scripts.items():
            problems += compare(leg, ears[leg], script.text(), None)
        return Run(number, f"vosk:{kind}", len(peer.sessions), tuple(problems))


CASES: tuple[tuple[Callable[[int, str, Random], Awaitable[Run]], str], ...] = tuple(
    (make, kind)
    for make, kinds in ((byte_run, BYTE_FAULTS), (heard_run, HEARD_FAULTS), (vosk_run, VOSK_FAULTS))
    for kind in kinds
)


async def run_matrix(runs: int, seed: int, tell: Callable[[Run], None] = lambda run: None) -> list[Run]:
    """`runs` runs, `PARALLEL` at a time; the same seed gives the same runs."""
    places = asyncio.Semaphore(PARALLEL)

    async def one(number: int) -> Run:
        random = Random(f"{seed}:{number}")
        make, kind = CASES[number % len(CASES)]
        async with places:
            done = await make(number, kind, random)
        tell(done)
        return done

    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(one(number), name=f"run[{number}]") for number in range(runs)]
    return [task.result() for task in made]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=Random().randrange(10**6))
    parser.add_argument("--uvloop", action="store_true", help="on the event loop that the daemon takes where it can")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))

    def tell(run: Run) -> None:
        for problem in run.problems:
            print(f"run {run.number} ({run.kind}): {problem}", flush=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if given.uvloop else None) as runner:
        runs = runner.run(run_matrix(given.runs, given.seed, tell))
    kinds = Counter(run.kind for run in runs)
    for kind, count in sorted(kinds.items()):
        bad = sum(bool(run.problems) for run in runs if run.kind == kind)
        print(f"{kind:24} {count:4} runs {bad:3} failed")
    failed = sum(bool(run.problems) for run in runs)
    sessions = sum(run.sessions for run in runs)
    loop = "uvloop" if given.uvloop else "asyncio"
    print(f"stt matrix on {loop}: {len(runs)} runs, {failed} failed, {sessions} sessions, seed {given.seed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
