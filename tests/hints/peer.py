"""A scripted peer that speaks OpenRouter's HTTP: exact bytes, exact pauses, and what became of each request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Part = bytes | float  # bytes to send, or seconds to wait


@dataclass(slots=True)
class Reply:
    """One response; after `parts` the connection is ended properly, or torn where `torn`."""

    parts: Sequence[Part] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)
    torn: bool = False


def chunk(content: str | None, **more: Any) -> bytes:
    """One event with a delta of `content`."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": None}
    return event({"id": "gen-1", "model": "test/model", "object": "chat.completion.chunk", "choices": [choice], **more})


def event(payload: object) -> bytes:
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n".encode()


STOP = event({"id": "gen-1", "model": "test/model", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
USAGE = event({"id": "gen-1", "choices": [], "usage": {"prompt_tokens": 900, "completion_tokens": 40, "cost": 0.0014}})
DONE = b"data: [DONE]\n\n"


def answer(text: str, size: int = 12) -> Reply:
    """A healthy stream of `text` in pieces of `size` characters."""
    pieces = [chunk(text[at : at + size]) for at in range(0, len(text), size)]
    return Reply([b": OPENROUTER PROCESSING\n\n", *pieces, STOP, USAGE, DONE])


def suggestion(**members: str) -> str:
    """The answer's JSON text, as a model writes it."""
    full = {"kind": "objection", "priority": "high", "title": "Возражение: дорого", "content": "Спросите, с чем."}
    return json.dumps(full | members, ensure_ascii=False)


@dataclass(slots=True)
class Peer:
    """`reply` is asked for every request; `bodies` are the requests, `left_early` counts clients that went away."""

    reply: Callable[[dict[str, Any]], Reply]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    left_early: int = 0
    open_now: int = 0
    most_open: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            return await self._respond(request, self.reply(body))
        except (ConnectionError, asyncio.CancelledError):
            self.left_early += 1
            raise
        finally:
            self.open_now -= 1

    async def _respond(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        response.content_type = reply.content_type
        await response.prepare(request)
        for part in reply.parts:
            if isinstance(part, bytes):
                await response.write(part)
            else:
                await asyncio.sleep(part)
        if reply.torn and request.transport is not None:
            request.transport.abort()
        return response


@asynccontextmanager
async def openrouter_peer(reply: Callable[[dict[str, Any]], Reply] | Reply) -> AsyncIterator[Peer]:
    """The peer on a free port of loopback; `peer.url` is what goes into `openrouter.url`."""
    peer = Peer((lambda _: reply) if isinstance(reply, Reply) else reply)
    app = web.Application()
    app.router.add_post("/api/v1/chat/completions", peer.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        peer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1"
        yield peer
    finally:
        await runner.cleanup()
