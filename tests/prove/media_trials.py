"""Three trials of the media engine, with figures: `python -m tests.prove.media_trials [--short] [--seed N]`.

flood   ten foreign datagrams, some of them forged to the bit, for each of the leg's own, in real time
stall   the event loop stands still for 1.5 s in the middle of many calls, in real time
loss    ten minutes with 5 % loss and packets up to three places late (our clock, counted by hand)
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from media.codecs import Codec
from media.framing import Frame, Gap, Slice
from media.receiver import Leg, Receiver
from tests.media.legs import Sender
from tests.media.test_properties import Network, receive

LEGS: Final = 40
PACKET_S: Final = 0.02
TICK_S: Final = 0.1
STALL_S: Final = 1.5
FOREIGN: Final = 10  # datagrams for each legitimate one
STAMP: Final = 8  # octets: when it was sent, monotonic nanoseconds
FILLING: Final = bytes(range(1, 153))


@dataclass
class Verdict:
    """One trial's figures, in words, and what was wrong."""

    name: str
    figures: str
    problems: list[str] = field(default_factory=list)

    def hold(self, right: bool, problem: str) -> None:
        if not right:
            self.problems.append(problem)


class Listening:
    """A sink that knows its own stream: when each packet was sent, when it was handed over, and whose it is."""

    def __init__(self) -> None:
        self.own = 0
        self.strange = 0
        self.latencies_s: list[tuple[float, float]] = []  # when handed over, how long it took

    def on_slice(self, slice: Slice, /) -> None:
        now = time.monotonic()
        for begin in range(0, len(slice.payload), 160):
            packet = slice.payload[begin : begin + 160]
            if packet[STAMP:] == FILLING:
                self.own += 1
                self.latencies_s.append((now, now - int.from_bytes(packet[:STAMP], "big") / 1e9))
            else:
                self.strange += 1

    def on_frame(self, frame: Frame, /) -> None: ...

    def on_gap(self, gap: Gap, /) -> None: ...

    def on_codec(self, codec: Codec, /) -> None: ...


class Telephones:
    """A thread that sends for all legs in real time; `flood` adds foreign datagrams."""

    def __init__(self, receiver: Receiver, *, flood: bool) -> None:
        self.sinks = [Listening() for _ in range(LEGS)]
        self.senders = [Sender(ssrc=number + 1) for number in range(LEGS)]
        self.legs: list[Leg] = []
        for sink, sender in zip(self.sinks, self.senders, strict=True):
            leg = receiver.open(Codec.PCMA, sink)
            leg.connect(*sender.address)
            self.legs.append(leg)
        self.sent = 0
        self.foreign = 0
        self._strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3 * flood)]
        self._chance = random.Random(1)

    @contextmanager
    def talking(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._send, args=(over,), name="telephones")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            for one in [*self._strangers, *(sender.socket for sender in self.senders)]:
                one.close()

    def _send(self, over: threading.Event) -> None:
        begin, index = time.monotonic(), 0
        while not over.is_set():
            for leg, sender in zip(self.legs, self.senders, strict=True):
                payload = time.monotonic_ns().to_bytes(STAMP, "big") + FILLING
                datagram = sender.packet(index, payload=payload).serialize()
                self._flood(leg, datagram)
                sender.send_raw(leg, datagram)
                self.sent += 1
            index += 1
            time.sleep(max(begin + index * PACKET_S - time.monotonic(), 0))

    def _flood(self, leg: Leg, genuine: bytes) -> None:
        for number in range(FOREIGN if self._strangers else 0):
            forged = genuine[:20] + bytes(152)
            self._strangers[number % 3].sendto(
                forged if number % 2 else self._chance.randbytes(60), ("127.0.0.1", leg.port)
            )
            self.foreign += 1


@asynccontextmanager
async def _running(receiver: Receiver) -> AsyncIterator[None]:
    """The receiver ticks within."""
    task = asyncio.create_task(receiver.run(), name="receiver")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        receiver.close()


