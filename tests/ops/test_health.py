from __future__ import annotations

import asyncio
import time

from ari_bridge.ops.health import LoopProbe


async def test_a_blocked_loop_shows() -> None:
    probe = LoopProbe()
    serving = asyncio.create_task(probe.serve(), name="probe")
    await asyncio.sleep(0.05)
    time.sleep(0.5)
    await asyncio.sleep(0.01)
    serving.cancel()
    assert 0.2 < probe.health.lag_max_seconds < 0.5


async def test_the_maximum_is_forgotten_after_two_windows() -> None:
    probe = LoopProbe(window_s=0.0)  # every probe ends a window
    probe.note(1.0)
    serving = asyncio.create_task(probe.serve(), name="probe")
    await asyncio.sleep(0.9)  # three probes
    serving.cancel()
    assert probe.health.lag_max_seconds < 0.5
