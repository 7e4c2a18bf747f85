"""One WebSocket connection: its writer, and a reader that takes what the page says.

It knows the connection only as a Protocol; `server.py` makes one of an aiohttp WebSocket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import structlog

from ari_bridge.errors import BridgeError
from ari_bridge.hub.access import Account
from ari_bridge.hub.client import Client
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.protocol import Feedback, Painted, Pong, parse_client_message
from ari_bridge.hub.writer import Line, PageWriter

log = structlog.get_logger(__name__)

HEARTBEAT_S = 5.0
SAID_AT_ONCE = 300  # messages of a page; what a page has to say is far less, also when it comes back
SAID_PER_S = 50.0
POLICY_VIOLATION = 1008  # RFC 6455 §7.4.1
CLOSE_TIMEOUT_S = 3.0  # a reader that does not even take the close frame is cut off


class Connection(Line, Protocol):
    """A text-frame connection."""

    async def receive(self) -> str | bytes | None:
        """The next message (bytes: a binary one); None when the connection is closed."""

    async def close(self, code: int, reason: str) -> None:
        """Close with a close frame and await the peer's; may take as long as the peer likes."""

    def abort(self) -> None:
        """Drop the connection and all that is buffered for it, at once."""


class Session:
    def __init__(
        self,
        hub: Hub,
        client: Client,
        connection: Connection,
        *,
        on_feedback: Callable[[Account, Feedback], Awaitable[object]],
        on_painted: Callable[[Account, int], None],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._hub = hub
        self._client = client
        self._connection = connection
        self._on_feedback = on_feedback
        self._on_painted = on_painted
        self._writer = PageWriter(hub, client, connection, heartbeat_s)

    async def run(self) -> None:
        """Serve until the peer goes or the hub asks for the end; then the connection is closed."""
        name = f"hub.client[{self._client.number}]"
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(self._read(), name=f"{name}.reader")
            writer = tasks.create_task(self._writer.run(), name=f"{name}.writer")
            try:
                await asyncio.wait((reader, writer, self._client.closing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                reader.cancel()
                writer.cancel()
        if self._client.closing.done():
            await self._close(*self._client.closing.result())

    async def _close(self, code: int, reason: str) -> None:
        log.info("client_closed", client=self._client.number, code=code, reason=reason)
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close(code, reason)
        self._connection.abort()

    async def _read(self) -> None:
        loop, level, at = asyncio.get_running_loop(), 0.0, 0.0
        while (received := await self._connection.receive()) is not None:
            now = loop.time()
            level, at = max(0.0, level - (now - at) * SAID_PER_S) + 1, now
            if level > SAID_AT_ONCE:
                self._client.close(POLICY_VIOLATION, "too many messages")
                return
            message = parse_client_message(received) if isinstance(received, str) else None
            match message:
                case None:
                    self._hub.counters.malformed_total += 1
                case Pong():
                    pass  # any frame shows that the page is alive; the transport's own ping finds a dead line
                case Painted(sequence):
                    self._on_painted(self._client.account, sequence)
                case Feedback():
                    try:
                        await self._on_feedback(self._client.account, message)
                    except BridgeError as fault:  # the page sees that it was not taken: the card stays as it is
                        log.warning("feedback_not_taken", code=fault.code, error=str(fault))
