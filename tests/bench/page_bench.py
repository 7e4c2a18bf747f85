"""The page in a real Chromium: `python -m tests.bench.page_bench [--seconds 60]`.

A call of two hours and 3,000 lines goes on with 20 partials a second: what a frame costs, how soon words are on screen,
whether memory grows. A wall of 200 calls, each with two partials and five levels a second. Then a page is opened from
nothing at the daemon's own hub: what goes over the wire, headers and all sections included, and how soon a live call
is on screen, on this machine and 50 ms away.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.server import HubServer
from ari_bridge.settings import AgiSettings, HubSettings
from tests.hub import calls
from tests.hub.running import Cards, Dialplan
from tests.webui.conftest import ARGUMENTS
from tests.webui.pace import LINES, PROBE, Pace, measure, share, spoken
from tests.webui.scripted import WEBUI, serving
from tests.webui.talks import call, in_snapshot, line

WALL_CALLS: Final = 200
WALL_S: Final = 10
LEVELS_A_PARTIAL: Final = 3  # five levels and two partials a second and call, about
ROUND_TRIPS_MS: Final = (0, 50)
OPENED: Final = 5  # times each
FIRST_WORDS = """
{ const look = () => document.querySelector(".u") ? setTimeout(() => { window.first = performance.now(); })
    : requestAnimationFrame(look);
  requestAnimationFrame(look); }
