"""One WebSocket: how it opens, fails, fills up and ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http import HTTPStatus

import pytest

from ari_bridge.stt.timing import Timing
from ari_bridge.stt.wire import WRITABLE, Wire, WireClosed, WireFailed, WireRefused, open_wire
from tests.stt.peer import Peer

FAST = replace(Timing().faster(20), connect_s=0.8)


@asynccontextmanager
async def wire(peer: Peer) -> AsyncIterator[Wire]:
    made = await open_wire(peer.url, {"Authorization": "Bearer k"}, FAST, None)
    try:
        yield made
    finally:
        made.abort()


async def test_messages_go_both_ways() -> None:
    async with Peer() as peer, wire(peer) as made:
        assert made.writable
        made.send("{}")
        made.send(b"\xff" * 8)
        assert '"total_audio_proc_ms": 0' in str(await made.receive())
        assert '"total_audio_proc_ms": 1' in str(await made.receive())
        await made.close()
        assert not made.writable
        with pytest.raises(WireClosed):
            await made.receive()
        with pytest.raises(WireClosed):
            made.send(b"x")
    assert peer.sessions[0].headers["Authorization"] == "Bearer k"


async def test_the_peers_close_code_is_told() -> None:
    async with Peer() as peer, wire(peer) as made:
        made.send("{}")
        await made.receive()
        made.send("")
        await made.receive()
        await made.receive()
        with pytest.raises(WireClosed) as closed:
            await made.receive()
        assert closed.value.code == 1000


async def test_a_reset_has_no_code() -> None:
    async with Peer() as peer, wire(peer) as made:
        peer.lose_network()
        with pytest.raises(WireClosed) as closed:
            await made.receive()
        assert closed.value.code is None


async def test_a_refused_handshake_tells_its_status() -> None:
    async with Peer() as peer:
        peer.refuse = HTTPStatus.FORBIDDEN
        with pytest.raises(WireRefused) as refused:
            await open_wire(peer.url, {}, FAST, None)
    assert refused.value.status == 403


async def test_nobody_there() -> None:
    with pytest.raises(WireFailed, match="ConnectionRefusedError"):
        await open_wire("ws://127.0.0.1:9/", {}, FAST, None)


async def test_a_server_that_never_answers_is_left_at_the_deadline() -> None:
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    silent = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        began = asyncio.get_running_loop().time()
        with pytest.raises(WireFailed, match="timeout"):
            await open_wire(f"ws://127.0.0.1:{port}/", {}, FAST, None)
        assert 0.7 < asyncio.get_running_loop().time() - began < 2
        done.set()


async def test_a_server_of_another_kind() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org\r\n")
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(WireFailed):
            await open_wire(f"ws://127.0.0.1:{port}/", {}, FAST, None)


async def test_a_peer_that_does_not_read_makes_it_unwritable_and_never_waits() -> None:
    async with Peer() as peer, wire(peer) as made:
        made.send("{}")
        await made.receive()
        socket = peer.sessions[0].socket
        assert socket is not None
        socket.transport.pause_reading()  # type: ignore[attr-defined]
        sent = 0
        async with asyncio.timeout(2):
            while made.writable and sent < 100_000_000:
                made.send(bytes(WRITABLE))
                sent += WRITABLE
                await asyncio.sleep(0)
        assert not made.writable


async def test_a_half_open_line_ends_by_itself() -> None:
    async with Peer() as peer, wire(peer) as made:
        made.send("{}")
        await made.receive()
        socket = peer.sessions[0].socket
        assert socket is not None
        socket.transport.pause_reading()  # type: ignore[attr-defined]
        began = asyncio.get_running_loop().time()
        with pytest.raises(WireClosed):
            await made.receive()
        assert asyncio.get_running_loop().time() - began < 10 / 20 + 1


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_handshake_that_drips_is_left_at_the_deadline(scheme: str) -> None:
    """Byte by byte and never whole: of the upgrade, or of TLS's own handshake."""

    done = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            for byte in (b"HTTP/1.1 101 Switching Protocols\r\n" if scheme == "ws" else b"\x16\x03\x03\x40\x00") * 100:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.transport.abort()
        done.set()

    dripping = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with dripping:
        port = dripping.sockets[0].getsockname()[1]
        began = asyncio.get_running_loop().time()
        context = ssl.create_default_context() if scheme == "wss" else None
        with pytest.raises(WireFailed, match="timeout"):
            await open_wire(f"{scheme}://127.0.0.1:{port}/", {}, FAST, context)
        assert 0.7 < asyncio.get_running_loop().time() - began < 2
        async with asyncio.timeout(5):
            await done.wait()


async def test_a_name_that_nobody_knows_is_a_failure_like_any_other() -> None:
    with pytest.raises(WireFailed):
        await open_wire("ws://no-such-host.invalid/", {}, replace(FAST, connect_s=5.0), None)


async def test_a_ping_tells_whether_the_peer_is_alive() -> None:
    async with Peer() as peer, wire(peer) as made:
        made.send("{}")
        await made.receive()
        answered = await made.ping()
        async with asyncio.timeout(2):
            while not answered():
                await asyncio.sleep(0.005)
        peer.lose_network()
        with pytest.raises(WireClosed):
            await made.receive()
        with pytest.raises(WireClosed):
            await made.ping()
