"""`ari-bridge demo`: what a newcomer sees, and how soon."""

from __future__ import annotations

import asyncio
import re
import sys
import time

from tests.chain.daemon import Page

FIRST_WORDS_WITHIN_S = 20.0


async def test_the_first_words_stand_on_the_page_within_twenty_seconds() -> None:
    began = time.monotonic()
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ari_bridge", "demo", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert demo.stdout is not None
        async with asyncio.timeout(15):
            while not (found := re.search(rb"http://127\.0\.0\.1:\d+", await demo.stdout.readline())):
                pass
        async with Page(found[0].decode()) as page:
            assert page.messages[0]["mode"] == "demo"
            await page.until(lambda: page.of("transcript"), FIRST_WORDS_WITHIN_S)
            assert time.monotonic() - began <= FIRST_WORDS_WITHIN_S
            await page.until(lambda: page.of("suggestion"), 30)
            assert len(page.of("call_start")) + len(page.messages[0]["calls"]) >= 2, "several calls come and go"
    finally:
        demo.terminate()
        async with asyncio.timeout(10):
            assert await demo.wait() == 0
