"""Several nodes around one Redis and one PostgreSQL: bridges before PBXs, hubs with pages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ari_bridge.accounts import Role
from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.samples import load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from ari_bridge.demo.soniox_session import Hear
from ari_bridge.ops.desk import Desk
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_accounts
from tests.chain.daemon import Daemon, free_port
from tests.chain.pbx import Pbx, demo_pbx

PASSWORD = "correct horse battery staple"
NODES = ("bridge-1", "bridge-2", "hub-1", "hub-2")
ALIVE_WITHIN_S = 150.0  # all start at once, on a machine that does much else

Through = Callable[[str, str, int], Awaitable[int]]
"""A node, and a host and port it must reach, to the port of 127.0.0.1 where it finds them."""

OpenPbx = Callable[[int, int], AbstractAsyncContextManager[Pbx]]
"""The first, second, … PBX (from 0), and the port of the bridge that it tells of its calls."""


def virtual_pbx(place: int, hub_port: int) -> AbstractAsyncContextManager[Pbx]:
    return demo_pbx(hub_port)


class Bridge(Daemon):
    command = ("-m", "ari_bridge", "run", "--only", "bridge")


class HubNode(Daemon):
    command = ("-m", "ari_bridge", "run", "--only", "hub")


@dataclass
class Town:
    """`tokens`: of each account, by its name."""

    pbxs: list[Pbx]
    bridges: list[Bridge]
    hubs: list[HubNode]
    tokens: dict[str, str] = field(default_factory=dict)


async def add_accounts(store_url: str, operators: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Operators with their extensions and a supervisor, `boss`; a token of each."""
    store = open_accounts(StoreSettings(url=store_url))
    desk = Desk(store, "tests")
    try:
        await desk.add_user("boss", Role.SUPERVISOR, (), PASSWORD)
        for name, extensions in operators.items():
            await desk.add_user(name, Role.OPERATOR, extensions, PASSWORD)
        return {name: await desk.add_token(name, "tests") for name in ("boss", *operators)}
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def open_town(
    *,
    store_url: str,
    nodes: Mapping[str, Mapping[str, str]],
    operators: Mapping[str, Sequence[str]],
    ari_through: Through | None = None,
    hear: Hear | None = None,
    open_pbx: OpenPbx = virtual_pbx,
    **variables: str,
) -> AsyncIterator[Town]:
    """A PBX for each bridge. `nodes`: `bridge-1`, `hub-1`, … and the variables of each, beside those for all."""
    async with contextlib.AsyncExitStack() as stack:
        soniox = await stack.enter_async_context(
            SonioxStandIn(Lexicon.of(load_conversations()), stream_limit=None, hear=hear)
        )
        openrouter = await stack.enter_async_context(OpenRouterStandIn())
        common = {
            "STORE__URL": store_url,
            "SONIOX__URL": soniox.url,
            "SONIOX__API_URL": soniox.api_url,
            "SONIOX__API_KEY": "demo",
            "SONIOX__MAX_STREAMS": "100",
            "OPENROUTER__URL": openrouter.url,
            "OPENROUTER__API_KEY": "demo",
            **variables,
        }
        town = Town([], [], [], await add_accounts(store_url, operators))
        for name, own in nodes.items():
            named = {**common, "HUB__NODE": name, **own}
            if name.startswith("hub"):
                town.hubs.append(HubNode(named, started_within_s=ALIVE_WITHIN_S))
                continue
            port, first = free_port(), free_port() // 2 * 2 % 20000 + 40000
            pbx = await stack.enter_async_context(open_pbx(len(town.pbxs), port))
            ari = {**pbx.variables, "MEDIA__PORTS": f"{first}-{first + 399}"}
            if ari_through is not None:
                there = urlsplit(ari["ARI__URL"])
                ari["ARI__URL"] = f"http://127.0.0.1:{await ari_through(name, str(there.hostname), there.port or 80)}"
            town.pbxs.append(pbx)
            town.bridges.append(Bridge({**named, **ari}, port=port, started_within_s=ALIVE_WITHIN_S))
        for node in (*town.bridges, *town.hubs):
            await node.start(wait=False)
            stack.push_async_exit(node.__aexit__)
        for node in (*town.bridges, *town.hubs):
            await node.until_alive()
            await node.until_ready(ALIVE_WITHIN_S)
        yield town
