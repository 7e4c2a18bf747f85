"""What a page's frame costs and how soon words are on screen, measured in the page itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

from tests.webui.scripted import ScriptedHub
from tests.webui.tab import frames
from tests.webui.talks import line

LINES = 3000
PER_SECOND = 20
LONGEST_S = 7200  # of the call
PROBE = """
{
  window.work = []; window.latency = [];
  let came = [], spent = 0;
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (paint) => request((time) => {
    const begin = performance.now();
    paint(time);
    document.body.offsetHeight;
    window.work.push(performance.now() - begin + spent);
    spent = 0;
    const shown = came; came = [];
    setTimeout(() => shown.forEach((t) => window.latency.push(performance.now() - t)));
  });
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    set onmessage(take) {
      super.onmessage = take && ((event) => {
        const begin = performance.now();
        came.push(begin);
        take(event);
        spent += performance.now() - begin;
      });
    }
  };
}
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds: `work` of each frame (messages, state, views, layout), `latency` from the socket to the screen."""

    work: list[float]
    latency: list[float]
    heap_before_mb: float
    heap_after_mb: float


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def spoken(number: int, **changes: Any) -> dict[str, Any]:
    """The line with this number of a two-hour call."""
    leg = "client" if number % 2 else "operator"
    words = f"Реплика номер {number}: говорим о монтаже, цене и сроках, как водится."
    return {**line(leg, number, number * LONGEST_S * 1000 // LINES, words), **changes}


async def heap_mb(page: Page) -> float:
    """In use after a collection."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    used = float((await session.send("Runtime.getHeapUsage"))["usedSize"]) / 2**20
    await session.detach()
    return used


async def talk(hub: ScriptedHub, first: int, seconds: int) -> None:
    """Partials of one utterance after the other, a second each, at `PER_SECOND`."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for n in range(seconds * PER_SECOND):
        number, part = first + n // PER_SECOND, n % PER_SECOND
        changes = {} if part == PER_SECOND - 1 else {"text": "слово " * part, "tail": "хвост", "final": False}
        await hub.say("transcript", **spoken(number, **changes))
        await asyncio.sleep(max(0.0, begin + (n + 1) / PER_SECOND - loop.time()))


async def measure(hub: ScriptedHub, page: Page, seconds: int, warm_s: int = 4) -> Pace:
    """A call of `LINES` lines is on the page, which was opened with `PROBE`; the talk goes on for `seconds`."""
    await talk(hub, LINES, warm_s)
    before = await heap_mb(page)
    await page.evaluate("window.work.length = window.latency.length = 0")
    await talk(hub, LINES + warm_s, seconds)
    await frames(page)
    work, latency = await page.evaluate("[window.work, window.latency]")
    return Pace(work, latency, before, await heap_mb(page))
