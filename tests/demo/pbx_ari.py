"""A plain ARI client for tests: requests as (status, JSON), events as a list. Knows nothing of the virtual PBX."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

Event = dict[str, Any]


class EventLog:
    """What an events WebSocket said, as it comes; `closed` is set when the line is gone."""

    def __init__(self, socket_: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket_
        self.texts: list[str] = []
        self.events: list[Event] = []
        self.closed = asyncio.Event()
        self._arrived = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="test.events")

    async def _read(self) -> None:
        async for message in self.socket:
            self.texts.append(message.data)
            with contextlib.suppress(ValueError):
                self.events.append(json.loads(message.data))
            self._arrived.set()
        self.closed.set()

    async def until(self, wanted: Callable[[Event], bool], timeout_s: float = 3.0) -> Event:
        """The first event that is wanted, past ones included."""
        async with asyncio.timeout(timeout_s):
            while not (found := [event for event in self.events if wanted(event)]):
                self._arrived.clear()
                await self._arrived.wait()
        return found[0]

    def types(self, *leave_out: str) -> list[str]:
        """Event types in order; a Dial with its status."""
        names = [event["type"] + (":" + event["dialstatus"] if "dialstatus" in event else "") for event in self.events]
        return [name for name in names if name not in leave_out]

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.wait([self._reader])
        await self.socket.close()


class Ari:
    """Requests to one ARI server."""

    def __init__(self, url: str, username: str = "ari_bridge", password: str = "demo") -> None:
        self.url = f"{url}/ari"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(username, password)}
        self._logs: list[EventLog] = []

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        for log in self._logs:
            await log.close()
        await self.http.close()

    async def request(self, method: str, path: str, body: object = None, **query: str) -> tuple[int, Any]:
        """Status and JSON; None for an empty body."""
        async with self.http.request(method, self.url + path, params=query, json=body) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def get(self, path: str, **query: str) -> Any:
        status, value = await self.request("GET", path, **query)
        assert status == 200, value
        return value

    async def do(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """A request that must be carried out."""
        status, value = await self.request(method, path, body, **query)
        assert status in (200, 204), (status, value)
        return value

    async def listen(self, app: str = "ari_bridge", **query: str) -> EventLog:
        log = EventLog(await self.http.ws_connect(f"{self.url}/events", params={"app": app, **query}))
        self._logs.append(log)
        return log

    async def tap(self, channel_id: str, port: int, audio_format: str = "alaw", spy: str = "in") -> None:
        """Snoop, media and bridge of a channel, ids `s-`, `e-` and `b-` before its own; RTP flows afterwards."""
        snoop, media, bridge = f"s-{channel_id}", f"e-{channel_id}", f"b-{channel_id}"
        log = next(log for log in self._logs)
        await self.do("POST", f"/channels/{channel_id}/snoop/{snoop}", app="ari_bridge", spy=spy)
        host = f"127.0.0.1:{port}"
        query = {"app": "ari_bridge", "external_host": host, "format": audio_format, "channelId": media}
        await self.do("POST", "/channels/externalMedia", **query)
        await self.do("POST", "/bridges", type="mixing", bridgeId=bridge)
        for one in (snoop, media):
            await log.until(lambda e, one=one: e["type"] == "StasisStart" and e["channel"]["id"] == one)  # type: ignore[misc]
        await self.do("POST", f"/bridges/{bridge}/addChannel", channel=f"{snoop},{media}")

    async def untap(self, channel_id: str) -> None:
        """Remove what `tap` made, whatever is left of it."""
        for path in (f"/channels/s-{channel_id}", f"/channels/e-{channel_id}", f"/bridges/b-{channel_id}"):
            await self.request("DELETE", path)


@dataclass(frozen=True, slots=True)
class Packet:
    """An RTP packet, its header read by hand (RFC 3550 §5.1)."""

    first: int
    marker: bool
    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


class RtpSocket:
    """A UDP port that collects RTP."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.packets: list[Packet] = []

    def drain(self) -> list[Packet]:
        """All packets so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self._socket.recv(4096)
                first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
                self.packets.append(
                    Packet(first, bool(second & 0x80), second & 0x7F, sequence, timestamp, ssrc, data[12:])
                )
        return self.packets

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
