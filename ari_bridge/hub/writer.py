"""Empties one client's outbox into its connection.

As long as the transport holds nothing back, frames are written in the loop's next turn, many in one write, and no task
wakes up: with hundreds of pages the waking would cost more than the writing. When a reader is slow the writer's task
takes over, which waits for the transport; the outbox meanwhile coalesces, or overflows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from ari_bridge.hub.client import Client
from ari_bridge.hub.fanout import Hub

BATCH_BYTES: Final = 32 * 1024  # handed to the transport between two looks at its back-pressure
LEVEL_WAIT_S: Final = 0.2  # a level goes with the words that come meanwhile, if any do


class Line(Protocol):
    """What frames are written to. `ConnectionError` means that the peer is gone."""

    @property
    def idle(self) -> bool:
        """Whether the peer is there and the transport holds nothing back."""

    def write(self, frames: Sequence[bytes]) -> None:
        """Hand text frames over at once."""

    async def send(self, frames: Sequence[bytes]) -> None:
        """Send text frames (at least one); returns when the transport takes more (back-pressure)."""


class PageWriter:
    """`run` once."""

    def __init__(self, hub: Hub, client: Client, line: Line, heartbeat_s: float) -> None:
        self._hub = hub
        self._client = client
        self._line = line
        self._heartbeat_s = heartbeat_s
        self._loop = asyncio.get_running_loop()
        self._flushing: asyncio.Handle | None = None
        self._soon = False  # it flushes as soon as an urgent message wants it
        self._sending = True  # the task has the line
        self._slow = asyncio.Event()

    async def run(self) -> None:
        """Write until the peer is gone or the task is cancelled."""
        with suppress(ConnectionError):
            try:
                await self._send([self._client.first])
                self._client.first = b""  # it may be large and is not needed again
                self._client.on_news = self._on_news
                await self._send_rest()
                while True:
                    await self._wait_and_help()
            finally:
                self._sending = True
                if self._flushing is not None:
                    self._flushing.cancel()

    async def _wait_and_help(self) -> None:
        """One heartbeat's time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._heartbeat_s):
                while True:
                    await self._slow.wait()
                    self._slow.clear()
                    await self._send_rest()
        self._sending = True
        await self._send([self._hub.heartbeat_for(self._client)])
        await self._send_rest()

    async def _send_rest(self) -> None:
        """Send all there is, as fast as the peer reads; then let `_flush` have the line again."""
        while frames := self._client.outbox.take_batch(BATCH_BYTES):
            await self._send(frames)
        self._sending = False

    async def _send(self, frames: Sequence[bytes]) -> None:
        await self._line.send(frames)
        self._hub.counters.frames_sent_total += len(frames)

    def _on_news(self, urgent: bool) -> None:
        if self._sending or (self._flushing is not None and (self._soon or not urgent)):
            return
        if self._flushing is not None:
            self._flushing.cancel()
        self._soon = urgent
        if urgent:
            self._flushing = self._loop.call_soon(self._flush)
        else:
            self._flushing = self._loop.call_later(LEVEL_WAIT_S, self._flush)

    def _flush(self) -> None:
        """Write a batch, where the transport has room."""
        self._flushing = None
        if self._sending:
            return
        if not self._line.idle:
            self._sending = True
            self._slow.set()
            return
        frames = self._client.outbox.take_batch(BATCH_BYTES)
        if not frames:
            return
        self._line.write(frames)
        self._hub.counters.frames_sent_total += len(frames)
        if self._client.outbox.ready:
            self._flushing, self._soon = self._loop.call_soon(self._flush), True
