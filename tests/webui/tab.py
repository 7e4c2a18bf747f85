"""One open page in Chromium, watched for whatever it complains about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page

NETWORK = ("WebSocket connection to", "Failed to load resource")


@asynccontextmanager
async def tab(
    browser: Browser,
    base: str,
    *,
    width: int = 1280,
    height: int = 720,
    clock: bool = False,
    script: str = "",
    path: str = "/",
    expected: str | None = None,
    **options: Any,
) -> AsyncIterator[Page]:
    """The page, opened. Afterwards: no exception, no console error, no breach of the Content-Security-Policy.

    `clock`: the page's time can be moved (`page.clock`); `script` runs before the page's own.
    A complaint that begins with `expected` is the test's own doing.
    What a browser itself reports about a server that is away does not count.
    """
    complaints: list[str] = []
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="ru-RU", timezone_id="Europe/Moscow", **options
    )
    page = await context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda entry: complaints.append(entry.text) if entry.type in ("error", "warning") else None)
    await context.add_init_script(script)
    if clock:
        await page.clock.install()
    await page.goto(base + path)
    try:
        yield page
    finally:
        await context.close()
    begins = NETWORK if expected is None else (*NETWORK, expected)
    assert [words for words in complaints if not words.startswith(begins)] == []


async def frames(page: Page, count: int = 2) -> None:
    """Until the page has painted what it knows."""
    for _ in range(count):
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


async def eventually(page: Page, expression: str, timeout_s: float = 5.0) -> None:
    """Until the expression holds in the page (its policy forbids Playwright's own way, which evaluates text there)."""
    async with asyncio.timeout(timeout_s):
        while not await page.evaluate(expression):
            await frames(page, 1)
