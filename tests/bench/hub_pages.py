"""The pages of the hub's bench, in a process of their own: raw sockets that cut WebSocket frames themselves.

Every event carries the moment it was published (`@NANOSECONDS@`, the machine's monotonic clock) in one of its texts. A
page notes how long after that it had the event, and whether it was sent anything out of order or not for it.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

from tests.bench.frames import PONG, frame_at, handshake
from tests.bench.process import answers

PUBLISHED: Final = re.compile(rb"@(\d+)@")
CALL: Final = re.compile(rb'"(?:call_id|call":\{"id)":"([^"]+)"')


@dataclass
class Seen:
    """`late_ms` by role; of supervisors' partials, which are told twice a second by design, nothing is noted.

    `broken`: messages that did not follow the one before; `foreign`: of calls that are not the reader's.
    """

    late_ms: dict[str, list[float]] = field(default_factory=lambda: {"supervisor": [], "operator": []})
    finals: dict[str, int] = field(default_factory=lambda: {"supervisor": 0, "operator": 0})
    broken: int = 0
    foreign: int = 0
    lost: int = 0  # connections
    open: int = 0
    reopened_ms: list[float] = field(default_factory=list)


class BenchPage(asyncio.Protocol):
    """`own`: the one call it may see; None: all. A `stuck` one reads the answer to its handshake and nothing else."""

    def __init__(self, seen: Seen, token: str, own: bytes | None, *, stuck: bool = False) -> None:
        self.seen = seen
        self._token = token
        self.own = own
        self._role = "supervisor" if own is None else "operator"
        self._stuck = stuck
        self._epoch = self._cursor = b""
        self._begin()

    def _begin(self) -> None:
        self._buffer = bytearray()
        self._upgraded = False
        self._asked_at = time.monotonic()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def reconnect(self) -> None:
        """As a page does: it tells how far it came."""
        self.transport.abort()
        self._begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        query = f"?epoch={self._epoch.decode()}&cursor={self._cursor.decode()}" if self._epoch else ""
        transport.write(handshake(transport.get_extra_info("peername")[:2], self._token, query))

    def connection_lost(self, error: Exception | None) -> None:
        self.seen.lost += 1

    def data_received(self, data: bytes) -> None:
        now_ns, buffer = time.monotonic_ns(), self._buffer
        buffer += data
        if not self._upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert buffer.startswith(b"HTTP/1.1 101"), bytes(buffer[:300])
            del buffer[: end + 4]
            self._upgraded = True
            if self._stuck:
                self.transport.pause_reading()
                self.ready.set_result(None)
                return
        start = 0
        while (frame := frame_at(buffer, start)) is not None:
            opcode, begin, start = frame
            if opcode == 1:
                self._take(bytes(buffer[begin:start]), now_ns)
            elif opcode == 9:
                self.transport.write(PONG)
        del buffer[:start]

    def _take(self, message: bytes, now_ns: int) -> None:
        words = message.split(b'"', 12)
        kind = words[3]
        if kind in (b"snapshot", b"resumed"):
            first = json.loads(message)
            self._epoch, self._cursor = first["epoch"].encode(), first["cursor"].encode()
            if self._asked_at and not self.ready.done():
                self.seen.reopened_ms.append((time.monotonic() - self._asked_at) * 1000)
                self.ready.set_result(None)
            return
        self.seen.broken += words[11] != self._cursor
        self._cursor = words[7]
        call, published = CALL.search(message), PUBLISHED.search(message)
        if call is None:
            return
        self.seen.foreign += self.own is not None and call[1] != self.own
        final = b'"final":true' in message
        self.seen.finals[self._role] += final
        if published is not None and (self.own is not None or final or kind != b"transcript"):
            self.seen.late_ms[self._role].append((now_ns - int(published[1])) / 1e6)


def serve(pipe: Connection, port: int, people: Sequence[tuple[str, str | None]]) -> None:
    """Process main. `people`: tokens, and whose call each may see. Says when all pages are open; answers `stick`,
    `reconnect`, `seen` (and begins to count anew), `end`."""
    asyncio.run(_serve(pipe, port, people))


async def _serve(pipe: Connection, port: int, people: Sequence[tuple[str, str | None]]) -> None:
    loop, seen = asyncio.get_running_loop(), Seen()
    pages = [BenchPage(seen, token, own.encode() if own else None) for token, own in people]
    stuck: list[BenchPage] = []

    async def connect(page: BenchPage) -> None:
        await loop.create_connection(lambda: page, "127.0.0.1", port)
        await page.ready

    for page in pages:
        await connect(page)
    pipe.send(len(pages))
    async for request in answers(pipe):
        if request == "stick":
            for token, own in (people[0], people[-1]):
                stuck.append(BenchPage(Seen(), token, own.encode() if own else None, stuck=True))
                await connect(stuck[-1])
        elif request == "reconnect":
            for page in pages:
                page.reconnect()
            seen.reopened_ms.clear()
            await asyncio.gather(*map(connect, pages))
        seen.open = len(pages)
        pipe.send(seen)
        if request == "seen":
            seen = Seen()
            for page in pages:
                page.seen = seen
