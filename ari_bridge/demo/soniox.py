"""A Soniox stand-in that hears: a real WebSocket and REST server, told nothing but its lexicon.

async with SonioxStandIn(Lexicon.of(load_conversations())) as soniox:
    … daemon with soniox.url, soniox.api_url, key "demo" …
    soniox.faults.next(Fault(FaultKind.RESET, after_audio_ms=4000))
    assert soniox.sessions[0].final_text == conversation.client.text
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial
from types import TracebackType

from aiohttp import web

from ari_bridge.demo.hearing import Hearing
from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.recognition import Tuning
from ari_bridge.demo.sockets import reset
from ari_bridge.demo.soniox_faults import KEPT, Fault, FaultKind, FaultPlan
from ari_bridge.demo.soniox_protocol import ERRORS, MODELS, SonioxError
from ari_bridge.demo.soniox_session import Hear, Service, Session, SessionRecord, Timing
from ari_bridge.errors import IllegalInput

DEMO_KEY = "demo"
WEBSOCKET_PATH = "/transcribe-websocket"


class SonioxStandIn:
    """The service on `host:port` (0: a free port), for as long as the context is entered.

    `keys` are the API keys that work. `stream_limit` streams may run at once, `connection_limit` connections be open
    (None: any number); these, `keys`, `timing` and `tuning` may be changed while it runs and hold for new sessions.
    A small `receive_buffer` (bytes) lets a slow reader's back-pressure reach the client soon. `hear`: instead of an ear
    that knows the lexicon's audio.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: frozenset[str] = frozenset({DEMO_KEY}),
        stream_limit: int | None = 10,
        connection_limit: int | None = None,
        timing: Timing | None = None,
        tuning: Tuning | None = None,
        faults: FaultPlan | None = None,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
        hear: Hear | None = None,
    ) -> None:
        self.keys = keys
        self.stream_limit = stream_limit
        self.connection_limit = connection_limit
        self.timing = timing or Timing()
        self.tuning = tuning or Tuning()
        self.faults = faults or FaultPlan()
        self.sessions: list[SessionRecord] = []
        self._hear = hear or partial(Hearing, lexicon)
        self._host, self._port, self._tls = host, port, tls
        self._receive_buffer = receive_buffer
        self._live: list[Session] = []
        self._runner: web.AppRunner | None = None
        self._began = 0.0

    @property
    def url(self) -> str:
        """Of the WebSocket."""
        return f"{'wss' if self._tls else 'ws'}://{self._host}:{self._port}{WEBSOCKET_PATH}"

    @property
    def api_url(self) -> str:
        """Of the REST API, `/v1` included."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}/v1"

    @property
    def live_streams(self) -> int:
        """Sessions that were started and have not ended."""
        return sum(session.started for session in self._live)

    def strike(self, fault: Fault, session: SessionRecord | None = None) -> None:
        """Let `fault` happen now, to all live sessions or to the one of this record."""
        if fault.kind in KEPT:
            raise IllegalInput(f"{fault.kind.name} can only be planned")
        for live in list(self._live):
            if session is None or live.record is session:
                live.strike(fault)

    async def __aenter__(self) -> SonioxStandIn:
        app = web.Application()
        app.router.add_get(WEBSOCKET_PATH, self._websocket)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/concurrency-limits", self._limits)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        listener = socket.create_server((self._host, self._port), backlog=1024)
        if self._receive_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        self._port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener, ssl_context=self._tls).start()
        self._began = asyncio.get_running_loop().time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in list(self._live):
            session.abort()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        faults = self.faults.take()
        record = SessionRecord(asyncio.get_running_loop().time() - self._began, dict(request.headers))
        self.sessions.append(record)
        if any(fault.kind is FaultKind.REFUSE for fault in faults):
            record.outcome = "refuse"
            reset(transport)
            return web.Response()
        ws = web.WebSocketResponse(timeout=1.0, compress=False, max_msg_size=1 << 24)
        await ws.prepare(request)
        service = Service(self._hear, self.timing, self.tuning, self._authorise, self._admit)
        session = Session(ws, transport, record, service, faults)
        self._live.append(session)
        try:
            await session.run()
        finally:
            self._live.remove(session)
        return ws

    def _authorise(self, key: str | None) -> SonioxError | None:
        return None if key in self.keys else ERRORS["unauthenticated"]

    def _admit(self) -> SonioxError | None:
        if self.connection_limit is not None and len(self._live) > self.connection_limit:
            return ERRORS["max_concurrent_connections_reached"]
        if self.stream_limit is not None and self.live_streams >= self.stream_limit:
            return ERRORS["limit_exceeded"]
        return None

    async def _models(self, request: web.Request) -> web.Response:
        return self._rest(request, {"models": [model.describe() for model in MODELS.values()]})

    async def _limits(self, request: web.Request) -> web.Response:
        scope = {
            "current": {"transcribe_concurrent": self.live_streams, "tts_concurrent": 0},
            "limits": {"transcribe_concurrent": self.stream_limit, "tts_concurrent": 3},
        }
        return self._rest(request, {"project": scope, "organization": scope})

    def _rest(self, request: web.Request, body: dict[str, object]) -> web.Response:
        error = self._authorise(request.headers.get("Authorization", "").removeprefix("Bearer ").strip())
        if error is None:
            return web.json_response(body)
        return web.json_response(
            {"status_code": error.code, "error_type": error.type, "message": error.message, "validation_errors": []},
            status=error.code,
        )
