"""The pages of the chain's bench: ten supervisors and an operator per call, in a process of their own.

A page here is a raw socket that cuts WebSocket frames itself (RFC 6455 §5.2), so that 200 of them cost little. Each
checks that no message is missing (`prev`), and keeps every final line it was sent.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

from tests.bench.chain_pbx import FIRST_NUMBER
from tests.bench.chain_recogniser import Shown
from tests.bench.frames import PONG, frame_at, handshake
from tests.bench.process import answers

SUPERVISORS: Final = 10
CLOSE: Final = bytes([0x88, 0x80, 0, 0, 0, 0])
LineKey = tuple[int, int]
"""Leg and utterance."""


@dataclass(frozen=True, slots=True)
class PageSaw:
    """`finals` by leg and utterance; `broken`: messages that did not follow the one before."""

    operator_of: int | None
    messages: int
    bytes: int
    broken: int
    doubled: int
    starts: int
    ends: int
    finals: dict[LineKey, str]
    kinds: dict[str, int]
    closed: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """`lines`: when a page got what a line showed, of operators and of supervisors."""

    pages: list[PageSaw]
    operators_got: list[tuple[int, Shown, float]]
    supervisors_got: list[tuple[int, Shown, float]]
    cpu_s: float


@dataclass(slots=True)
class Log:
    """What all pages share."""

    noting: bool = False
    operators_got: list[tuple[int, Shown, float]] = field(default_factory=list)
    supervisors_got: list[tuple[int, Shown, float]] = field(default_factory=list)


class BenchPage(asyncio.Protocol):
    def __init__(self, log: Log, token: str, operator_of: int | None) -> None:
        self._log = log
        self._token = token
        self.operator_of = operator_of
        self._got = log.supervisors_got if operator_of is None else log.operators_got
        self._buffer = bytearray()
        self._upgraded = False
        self._last: bytes | None = None
        self._calls: dict[str, int] = {}
        self._messages = self._bytes = self._broken = self._doubled = self._starts = self.ends = 0
        self._finals: dict[LineKey, str] = {}
        self._kinds: dict[str, int] = {}
        self._transport: asyncio.WriteTransport | None = None
        self._closed = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(handshake(transport.get_extra_info("peername")[:2], self._token))

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        self._bytes += len(data)
        buffer = self._buffer
        buffer += data
        if not self._upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert buffer.startswith(b"HTTP/1.1 101"), bytes(buffer[:200])
            del buffer[: end + 4]
            self._upgraded = True
        start = 0
        while (frame := frame_at(buffer, start)) is not None:
            opcode, begin, start = frame
            if opcode == 1:
                self._take(bytes(buffer[begin:start]), at)
            elif opcode == 8 and self._transport is not None:
                self._transport.write(CLOSE)
                self._transport.close()
            elif opcode == 9 and self._transport is not None:
                self._transport.write(PONG)
        del buffer[:start]

    def saw(self) -> PageSaw:
        return PageSaw(
            self.operator_of,
            self._messages,
            self._bytes,
            self._broken,
            self._doubled,
            self._starts,
            self.ends,
            self._finals,
            self._kinds,
            self._closed,
        )

    def _take(self, message: bytes, at: float) -> None:
        self._messages += 1
        words = message.split(b'"', 12)
        kind = words[3].decode()
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if kind == "snapshot":
            snapshot = json.loads(message)
            self._last = snapshot["cursor"].encode()
            for call in snapshot["calls"]:
                self._calls[call["id"]] = _number(call)
            self.ready.set_result(None)
            return
        cursor, prev = words[7], words[11]
        self._broken += prev != self._last
        self._last = cursor
        if kind == "transcript":
            self._line(json.loads(message), at)
        elif kind == "call_start":
            call = json.loads(message)["call"]
            self._calls[call["id"]] = _number(call)
            self._starts += 1
        elif kind == "call_end":
            self.ends += 1

    def _line(self, line: dict[str, Any], at: float) -> None:
        leg = 2 * self._calls[line["call_id"]] + (line["leg"] == "operator")
        utterance = line["utterance"]
        if line["final"] and line["text"]:  # an empty one takes back a word that was only begun
            self._doubled += (leg, utterance) in self._finals
            self._finals[leg, utterance] = line["text"]
        if self._log.noting:
            self._got.append((leg, Shown(utterance, len(line["text"]) + len(line["tail"]), line["final"]), at))


def _number(call: dict[str, Any]) -> int:
    return int(call["client_number"].lstrip("+")) - FIRST_NUMBER


def serve(pipe: Connection, port: int, supervisors: Sequence[str], operators: Sequence[str]) -> None:
    """Process main; the pages' tokens. Says when all pages are open; answers `note`, `stop noting`, `ended` (how many
    pages saw the end of all they may see), `end` (what was `Seen`)."""
    asyncio.run(_serve(pipe, port, supervisors, operators))


async def _serve(pipe: Connection, port: int, supervisors: Sequence[str], operators: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    log = Log()
    pages = [BenchPage(log, token, None) for token in supervisors]
    pages += [BenchPage(log, token, call) for call, token in enumerate(operators)]
    for page in pages:
        await loop.create_connection(lambda page=page: page, "127.0.0.1", port)  # type: ignore[misc]
        await page.ready
    pipe.send(len(pages))
    async for request in answers(pipe):
        match request:
            case "note" | "stop noting":
                log.noting = request == "note"
                pipe.send(time.process_time())
            case "ended":
                pipe.send(sum(page.ends == (len(operators) if page.operator_of is None else 1) for page in pages))
            case _:
                saw = [page.saw() for page in pages]
                pipe.send(Seen(saw, log.operators_got, log.supervisors_got, time.process_time()))
