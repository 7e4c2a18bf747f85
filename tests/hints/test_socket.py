"""From a final utterance to its card at a page, over the whole daemon: store, hub, WebSocket. Fifty calls at once."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from ari_bridge.app import App
from ari_bridge.events import Call, CallStarted, Direction
from ari_bridge.settings import load
from tests.hints.playbooks import heard

CALLS = 50
SAID = "ну знаете это слишком дорого для нас"


async def delays_of_fifty_calls(store: Path) -> list[float]:
    """Seconds from each final to its card, ordered."""
    environment = {"ARI_BRIDGE_STORE__URL": f"sqlite:///{store}", "ARI_BRIDGE_HUB__PORT": "0"}
    app, stop = App(load(None, environment)), asyncio.Event()
    where: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(app.run(stop, lambda host, port: where.set_result(f"http://{host}:{port}")))
    sent: dict[str, float] = {}
    delays: list[float] = []
    async with asyncio.timeout(40), aiohttp.ClientSession() as session, session.ws_connect(f"{await where}/ws") as page:

        async def read() -> None:
            while len(delays) < CALLS:
                told = json.loads((await page.receive()).data)
                if told["type"] == "suggestion":
                    delays.append(time.monotonic() - sent[told["call_id"]])

        reading = asyncio.create_task(read())
        begun = datetime.now(UTC)
        for number in range(CALLS):
            app.publish(CallStarted(Call(f"c{number}", f"+7900{number:07}", None, None, Direction.INBOUND, begun)))
        for number in range(CALLS):
            await asyncio.sleep(0.02)
            sent[f"c{number}"] = time.monotonic()
            app.publish(replace(heard(SAID), call_id=f"c{number}"))
        await reading
        stop.set()
    await running
    return sorted(delays)


async def test_a_card_is_at_the_page_within_100_ms_of_the_final_with_fifty_calls(tmp_path: Path) -> None:
    p95 = list[float]()
    for attempt in range(3):  # a starved machine errs by chance, we would err each time
        p95.append((await delays_of_fifty_calls(tmp_path / f"{attempt}.db"))[int(0.95 * CALLS)])
        if p95[-1] <= 0.1:
            break
    print(f"final → card at the page, 50 calls: p95 {1000 * p95[-1]:.1f} ms")
    assert p95[-1] <= 0.1, p95