async def flood(seconds: float) -> Verdict:
    receiver = Receiver(ports=range(20_000, 60_000))
    telephones = Telephones(receiver, flood=True)
    async with _running(receiver):
        with telephones.talking():
            await asyncio.sleep(seconds)
        reports = [leg.stop() for leg in telephones.legs]
    own, strange = sum(sink.own for sink in telephones.sinks), sum(sink.strange for sink in telephones.sinks)
    counted = sum(report.foreign + report.malformed + report.duplicates for report in reports)
    verdict = Verdict(
        "flood",
        f"{telephones.sent:,} legitimate and {telephones.foreign:,} foreign datagrams to {LEGS} legs "
        f"in {seconds:.0f} s: {own / telephones.sent:.3%} of the legitimate processed, "
        f"{strange + counted} of the foreign accepted",
    )
    verdict.hold(own >= telephones.sent * 0.999, "legitimate ones were lost")
    verdict.hold(strange + counted == 0, "foreign ones were accepted")
    return verdict


async def stall(seconds: float) -> Verdict:
    receiver = Receiver(ports=range(20_000, 60_000))
    telephones = Telephones(receiver, flood=False)
    async with _running(receiver):
        with telephones.talking():
            await asyncio.sleep(seconds)
            time.sleep(STALL_S)  # the stall itself
            ended = time.monotonic()
            await asyncio.sleep(seconds)
        reports = [leg.stop() for leg in telephones.legs]
    own = sum(sink.own for sink in telephones.sinks)
    late = [at for sink in telephones.sinks for at, took in sink.latencies_s if took > 2 * TICK_S and at > ended]
    over_s = max(late, default=ended) - ended
    worst_s = max(took for sink in telephones.sinks for _, took in sink.latencies_s)
    lost = sum(report.lost_packets + report.kernel_drops for report in reports)
    verdict = Verdict(
        "stall",
        f"the loop stood still for {STALL_S} s with {LEGS} legs: {telephones.sent - own} of {telephones.sent:,} "
        f"packets lost, the longest wait {worst_s:.2f} s, and none above two ticks "
        f"from {over_s * 1000:.0f} ms after it on",
    )
    verdict.hold(own == telephones.sent and lost == 0, "packets were lost")
    verdict.hold(worst_s > STALL_S, "there was no stall")
    verdict.hold(over_s <= 2 * TICK_S, "it was not over after two ticks")
    return verdict


def loss(minutes: float, seed: int) -> Verdict:
    chance, packets = random.Random(seed), round(minutes * 60 / PACKET_S)
    network = Network(
        packets,
        lost={i for i in range(1, packets - 1) if chance.random() < 0.05},
        delayed={i: chance.randint(1, 3) for i in range(1, packets - 4) if chance.random() < 0.1},
    )
    sender = Sender()
    sink, report = receive(sender, network)
    sender.close()
    wrong_ms = report.audio_ms - packets * 20
    verdict = Verdict(
        "loss",
        f"seed {seed}: {packets:,} packets in {minutes:g} minutes, {len(network.lost):,} lost, "
        f"{len(network.delayed):,} late: duration off by {wrong_ms} ms, {len(sink.gaps):,} gaps of {report.lost_ms:,} "
        f"ms in all, {report.reordered:,} put in place, {report.late} too late",
    )
    verdict.hold(abs(wrong_ms) <= 20, "the duration is wrong")
    verdict.hold(sink.audio == network.audio(Codec.PCMA), "samples are not at their places")
    verdict.hold([(g.start_ms, g.duration_ms) for g in sink.gaps] == network.holes(), "gaps are not where packets lack")
    return verdict


def trials(*, short: bool, seed: int) -> Iterator[Verdict]:
    yield asyncio.run(flood(1.5 if short else 30.0))
    yield asyncio.run(stall(0.6 if short else 5.0))
    yield loss(1.0 if short else 10.0, seed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a few seconds of each")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    faults = 0
    for verdict in trials(short=arguments.short, seed=arguments.seed):
        print(f"{verdict.name:<6} {verdict.figures}", flush=True)
        for problem in verdict.problems:
            print(f"       FAULT {problem}", flush=True)
        faults += len(verdict.problems)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
