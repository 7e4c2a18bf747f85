"""A web server that serves `webui/` under the daemon's own headers and lets a test speak for the hub on `/ws`.

It keeps the contract's chain of cursors; a test may break it, fall silent, refuse or vanish. Trusted Types are
enforced on top of the daemon's policy: whoever writes a string into innerHTML turns the test red.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from ari_bridge.events import rfc3339
from ari_bridge.hub.files import PageFile
from ari_bridge.hub.pages import HEADERS, MIME

WEBUI = Path(__file__).resolve().parents[2] / "webui"
STRICTER = "; require-trusted-types-for 'script'; trusted-types lit-html"
UP = {"state": "up", "reason": None, "action": None}
ME = {"name": "Анна", "role": "operator", "extensions": ["1001"], "open": False}
Json = dict[str, Any]


def now() -> str:
    return rfc3339(datetime.now(UTC)) or ""


@dataclass
class ScriptedHub:
    """`calls`, `me`, `system`, `mode` make the snapshot; `say` sends one message to every open page.

    `rest` answers other requests: "GET api/users" → what is sent as JSON, or a function of the request's JSON body and
    query that gives (status, JSON). `asked` holds them as they came.
    """

    calls: list[Json] = field(default_factory=list)
    me: Json = field(default_factory=lambda: dict(ME))
    system: Json = field(default_factory=lambda: {"ari": UP, "stt": UP, "llm": UP, "store": UP})
    mode: str = "live"
    epoch: str = "e1"
    base: str = ""
    resumable: bool = True
    refusal: tuple[int, str] | None = None
    silent: bool = False
    queries: list[dict[str, str]] = field(default_factory=list)
    received: list[Json] = field(default_factory=list)
    rest: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Json | None, dict[str, str]]] = field(default_factory=list)
    _log: list[Json] = field(default_factory=list)
    _sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _last: int = 1
    _greeted: int = 0

    async def say(self, type_: str, /, *, lost: bool = False, **members: Any) -> str:
        """Send a message; `lost`: it is said, but reaches nobody. Its cursor."""
        prev, self._last = str(self._last), self._last + 1
        message = {"type": type_, "cursor": str(self._last), "prev": prev, "at": now(), **members}
        self._log.append(message)
        if not lost and not self.silent:
            await self.raw(json.dumps(message, ensure_ascii=False))
        return str(self._last)

    async def raw(self, frame: str) -> None:
        for socket in list(self._sockets):
            with suppress(ConnectionError):
                await socket.send_str(frame)

    async def beat(self) -> None:
        if not self.silent:
            await self.raw(
                json.dumps({"type": "heartbeat", "cursor": str(self._last), "prev": str(self._last), "at": now()})
            )

    async def drop(self, code: int = 1012) -> None:
        """Close every open page's connection."""
        for socket in list(self._sockets):
            await socket.close(code=code)

    async def heard(self, type_: str, count: int = 1, timeout_s: float = 5.0) -> list[Json]:
        """What pages said of this type, once there are `count`."""
        await until(lambda: len(self._of(type_)) >= count, timeout_s)
        return self._of(type_)

    async def connected(self, count: int, timeout_s: float = 10.0) -> None:
        """Until pages have opened `count` connections in all, and the last one has its first message."""
        await until(lambda: self._greeted >= count, timeout_s)

    def _of(self, type_: str) -> list[Json]:
        return [message for message in self.received if message.get("type") == type_]

    def _first_messages(self, query: dict[str, str]) -> list[Json]:
        missed = [message for message in self._log if int(message["cursor"]) > int(query.get("cursor", "0"))]
        if self.resumable and query.get("epoch") == self.epoch:
            cursor = query["cursor"]
            return [{"type": "resumed", "epoch": self.epoch, "cursor": cursor, "prev": cursor, "at": now()}, *missed]
        snapshot = {"type": "snapshot", "epoch": self.epoch, "cursor": str(self._last), "at": now(), "mode": self.mode}
        return [{**snapshot, "me": self.me, "system": self.system, "calls": self.calls}]

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.queries.append(query)
        if self.refusal:
            return self._refuse()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if not self.silent:
            for message in self._first_messages(query):
                await socket.send_str(json.dumps(message, ensure_ascii=False))
        self._sockets.append(socket)
        self._greeted += 1
        try:
            async for received in socket:
                if received.type is WSMsgType.TEXT:
                    self.received.append(json.loads(received.data))
        finally:
            self._sockets.remove(socket)
        return socket

    async def _calls_over_http(self, request: web.Request) -> web.Response:
        return self._refuse() if self.refusal else web.json_response({"calls": []})

    def _refuse(self) -> web.Response:
        status, words = self.refusal or (500, "")
        return web.json_response({"error": {"code": "refused", "message": words}}, status=status)

    async def _rest(self, request: web.Request) -> web.Response:
        name = f"{request.method} {request.path.removeprefix('/')}"
        body = await request.json() if request.can_read_body else None
        self.asked.append((name, body, dict(request.query)))
        if self.refusal:
            return self._refuse()
        answer = self.rest.get(name)
        if answer is None:
            return web.json_response({"error": {"code": "not_found", "message": name}}, status=404)
        status, shown = answer(body, dict(request.query)) if callable(answer) else (200, answer)
        return web.json_response(shown, status=status)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = WEBUI / (request.match_info["path"] or "index.html")
        if not path.is_file() or path.suffix not in MIME:
            return web.Response(status=404)
        shown = PageFile(path).representation(request.headers.get("Accept-Encoding", ""))
        packed = {"Content-Encoding": shown.encoding} if shown.encoding else {}
        return web.Response(body=shown.body, headers={"Content-Type": MIME[path.suffix], **packed})

    def application(self) -> web.Application:
        app = web.Application()
        app.on_response_prepare.append(_add_headers)
        app.add_routes(
            [
                web.get("/ws", self._websocket),
                web.get("/api/calls", self._calls_over_http),
                web.route("*", "/api/{path:.*}", self._rest),
                web.get("/{path:.*}", self._file),
            ]
        )
        return app


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["Content-Security-Policy"] += STRICTER


async def until(condition: Callable[[], bool], timeout_s: float) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(**members: Any) -> AsyncIterator[ScriptedHub]:
    """A scripted hub on a free port of the loopback."""
    hub = ScriptedHub(**members)
    runner = web.AppRunner(hub.application(), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield hub
    finally:
        await hub.drop()
        await runner.cleanup()
