"""What is answered to a request, without HTTP. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ari_bridge.hub.protocol import dumps

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """`stream`: the body, piece by piece, instead of `body`; its length is in the headers where that is known."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    stream: AsyncIterator[bytes] | None = None


def error(status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(status, dumps({"error": {"code": code, "message": message}}), headers=headers)
