"""A WebSocket as this room needs it; the only file of the room that imports `websockets`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidState, InvalidStatus, WebSocketException
from websockets.protocol import State

from ari_bridge.stt.dialect import WireFrame
from ari_bridge.stt.timing import Timing

WRITE_HIGH = 1 << 19  # bytes; never reached: senders stop at WRITABLE, so `send` does not wait
WRITABLE = 1 << 15  # bytes waiting for the peer above which no more audio is sent: the ring keeps it
MAX_MESSAGE = 1 << 20  # bytes of one message of the peer
MAX_MESSAGES = 64  # received and not yet taken; then the socket is not read: the peer waits


class WireRefused(Exception):
    """The handshake was answered with an HTTP status other than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"handshake answered with {status}")
        self.status = status


class WireFailed(Exception):
    """No connection came about; the message says why, without the address's secrets."""


class WireClosed(Exception):
    """The connection is over; `code` is the peer's close code, None where it sent none."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Wire:
    """One open connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @property
    def writable(self) -> bool:
        """Whether `send` would return at once."""
        connection = self._connection
        return connection.state is State.OPEN and connection.transport.get_write_buffer_size() <= WRITABLE

    def send(self, frame: WireFrame) -> None:
        """Hand a message over; call it while `writable`. Raises `WireClosed`.

        By the protocol core under the connection: its own `send` first prepares to wait, which `writable` makes
        needless, and costs a third more for a slice.
        """
        protocol = self._connection.protocol
        try:
            if isinstance(frame, str):
                protocol.send_text(frame.encode())
            else:
                protocol.send_binary(frame)
        except InvalidState:
            raise WireClosed(protocol.close_code) from None
        self._connection.send_data()

    async def receive(self) -> WireFrame:
        """The next message; raises `WireClosed`."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as closed:
            raise WireClosed(_code(closed)) from None

    async def ping(self) -> Callable[[], bool]:
        """Ask for a sign of life; what is returned tells whether it came. Raises `WireClosed`."""
        try:
            pong = cast(asyncio.Future[float], await self._connection.ping())
        except ConnectionClosed as closed:
            raise WireClosed(_code(closed)) from None
        return pong.done

    async def close(self) -> None:
        """Say goodbye; the peer has `Timing.close_s` to answer."""
        await self._connection.close()

    def abort(self) -> None:
        """Close without waiting for anybody."""
        self._connection.transport.abort()


def _code(closed: ConnectionClosed) -> int | None:
    return closed.rcvd.code if closed.rcvd else None


async def open_wire(url: str, headers: Mapping[str, str], timing: Timing, context: ssl.SSLContext | None) -> Wire:
    """A connection whose half-open death is found within `ping_s + pong_s`. Raises `WireRefused`, `WireFailed`.

    No proxy of the environment is used: settings are read in one place only. Audio does not compress: no deflate.
    """
    try:
        connection = await connect(
            url,
            additional_headers=dict(headers),
            ssl=context,
            proxy=None,
            compression=None,
            open_timeout=timing.connect_s,
            ping_interval=timing.ping_s,
            ping_timeout=timing.pong_s,
            close_timeout=timing.close_s,
            max_size=MAX_MESSAGE,
            max_queue=MAX_MESSAGES,
            write_limit=WRITE_HIGH,
        )
    except InvalidStatus as refused:
        raise WireRefused(refused.response.status_code) from None
    except TimeoutError:
        raise WireFailed("timeout") from None
    except (OSError, WebSocketException) as failed:
        raise WireFailed(type(failed).__name__) from None
    return Wire(connection)
