"""One WebSocket session of the Soniox stand-in: the shell between aiohttp and `Recognition`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from aiohttp import WSMessage, WSMsgType, web

from ari_bridge.demo.hearing import Ear
from ari_bridge.demo.recognition import Recognition, Tuning
from ari_bridge.demo.sockets import reset
from ari_bridge.demo.soniox_faults import KEPT, Fault, FaultKind
from ari_bridge.demo.soniox_protocol import (
    ERRORS,
    Control,
    Refused,
    Reply,
    SonioxError,
    StartRequest,
    parse_start,
    parse_text,
)

_POLL_S = 0.05
_BROKEN = '{"tokens":[{"text":"об'
_STRANGE = ('{"hello":1}', "[]", '"text"', '{"tokens":[{"text":7},null,{"is_final":true}],"final_audio_proc_ms":"x"}')


@dataclass(frozen=True, slots=True)
class Timing:
    """The service's own deadlines; tests that run faster than real time divide them."""

    start_timeout_s: float = 40.0
    keepalive_timeout_s: float = 20.0
    auth_error_delay_s: float = 1.0
    max_stream_ms: int = 300 * 60 * 1000


@dataclass(slots=True)
class SessionRecord:
    """What the stand-in saw of a connection.

    `opened_at` counts seconds since the stand-in started, `seconds` how long the connection was open. `outcome`:
    `open`, `finished`, `client_left`, `no_start`, an error's type, or a fault's name. `final_text` holds no markers.
    """

    opened_at: float
    headers: dict[str, str]
    start: StartRequest | None = None
    audio_bytes: int = 0
    audio_ms: int = 0
    audio_frames: int = 0
    keepalives: int = 0
    finalizes: int = 0
    replies: int = 0
    ended: bool = False
    seconds: float = 0.0
    outcome: str = "open"
    final_text: str = ""


Hear = Callable[[str, int], Ear]
"""An ear for a stream's encoding and sample rate."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a session needs of the service. `authorise` and `admit` answer with the error to send, None: welcome."""

    hear: Hear
    timing: Timing
    tuning: Tuning
    authorise: Callable[[str | None], SonioxError | None]
    admit: Callable[[], SonioxError | None]


class _SessionOver(Exception):
    """The session has ended."""


