"""A recogniser's end of the wire for tests: Soniox's protocol over a real socket, with a fault whenever it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.stt.byte_speech import Ears

ERRORS = {
    "400": (400, "invalid_request"),
    "401": (401, "unauthenticated"),
    "402": (402, "organization_balance_exhausted"),
    "403": (403, "permission_denied"),
    "408": (408, "request_timeout"),
    "413": (413, "max_duration_reached"),
    "429": (429, "max_concurrent_connections_reached"),
    "429r": (429, "limit_exceeded"),
    "500": (500, "internal_error"),
    "503": (503, "service_unavailable"),
    "503bare": (503, None),
}


@dataclass
class Plan:
    """What one connection does. `at_ms`: audio heard when the fault strikes; `fault` None: none.

    Faults: a key of ERRORS, `rst`, `close` (no error frame), `freeze` (reads and answers nothing, pings included),
    `stall` (answers pings, hears nothing any more), `noise` (nonsense among the messages), `late` (answers at the end
    only after `lag_s`), `no_finished` (closes after the end without `finished`), `deaf_end` (says nothing after the
    end), `frozen_end` (answers nothing after the end, pings included), `503_end` (an error in the drain), `inside` (the
    last finals in `finished`), `rst_start` (reset right after the upgrade), `1001` (closed before the start is read).

    Kept from the start until the line is reset: `twice` (every final is told again in the next message), `backwards`
    (tokens end before they start), `no_end` (tokens without an end), `mute` (no message without tokens), `boast` (all
    that was heard is called final, also in the middle of a word). Never reset: `bare` (tokens without any time).
    """

    fault: str | None = None
    at_ms: int = 0
    lag_s: float = 0.0
    ears: Ears = field(default_factory=Ears)
    told: list[dict[str, Any]] = field(default_factory=list)  # finals of the message before, where they come twice

    def spoil(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The message as this peer sends it; None: not at all."""
        tokens = [dict(token) for token in message.get("tokens", [])]
        if self.fault == "twice":
            finals = [token for token in tokens if token["is_final"]]
            tokens, self.told = [*self.told, *tokens], finals
        for token in tokens:
            if self.fault == "backwards" and "end_ms" in token:
                token["start_ms"], token["end_ms"] = token["end_ms"], token["start_ms"]
            for name in {"no_end": ("end_ms",), "bare": ("start_ms", "end_ms")}.get(self.fault or "", ()):
                token.pop(name, None)
        if self.fault == "mute" and not tokens and "finished" not in message:
            return None
        if self.fault == "boast" and not any(not token["is_final"] for token in tokens) and "finished" not in message:
            message = message | {"final_audio_proc_ms": message.get("total_audio_proc_ms", 0)}
        return message | {"tokens": tokens}


@dataclass
class Session:
    """What was seen of one connection."""

    path: str
    headers: Headers
    start: dict[str, Any] | None = None
    texts: list[str] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    frames: list[int] = field(default_factory=list)  # lengths of the binary messages
    at: float = 0.0
    socket: ServerConnection | None = None


