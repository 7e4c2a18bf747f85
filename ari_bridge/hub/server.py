"""The hub's HTTP shell.

Routes, headers and sockets; what is answered is decided in `endpoints.py`, who is let in in `gate.py`, what a reader
gets in `fanout.py`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path

import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from ari_bridge.errors import BridgeError, ConfigError
from ari_bridge.events import ComponentState
from ari_bridge.history import History, Recordings
from ari_bridge.hub.access import Access, Account
from ari_bridge.hub.arrival import Arrival
from ari_bridge.hub.client import Client
from ari_bridge.hub.desk import LocalDesk
from ari_bridge.hub.discretion import Veil
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.endpoints import Endpoints, Exposition
from ari_bridge.hub.fanout import SERVICE_RESTART, SIGNED_OUT, Hub
from ari_bridge.hub.files import PageFile, is_known
from ari_bridge.hub.gate import Rules, Viewer
from ari_bridge.hub.pages import HEADERS, SUBRESOURCE_HEADERS, SUBRESOURCES, Page, find_pages
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.session import HEARTBEAT_S, Session
from ari_bridge.hub.visit import Answer, Visit
from ari_bridge.hub.websocket import HubSocket
from ari_bridge.interfaces import CallDesk, CallDirectory, CallNotices, Suggester
from ari_bridge.playbooks import PlaybookDesk
from ari_bridge.settings import AgiSettings, HubSettings

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[web.Request, Viewer], Awaitable[web.StreamResponse]]

REFUSALS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}  # the router's own
MAX_CLIENTS = 1000
MAX_CLIENT_FRAME = 4096  # bytes; the longest message of the contract is below 300
MAX_BODY = 16 * 1024
FOR_PROGRAMS = (Access.UNGATED, Access.METRICS, Access.DIALPLAN)
LINGER_S = 2.0  # for the rest of a body that nobody wants
PATIENCE_S = 30.0  # for a request to be whole, and between two on one connection
MAX_TEXT_BODY = 4 * 1024 * 1024  # of those who edit the playbook: 400,000 characters, however they are escaped
WRITER_LIMIT = 0  # of aiohttp: it looks at the transport's back-pressure after every frame that it sends


class HubServer:
    """The daemon's web server.

    `desk` takes what people do to calls; the default follows them here (`suggester`, `directory`) and tells the hub.
    `door` is opened by `start`; without one there are no users. `history` is what is asked for past calls, `veil` what
    is left out of them. Without `pages` nobody can look at calls here: programs ask for its health, the dialplan tells
    of calls. `ready_when`: the states of ARI in which `/readyz` is 200.
    """

    def __init__(
        self,
        settings: HubSettings,
        agi: AgiSettings,
        hub: Hub,
        *,
        notices: CallNotices,
        directory: CallDirectory | None = None,
        suggester: Suggester | None = None,
        desk: CallDesk | None = None,
        webui: Path,
        metrics: Exposition | None = None,
        observe_painted: Callable[[int, float], None] = lambda cursor, seconds: None,
        heartbeat_s: float = HEARTBEAT_S,
        patience_s: float = PATIENCE_S,
        door: Doorkeeper | None = None,
        history: History | None = None,
        veil: Veil = Veil(),  # noqa: B008
        playbooks: PlaybookDesk | None = None,
        recordings: Recordings | None = None,
        pages: bool = True,
        ready_when: Collection[ComponentState] = (ComponentState.UP,),
    ) -> None:
        self._settings = settings
        self._hub = hub
        self._webui = webui
        self._pages = pages
        self._observe_painted = observe_painted
        self._heartbeat_s = heartbeat_s
        self._patience_s = patience_s
        self._door = door or Doorkeeper(rules=Rules(origins=settings.origins, notices_from=agi.allow))
        self._door.changed = self._look_at_rights
        self._endpoints = Endpoints(
            hub,
            self._door,
            notices=notices,
            desk=desk or LocalDesk(hub, hub.publish, suggester, directory),
            history=history,
            veil=veil,
            playbooks=playbooks,
            recordings=recordings,
            metrics=metrics,
            ready_when=ready_when,
        )
        self._looking: dict[Client, Viewer] = {}  # open WebSockets, at most MAX_CLIENTS
        self._turn = asyncio.Lock()
        self._runner: web.AppRunner | None = None

    async def start(self) -> tuple[str, int]:
        """Listen; the address that is bound (`hub.port` 0: any free one). Raises `ConfigError` with the cure."""
        await self._door.open(self._settings.host)
        logging.getLogger("aiohttp.server").addFilter(_is_our_fault)
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=5.0,
            keepalive_timeout=self._patience_s,
            lingering_time=min(self._patience_s, LINGER_S),
        )
        await runner.setup()
        site = web.TCPSite(runner, self._settings.host, self._settings.port, backlog=512)
        try:
            await site.start()
        except OSError as fault:
            await runner.cleanup()
            raise self._cannot_listen(fault) from None
        self._runner = runner
        host, port = runner.addresses[0][:2]
        log.info("hub_listening", host=host, port=port)
        return host, port

    async def stop(self) -> None:
        """Tell every page to come back later (1012), close all connections, free the port."""
        self._hub.close_all()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def routes(self) -> list[tuple[str, str]]:
        """Every method and path that is served, as `("GET", "/api/calls/{id}")`."""
        router = self._application().router
        return sorted((route.method, route.resource.canonical) for route in router.routes() if route.resource)

    def _cannot_listen(self, fault: OSError) -> ConfigError:
        where = f"{self._settings.host}:{self._settings.port}"
        if fault.errno == errno.EADDRINUSE:
            return ConfigError(
                f"hub.port: {where} is in use by another program; stop it, or set e.g. ARI_BRIDGE_HUB__PORT=8001"
            )
        if fault.errno == errno.EACCES:
            return ConfigError(f"hub.port: no right to listen on {where}; set a port above 1023, e.g. 8000")
        return ConfigError(f"hub.host: cannot listen on {where}: {fault.strerror}; e.g. ARI_BRIDGE_HUB__HOST=127.0.0.1")

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._errors_as_json], client_max_size=MAX_BODY)
        app.on_response_prepare.append(_add_headers)
        if self._pages:
            app.router.add_get("/ws", self._guarded(Access.SIGNED_IN, self._websocket))
        for method, path, access, answer in self._endpoints.routes():
            if not self._pages and access not in FOR_PROGRAMS:
                continue
            app.router.add_route(
                method, path, self._guarded(access, _answering(answer, self._patience_s, _most(access, path)))
            )
            if method == hdrs.METH_GET:
                app.router.add_route(hdrs.METH_HEAD, path, self._guarded(access, _answering(answer, self._patience_s)))
        for page in find_pages(self._webui) if self._pages else ():
            app.router.add_get(page.route, self._guarded(page.access, _file(page)))
        return app

    def _guarded(
        self, access: Access, serve: Callable[[web.Request, Viewer], Awaitable[web.StreamResponse]]
    ) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            viewer = self._admit(request, access)
            return _response(viewer) if isinstance(viewer, Reply) else await serve(request, viewer)

        return handle

    def _admit(self, request: web.Request, access: Access) -> Viewer | Reply:
        viewer = self._door.admit(_arrival(request), access)
        if isinstance(viewer, Reply) and viewer.status >= 400:
            self._hub.counters.refused_total += 1
        return viewer

    async def _websocket(self, request: web.Request, viewer: Viewer) -> web.StreamResponse:
        if self._hub.counters.clients >= MAX_CLIENTS:
            return _response(error(503, "too_many_clients", "too many open pages"))
        socket_ = web.WebSocketResponse(
            heartbeat=2 * self._heartbeat_s,
            compress=False,
            max_msg_size=MAX_CLIENT_FRAME,
            writer_limit=WRITER_LIMIT,
        )
        async with self._turn:
            await asyncio.sleep(0)  # when everybody comes back at once, the loop has a turn between any two
            await socket_.prepare(request)
            connection = HubSocket(socket_, request)
            client = self._hub.connect(viewer.account, request.query.get("epoch"), request.query.get("cursor"))
        self._looking[client] = viewer
        self._look_at(client, viewer)  # the right may have ended while the socket was opened
        try:
            await Session(
                self._hub,
                client,
                connection,
                on_feedback=self._endpoints.take_feedback,
                on_painted=self._take_painted,
                heartbeat_s=self._heartbeat_s,
            ).run()
        except Exception:  # boundary: one page's connection must not disturb the others
            log.exception("client_failed", client=client.number)
            connection.abort()
        finally:
            del self._looking[client]
            self._hub.disconnect(client)
        return socket_

    def _look_at_rights(self) -> None:
        for client, viewer in self._looking.items():
            self._look_at(client, viewer)

    def _look_at(self, client: Client, viewer: Viewer) -> None:
        """Who may look no more is closed at once; who may see something else comes back and gets that."""
        account = self._door.standing(viewer)
        if account is None:
            client.close(SIGNED_OUT, "signed out")
        elif account != viewer.account:
            client.close(SERVICE_RESTART, "other rights")

    def _take_painted(self, account: Account, sequence: int) -> None:
        seconds = self._hub.seconds_since_card(sequence)
        if seconds is not None:
            self._observe_painted(sequence, seconds)

    @web.middleware
    async def _errors_as_json(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as refusal:
            return self._refused(request, refusal)
        except BridgeError as fault:
            log.warning("request_unanswered", path=request.path, code=fault.code, error=str(fault))
            return _response(error(503, fault.code, f"it cannot be done now: {fault}"))
        except Exception:  # boundary: one request must not disturb the others
            log.exception("request_failed", method=request.method, path=request.path)
            return _response(error(500, "internal", "the daemon could not answer; see its log"))

    def _refused(self, request: web.Request, refusal: web.HTTPException) -> web.StreamResponse:
        """What the router refuses; who may not ask anything is not even told that there is no such path."""
        viewer = self._admit(request, Access.PUBLIC)
        if isinstance(viewer, Reply):
            return _response(viewer)
        code = REFUSALS.get(refusal.status, "refused")
        response = _response(error(refusal.status, code, f"{refusal.reason}: {request.method} {request.path}"))
        if isinstance(refusal, web.HTTPMethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(refusal.allowed_methods))
        return response


def _arrival(request: web.Request) -> Arrival:
    chain = ",".join(request.headers.getall("X-Forwarded-For", []))
    return Arrival(
        peer=request.remote or "",
        headers=request.headers,
        http_1_1=request.version >= (1, 1),
        chain=tuple(address.strip() for address in chain.split(",") if address.strip()),
        scheme=request.headers.getall("X-Forwarded-Proto", [""])[-1].rpartition(",")[2].strip(),
    )


def _most(access: Access, path: str) -> int:
    """Bytes of a body."""
    return MAX_TEXT_BODY if access is Access.SUPERVISOR and path.startswith("/api/playbook") else MAX_BODY


def _answering(answer: Answer, patience_s: float, most: int = MAX_BODY) -> Serve:
    async def serve(request: web.Request, viewer: Viewer) -> web.StreamResponse:
        if most > MAX_BODY:
            request = request.clone(client_max_size=most)
        try:
            async with asyncio.timeout(patience_s):
                body = b"" if request.method in (hdrs.METH_GET, hdrs.METH_HEAD) else await request.read()
        except TimeoutError:
            response = _response(error(408, "too_slow", "the body did not come in time"))
            response.force_close()
            return response
        asked = request.headers.get(hdrs.RANGE, "")
        reply = await answer(Visit(viewer, request.query, request.match_info, body, request.content_type, asked))
        return _response(reply) if reply.stream is None else await _streamed(request, reply, reply.stream)

    return serve


async def _streamed(request: web.Request, reply: Reply, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    """A fault in the middle cuts the connection: a part must not look like the whole."""
    response = web.StreamResponse(status=reply.status, headers={"Cache-Control": "no-store"})
    response.headers["Content-Type"] = reply.content_type
    response.headers.extend(reply.headers)
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    try:
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
    except BridgeError as fault:
        log.warning("answer_cut_off", path=request.path, code=fault.code, error=str(fault))
        if request.transport is not None:
            request.transport.abort()
    return response


def _file(page: Page) -> Serve:
    file = PageFile(page.path)

    async def serve(request: web.Request, viewer: Viewer) -> web.StreamResponse:
        try:
            shown = file.representation(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        except OSError:
            raise web.HTTPNotFound from None
        headers = {**page.headers, hdrs.ETAG: shown.etag}  # asked for again each time, so no Vary is needed
        if is_known(request.headers.get(hdrs.IF_NONE_MATCH, ""), shown.etag):
            return web.Response(status=304, headers=headers)
        if shown.encoding:
            headers[hdrs.CONTENT_ENCODING] = shown.encoding
        return web.Response(body=shown.body, headers=headers)

    return serve


def _response(reply: Reply) -> web.Response:
    response = web.Response(status=reply.status, body=reply.body, headers={"Cache-Control": "no-store"})
    response.headers["Content-Type"] = reply.content_type
    response.headers.extend(reply.headers)
    return response


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Of aiohttp's own lines: what is no HTTP is the peer's, and not worth a traceback to fill the disk with."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    if response.content_type in SUBRESOURCES:
        response.headers.popall(hdrs.SERVER, None)
        response.headers.update(SUBRESOURCE_HEADERS)
    else:
        response.headers.update(HEADERS)
