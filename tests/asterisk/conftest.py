from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ari_bridge.asterisk.client import AriClient
from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.settings import AriSettings
from tests.lab.conftest_plugin import shared_asterisk

__all__ = ["shared_asterisk"]


def settings_for(pbx: VirtualPbx, **members: object) -> AriSettings:
    """Short deadlines, so that what must fail fails soon."""
    members = {"url": pbx.url, "username": "ari_bridge", "password": "demo", "request_timeout_s": 1.0} | members
    return AriSettings.model_validate({"heartbeat_s": 0.5, "reconnect_max_s": 0.2} | members)


@pytest.fixture
async def pbx() -> AsyncIterator[VirtualPbx]:
    async with VirtualPbx() as virtual:
        yield virtual


@pytest.fixture
async def client(pbx: VirtualPbx) -> AsyncIterator[AriClient]:
    """Connected: the documents are read, the event line is not opened."""
    opened = AriClient(settings_for(pbx))
    await opened.connect()
    yield opened
    await opened.close()
