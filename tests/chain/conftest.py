"""One house per test: a PBX, the stand-ins, the daemon and a page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.samples import Conversation, load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from tests.chain.daemon import Daemon, Page, free_port
from tests.chain.pbx import DemoPbx, RealPbx, demo_pbx, real_pbx
from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.ops.redis_server import redis

__all__ = ["House", "open_house", "redis"]


@dataclass
class House:
    pbx: DemoPbx | RealPbx
    soniox: SonioxStandIn
    openrouter: OpenRouterStandIn
    daemon: Daemon


@contextlib.asynccontextmanager
async def open_house(kind: str, **variables: str) -> AsyncIterator[House]:
    """`kind`: `demo` or `asterisk`. `variables` go over the daemon's own; the daemon is started and ready."""
    hub_port = free_port()
    if kind == "asterisk":
        require("asterisk", why_no_asterisk())
    async with (
        (real_pbx if kind == "asterisk" else demo_pbx)(hub_port) as pbx,
        SonioxStandIn(Lexicon.of(load_conversations())) as soniox,
        OpenRouterStandIn() as openrouter,
    ):
        first = free_port() // 2 * 2 % 20000 + 40000
        settings = {
            **pbx.variables,
            "MEDIA__PORTS": f"{first}-{first + 199}",
            "SONIOX__URL": soniox.url,
            "SONIOX__API_URL": soniox.api_url,
            "SONIOX__API_KEY": "demo",
            "OPENROUTER__URL": openrouter.url,
            "OPENROUTER__API_KEY": "demo",
            **variables,
        }
        async with Daemon({k: v for k, v in settings.items() if v != "unset"}, port=hub_port) as daemon:
            await daemon.until_ready()
            yield House(pbx, soniox, openrouter, daemon)


@pytest.fixture(params=["demo", pytest.param("asterisk", marks=pytest.mark.asterisk)])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """The whole chain, unchanged, before both PBXs."""
    async with open_house(request.param) as opened:
        yield opened


@pytest.fixture
async def page(house: House) -> AsyncIterator[Page]:
    async with Page(house.daemon.url) as opened:
        yield opened


@pytest.fixture(scope="session")
def conversations() -> dict[str, Conversation]:
    return {conversation.id: conversation for conversation in load_conversations()}
