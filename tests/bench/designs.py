"""The three receivers that the bench compares, behind one face: the floor, the product's, the usual way.

Each counts packets and, once asked, notes how long a packet took from its sending to being handed over.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Protocol

from media.codecs import Codec
from media.framing import Slice
from media.receiver import Frame, Gap, Leg, Receiver
from tests.bench.rtp_sender import HEADER, SAMPLES

TICK_S = 0.1
LATENCY_LEGS = 32  # legs whose packets' latencies are noted


class Design(Protocol):
    """A receiver of `sources`, one leg for each source port; made inside a running loop."""

    latencies_ms: list[float]

    def packets(self) -> int:
        """How many were handed over so far."""

    def note_latencies(self) -> None:
        """From now on note those of `LATENCY_LEGS` legs."""

    async def open(self, sources: Sequence[int]) -> list[int]:
        """The legs' own ports, in the order of `sources`."""

    async def run(self) -> None:
        """Receive until cancelled."""

    def close(self) -> None:
        """Take what is still queued, then close all sockets."""


class MediaReceiver:
    """`media.receiver`: order, loss, reordering, frames, level, speech, jitter, drift."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self._receiver = Receiver(ports=range(20_000, 60_000))
        self._legs: list[Leg] = []
        self._sinks: list[_SliceSink] = []

    def packets(self) -> int:
        return sum(sink.audio_bytes for sink in self._sinks) // SAMPLES

    def note_latencies(self) -> None:
        for sink in self._sinks[:LATENCY_LEGS]:
            sink.latencies_ms = self.latencies_ms

    async def open(self, sources: Sequence[int]) -> list[int]:
        for port in sources:
            sink = _SliceSink()
            leg = self._receiver.open(Codec.PCMA, sink)
            leg.connect("127.0.0.1", port)
            self._sinks.append(sink)
            self._legs.append(leg)
        return [leg.port for leg in self._legs]

    async def run(self) -> None:
        await self._receiver.run()

    def close(self) -> None:
        self._receiver.close()


class _SliceSink:
    def __init__(self) -> None:
        self.audio_bytes = 0
        self.latencies_ms: list[float] | None = None

    def on_slice(self, slice: Slice, /) -> None:
        self.audio_bytes += len(slice.payload)
        if self.latencies_ms is not None:
            now = time.monotonic_ns()
            for start in range(0, len(slice.payload), SAMPLES):
                self.latencies_ms.append((now - int.from_bytes(slice.payload[start : start + 8], "big")) / 1e6)

    def on_frame(self, frame: Frame, /) -> None: ...

    def on_gap(self, gap: Gap, /) -> None:
        self.audio_bytes -= gap.duration_ms * 8

    def on_codec(self, codec: Codec, /) -> None: ...


class BareLoop:
    """The floor as Python sees it: `recv_into` on every socket until it is empty, once a tick. Reads no header."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self._packets = 0
        self._row = memoryview(bytearray(1504))
        self._sockets: list[socket.socket] = []

    def packets(self) -> int:
        return self._packets

    def note_latencies(self) -> None:
        """It reads nothing, so it has none."""

    async def open(self, sources: Sequence[int]) -> list[int]:
        for port in sources:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            sock.connect(("127.0.0.1", port))
            sock.setblocking(False)
            self._sockets.append(sock)
        return [sock.getsockname()[1] for sock in self._sockets]

    async def run(self) -> None:
        due = time.monotonic()
        while True:
            due += TICK_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._drain()

    def _drain(self) -> None:
        packets, row = 0, self._row
        for sock in self._sockets:
            receive = sock.recv_into
            try:
                while True:
                    receive(row)
                    packets += 1
            except BlockingIOError:
                pass
        self._packets += packets

    def close(self) -> None:
        self._drain()
        for sock in self._sockets:
            sock.close()


class Datagrams:
    """The usual way: an `asyncio.DatagramProtocol` per leg that cuts off 12 bytes and appends the rest, and no more."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self._protocols: list[Appending] = []
        self._transports: list[asyncio.DatagramTransport] = []

    def packets(self) -> int:
        return sum(len(protocol.payloads) for protocol in self._protocols)

    def note_latencies(self) -> None:
        for transport in self._transports[:LATENCY_LEGS]:
            protocol = Noting(self.latencies_ms)
            transport.set_protocol(protocol)
            self._protocols.append(protocol)

    async def open(self, sources: Sequence[int]) -> list[int]:
        loop = asyncio.get_running_loop()
        for port in sources:
            transport, protocol = await loop.create_datagram_endpoint(
                Appending, local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", port)
            )
            self._transports.append(transport)
            self._protocols.append(protocol)
        return [transport.get_extra_info("sockname")[1] for transport in self._transports]

    async def run(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        for transport in self._transports:
            transport.close()


class Appending(asyncio.DatagramProtocol):
    """The baseline itself."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.payloads.append(data[12:])


class Noting(Appending):
    """The same, with the latency noted; takes over after the CPU time was taken."""

    def __init__(self, latencies_ms: list[float]) -> None:
        super().__init__()
        self._latencies_ms = latencies_ms

    def datagram_received(self, data: bytes, addr: object) -> None:
        super().datagram_received(data, addr)
        self._latencies_ms.append((time.monotonic_ns() - int.from_bytes(data[HEADER : HEADER + 8], "big")) / 1e6)


DESIGNS: dict[str, type[Design]] = {
    "floor": BareLoop,
    "media": MediaReceiver,
    "datagrams": Datagrams,
}
