"""One GET of a JSON document, whatever the server makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_bridge.stt.http_json import get_json


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers every connection with these bytes and closes it."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        host, port = listening.sockets[0].getsockname()
        yield f"http://{host}:{port}/v1/models", asked


def answer(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (answer("200 OK", b'{"models":[]}'), (200, {"models": []})),
        (answer("200 OK", b"<html>"), (200, None)),
        (answer("401 Unauthorized", b'{"error_type":"unauthenticated"}'), (401, {"error_type": "unauthenticated"})),
        (answer("502 Bad Gateway", b"\xff\xfe"), (502, None)),
    ],
)
async def test_status_and_document(sent: bytes, expected: tuple[int, object]) -> None:
    async with server(sent) as (url, asked):
        assert await get_json(url, "k-1", 5, None) == expected
    assert b"Authorization: Bearer k-1\r\n" in asked[0]


@pytest.mark.parametrize("sent", [b"", b"nonsense\r\n\r\n"])
async def test_a_broken_answer_is_an_os_error(sent: bytes) -> None:
    async with server(sent) as (url, _):
        with pytest.raises(OSError, match=r"nonsense|closed"):
            await get_json(url, "k-1", 5, None)


async def test_nobody_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match="refused"):
        await get_json("http://127.0.0.1:9/v1/models", "k-1", 5, None)
