"""Hostile datagrams against a leg: `python -m tests.media.fuzz [--datagrams N] [--seed S]`.

Random octets, mutated packets of a good stream, and the good stream itself in between, through real sockets. Nothing
may raise, and what a leg hands out and keeps must stay within what real time and the arrived audio allow.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass

from media.codecs import Codec
from media.framing import Frame, Gap, Slice
from media.receiver import Receiver
from media.rtp import RtpPacket
from tests.media.legs import Sender

LEGS = 20
DATAGRAMS_PER_TICK = 30  # of a leg
LEAD_MS = 1000


@dataclass
class Tally:
    """A sink that only adds up."""

    audio_ms: int = 0
    end_ms: int = 0
    frames: int = 0

    def on_slice(self, slice: Slice, /) -> None:
        assert slice.start_ms >= self.end_ms
        assert len(slice.payload) == slice.duration_ms * slice.codec.rate // 1000 * slice.codec.bytes_per_sample or (
            len(slice.payload) % slice.codec.bytes_per_sample == 0
        )
        self.audio_ms += slice.duration_ms
        self.end_ms = slice.start_ms + slice.duration_ms

    def on_frame(self, frame: Frame, /) -> None:
        assert frame.number == self.frames
        assert 0 <= frame.lost_ms <= frame.duration_ms
        self.frames += 1

    def on_gap(self, gap: Gap, /) -> None:
        assert gap.duration_ms >= 0

    def on_codec(self, codec: Codec, /) -> None: ...


def hostile(chance: random.Random, sender: Sender, index: int) -> bytes:
    """A datagram that is anything from noise to a packet with one field wrong."""
    kind = chance.randrange(8)
    if kind == 0:
        return chance.randbytes(chance.randrange(64))
    datagram = bytearray(sender.packet(index).serialize())
    if kind == 1:
        return bytes(datagram[: chance.randrange(len(datagram))])
    if kind == 2:
        return RtpPacket(
            chance.choice((0, 8, 10, 11, 13, 72, 101, 118, 127)),
            chance.randrange(1 << 16),
            chance.randrange(1 << 32),
            chance.choice((sender.ssrc, chance.randrange(1 << 32))),
            chance.randbytes(chance.choice((0, 1, 80, 160, 320, 640))),
            csrc=tuple(chance.randrange(1 << 32) for _ in range(chance.randrange(3))),
            extension=(0xBEDE, bytes(4 * chance.randrange(4))) if chance.random() < 0.3 else None,
        ).serialize(chance.choice((0, 0, 4)))
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        position = chance.randrange(min(20, len(datagram)) if kind < 7 else len(datagram))
        datagram[position] = chance.randrange(256)
    return bytes(datagram)


def fuzz(datagrams: int, seed: int) -> str:
    """Send so many, assert that all is well, and say what became of them."""
    chance = random.Random(seed)
    receiver = Receiver(ports=range(20_000, 60_000))
    sender, tallies = Sender(), [Tally() for _ in range(LEGS)]
    legs = [receiver.open(Codec.PCMA, tally) for tally in tallies]
    for leg in legs:
        leg.connect(*sender.address)
    ticks = max(1, datagrams // (LEGS * DATAGRAMS_PER_TICK))
    begin = time.monotonic()
    for tick in range(ticks):
        for leg in legs:
            for number in range(DATAGRAMS_PER_TICK):
                index = tick * 5 + number % 5
                good = number < 5 and chance.random() < 0.5
                sender.send_raw(leg, sender.packet(index).serialize() if good else hostile(chance, sender, index))
        receiver.tick(begin + tick / 10)
    reports = [leg.stop() for leg in legs]
    sender.close()
    for report, tally in zip(reports, tallies, strict=True):
        assert report.delivery_error is None, report
        # Time goes by with our clock; beyond it only audio that arrived, at most 80 ms a datagram, can carry the line.
        assert tally.end_ms <= ticks * 100 + LEAD_MS + report.packets * 80
    counters = ("packets", "malformed", "foreign", "late", "discontinuities", "ssrc_changes", "restarts")
    sums = ", ".join(f"{sum(getattr(report, name) for report in reports)} {name}" for name in counters)
    return f"seed {seed}: {ticks * LEGS * DATAGRAMS_PER_TICK} datagrams, {sums}; none raised"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datagrams", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    print(fuzz(arguments.datagrams, arguments.seed))


if __name__ == "__main__":
    main()
