"""The events WebSockets of a virtual PBX: one line per connection, each with its own bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from enum import StrEnum

from aiohttp import WSCloseCode, WSMsgType, web

from ari_bridge.demo.pbx_apps import Delivery
from ari_bridge.demo.pbx_model import Json

QUEUE_LIMIT = 10_000
WRITE_TIMEOUT_S = 5.0
_ENDINGS = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class Drop(StrEnum):
    """How an events line is lost: closed by the book, TCP reset, or dead silence on an open connection."""

    CLEAN = "clean"
    RESET = "reset"
    SILENT = "silent"


class EventLine:
    """One WebSocket and the applications that it was opened for."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, apps: Iterable[str]) -> None:
        self.socket = socket
        self.apps = tuple(apps)
        self._transport = transport
        self._over = asyncio.Event()
        self._silent = False
        # bound: a reader that falls this far behind loses its connection, as with Asterisk
        self._texts: asyncio.Queue[str] = asyncio.Queue(maxsize=QUEUE_LIMIT)

    def send(self, text: str) -> None:
        """Queue a message; returns at once."""
        if self._texts.full():
            self.cut()
        else:
            self._texts.put_nowait(text)

    async def serve(self) -> None:
        """Write what is queued until the peer closes or the line is dropped. What the peer says is ignored."""
        reader = asyncio.create_task(self._read(), name="pbx.events.read")
        writer = asyncio.create_task(self._write(), name="pbx.events.write")
        self._workers = (reader, writer)
        try:
            await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
            if self._silent:
                await self._over.wait()
        finally:
            for worker in self._workers:
                worker.cancel()
            await asyncio.wait(self._workers)
            self.cut()

    async def drop(self, how: Drop) -> None:
        if how is Drop.CLEAN:
            await self.socket.close(code=WSCloseCode.GOING_AWAY)
        elif how is Drop.RESET:
            self.cut()
        else:
            self._silent = True
            for worker in self._workers:
                worker.cancel()

    def cut(self) -> None:
        """The TCP connection is gone without a word."""
        self._over.set()
        if self._transport is not None:
            self._transport.abort()

    async def _read(self) -> None:
        while (await self.socket.receive()).type not in _ENDINGS:
            pass

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            while True:
                text = await self._texts.get()
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await self.socket.send_str(text)


class EventLines:
    """Who is connected for which application. `noise`: an event of an unknown type goes before every real one."""

    def __init__(self) -> None:
        self.noise = False
        self._current: dict[str, EventLine] = {}
        self._lines: set[EventLine] = set()

    def add(self, line: EventLine) -> None:
        """This line serves its applications now, whoever did before."""
        self._lines.add(line)
        self._current |= dict.fromkeys(line.apps, line)

    def remove(self, line: EventLine) -> list[str]:
        """The line is gone; the applications that nobody serves any more."""
        self._lines.discard(line)
        orphaned = [app for app in line.apps if self._current.get(app) is line]
        for app in orphaned:
            del self._current[app]
        return orphaned

    def deliver(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            line = self._current.get(delivery.app)
            if line is not None:
                if self.noise:
                    line.send(_text({"type": "NobodyKnowsThis", "application": delivery.app, "channel": 7}))
                line.send(_text(delivery.event | {"application": delivery.app}))

    def inject(self, app: str, message: Json | str) -> None:
        """Send an application any message; text goes out as it is, well-formed or not."""
        self._current[app].send(message if isinstance(message, str) else _text(message))

    async def drop(self, app: str, how: Drop) -> None:
        """The line of an application is lost; a new connection is served as usual."""
        await self._current[app].drop(how)

    def cut_all(self) -> None:
        for line in tuple(self._lines):
            line.cut()


def _text(message: Json) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
