"""One connection over a real socket: slow, stuck, dead."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.protocol import MessageLog
from tests.hub.calls import card, final, gap, started
from tests.hub.running import Running, read, running, until

HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extra}\r\n"
)


@asynccontextmanager
async def raw_page(port: int, extra: str = "") -> AsyncIterator[socket.socket]:
    """A page that does nothing by itself: no reading, no pong."""
    loop = asyncio.get_running_loop()
    with socket.socket() as line:
        line.setblocking(False)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(line, ("127.0.0.1", port))
        await loop.sock_sendall(line, HANDSHAKE.format(port=port, extra=extra).encode())
        yield line


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as room:
        yield room


async def test_a_stuck_reader_costs_little_and_nobody_else(tmp_path: Path) -> None:
    hub = Hub(message_log=MessageLog(max_messages=10))
    async with running(tmp_path, hub) as room, raw_page(room.port), room.page() as well:
        await until(lambda: hub.counters.clients == 2)
        await read(well)
        room.publish(started())
        await read(well)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        worst = 0
        for number in range(3000):
            room.publish(card("s1", content=f"{number} " + "х" * 500))
            assert (await read(well))["content"].startswith(f"{number} ")
            if number % 50 == 0:
                worst = max(worst, tracemalloc.get_traced_memory()[0] - before)
        tracemalloc.stop()
        assert worst < 2**20
        await until(lambda: hub.counters.clients == 1, timeout_s=6.0)
        assert hub.counters.overflows_total == 1


async def test_a_slow_reader_that_wakes_up_is_told_to_try_again(tmp_path: Path) -> None:
    hub = Hub()
    async with running(tmp_path, hub) as room, raw_page(room.port) as line:
        await until(lambda: hub.counters.clients == 1)
        room.publish(started())
        for number in range(3000):
            room.publish(card(f"s{number}", content="х" * 500))
            if number % 20 == 0:
                await asyncio.sleep(0)
        loop, received = asyncio.get_running_loop(), b""
        async with asyncio.timeout(5):
            while chunk := await loop.sock_recv(line, 65536):
                received += chunk
                if b"reader too slow" in received[-64:]:
                    break
        assert (1013).to_bytes(2, "big") + b"reader too slow" in received


async def test_a_dead_line_is_found(tmp_path: Path) -> None:
    """No pong within the heartbeat: the connection is given up."""
    async with running(tmp_path, heartbeat_s=0.1) as room, raw_page(room.port):
        await until(lambda: room.hub.counters.clients == 1)
        await until(lambda: room.hub.counters.clients == 0, timeout_s=2.0)


async def test_a_page_that_answers_pings_stays(tmp_path: Path) -> None:
    async with running(tmp_path, heartbeat_s=0.05) as room, room.page() as page:
        for _ in range(12):
            await page.receive_str(timeout=1)
        assert room.hub.counters.clients == 1


async def test_compression_is_never_agreed_on(room: Running) -> None:
    extra = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    async with raw_page(room.port, extra) as line:
        answer = await asyncio.get_running_loop().sock_recv(line, 4096)
    assert answer.startswith(b"HTTP/1.1 101")
    assert b"permessage" not in answer.split(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x05hello",  # not masked: RFC 6455 §5.1 forbids it
        b"\xf1\x80\0\0\0\0",  # reserved bits
        b"\x83\x80\0\0\0\0",  # a reserved opcode
        b"\x89\xfe\x01\x00" + b"\0" * 260,  # a ping above 125 bytes
        b"\x81\xff" + (2**62).to_bytes(8, "big") + b"\0\0\0\0",  # says that 4 EB follow
        b"\x81\x82\0\0\0\0\xff\xfe",  # not UTF-8
        b"\x88\x81\0\0\0\0\x03",  # half a close code
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_a_broken_websocket_ends_only_itself(room: Running, frame: bytes) -> None:
    async with room.page() as well, raw_page(room.port) as line:
        await read(well)
        await until(lambda: room.hub.counters.clients == 2)
        await asyncio.get_running_loop().sock_sendall(line, frame)
        line.shutdown(socket.SHUT_WR)
        await until(lambda: room.hub.counters.clients == 1)
        room.publish(started())
        assert (await read(well))["type"] == "call_start"


async def test_a_connection_that_is_reset_ends_only_itself(room: Running) -> None:
    async with room.page() as well:
        await read(well)
        async with raw_page(room.port) as line:
            await until(lambda: room.hub.counters.clients == 2)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        room.publish(started())
        room.publish(gap())
        await until(lambda: room.hub.counters.clients == 1)
        assert [(await read(well))["type"] for _ in range(2)] == ["call_start", "gap"]


async def test_two_hundred_pages_come_back_at_once(tmp_path: Path) -> None:
    """Their snapshots do not hold up what else the loop has to do."""
    hub = Hub()
    async with running(tmp_path, hub) as room:
        for number in range(20):
            room.publish(started(f"c{number}"))
            for utterance in range(30):
                room.publish(final("Это слишком дорого для нас", utterance, f"c{number}"))
        lines = [socket.socket() for _ in range(200)]
        for line in lines:
            line.setblocking(False)
        loop = asyncio.get_running_loop()

        async def open_page(line: socket.socket) -> None:
            await loop.sock_connect(line, ("127.0.0.1", room.port))
            await loop.sock_sendall(line, HANDSHAKE.format(port=room.port, extra="").encode())

        gc.collect()
        gc.freeze()  # the test session's heap is not the daemon's: a full collection of it takes 100 ms
        opening = asyncio.gather(*(open_page(line) for line in lines))
        longest = 0.0
        while hub.counters.clients < 200:
            busy = time.thread_time()  # not wall time: other processes may have the core meanwhile
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - busy)
        await opening
        gc.unfreeze()
        for line in lines:
            line.close()
        await until(lambda: hub.counters.clients == 0, timeout_s=10.0)
    print(f"200 reconnects at once: the loop was busy for {longest * 1000:.0f} ms at most")
    assert longest < 0.1


async def test_the_end_of_a_long_snapshot_brings_the_page_to_the_present(tmp_path: Path) -> None:
    hub = Hub()
    async with running(tmp_path, hub) as room:
        for number in range(30):
            room.publish(started(f"c{number}"))
            for utterance in range(40):
                room.publish(final("слово " * 50, utterance, f"c{number}"))
        async with room.page() as page:
            snapshot = json.loads(await page.receive_str())
            assert snapshot["cursor"].endswith("~")
            lines = sum(len(c["transcript"]) for c in snapshot["calls"])
            prev = snapshot["cursor"]
            while prev.endswith("~"):
                message = await read(page)
                assert message["prev"] == prev
                prev = message["cursor"]
                lines += 1
            assert (lines, prev) == (1200, str(hub.cursor))
