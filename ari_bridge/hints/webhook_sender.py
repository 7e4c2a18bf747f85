"""Tells a CRM of calls that are over. The shell around `webhook`; aiohttp stands here for this protocol."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import aiohttp
import structlog

from ari_bridge.events import Event, Summary
from ari_bridge.hints.webhook import Delivery, Reports, headers, retry_after

log = structlog.get_logger(__name__)

SUMMARY_WAIT_S = 11.0  # a summary comes within ten seconds or not at all
TIMEOUT_S = 10.0
MAX_PENDING = 1000  # deliveries on their way, retries included; a further one is dropped and said so


class WebhookSender:
    """Fed with every event; each delivery is a task of `serve`'s TaskGroup. Undelivered ones end with the daemon."""

    def __init__(
        self, url: str, secret: str | None, *, pause: Callable[[float], float] = lambda seconds: seconds
    ) -> None:
        """`pause` maps the waiting times (tests shorten them)."""
        self._url = url
        self._secret = secret
        self._pause = pause
        self._reports = Reports()
        self._summaries: dict[str, asyncio.Future[Summary]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._pending = 0

    async def serve(self) -> None:
        """Own all deliveries until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None

    def on_event(self, event: Event) -> None:
        """Returns at once."""
        if isinstance(event, Summary):
            waiting = self._summaries.get(event.call_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(event)
            return
        call_id = self._reports.hear(event)
        if call_id is None:
            return
        if self._tasks is None or self._pending >= MAX_PENDING:
            self._reports.finish(call_id, None)
            log.error("webhook_dropped", call_id=call_id, pending=self._pending)
            return
        self._summaries[call_id] = asyncio.get_running_loop().create_future()
        self._pending += 1
        self._tasks.create_task(self._report(call_id), name=f"call[{call_id}].webhook")

    async def _report(self, call_id: str) -> None:
        try:
            delivery: Delivery | None = self._reports.finish(call_id, await self._summary(call_id))
            while delivery is not None:
                delivery = await self._attempt(delivery)
        except Exception:  # boundary: one report must not take down the others
            log.exception("webhook_broken", call_id=call_id)
        finally:
            self._pending -= 1

    async def _summary(self, call_id: str) -> Summary | None:
        try:
            async with asyncio.timeout(self._pause(SUMMARY_WAIT_S)):
                return await self._summaries[call_id]
        except TimeoutError:
            return None
        finally:
            del self._summaries[call_id]

    async def _attempt(self, delivery: Delivery) -> Delivery | None:
        """Send once; the delivery to try again, after its pause, or None where it is done with."""
        status: int | None = None
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
                session.post(
                    self._url,
                    data=delivery.body,
                    headers=headers(delivery, self._secret, int(time.time())),
                    allow_redirects=False,
                ) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("webhook_unreachable", call_id=delivery.call_id, error=type(error).__name__)
        if status is not None and 200 <= status < 300:
            log.info("webhook_delivered", call_id=delivery.call_id, attempt=delivery.attempt)
            return None
        pause = retry_after(delivery, status)
        if pause is None:
            log.error("webhook_failed", call_id=delivery.call_id, status=status, attempts=delivery.attempt + 1)
            return None
        await asyncio.sleep(self._pause(pause))
        return replace(delivery, attempt=delivery.attempt + 1)
