"""A recogniser that serves, for as long as a test looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from pydantic import SecretStr

from ari_bridge.events import Component, ComponentState, ComponentStatus, Leg
from ari_bridge.interfaces import AudioEncoding, SpeechSpec
from ari_bridge.settings import SonioxSettings
from ari_bridge.stt.leg_stream import LegStream
from ari_bridge.stt.soniox import SonioxSpeechToText
from ari_bridge.stt.timing import Timing
from tests.stt.leg import Ear

SPEED = 20.0
EXACT = Timing().faster(SPEED)
FAST = replace(EXACT, connect_s=3.0, pong_s=2.0, probe_s=0.5, show_down_s=0.3)
"""As `EXACT`, but a loaded machine is not taken for a dead line."""
NOWHERE = "http://127.0.0.1:9/v1"


def spec(leg: Leg = Leg.CLIENT, call_id: str = "c1", started_at: float = 0.0) -> SpeechSpec:
    return SpeechSpec(call_id, leg, AudioEncoding.MULAW, 8000, started_at=started_at)


@dataclass
class Serving:
    stt: SonioxSpeechToText
    statuses: list[ComponentStatus] = field(default_factory=list)

    @property
    def states(self) -> list[ComponentState]:
        return [status.state for status in self.statuses]

    def open(self, leg: Leg = Leg.CLIENT, call_id: str = "c1", started_at: float = 0.0) -> tuple[LegStream, Ear]:
        ear = Ear()
        return self.stt.open(spec(leg, call_id, started_at), ear), ear


@asynccontextmanager
async def serving(url: str, timing: Timing = FAST, **settings: Any) -> AsyncIterator[Serving]:
    """`settings` are those of `SonioxSettings`."""
    defaults = {"url": url, "api_url": NOWHERE, "api_key": SecretStr("k-1"), "requests_per_minute": 1000}
    merged = SonioxSettings(**{**defaults, **settings})
    statuses: list[ComponentStatus] = []

    def report(component: Component, status: ComponentStatus) -> None:
        assert component is Component.STT
        statuses.append(status)

    stt = SonioxSpeechToText(merged, report, timing=timing, random=Random(1))
    task = asyncio.create_task(stt.serve(), name="stt")
    try:
        yield Serving(stt, statuses)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], Any], within_s: float = 5.0) -> None:
    """Wait for a condition that sockets bring about."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.005)
