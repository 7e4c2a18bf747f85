from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from ari_bridge.demo.pbx import VirtualPbx
from tests.demo.pbx_ari import Ari, RtpSocket
from tests.lab.conftest_plugin import shared_asterisk

__all__ = ["shared_asterisk"]


@pytest.fixture
async def pbx() -> AsyncIterator[VirtualPbx]:
    async with VirtualPbx() as virtual:
        yield virtual


@pytest.fixture
async def ari(pbx: VirtualPbx) -> AsyncIterator[Ari]:
    async with Ari(pbx.url) as client:
        yield client


@pytest.fixture
def rtp() -> Iterator[RtpSocket]:
    with RtpSocket() as port:
        yield port
