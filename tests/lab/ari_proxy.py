"""A proxy in front of ARI: it writes down every request of the daemon, and strikes at one of them.

It passes all else on unchanged, the event WebSocket included. `Strike` names the request by its kind and how many of
that kind came before it, counting only requests about channels that were unknown when the strike was armed: the call
that begins then is the victim, others are bystanders.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

STALL_S: Final = 10.0
_CHANNEL_ID: Final = re.compile(r"\d{9,}\.\d+")


class Fault(StrEnum):
    ERROR = "500"
    LOST_ANSWER = "500 though done"
    NOT_FOUND = "404"
    STALL = "10 s stall"
    DROP = "line dropped"
    KILL = "SIGKILL"


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """The `nth` request (from 0) of this kind, such as `POST /channels/*/snoop/*`."""

    kind: str
    nth: int


@dataclass(frozen=True, slots=True)
class Logged:
    method: str
    path: str
    query: str

    @property
    def kind(self) -> str:
        return f"{self.method} {_CHANNEL_ID.sub('*', self.path.removeprefix('/ari'))}"

    @property
    def channels(self) -> frozenset[str]:
        """The parties' channels that it is about, those inside our own ids included."""
        return frozenset(_CHANNEL_ID.findall(self.path + "?" + self.query))

    @property
    def harms(self) -> bool:
        """Whether it does to a party's channel anything but look, listen or send it on."""
        if self.method == "GET":
            return False
        added = parse_qs(self.query).get("channel", [""])[0].split(",")
        if self.path.endswith("/addChannel") and any(_CHANNEL_ID.fullmatch(channel) for channel in added):
            return True
        part = re.match(r"/ari/channels/([^/]+)(.*)", self.path)
        if part is None or not _CHANNEL_ID.fullmatch(part[1]):
            return False
        return not re.fullmatch(r"/(snoop/[^/]+|continue)", part[2])


class AriProxy:
    """`async with AriProxy(ari_url)`: the daemon uses `url`. `log` is every request since the start."""

    def __init__(self, upstream: str, kill: Callable[[], Awaitable[None]]) -> None:
        self.log: list[Logged] = []
        self.struck = asyncio.Event()
        self._upstream = upstream
        self._kill = kill
        self._known: frozenset[str] = frozenset()
        self._seen: Counter[str] = Counter()
        self._strike: tuple[Point, Fault] | None = None
        self._is_cut = False
        self._transports: set[asyncio.Transport] = set()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self.url = ""

    def arm(self, point: Point | None, fault: Fault) -> None:
        """From now on the next call is the victim. None: strike at nothing, only count."""
        self._known = frozenset(channel for logged in self.log for channel in logged.channels)
        self._seen.clear()
        self.struck.clear()
        self._strike = (point, fault) if point else None

    def cut(self) -> None:
        """Nobody gets through any more, in mid-request neither, until `mend`."""
        self._is_cut = True
        for transport in list(self._transports):
            transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    def points(self) -> list[Point]:
        """Every request about the victim since `arm`."""
        return [Point(kind, nth) for kind, count in sorted(self._seen.items()) for nth in range(count)]

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        assert self._http is not None
        await self._runner.cleanup()
        await self._http.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        if self._is_cut:
            transport.abort()
            return web.Response(status=503)
        self._transports.add(transport)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._relay(request)
            return await self._forward(request)
        except aiohttp.ClientError:
            return web.json_response({"message": "Asterisk is away"}, status=503)
        finally:
            self._transports.discard(transport)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        logged = Logged(request.method, request.path, request.query_string)
        self.log.append(logged)
        body = await request.read()
        match self._due(logged):
            case Fault.ERROR:
                return web.json_response({"message": "struck"}, status=500)
            case Fault.NOT_FOUND:
                return web.json_response({"message": "struck"}, status=404)
            case Fault.LOST_ANSWER:
                await self._pass(request, body)
                return web.json_response({"message": "struck"}, status=500)
            case Fault.STALL:
                await asyncio.sleep(STALL_S)
            case Fault.DROP:
                for transport in list(self._transports):
                    transport.abort()
            case Fault.KILL:
                await self._kill()
        return await self._pass(request, body)

    def _due(self, logged: Logged) -> Fault | None:
        if not logged.channels or logged.channels & self._known:
            return None
        point = Point(logged.kind, self._seen[logged.kind])
        self._seen[logged.kind] += 1
        if self._strike is None or self._strike[0] != point:
            return None
        self.struck.set()
        return self._strike[1]

    async def _pass(self, request: web.Request, body: bytes) -> web.Response:
        assert self._http is not None
        headers = {key: value for key, value in request.headers.items() if key.lower() != "content-length"}
        url = self._upstream + request.path_qs
        async with self._http.request(request.method, url, data=body or None, headers=headers) as answer:
            kept = {key: answer.headers[key] for key in ("Content-Type",) if key in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def _relay(self, request: web.Request) -> web.WebSocketResponse:
        assert self._http is not None
        down = web.WebSocketResponse(compress=False)
        headers = {"Authorization": request.headers.get("Authorization", "")}
        async with self._http.ws_connect(self._upstream + request.path_qs, headers=headers) as up:
            await down.prepare(request)
            pumping = asyncio.create_task(_until_closed(down), name="ari_proxy.down")
            try:
                async with asyncio.TaskGroup() as tasks:
                    relaying = tasks.create_task(_pump(up, down), name="ari_proxy.up")
                    pumping.add_done_callback(lambda _: relaying.cancel())
            finally:
                pumping.cancel()
                await asyncio.wait([pumping])
        return down


async def _pump(up: aiohttp.ClientWebSocketResponse, down: web.WebSocketResponse) -> None:
    try:
        async for message in up:
            await down.send_str(str(message.data))
    except (ConnectionError, RuntimeError):
        return
    await down.close()


async def _until_closed(down: web.WebSocketResponse) -> None:
    async for _ in down:
        pass
