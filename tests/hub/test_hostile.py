"""Peers that mean harm, over raw sockets: each costs itself its connection and nobody else anything."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.hub.calls import gap, started
from tests.hub.running import Running, read, running, until

PATIENCE_S = 0.3


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, patience_s=PATIENCE_S) as room:
        room.publish(started())
        yield room


async def opened(room: Running, said: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", room.port)
    writer.write(said)
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /api/calls HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
        b"Content-Type: application/json\r\n\r\n{",
        b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n1\r\n{\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",  # a TLS greeting
    ],
    ids=["nothing", "half a header", "half a body", "a chunk", "tls"],
)
async def test_who_does_not_get_to_the_point_is_sent_away(room: Running, said: bytes) -> None:
    began = time.monotonic()
    connections = [await opened(room, said) for _ in range(50)]
    assert (await room.get("/api/calls"))[0] == 200
    async with asyncio.timeout(10 * PATIENCE_S + 3):
        for reader, writer in connections:
            with suppress(ConnectionResetError):
                await reader.read()  # to its end
            writer.close()
    assert time.monotonic() - began < 10 * PATIENCE_S + 3
    assert (await room.get("/api/calls"))[0] == 200


async def test_who_drips_is_sent_away_too(room: Running) -> None:
    """A byte now and then is no progress."""
    head = (
        b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\nContent-Type: application/json\r\n\r\n"
    )
    reader, writer = await opened(room, head)

    async def drip() -> None:
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(PATIENCE_S / 10)

    dripping = asyncio.create_task(drip(), name="drip")
    async with asyncio.timeout(10 * PATIENCE_S):
        answer = await reader.read()
    dripping.cancel()
    await asyncio.wait([dripping])
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_slow"


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_a_huge_body_is_not_read(room: Running, declared: bool) -> None:
    size = 10 * 2**20

    async def body() -> AsyncIterator[bytes]:
        for _ in range(size // 2**16):
            yield b"x" * 2**16

    data: object = io.BytesIO(b"x" * size) if declared else body()
    headers = {"Content-Type": "application/json"}
    try:
        async with room.http.post(f"{room.base}/api/login", data=data, headers=headers) as answer:
            assert answer.status == 413
    except aiohttp.ClientError:
        pass  # it was cut off while it still sent
    assert (await room.get("/api/calls"))[0] == 200


async def test_a_page_that_never_stops_talking_is_closed_and_the_others_go_on(room: Running) -> None:
    async with room.page() as page, room.page() as flood:
        await read(page)
        await read(flood)
        pong = '{"type":"pong"}'

        async def talk() -> None:
            while not flood.closed:
                await flood.send_str(pong)

        talking = asyncio.create_task(talk(), name="flood")
        while (await flood.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert flood.close_code == 1008
        talking.cancel()
        await asyncio.wait([talking])
        room.publish(gap())
        assert (await read(page))["type"] == "gap"
    await until(lambda: room.hub.counters.clients == 0)


async def test_a_page_may_say_much_at_once(room: Running) -> None:
    """A supervisor's page paints a hundred cards when it comes back."""
    async with room.page() as page:
        await read(page)
        for _ in range(150):
            await page.send_str('{"type":"painted","cursor":"1"}')
        room.publish(gap())
        assert (await read(page))["type"] == "gap"


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Null: \x00\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\xff" * 1000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_not_worth_a_traceback(
    room: Running, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever can reach the port could fill the disk with them."""
    reader, writer = await opened(room, said)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ") or answer.startswith(b"HTTP/1.0 400 ")
    assert b"Traceback" not in answer
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
