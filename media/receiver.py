"""The UDP sockets of all legs, drained in one place: one pass per tick, no wake-up per packet.

A wake-up costs ten times the packet. So nobody waits for a socket: every tick takes what the kernel has queued, socket
by socket, into the rows of one matrix, parses the headers of the whole tick as columns, and gives each leg its runs. A
tick as long as a slice adds no latency that the slice does not have already, and a tick that comes late finds more
queued.

What a tick hands out is sent on at once, which costs ten times its own work. So more than 200 legs are drained in
turns, each its part of a period after the one before: whoever is last in a turn waits for that turn alone.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Final

from media.codecs import ASTERISK_PAYLOAD_TYPES, Codec
from media.datagrams import DatagramMatrix, open_socket
from media.drain import Drain
from media.framing import Frame, Gap, Slice
from media.leg import LegReport, LegStream
from media.sockets import Leg, LegSink
from media.totals import MediaTotals

__all__ = ["Frame", "Gap", "Leg", "LegReport", "LegSink", "NoFreePort", "Receiver", "Slice"]

STALL_S: Final = 2.0  # how long the loop may be stalled before the kernel has to drop
_PACKETS_PER_S: Final = 50
_KERNEL_BYTES_PER_PACKET: Final = 2304  # truesize of 20 ms L16 at 16 kHz in a receive buffer
_ROWS: Final = 1024  # datagrams per pass, a turn's of 400 calls; when more are queued, the tick makes several passes
_ROW_BYTES: Final = 1504  # more than an Ethernet datagram holds
_TURNS: Final = 4
_LEGS_PER_TURN: Final = 200  # before there is another turn: fewer together cost more each


def turn_of_next(sizes: Sequence[int]) -> int:
    """Which turn another leg joins, by how many each one has; one more than there are: a turn of its own."""
    for place, size in enumerate(sizes):
        if size < _LEGS_PER_TURN:
            return place
    return len(sizes) if len(sizes) < _TURNS else min(range(_TURNS), key=sizes.__getitem__)


class NoFreePort(OSError):
    """Every even port of the range is taken."""


class Receiver:
    """Opens legs and drains them. `run` in a task of the owner's, or `tick` by hand.

    `ports`: the range that legs are bound in, even ones only, so that each leg's RTCP port stays free. `slice_ms` is a
    multiple of 20 that divides `frame_ms`. All is single-threaded: one event loop, or none.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        ports: range = range(40000, 41000),
        *,
        frame_ms: int = 3000,
        slice_ms: int = 100,
        payload_types: Mapping[int, Codec] = ASTERISK_PAYLOAD_TYPES,
    ) -> None:
        if slice_ms <= 0 or slice_ms % 20 or frame_ms % slice_ms:
            raise ValueError(f"slice_ms {slice_ms} is no multiple of 20 that divides frame_ms {frame_ms}")
        self.slice_ms = slice_ms
        self.frame_ms = frame_ms
        self.tick_ms = min(slice_ms, 100)
        self._host = host
        self._ports = [port for port in ports if port % 2 == 0]
        self._next_port = 0
        self._payload_types = payload_types
        self._matrix = DatagramMatrix(_ROWS, _ROW_BYTES)
        self._turns: list[Drain] = [self._new_turn()]
        self._turn_of: dict[Leg, Drain] = {}
        self.closed = MediaTotals()  # of the legs that have stopped

    @property
    def totals(self) -> MediaTotals:
        """What all legs have seen so far."""
        return self.closed.with_open(leg.report() for leg in self._turn_of)

    def open(self, codec: Codec, sink: LegSink) -> Leg:
        """A leg bound to a free even port, deaf until it is connected. Raises NoFreePort."""
        sock = self._bind()
        stream = LegStream(
            codec,
            slice_ms=self.slice_ms,
            frame_ms=self.frame_ms,
            cut_short=self.slice_ms <= self.tick_ms,
            payload_types=self._payload_types,
        )
        return Leg(self, sock, stream, sink)

    def close(self) -> None:
        """Stop all legs that are connected."""
        for leg in list(self._turn_of):
            leg.stop()

    async def run(self) -> None:
        """Tick until cancelled. A tick that is late is followed by the next whole period, never by a burst."""
        period_s = self.tick_ms / 1000
        due = time.monotonic()
        while True:
            due += period_s
            for place, turn in enumerate(self._turns):
                if turn.legs or not place:
                    delay = due + place * period_s / _TURNS - time.monotonic()
                    if delay < 0:
                        due, delay = due - delay, 0.0
                    await asyncio.sleep(delay)
                    now = time.monotonic()
                    turn.tick(now, time.time() - now)

    def tick(self, now: float) -> None:
        """Take all that is queued for all legs and hand out what is ready; `now` in monotonic seconds."""
        for turn in list(self._turns):
            turn.tick(now, time.time() - now)

    def listen(self, leg: Leg) -> None:
        """`leg` is connected: drain it from the next tick on."""
        place = turn_of_next([len(turn.legs) for turn in self._turns])
        if place == len(self._turns):
            self._turns.append(self._new_turn())
        self._turns[place].add(leg)
        self._turn_of[leg] = self._turns[place]

    def finish(self, leg: Leg) -> None:
        """Drain `leg` a last time and let go of it."""
        now = time.monotonic()
        self._turn_of.pop(leg).finish(leg, now, time.time() - now)

    def account(self, leg: Leg) -> None:
        """Bring the leg's stream up to date."""
        turn = self._turn_of.get(leg)
        if turn is not None:
            turn.account(leg)
            turn.settle(leg)

    def _new_turn(self) -> Drain:
        return Drain(
            self._matrix,
            slice_ms=self.slice_ms,
            frame_ms=self.frame_ms,
            steadily=self.slice_ms == self.tick_ms,
            payload_types=self._payload_types,
        )

    def _bind(self) -> socket.socket:
        # Linux' default bound of twice 208 KB suffices for this, doubled.
        sock = open_socket(int(STALL_S * _PACKETS_PER_S * _KERNEL_BYTES_PER_PACKET))
        for _ in self._ports:
            # Round the range, so that a port rests before it is used again.
            port = self._ports[self._next_port]
            self._next_port = (self._next_port + 1) % len(self._ports)
            try:
                sock.bind((self._host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    sock.close()
                    raise
            else:
                return sock
        sock.close()
        raise NoFreePort(f"none of the {len(self._ports)} even ports on {self._host} is free")
