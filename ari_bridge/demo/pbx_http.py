"""ARI over HTTP: authentication, routing, faults, JSON, and the events WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ari_bridge.demo.pbx_events import EventLine, EventLines
from ari_bridge.demo.pbx_faults import FAULT_TEXTS, FaultBoard, Request
from ari_bridge.demo.pbx_model import AriFault
from ari_bridge.demo.pbx_parameters import Parameters
from ari_bridge.demo.pbx_requests import VERSION, Requests
from ari_bridge.demo.pbx_swagger import OPERATIONS, Operation, declaration, listing
from ari_bridge.demo.pbx_switch import Switchboard

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TRUE_WORDS = {"yes", "true", "y", "t", "1", "on"}
SHUTDOWN_S = 0.1


class AriServer:
    """Serves one switchboard. `settle` is called before and after every change."""

    def __init__(
        self, board: Switchboard, requests: Requests, lines: EventLines, faults: FaultBoard, settle: Callable[[], None]
    ) -> None:
        self._board = board
        self._requests = requests
        self._lines = lines
        self._faults = faults
        self._settle = settle
        self._logins: set[str] = set()
        self._runner: web.AppRunner | None = None

    def allow(self, username: str, password: str) -> None:
        """The one user that may log in."""
        self._logins = {f"{username}:{password}"}

    async def start(self, host: str, port: int) -> int:
        """Listen; the port that is listened on (0 asks for any)."""
        app = web.Application(middlewares=[self._refusals, self._faulty, self._authenticated])
        app.router.add_get("/ari/api-docs/{document}", self._document)
        for operation in OPERATIONS:
            handler = self._events if operation.resource == "events" else self._handler(operation)
            app.router.add_route(operation.method, f"/ari{operation.path}", handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_address=True)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Nobody listens any more, every connection is cut."""
        self._lines.cut_all()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # ---- middlewares, outermost first

    @web.middleware
    async def _refusals(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every refusal as Asterisk's JSON."""
        try:
            response = await handler(request)
        except AriFault as fault:
            response = _answer(fault.status, {"message": fault.message})
        except web.HTTPMethodNotAllowed as refused:
            response = _answer(405, {"message": "Invalid method"}, Allow=",".join(sorted(refused.allowed_methods)))
        except web.HTTPNotFound:
            response = _answer(404, {"message": "Resource not found"})
        if not response.prepared:
            response.headers["Server"] = f"Asterisk/{VERSION}"
            response.headers["Cache-Control"] = "no-cache, no-store"
        return response

    @web.middleware
    async def _faulty(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The faults that are switched on."""
        noted = Request(request.method, request.path.removeprefix("/ari"), request.query_string)
        fault = self._faults.meet(noted)
        response: web.StreamResponse | None = None
        try:
            if fault is None or fault.carried_out or fault.status is None:
                await asyncio.sleep(fault.delay_s if fault and not fault.carried_out else 0)
                response = await handler(request)
            if fault is not None:
                await asyncio.sleep(fault.delay_s if fault.carried_out else 0)
            if fault is not None and fault.status is not None:
                raise AriFault(fault.status, FAULT_TEXTS.get(fault.status, "Fault"))
        except AriFault as refused:
            noted.status = refused.status
            raise
        assert response is not None
        noted.status = response.status
        return response

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not ({_basic(request.headers.get("Authorization", "")), request.query.get("api_key")} & self._logins):
            realm = 'Basic realm="Asterisk REST Interface"'
            return _answer(401, {"message": "Authentication required"}, **{"WWW-Authenticate": realm})
        return await handler(request)

    # ---- handlers

    def _handler(self, operation: Operation) -> Handler:
        name = f"{operation.resource}.{operation.nickname}"

        async def handle(request: web.Request) -> web.StreamResponse:
            parameters = Parameters(request.match_info, request.query, await _body(request))
            self._settle()
            try:
                return _answer(*self._requests.answer(name, parameters))
            finally:
                self._settle()

        return handle

    async def _document(self, request: web.Request) -> web.StreamResponse:
        name, _, suffix = request.match_info["document"].partition(".")
        base = f"http://{request.host}/ari"
        document = listing(base) if name == "resources" else declaration(name, base)
        if suffix != "json" or document is None:
            raise AriFault(404, "Resource not found")
        return _answer(200, document)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        if not socket.can_prepare(request).ok:
            raise AriFault(426, "Upgrade Required")
        apps = [app for app in request.query.get("app", "").split(",") if app]
        if not apps:
            raise AriFault(400, "HTTP request is missing param: [app]")
        await socket.prepare(request)
        line = EventLine(socket, request.transport, apps)
        all_topics = request.query.get("subscribeAll", "").lower() in TRUE_WORDS
        self._settle()
        for app in apps:
            self._lines.deliver(self._board.apps.register(app, self._board.news.time(), all_topics=all_topics))
        self._lines.add(line)
        try:
            await line.serve()
        finally:
            for app in self._lines.remove(line):
                self._board.apps.deactivate(app)
        return socket


def _answer(status: int, value: Any, **headers: str) -> web.Response:
    if value is None:
        return web.Response(status=status, headers=headers)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _basic(header: str) -> str | None:
    """`user:password` of a basic Authorization header."""
    scheme, _, encoded = header.partition(" ")
    try:
        return base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else None
    except ValueError:
        return None


async def _body(request: web.Request) -> Any:
    """The JSON body, None where there is none. `AriFault` 400 for what is no JSON."""
    text = await request.text()
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise AriFault(400, "Request body could not be parsed") from None
