"""Every operation of the OpenAPI document with generated requests: no 500, and no answer that it does not name."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ari_bridge.events import Component, ComponentState, ComponentStatus, SystemChanged
from ari_bridge.ops.metrics import Metrics
from tests.conftest import PROFILE
from tests.hub.calls import STARTED, answered, card, ended, final, hung_up, started
from tests.hub.running import running
from tests.hub.team import enlist, token_of

TOOL = str(Path(sys.executable).with_name("schemathesis"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
THOROUGHNESS = ("--max-examples", "50") if PROFILE == "prove" else ("--max-examples", "4", "--seed", "1")
UP = SystemChanged(dict.fromkeys(Component, ComponentStatus(ComponentState.UP)))


@pytest.mark.timeout(1800 if PROFILE == "prove" else 300)
@pytest.mark.parametrize("who", ["root", "anna", None])
async def test_generated_requests(tmp_path: Path, who: str | None) -> None:
    async with running(tmp_path, metrics=Metrics()) as room:
        over = (started("k"), answered("k", zero_at=STARTED), final("слово", call_id="k"), hung_up("k"), ended("k"))
        await room.keep(*over)
        for event in (UP, started(), answered(), final("слово"), card()):
            room.publish(event)
        headers: dict[str, str] = {}
        if who is not None:
            await enlist(room.accounts)
            headers = await token_of(room.accounts, who)
            async with asyncio.timeout(10):
                while (await room.get("/api/me", **headers))[0] != 200:
                    await asyncio.sleep(0.01)
        process = await asyncio.create_subprocess_exec(
            *(TOOL, "run", f"{room.base}/api/openapi.json", "--url", room.base, "--checks", CHECKS, "--no-color"),
            *THOROUGHNESS,
            *(word for name, value in headers.items() for word in ("-H", f"{name}: {value}")),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