class Session:
    """Serves one upgraded connection. Owned by the handler that awaits `run`."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        record: SessionRecord,
        service: Service,
        faults: tuple[Fault, ...],
    ) -> None:
        self.record = record
        self.started = False
        self._ws = ws
        self._transport = transport
        self._service = service
        self._kept = {fault.kind: fault for fault in faults if fault.kind in KEPT}
        self._planned = [fault for fault in faults if fault.kind not in KEPT]
        self._struck: list[Fault] = []
        self._waiting: asyncio.Timeout | None = None
        self._loop = asyncio.get_running_loop()
        self._opened = self._began = self._loop.time()

    def strike(self, fault: Fault) -> None:
        """Let `fault` happen now."""
        self._struck.append(fault)
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(self._loop.time())

    def abort(self) -> None:
        """Reset the TCP connection."""
        reset(self._transport)

    async def run(self) -> None:
        """Serve until either side ends it; never raises for what the client does."""
        try:
            await self._serve(await self._start())
        except Refused as refused:
            self.record.outcome = refused.error.type or "untyped"
            with contextlib.suppress(ConnectionError):
                await self._ws.send_str(refused.error.to_json())
                await self._ws.close()
        except ConnectionError:
            self.record.outcome = "client_left"
        except _SessionOver:
            pass
        finally:
            self.record.seconds = self._loop.time() - self._opened

    async def _start(self) -> Recognition:
        authorization = self.record.headers.get("Authorization")
        timing = self._service.timing
        error = None
        if authorization is not None:
            error = self._service.authorise(authorization.removeprefix("Bearer ").strip())
        text = await self._first_text(timing.auth_error_delay_s if error else timing.start_timeout_s)
        if text is None and error is None:
            await self._end("no_start", 1001)
        if error is not None:
            raise Refused(error)
        request = self.record.start = parse_start(text or "")
        if authorization is None:
            error = self._service.authorise(request.api_key)
        error = error or self._service.admit()
        if error is not None:
            raise Refused(error)
        return await self._begin(request)

    async def _begin(self, request: StartRequest) -> Recognition:
        self.started, self._began = True, self._loop.time()
        tuning = self._service.tuning
        if FaultKind.LATE_FINALS in self._kept:
            tuning = replace(tuning, final_after_ms=10**9, endpoints=False)
        hearing = self._service.hear(request.encoding, request.sample_rate)
        recognition = Recognition(request, hearing, tuning)
        await self._send([recognition.opening()])
        return recognition

    async def _first_text(self, timeout_s: float) -> str | None:
        """The first TEXT frame that is no keepalive (which restarts the deadline); None at the deadline."""
        deadline = self._loop.time() + timeout_s
        while (message := await self._next(deadline)) is not None:
            if message.type is WSMsgType.TEXT:
                if message.data.replace(" ", "") != '{"type":"keepalive"}':
                    return str(message.data)
                self.record.keepalives += 1
                deadline = self._loop.time() + timeout_s
        return None

    async def _serve(self, recognition: Recognition) -> NoReturn:
        deadline = self._loop.time() + self._service.timing.keepalive_timeout_s
        while True:
            message = await self._next(deadline)
            if message is None:
                raise Refused(ERRORS["request_timeout"])
            if message.data == b"":  # an empty audio chunk: neither an end nor a sign of life
                continue
            deadline = self._loop.time() + self._service.timing.keepalive_timeout_s
            asked = parse_text(message.data) if message.type is WSMsgType.TEXT else message.data
            if asked is Control.KEEPALIVE:
                self.record.keepalives += 1
            elif asked is Control.FINALIZE:
                self.record.finalizes += 1
                await self._send([recognition.finalize()])
            elif asked is Control.END:
                await self._finish(recognition)
            else:
                await self._listen(recognition, asked)

    async def _listen(self, recognition: Recognition, audio: bytes) -> None:
        self.record.audio_bytes += len(audio)
        self.record.audio_frames += 1
        await self._send(recognition.feed(audio))
        self.record.audio_ms = recognition.received_ms
        if recognition.received_ms >= self._service.timing.max_stream_ms:
            raise Refused(ERRORS["max_duration_reached"])

    async def _finish(self, recognition: Recognition) -> NoReturn:
        self.record.ended = True
        if not self.record.audio_bytes:
            raise Refused(SonioxError(400, "invalid_request", "No audio received."))
        if late := self._kept.get(FaultKind.LATE_FINALS):
            await asyncio.sleep(late.duration_s)
        await self._send(recognition.finish(in_one=FaultKind.FINALS_IN_FINISHED in self._kept))
        await self._end("finished", 1000)

    async def _end(self, outcome: str, close_code: int | None = None) -> NoReturn:
        self.record.outcome = outcome  # before the close frame: who reads it may look at the record at once
        if close_code is not None:
            await self._ws.close(code=close_code)
        raise _SessionOver

    async def _send(self, replies: list[Reply]) -> None:
        for reply in replies:
            finals = (token.text for token in reply.tokens if token.is_final)
            self.record.final_text += "".join(text for text in finals if text not in ("<end>", "<fin>"))
            self.record.replies += 1
            await self._ws.send_str(reply.to_json(bare=FaultKind.BARE_TOKENS in self._kept))

    async def _next(self, deadline: float) -> WSMessage | None:
        """The next data frame, None at the deadline (loop time). Faults that are due happen here."""
        while True:
            await self._suffer()
            timers = [self._began + f.after_s for f in self._planned if f.after_s is not None and self.started]
            try:
                async with asyncio.timeout_at(min([deadline, *timers])) as self._waiting:
                    message = await self._ws.receive()
            except TimeoutError:
                if self._loop.time() >= deadline and not self._struck:
                    return None
                continue
            finally:
                self._waiting = None  # `strike` may only move a deadline that is being waited for
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                await self._end("client_left")
            return message

    async def _suffer(self) -> None:
        due = [fault for fault in self._planned if self.started and self._is_due(fault)]
        self._planned = [fault for fault in self._planned if fault not in due]
        due += self._struck
        self._struck = []
        for fault in due:
            await self._happen(fault)

    def _is_due(self, fault: Fault) -> bool:
        if fault.after_s is not None:
            return self._loop.time() - self._began >= fault.after_s
        return self.record.audio_ms >= (fault.after_audio_ms or 0)

    async def _happen(self, fault: Fault) -> None:
        outcome = fault.kind.name.lower()
        match fault.kind:
            case FaultKind.ERROR:
                raise Refused(fault.error)
            case FaultKind.BROKEN_JSON:
                await self._ws.send_str(_BROKEN)
                return
            case FaultKind.STRANGE_JSON:
                for text in _STRANGE:
                    await self._ws.send_str(text)
                return
            case FaultKind.SLOW_READER:
                self._transport.pause_reading()
                await asyncio.sleep(fault.duration_s)
                self._transport.resume_reading()
                return
            case FaultKind.FREEZE:
                await self._freeze(fault.duration_s)
            case FaultKind.RESET:
                self.abort()
            case FaultKind.EOF:
                self._transport.close()
            case _:
                await self._end(outcome, 1000)
        await self._end(outcome)

    async def _freeze(self, duration_s: float) -> None:
        until = self._loop.time() + duration_s if duration_s else float("inf")
        while self._loop.time() < until and not self._transport.is_closing():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(_POLL_S)
        self.abort()
