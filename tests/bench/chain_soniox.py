"""A Soniox over TLS for the chain's bench, in a process of its own: cheap enough for 400 streams at once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from websockets.speedups import apply_mask

from ari_bridge.demo.soniox_protocol import MODELS
from tests.bench.chain_recogniser import Recogniser, Reply, Shown
from tests.bench.process import answers

ANSWERS_WITHIN_S: Final = 0.1
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
WEBSOCKET_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Arrival = tuple[float, int, int]
"""When a slice arrived (monotonic), its leg, the stamp of its newest block."""


@dataclass(frozen=True, slots=True)
class LegHeard:
    """What one stream brought."""

    leg: int | None
    first_block: int | None
    blocks: int
    words: int
    lost: int
    repeated: int
    foreign: int


@dataclass(frozen=True, slots=True)
class Heard:
    """`told`: when each message was sent, by leg and what it showed."""

    legs: list[LegHeard]
    told: dict[tuple[int, Shown], float]
    arrivals: list[Arrival]
    cpu_s: float


@dataclass(slots=True)
class MarkedSoniox:
    """The service; `noting` says whether times are kept."""

    live: int = 0
    noting: bool = False
    told: dict[tuple[int, Shown], float] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    recognisers: list[Recogniser] = field(default_factory=list)

    def heard(self) -> Heard:
        legs = [
            LegHeard(one.leg, one.first_block, one.blocks, one.words, one.lost, one.repeated, one.foreign)
            for one in self.recognisers
        ]
        return Heard(legs, self.told, self.arrivals, time.process_time())


class Stream(asyncio.Protocol):
    """One connection: HTTP for the models, else one leg's WebSocket (RFC 6455 §5), cut by hand because that is cheap.

    Answers come up to a tick later, each leg's at its own moment: a recogniser does not answer all streams at once.
    """

    def __init__(self, service: MarkedSoniox) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._recogniser = Recogniser()
        self._buffer = bytearray()
        self._upgraded = self._started = False
        self._delay_s = random.uniform(0, ANSWERS_WITHIN_S)
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._service.live -= self._started

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        self._buffer += data
        if not self._upgraded:
            self._answer_request()
        while self._upgraded and (frame := self._next_frame()) is not None:
            self._take(*frame, at)

    def _answer_request(self) -> None:
        head, blank, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not blank or self._transport is None:
            return
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))
        }
        key = headers.get(b"sec-websocket-key")
        if key is None:
            models = json.dumps({"models": [model.describe() for model in MODELS.values()]}).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(models), models))
            self._transport.close()
            return
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        self._upgraded = True
        self._buffer = bytearray(rest)

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Opcode and payload of the next frame that is all there."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, begin = buffer[1] & 127, 2
        if length > 125:
            size = 2 if length == 126 else 8
            length, begin = int.from_bytes(buffer[2 : 2 + size], "big"), 2 + size
        if len(buffer) < begin + 4 + length:
            return None
        payload = apply_mask(bytes(buffer[begin + 4 : begin + 4 + length]), bytes(buffer[begin : begin + 4]))
        opcode = buffer[0] & 15
        del buffer[: begin + 4 + length]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes, at: float) -> None:
        if opcode == BINARY:
            replies, mark = self._recogniser.feed(payload)
            if self._service.noting and mark is not None:
                self._service.arrivals.append((at, mark.leg, mark.sent))
            if replies:
                self._loop.call_later(self._delay_s, self._tell, replies)
        elif opcode == TEXT and not self._started:
            self._started = True
            self._service.live += 1
            self._service.recognisers.append(self._recogniser)
            self._send('{"tokens":[],"final_audio_proc_ms":0,"total_audio_proc_ms":0}')
        elif opcode == TEXT and not payload:
            self._loop.call_later(self._delay_s, self._finish)
        elif opcode in (PING, CLOSE) and self._transport is not None:
            self._transport.write(bytes((0x80 | (PONG if opcode == PING else CLOSE), len(payload))) + payload)

    def _tell(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            if self._service.noting and reply.shown is not None and self._recogniser.leg is not None:
                self._service.told.setdefault((self._recogniser.leg, reply.shown), time.monotonic())
            self._send(reply.json)

    def _finish(self) -> None:
        for text in self._recogniser.finish():
            self._send(text)
        if self._transport is not None:
            self._transport.write(b"\x88\x02\x03\xe8")  # 1000

    def _send(self, text: str) -> None:
        payload = text.encode()
        length = len(payload)
        header = bytes((0x81, length)) if length < 126 else b"\x81\x7e" + length.to_bytes(2, "big")
        if self._transport is not None:
            self._transport.write(header + payload)


def serve(pipe: Connection, certificate: Path) -> None:
    """Process main. Tells its port; answers `live`, `note`, `end` (with what it `Heard`)."""
    asyncio.run(_serve(pipe, certificate))


async def _serve(pipe: Connection, certificate: Path) -> None:
    soniox = MarkedSoniox()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(
        lambda: Stream(soniox), "127.0.0.1", 0, ssl=context, backlog=1024
    )
    pipe.send(server.sockets[0].getsockname()[1])
    async for request in answers(pipe):
        match request:
            case "live":
                pipe.send(soniox.live)
            case "note" | "stop noting":
                soniox.noting = request == "note"
                pipe.send(time.process_time())
            case _:
                pipe.send(soniox.heard())
    server.close()