class Peer:
    """`async with Peer() as peer: peer.url`. `plan` gives each connection its `Plan`."""

    def __init__(
        self, plan: Callable[[Session], Plan] | None = None, *, greet: bool = True, max_streams: int = 10**6
    ) -> None:
        self.plan = plan or (lambda session: Plan())
        self.greet = greet
        self.max_streams = max_streams
        self.refuse: HTTPStatus | None = None  # answer handshakes with this status
        self.upgrade_delay_s = 0.0
        self.away = False  # the network is gone: connections die, new ones too
        self.sessions: list[Session] = []
        self.attempts: list[float] = []
        self.live = 0  # connections
        self.streams = 0  # of those, started and admitted
        self.most_live = 0
        self._server: Server | None = None

    async def __aenter__(self) -> Peer:
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            0,
            process_request=self._upgrade,
            compression=None,
            ping_interval=None,
            close_timeout=0.2,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        for session in self.sessions:
            if session.socket is not None:
                session.socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/transcribe-websocket"

    def lose_network(self) -> None:
        """All connections die at once, new ones fail until `away` is unset."""
        self.away = True
        for session in self.sessions:
            if session.socket is not None:
                session.socket.transport.abort()

    async def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.upgrade_delay_s)
        if self.away:
            connection.transport.abort()
        if self.refuse is not None:
            return connection.respond(self.refuse, "no\n")
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        session = Session(
            socket.request.path, socket.request.headers, at=asyncio.get_running_loop().time(), socket=socket
        )
        self.sessions.append(session)
        plan = self.plan(session)
        self.live += 1
        self.most_live = max(self.most_live, self.live)
        try:
            with suppress(ConnectionClosed):
                if plan.fault == "rst_start":
                    socket.transport.abort()
                elif plan.fault == "1001":
                    await socket.close(1001)
                else:
                    await self._converse(socket, session, plan)
        finally:
            self.live -= 1

    async def _converse(self, socket: ServerConnection, session: Session, plan: Plan) -> None:
        session.start = json.loads(await socket.recv())
        if self.streams >= self.max_streams:
            await self._error(socket, "429")
            return
        self.streams += 1
        try:
            await self._stream(socket, session, plan)
        finally:
            self.streams -= 1

    async def _stream(self, socket: ServerConnection, session: Session, plan: Plan) -> None:
        if plan.fault is not None and plan.at_ms == 0 and plan.fault in ERRORS:
            await self._error(socket, plan.fault)
            return
        if self.greet:
            await self._say(socket, {"tokens": [], "final_audio_proc_ms": 0, "total_audio_proc_ms": 0})
        ears, struck = plan.ears, False
        async for frame in socket:
            if isinstance(frame, str):
                session.texts.append(frame)
                if frame == "":
                    await self._end(socket, plan)
                    return
                continue
            session.audio += frame
            session.frames.append(len(frame))
            if struck and plan.fault == "stall":
                continue
            ears.hear(frame)
            if plan.fault is not None and not struck and ears.total_ms >= plan.at_ms:
                struck = True
                if await self._strike(socket, plan):
                    return
                if plan.fault == "stall":
                    continue
            if (message := plan.spoil(ears.message())) is not None:
                await self._say(socket, message)

    async def _strike(self, socket: ServerConnection, plan: Plan) -> bool:
        """True where the connection is over."""
        if plan.fault in ERRORS:
            await self._error(socket, plan.fault)
        elif plan.fault in ("rst", "twice", "backwards", "no_end", "mute", "boast"):
            socket.transport.abort()
        elif plan.fault == "close":
            await socket.close(1011)
        elif plan.fault == "freeze":
            socket.transport.pause_reading()  # type: ignore[attr-defined]
            await socket.wait_closed()
        elif plan.fault == "noise":
            for nonsense in ("{", "[]", '"x"', '{"tokens":7}', '{"tokens":[1,{"text":4}],"new":{}}', "\x00"):
                await socket.send(nonsense)
            return False
        else:
            return False
        return True

    async def _end(self, socket: ServerConnection, plan: Plan) -> None:
        if plan.fault == "deaf_end":
            await socket.wait_closed()
        if plan.fault == "frozen_end":
            socket.transport.pause_reading()  # type: ignore[attr-defined]
            await socket.wait_closed()
        if plan.fault == "no_finished":
            await self._say(socket, plan.ears.message())
            await socket.close(1000)
            return
        if plan.fault == "503_end":
            await self._error(socket, "503")
            return
        await asyncio.sleep(plan.lag_s)
        if plan.fault != "inside":
            await self._say(socket, plan.spoil(plan.ears.message(flush=True)) or {})
        await self._say(socket, plan.spoil({**plan.ears.message(flush=True), "finished": True}) or {})
        await socket.close(1000)

    async def _error(self, socket: ServerConnection, key: str) -> None:
        code, kind = ERRORS[key]
        named = {"error_type": kind} if kind else {}
        await self._say(socket, {"tokens": [], "error_code": code, **named, "error_message": "x", "request_id": "r"})
        await socket.close(1000)

    async def _say(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        await socket.send(json.dumps(message, ensure_ascii=False))
