"""Asterisk's media WebSocket against a peer that speaks its protocol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ari_bridge.asterisk.client import AriError
from ari_bridge.asterisk.media_socket import MediaSockets
from ari_bridge.errors import IllegalInput
from ari_bridge.settings import AriSettings
from media.rtp import RtpPacket

START = "MEDIA_START connection_id:c-1 channel:WebSocket/INCOMING/0x1 format:alaw optimal_frame_size:160 ptime:20"


@dataclass
class Peer:
    """What Asterisk would be; `line` is the connection once it is up."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    refuse: HTTPStatus | None = None
    up: asyncio.Event = field(default_factory=asyncio.Event)
    line: ServerConnection | None = None

    async def handle(self, line: ServerConnection) -> None:
        self.line = line
        await line.send(START)
        self.up.set()
        with suppress(ConnectionClosed):
            await line.recv()

    async def upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return connection.respond(self.refuse, "no\n") if self.refuse else None

    async def say(self, *messages: bytes | str) -> None:
        await self.up.wait()
        assert self.line is not None
        for message in messages:
            await self.line.send(message)


@dataclass
class Leg:
    """The leg's own socket, and whether the line was reported lost."""

    inlet: socket.socket
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.inlet.getsockname()[:2]
        return host, port

    async def on_lost(self) -> None:
        self.lost.set()

    async def packets(self, count: int, within_s: float = 5.0) -> list[RtpPacket]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(within_s):
            return [RtpPacket.parse(await loop.sock_recv(self.inlet, 2000)) for _ in range(count)]


@asynccontextmanager
async def media() -> AsyncIterator[tuple[Peer, MediaSockets, Leg]]:
    peer = Peer()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inlet:
        inlet.bind(("127.0.0.1", 0))
        inlet.setblocking(False)
        async with serve(
            peer.handle, "127.0.0.1", 0, process_request=peer.upgrade, subprotocols=["media"], compression=None
        ) as server:  # type: ignore[list-item]
            port = next(iter(server.sockets)).getsockname()[1]
            url = f"http://127.0.0.1:{port}"
            settings = AriSettings(url=url, username="bridge", password=SecretStr("s:e"), request_timeout_s=1.0)
            sockets = MediaSockets(settings)
            serving = asyncio.create_task(sockets.serve(), name="media.sockets")
            await asyncio.sleep(0)
            try:
                yield peer, sockets, Leg(inlet)
            finally:
                serving.cancel()
                with suppress(asyncio.CancelledError):
                    await serving


async def test_frames_become_packets_of_the_address_that_was_told() -> None:
    async with media() as (peer, sockets, leg):
        source = await sockets.open("ch", "c-1", leg.address, "alaw", leg.on_lost)
        leg.inlet.connect(source)  # as a leg is pinned: nothing else is let in
        await peer.say(b"\xd5" * 160, "MEDIA_XON", b"", b"\x55" * 160)
        first, second = await leg.packets(2)
        assert (first.payload, second.payload) == (b"\xd5" * 160, b"\x55" * 160)
        assert (first.payload_type, second.sequence_number, second.timestamp) == (8, 1, 160)
    (request,) = peer.requests
    assert request.path == "/media/c-1"
    assert request.headers["Authorization"] == "Basic YnJpZGdlOnM6ZQ=="
    assert request.headers["Sec-WebSocket-Protocol"] == "media"


async def test_a_burst_after_a_stall_overflows_nothing() -> None:
    async with media() as (peer, sockets, leg):
        await sockets.open("ch", "c-1", leg.address, "alaw", leg.on_lost)
        began = asyncio.get_running_loop().time()
        await peer.say(*[bytes([number % 250]) * 160 for number in range(150)])  # three seconds at once
        packets = await leg.packets(150)
        assert [p.payload[0] for p in packets] == [number % 250 for number in range(150)]
        assert 0.25 < asyncio.get_running_loop().time() - began < 2


async def test_a_line_that_ends_is_told_and_one_that_is_closed_is_not() -> None:
    async with media() as (peer, sockets, leg):
        await sockets.open("ch", "c-1", leg.address, "alaw", leg.on_lost)
        await peer.say(b"\xd5" * 160)
        assert peer.line is not None
        await peer.line.close()
        async with asyncio.timeout(2):
            await leg.lost.wait()
        sockets.close("ch")
        leg.lost.clear()
        peer.up.clear()
        await sockets.open("ch", "c-1", leg.address, "alaw", leg.on_lost)
        await peer.up.wait()
        sockets.close("ch")
        async with asyncio.timeout(2):
            await peer.line.wait_closed()
        await asyncio.sleep(0.05)
        assert not leg.lost.is_set()


async def test_asterisk_that_is_away_when_a_line_is_lost_breaks_nothing() -> None:
    async def away() -> None:
        raise AriError("ari_unreachable", "away")

    async with media() as (peer, sockets, leg):
        await sockets.open("one", "c-1", leg.address, "alaw", away)
        await peer.up.wait()
        assert peer.line is not None
        await peer.line.close()
        peer.up.clear()
        await sockets.open("two", "c-2", leg.address, "alaw", leg.on_lost)
        await peer.say(b"\xd5" * 160)
        assert len(await leg.packets(1)) == 1


async def test_a_refusal_and_nobody_there_are_errors_of_ari() -> None:
    async with media() as (peer, sockets, leg):
        peer.refuse = HTTPStatus.NOT_FOUND
        with pytest.raises(AriError) as refused:
            await sockets.open("ch", "c-1", leg.address, "alaw", leg.on_lost)
        assert refused.value.status == 404
    settings = AriSettings(url="http://127.0.0.1:9", username="bridge", password=SecretStr("s"))
    with pytest.raises(IllegalInput):
        await MediaSockets(settings).open("ch", "c-1", ("127.0.0.1", 9), "alaw", leg.on_lost)


async def test_a_server_that_never_answers_is_left_at_the_deadline() -> None:
    done = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sockets = MediaSockets(
            AriSettings(url=f"http://127.0.0.1:{port}", username="b", password=SecretStr("s"), request_timeout_s=0.3)
        )
        serving = asyncio.create_task(sockets.serve(), name="media.sockets")
        await asyncio.sleep(0)
        with pytest.raises(AriError) as late:
            await sockets.open("ch", "c-1", ("127.0.0.1", 9), "alaw", done.wait)  # type: ignore[arg-type]
        assert late.value.code == "ari_timeout"
        done.set()
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def test_a_leg_that_has_closed_its_socket_has_not_lost_its_line() -> None:
    async with media() as (peer, sockets, leg):
        await sockets.open("ch", "c-1", leg.address, "alaw", leg.on_lost)
        await peer.say(b"\xd5" * 160)
        await leg.packets(1)
        leg.inlet.close()
        assert peer.line is not None
        with suppress(ConnectionClosed):
            for _ in range(20):  # the first is answered by an ICMP message, the second meets it
                await peer.line.send(b"\xd5" * 160)
                await asyncio.sleep(0.01)
        async with asyncio.timeout(2):
            await peer.line.wait_closed()
        await asyncio.sleep(0.05)
        assert not leg.lost.is_set()
