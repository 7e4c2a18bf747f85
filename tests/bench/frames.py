"""A page as a raw socket: its handshake, and the frames that come (RFC 6455 §5.2). So 200 of them cost little."""

from __future__ import annotations

import base64
import os
from typing import Final

PONG: Final = bytes([0x8A, 0x80, 0, 0, 0, 0])  # masked with zeros, empty


def handshake(peer: tuple[str, int], token: str, query: str = "") -> bytes:
    host, port = peer
    return (
        f"GET /ws{query} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def frame_at(buffer: bytearray, start: int) -> tuple[int, int, int] | None:
    """Opcode, begin and end of the payload of the frame at `start`; None where it is not all there."""
    if len(buffer) < start + 2:
        return None
    opcode, length, begin = buffer[start] & 15, buffer[start + 1] & 127, start + 2
    if length > 125:
        size = 2 if length == 126 else 8
        length, begin = int.from_bytes(buffer[begin : begin + size], "big"), begin + size
    return (opcode, begin, begin + length) if begin + length <= len(buffer) else None
