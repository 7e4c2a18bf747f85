"""What reaches the page, and an engine that serves, for tests over sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ari_bridge.events import Component, ComponentState, ComponentStatus, Event, Suggestion, Summary
from ari_bridge.hints.engine import HintEngine


@dataclass(slots=True)
class Desk:
    """`publish` and `report` for the engine; `at[i]` is when `events[i]` came (monotonic seconds)."""

    events: list[Event] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    states: list[ComponentStatus] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, event: Event) -> None:
        self.events.append(event)
        self.at.append(time.monotonic())
        self.changed.set()

    def report(self, component: Component, status: ComponentStatus) -> None:
        assert component is Component.LLM
        self.states.append(status)
        self.changed.set()

    @property
    def cards(self) -> list[Suggestion]:
        return [event for event in self.events if isinstance(event, Suggestion)]

    @property
    def summaries(self) -> list[Summary]:
        return [event for event in self.events if isinstance(event, Summary)]

    @property
    def state(self) -> ComponentState:
        return self.states[-1].state

    def standing(self) -> dict[str, Suggestion]:
        """The cards as a page would show them now."""
        shown = {card.id: card for card in self.cards}
        return {key: card for key, card in shown.items() if card.state != "withdrawn"}

    async def until(self, condition: Callable[[], bool], timeout_s: float = 8.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def serving(engine: HintEngine) -> AsyncIterator[None]:
    task = asyncio.create_task(engine.serve(), name="engine")
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