"""


@dataclass(slots=True)
class Wire:
    """What one page loaded: bytes as they came, headers included."""

    requests: int = 0
    bytes: int = 0


async def long_call(browser: Browser, seconds: int) -> Pace:
    transcript = [spoken(number) for number in range(LINES)]
    async with serving(calls=[in_snapshot(call(), transcript=transcript)]) as hub:
        context = await browser.new_context(viewport={"width": 1280, "height": 720}, locale="ru-RU")
        page = await context.new_page()
        await context.add_init_script(PROBE)
        await page.goto(hub.base + "/")
        await page.locator(".u").nth(LINES - 1).wait_for()
        pace = await measure(hub, page, seconds)
        await context.close()
    return pace


async def wall(browser: Browser) -> tuple[list[float], list[float]]:
    """A frame's work and the way from the socket to the screen, ms."""
    shown = [in_snapshot(call(f"c{n}", operator=str(1000 + n))) for n in range(WALL_CALLS)]
    me = {"name": "Ольга", "role": "supervisor", "extensions": [], "open": False}
    async with serving(calls=shown, me=me) as hub:
        context = await browser.new_context(viewport={"width": 1280, "height": 720}, locale="ru-RU")
        page = await context.new_page()
        await context.add_init_script(PROBE)
        await page.goto(hub.base + "/")
        await page.locator(".tile").nth(WALL_CALLS - 1).wait_for()
        await page.evaluate("window.work.length = window.latency.length = 0")
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for n in range(WALL_S * WALL_CALLS * 2):
            call_id = f"c{n % WALL_CALLS}"
            words = line("client", n // WALL_CALLS, n, "слово " * (n % 9), "хвост", final=False, call_id=call_id)
            await hub.say("transcript", **words)
            for level in range(LEVELS_A_PARTIAL):
                await hub.say("level", call_id=f"c{(n + level * 67) % WALL_CALLS}", client=n % 7 / 7, operator=0.1)
            await asyncio.sleep(max(0.0, begin + (n + 1) / (WALL_CALLS * 2) - loop.time()))
        work, latency = await page.evaluate("[window.work, window.latency]")
        await context.close()
    return work, latency


@asynccontextmanager
async def daemon() -> AsyncIterator[str]:
    """The daemon's own hub with a call that is going on."""
    hub = Hub(mode="demo")
    server = HubServer(HubSettings(port=0), AgiSettings(), hub, notices=Dialplan(), suggester=Cards(), webui=WEBUI)
    host, port = await server.start()
    for event in (calls.started(), calls.answered(), calls.partial("это дорого"), calls.card()):
        hub.publish(event)
    try:
        yield f"http://{host}:{port}"
    finally:
        await server.stop()


async def watched(page: Page, wire: Wire, round_trip_ms: int) -> CDPSession:
    """Counts the page's files (not REST, not the WebSocket) and puts the server farther away."""
    session = await page.context.new_cdp_session(page)
    files: set[str] = set()

    def begun(event: dict[str, Any]) -> None:
        if "/api/" not in event["request"]["url"]:
            files.add(event["requestId"])

    def done(event: dict[str, Any]) -> None:
        if event["requestId"] in files:
            wire.requests += 1
            wire.bytes += int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", begun)
    session.on("Network.loadingFinished", done)
    await session.send("Network.enable")
    conditions = {"offline": False, "latency": round_trip_ms, "downloadThroughput": -1, "uploadThroughput": -1}
    await session.send("Network.emulateNetworkConditions", conditions)
    return session


async def first_page(browser: Browser, base: str, round_trip_ms: int) -> tuple[float, Wire]:
    """Milliseconds until a live call's words are on screen, with an empty cache; what came over the wire for it."""
    context = await browser.new_context(viewport={"width": 1280, "height": 720}, locale="ru-RU")
    page, wire = await context.new_page(), Wire()
    await watched(page, wire, round_trip_ms)
    await context.add_init_script(FIRST_WORDS)
    await page.goto(base + "/")
    await page.locator(".u").first.wait_for()
    first = await page.evaluate("new Promise((done) => setTimeout(() => done(window.first), 300))")
    await context.close()
    return float(first), wire


async def every_section(browser: Browser, base: str) -> Wire:
    """What comes over the wire for somebody who looks at every section."""
    context = await browser.new_context(viewport={"width": 1280, "height": 720}, locale="ru-RU")
    page, wire = await context.new_page(), Wire()
    await watched(page, wire, 0)
    await page.goto(base + "/")
    links = page.locator("nav.menu a")
    await links.first.wait_for()
    for number in range(await links.count()):
        await links.nth(number).click()
        await page.wait_for_load_state("networkidle")
    await context.close()
    return wire


def report_pace(pace: Pace, seconds: int) -> None:
    print(f"two-hour call, {LINES:,} lines, 20 partials/s for {seconds} s")
    print(f"  a frame's work   p50 {share(pace.work, 0.5):.1f} ms, p95 {share(pace.work, 0.95):.1f} ms (≤ 8), "
          f"longest {max(pace.work):.1f} ms, {len(pace.work)} frames")  # fmt: skip
    print(f"  socket → screen  p50 {share(pace.latency, 0.5):.1f} ms, p95 {share(pace.latency, 0.95):.1f} ms (≤ 50), "
          f"longest {max(pace.latency):.1f} ms")  # fmt: skip
    print(f"  heap             {pace.heap_before_mb:.2f} → {pace.heap_after_mb:.2f} MB")


async def main(seconds: int) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        report_pace(await long_call(browser, seconds), seconds)
        work, latency = await wall(browser)
        print(f"a wall of {WALL_CALLS} calls: a frame's work p50 {share(work, 0.5):.1f} ms, p95 "
              f"{share(work, 0.95):.1f} ms, socket → screen p95 {share(latency, 0.95):.1f} ms")  # fmt: skip
        async with daemon() as base:
            for round_trip_ms in ROUND_TRIPS_MS:
                opened = [await first_page(browser, base, round_trip_ms) for _ in range(OPENED)]
                times, wire = sorted(first for first, _ in opened), opened[-1][1]
                print(f"a live call on screen, server {round_trip_ms} ms away: median {times[OPENED // 2]:.0f} ms, "
                      f"longest {times[-1]:.0f} ms (≤ 1,000)")  # fmt: skip
            print(f"the first page: {wire.requests} files, {wire.bytes / 1000:.1f} kB over the wire with headers")
            wire = await every_section(browser, base)
            print(f"all sections: {wire.requests} files, "
                  f"{wire.bytes / 1000:.1f} kB over the wire with headers (≤ 100)")  # fmt: skip
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    if shutil.which("chromium") is None:
        sys.exit("page bench: no Chromium on this machine: apt-get install chromium")
    asyncio.run(main(given.seconds))
