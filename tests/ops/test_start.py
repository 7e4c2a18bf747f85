"""What the daemon does about a dependency that is missing when it starts."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict
from structlog.testing import capture_logs

from ari_bridge.app import App
from ari_bridge.errors import ConfigError
from ari_bridge.hub.access import Access
from ari_bridge.hub.arrival import Arrival
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.gate import Rules
from ari_bridge.hub.reply import Reply
from ari_bridge.settings import Settings, StoreSettings, load
from ari_bridge.store.opening import open_accounts
from tests.hub.team import enlist
from tests.lab.conftest_plugin import require
from tests.store.postgresql import Server, binaries, running_server

WITHIN_S = 20.0


def settings(store_url: str, **more: str) -> Settings:
    return load(None, {"ARI_BRIDGE_STORE__URL": store_url, "ARI_BRIDGE_HUB__PORT": "0", **more})


async def test_a_start_that_is_refused_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ari_bridge.ops.redis_lease", None)  # as without its driver
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["message"]))
    chosen = settings(f"sqlite:///{tmp_path}/calls.db", ARI_BRIDGE_STANDBY__REDIS="redis://127.0.0.1:1/0")
    with pytest.raises(ConfigError, match=r"^standby\.redis: "):
        App(chosen)
    gc.collect()
    assert told == []


@pytest.fixture
def server() -> Iterator[Server]:
    """A database that is away."""
    pytest.importorskip("psycopg")
    tools = binaries()
    require("postgresql", None if tools else "no PostgreSQL server here: run tests/lab/install.sh postgresql")
    assert tools is not None
    with running_server(tools) as server:
        server.stop()
        yield server


async def answer(http: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with http.get(path) as response:
        return response.status, await response.json()


async def until_status(http: aiohttp.ClientSession, path: str, status: int) -> Any:
    async with asyncio.timeout(WITHIN_S):
        while True:
            got, body = await answer(http, path)
            if got == status:
                return body
            await asyncio.sleep(0.05)


async def test_a_database_that_comes_late_shuts_the_door_and_nothing_else(server: Server) -> None:
    with capture_logs() as lines:
        stop, where = asyncio.Event(), asyncio.get_running_loop().create_future()
        daemon = asyncio.create_task(
            App(settings(server.url)).run(stop, lambda host, port: where.set_result(f"http://{host}:{port}"))
        )
        async with aiohttp.ClientSession(await where) as http:
            assert (await answer(http, "/healthz"))[0] == 200
            status, body = await answer(http, "/api/me")
            assert (status, body["error"]["code"]) == (503, "accounts_unknown")
            assert await store_state(http) == 0.0
            server.start()
            assert (await until_status(http, "/api/me", 200))["role"]
            async with asyncio.timeout(WITHIN_S):
                while await store_state(http) != 1.0:
                    await asyncio.sleep(0.05)
        stop.set()
        await daemon
    assert [line["code"] for line in lines if line["event"] == "accounts_unreadable"] == ["store_away"]
    assert all("\n" not in str(line.get("error")) for line in lines)


async def test_users_who_are_read_late_open_no_public_page_without_any(server: Server) -> None:
    accounts = open_accounts(StoreSettings(url=server.url), patient=True)
    door = Doorkeeper(accounts, Rules(plain_http=True))
    at_home = Arrival("127.0.0.1", CIMultiDict({"Host": "127.0.0.1:8000"}))

    async def until_told(code: str) -> None:
        async with asyncio.timeout(WITHIN_S):
            while code not in [line.get("code") for line in lines]:
                await asyncio.sleep(0.01)

    def status() -> int:
        answer = door.admit(at_home, Access.SIGNED_IN)
        return answer.status if isinstance(answer, Reply) else 200

    with capture_logs() as lines:
        await door.open("192.0.2.1")
        serving = asyncio.create_task(door.serve())
        await until_told("store_away")
        assert status() == 503
        server.start()
        await until_told("config")
        assert status() == 503
        await enlist(accounts)
        async with asyncio.timeout(WITHIN_S):
            while status() != 401:
                await asyncio.sleep(0.01)
    serving.cancel()
    await asyncio.wait([serving])
    await door.close()


async def store_state(http: aiohttp.ClientSession) -> float | None:
    """What a program on this machine is told of it; None before the first word."""
    async with http.get("/metrics") as response:
        text = await response.text()
    for line in text.splitlines():
        if line.startswith('ari_bridge_component_up{component="store"}'):
            return float(line.rpartition(" ")[2])
    return None
