"""A real hub where people sign in, for the page's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.hub.running import Running, running
from tests.hub.team import enlist
from tests.webui.scripted import WEBUI


@asynccontextmanager
async def closed_to_strangers(tmp_path: Path, *names: str) -> AsyncIterator[Running]:
    """The page at a hub that knows these users (of tests/hub/team.py), once it asks everybody who he is."""
    async with running(tmp_path, webui=WEBUI) as room:
        await enlist(room.accounts, *names)
        async with asyncio.timeout(10):
            while (await room.get("/api/me"))[0] != 401:
                await asyncio.sleep(0.01)
        yield room
