"""The webhook against a receiver over a socket."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from ari_bridge.events import CallStarted
from ari_bridge.hints.webhook_sender import WebhookSender
from tests.hints.test_webhook import CALL, END, SUMMARY


@dataclass(slots=True)
class Crm:
    """A receiver that answers with `statuses`, then 204."""

    statuses: list[int]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.raw.append(await request.read())
        self.bodies.append(json.loads(self.raw[-1]))
        self.headers.append(dict(request.headers))
        self.changed.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def serving(*statuses: int, secret: str | None = "secret") -> AsyncIterator[tuple[Crm, WebhookSender]]:
    crm = Crm(list(statuses))
    app = web.Application()
    app.router.add_post("/hook", crm.handle)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sender = WebhookSender(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", secret, pause=lambda s: min(s, 0.05))
    owner = asyncio.create_task(sender.serve(), name="webhook")
    await asyncio.sleep(0)
    try:
        yield crm, sender
    finally:
        owner.cancel()
        await asyncio.gather(owner, return_exceptions=True)
        await runner.cleanup()


async def test_a_call_that_ends_is_reported_signed_and_with_its_summary() -> None:
    async with serving() as (crm, sender):
        for event in (CallStarted(CALL), END, SUMMARY):
            sender.on_event(event)
        await crm.until(lambda: len(crm.bodies) == 1)
    assert crm.bodies[0]["summary"]["need"] == "Окна"
    at, signed = (part.partition("=")[2] for part in crm.headers[0]["X-Ari-Bridge-Signature"].split(","))
    assert signed == hmac.new(b"secret", f"{at}.".encode() + crm.raw[0], hashlib.sha256).hexdigest()


async def test_no_summary_is_no_reason_to_be_silent() -> None:
    async with serving() as (crm, sender):
        sender.on_event(CallStarted(CALL))
        sender.on_event(END)
        await crm.until(lambda: len(crm.bodies) == 1)
    assert crm.bodies[0]["summary"] is None


async def test_a_receiver_that_is_down_gets_it_later_under_the_same_id() -> None:
    async with serving(503, 500) as (crm, sender):
        sender.on_event(CallStarted(CALL))
        sender.on_event(END)
        await crm.until(lambda: len(crm.bodies) == 3)
    assert {headers["X-Ari-Bridge-Delivery"] for headers in crm.headers} == {"c1"}
    assert len(set(crm.raw)) == 1


async def test_a_refusal_is_final_and_hinders_no_other_call() -> None:
    async with serving(400) as (crm, sender):
        sender.on_event(CallStarted(CALL))
        sender.on_event(END)
        await crm.until(lambda: len(crm.bodies) == 1)
        sender.on_event(CallStarted(replace(CALL, id="c2")))
        sender.on_event(replace(END, call_id="c2"))
        await crm.until(lambda: len(crm.bodies) == 2)
        await asyncio.sleep(0.1)
    assert [body["call"]["id"] for body in crm.bodies] == ["c1", "c2"]


async def test_before_serve_nothing_is_kept() -> None:
    sender = WebhookSender("http://127.0.0.1:9/hook", None)
    sender.on_event(CallStarted(CALL))
    sender.on_event(END)
