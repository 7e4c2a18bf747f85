"""A two-hour call in a real Chromium: what a frame costs, how soon a partial is on screen, whether memory stays flat.

The limits here are loose, for a shared machine; `tests/bench/page_bench.py` shows the figures.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.webui.pace import LINES, PROBE, measure, share, spoken
from tests.webui.scripted import serving
from tests.webui.tab import tab
from tests.webui.talks import call, in_snapshot

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module")]
SECONDS = 4


async def test_a_long_call_stays_quick(browser: Browser) -> None:
    transcript = [spoken(number) for number in range(LINES)]
    async with (
        serving(calls=[in_snapshot(call(), transcript=transcript)]) as hub,
        tab(browser, hub.base, script=PROBE) as page,
    ):
        await hub.connected(1)
        await expect(page.locator(".u")).to_have_count(LINES)
        pace = await measure(hub, page, SECONDS)
    assert len(pace.work) >= SECONDS * 10
    assert share(pace.work, 0.95) <= 25
    assert share(pace.latency, 0.95) <= 100
    assert pace.heap_after_mb - pace.heap_before_mb < 2
