"""A listener as the daemon has it, but for its checks, which come soon; what it delivers and reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.client import AriClient
from ari_bridge.asterisk.listener import Listener
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.events import Component, ComponentState, ComponentStatus
from ari_bridge.settings import AriSettings

_Event = TypeVar("_Event")


@dataclass
class Line:
    """`events` and `states` in their order; `tapped` are the channels whose taps are alive."""

    client: AriClient
    tapper: Tapper
    tapped: frozenset[str] = frozenset()
    events: list[ari.TelephonyEvent] = field(default_factory=list)
    states: list[ComponentStatus] = field(default_factory=list)
    deliver: Callable[[ari.TelephonyEvent], None] = lambda event: None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    listener: Listener = field(init=False)

    def take(self, event: ari.TelephonyEvent) -> None:
        self.events.append(event)
        self._news.set()
        self.deliver(event)

    def report(self, component: Component, status: ComponentStatus) -> None:
        assert component is Component.ARI
        if not self.states or self.states[-1] != status:
            self.states.append(status)
        self._news.set()

    async def until(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        """Until `condition` holds, which is asked again whenever there is news, and at times."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._news.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self._news.wait()
                except TimeoutError:
                    continue

    async def until_state(self, state: ComponentState, timeout_s: float = 5.0) -> ComponentStatus:
        await self.until(lambda: self.states and self.states[-1].state is state, timeout_s)
        return self.states[-1]

    async def until_up(self) -> None:
        await self.until_state(ComponentState.UP)

    def of(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def line(settings: AriSettings, **members: object) -> AsyncIterator[Line]:
    """The listener runs until the block ends; that it ended by itself fails the test."""
    client = AriClient(settings)
    made = Line(client, Tapper(client, settings.app, settings.request_timeout_s), **members)  # type: ignore[arg-type]
    made.listener = Listener(
        settings=settings,
        client=client,
        tapper=made.tapper,
        deliver=made.take,
        report=made.report,
        tapped_channels=lambda: made.tapped,
        recheck_s=0.1,
        known_within_s=0.3,
    )
    running = asyncio.create_task(made.listener.run(), name="listener")
    try:
        yield made
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=3)
        assert running.done(), "it does not end when it is cancelled"
        await client.close()
