"""A request that was let in, and what answers it. Pure: HTTP stays in `server.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ari_bridge.hub.access import Access
from ari_bridge.hub.gate import Viewer
from ari_bridge.hub.reply import Reply


@dataclass(frozen=True, slots=True)
class Visit:
    """`params` are the path's parts in braces; `byte_range` is the header `Range`."""

    viewer: Viewer
    query: Mapping[str, str]
    params: Mapping[str, str]
    body: bytes = b""
    content_type: str = ""
    byte_range: str = ""


Answer = Callable[[Visit], Awaitable[Reply]]
Route = tuple[str, str, Access, Answer]
