"""Records what Asterisk tells of shapes of call, for the pure tests (tests/calls/test_shapes.py).

    python -m tests.chain.record_shapes [SCENE …]

One file a scene, one message a line, in order of arrival, listened to as the daemon does; no daemon runs.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from ari_bridge.asterisk.events import NEEDED
from tests.chain.pbx import real_pbx
from tests.chain.scenes import OPTIONS, SCENES
from tests.chain.town import Town
from tests.lab.asterisk import Asterisk
from tests.lab.telephone import Telephones

FOLDER = Path(__file__).parents[1] / "calls" / "shapes"
NAMES = (
    "attended_transfer",
    "attended_transfer_outside",
    "blind_transfer",
    "first_of_two",
    "held_by_client",
    "picked_up",
    "transfer_of_outbound",
    "transfer_outside",
)
APP = "ari_bridge"


async def listen(asterisk: Asterisk, http: aiohttp.ClientSession, ready: asyncio.Event, heard: list[Any]) -> None:
    url = f"{asterisk.ari_url}/ari"
    async with http.ws_connect(f"{url}/events", params={"app": APP, "subscribeAll": "true"}) as socket:
        allowed = {"allowed": [{"type": name} for name in NEEDED]}
        status = 404  # the line is up a moment before the application is known
        while status != 200:
            async with http.put(f"{url}/applications/{APP}/eventFilter", json=allowed) as answer:
                status = answer.status
        ready.set()
        async for message in socket:
            event = json.loads(message.data)
            heard.append({key: value for key, value in event.items() if key not in ("asterisk_id", "application")})


async def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with real_pbx(0, **OPTIONS) as pbx, Telephones(pbx.asterisk) as telephones:
            trunk = await telephones.trunk()
            town = Town(pbx, None, None, None, telephones, trunk, Path(folder))  # type: ignore[arg-type]
            options = pbx.asterisk.options
            login = {"Authorization": aiohttp.encode_basic_auth(options.ari_user, options.ari_password)}
            async with aiohttp.ClientSession(headers=login) as http:
                for name in names:
                    heard: list[Any] = []
                    ready = asyncio.Event()
                    listening = asyncio.create_task(listen(pbx.asterisk, http, ready, heard), name="listen")
                    await ready.wait()
                    await SCENES[name](town)
                    await asyncio.to_thread(pbx.asterisk.wait_idle)
                    await asyncio.sleep(0.3)
                    listening.cancel()
                    await asyncio.wait([listening])
                    text = "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in heard)
                    (FOLDER / f"{name}.jsonl").write_text(text, encoding="utf-8")
                    print(name, len(heard), file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(NAMES)))
