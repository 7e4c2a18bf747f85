"""Asterisk's media WebSocket (`chan_websocket`): the shell that opens it and hands its audio to the leg's own socket.

We open the connection (`external_host=INCOMING`), so it crosses NAT and TLS wherever ARI does. Each binary message is
one frame of audio, each text a message of control, of which none is needed here. The frames go on as RTP over this
machine to the leg's UDP socket, so that a leg is the same leg whichever way its audio came.
"""

from __future__ import annotations

import asyncio
import base64
import random
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ari_bridge.asterisk.client import AriError
from ari_bridge.asterisk.media_packets import PacketMaker
from ari_bridge.errors import IllegalInput
from ari_bridge.settings import AriSettings

log = structlog.get_logger(__name__)

SUBPROTOCOL = "media"
MAX_MESSAGE = 1 << 16
MAX_MESSAGES = 256  # five seconds received and not yet taken; then the socket is not read, and TCP keeps the rest
PONG_S = 5.0  # a line that answers no ping for so long is dead
WINDOW_S = 0.1
MOST_PER_WINDOW = 40  # after a stall all comes at once: at eight times real time no socket behind overflows

Lost = Callable[[], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Line:
    connection: ClientConnection
    outlet: socket.socket
    packets: PacketMaker
    lost: Lost
    wanted: bool = True


class MediaSockets:
    """The media WebSockets of all legs. `serve` owns them; `open` and `close` while it runs."""

    def __init__(self, settings: AriSettings) -> None:
        password = settings.password.get_secret_value() if settings.password else ""
        token = base64.b64encode(f"{settings.username or ''}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self._root = "ws" + settings.url.removeprefix("http")
        self._tls = ssl.create_default_context() if settings.url.startswith("https:") else None
        self._timeout_s = settings.request_timeout_s
        self._heartbeat_s = settings.heartbeat_s
        self._tasks: asyncio.TaskGroup | None = None
        self._lines: dict[str, _Line] = {}  # by our channel's id; as many as legs

    async def serve(self) -> None:
        """Own the lines until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.Event().wait()
        finally:
            self._tasks = None

    async def open(
        self, channel_id: str, connection_id: str, leg: tuple[str, int], audio_format: str, lost: Lost
    ) -> tuple[str, int]:
        """Connect to a WebSocket channel of ours and send its audio to `leg`; the address that it will come from.

        `lost` is awaited if the line ends before `close`. Raises `AriError`.
        """
        if self._tasks is None:
            raise IllegalInput("media sockets are not served")
        connection = await self._connect(connection_id)
        outlet = socket.socket(socket.AF_INET6 if ":" in leg[0] else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            outlet.setblocking(False)
            outlet.bind((leg[0], 0))
            outlet.connect(leg)
        except OSError:
            outlet.close()
            connection.transport.abort()
            raise
        line = self._lines[channel_id] = _Line(
            connection, outlet, PacketMaker(audio_format, random.getrandbits(32)), lost
        )
        self._tasks.create_task(self._carry(channel_id, line), name=f"media[{channel_id}]")
        host, port = outlet.getsockname()[:2]
        return host, port

    def close(self, channel_id: str) -> None:
        """The line is wanted no more; none by that id is fine."""
        line = self._lines.pop(channel_id, None)
        if line is not None:
            line.wanted = False
            line.connection.transport.abort()

    async def _connect(self, connection_id: str) -> ClientConnection:
        try:
            return await connect(
                f"{self._root}/media/{connection_id}",
                additional_headers=self._headers,
                subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                ssl=self._tls,
                proxy=None,  # settings are read in one place only
                compression=None,
                open_timeout=self._timeout_s,
                ping_interval=self._heartbeat_s,
                ping_timeout=PONG_S,
                close_timeout=self._heartbeat_s,
                max_size=MAX_MESSAGE,
                max_queue=MAX_MESSAGES,
            )
        except InvalidStatus as refused:
            status = refused.response.status_code
            raise AriError("ari_refused", f"media WebSocket: {status}", status=status) from None
        except TimeoutError:
            raise AriError("ari_timeout", f"media WebSocket: no answer in {self._timeout_s:g} s") from None
        except (OSError, WebSocketException) as failed:
            raise AriError("ari_unreachable", f"media WebSocket: {type(failed).__name__}") from None

    async def _carry(self, channel_id: str, line: _Line) -> None:
        """Frames to packets, until the line ends."""
        try:
            await self._forward(line)
        except ConnectionClosed:
            pass
        except OSError:  # the leg's own socket is closed: it is about to be released
            line.wanted = False
        except Exception:  # boundary: one leg's line must not take down the others
            log.exception("media_failed", channel=channel_id)
        finally:
            line.outlet.close()
            line.connection.transport.abort()
        if line.packets.skipped_ms:
            log.warning("media_skipped", channel=channel_id, skipped_ms=line.packets.skipped_ms)
        if self._lines.get(channel_id) is line:
            del self._lines[channel_id]
        if line.wanted:
            log.warning("media_lost", channel=channel_id)
            await self._tell(line)

    async def _forward(self, line: _Line) -> None:
        began, sent = time.monotonic(), 0
        async for message in line.connection:
            if not isinstance(message, bytes) or not message:
                continue
            now = time.monotonic()
            if now - began >= WINDOW_S:
                began, sent = now, 0
            elif sent >= MOST_PER_WINDOW:
                await asyncio.sleep(WINDOW_S - (now - began))
                began, sent = time.monotonic(), 0
            sent += 1
            line.outlet.send(line.packets.packet(message, now))

    async def _tell(self, line: _Line) -> None:
        try:
            await line.lost()
        except AriError:
            return  # Asterisk is away: the line to it says so
