"""The hub's WebSockets: aiohttp's as a `session.Connection`. aiohttp stands here for this protocol."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from aiohttp import WSMsgType, web

SEND_BUFFER = 128 * 1024  # of the kernel, per WebSocket; it doubles it (socket(7))


class HubSocket:
    """aiohttp's WebSocket as a `Connection`."""

    def __init__(self, response: web.WebSocketResponse, request: web.Request) -> None:
        self._response = response
        line = self._transport = request.transport
        peer = line.get_extra_info("socket") if line is not None and not line.is_closing() else None
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    @property
    def idle(self) -> bool:
        line = self._transport
        return (
            line is not None
            and not line.is_closing()
            and line.get_write_buffer_size() == 0
            and not self._response.closed
        )

    def write(self, frames: Sequence[bytes]) -> None:
        """Past aiohttp, which makes a system call per frame: that is the dearest part of sending."""
        if self._transport is not None:
            self._transport.write(b"".join(map(_framed, frames)))

    async def send(self, frames: Sequence[bytes]) -> None:
        """aiohttp sends the last frame of the batch, and waits for the transport."""
        *batch, last = frames
        if batch and not self._response.closed:
            self.write(batch)
        await self._response.send_frame(last, WSMsgType.TEXT)

    async def receive(self) -> str | bytes | None:
        message = await self._response.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            return message.data  # type: ignore[no-any-return]
        return None  # CLOSE, CLOSING, CLOSED, ERROR: aiohttp has answered the peer

    async def close(self, code: int, reason: str) -> None:
        await self._response.close(code=code, message=reason.encode())

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _framed(text: bytes) -> bytes:
    """A server's whole text frame: FIN, no mask (RFC 6455 §5.2)."""
    length = len(text)
    if length < 126:
        return b"\x81%c%b" % (length, text)
    if length < 1 << 16:
        return b"\x81\x7e%b%b" % (length.to_bytes(2, "big"), text)
    return b"\x81\x7f%b%b" % (length.to_bytes(8, "big"), text)
