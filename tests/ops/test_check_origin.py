"""The page's address as browsers get it: a proxy before a real hub, its certificate, and what it forgets to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.ops.checks.origin import check_origins
from ari_bridge.settings import HubSettings
from tests.deploy.meddler import Meddler
from tests.hub.running import Running, running
from tests.hub.team import enlist
from tests.lab.certificates import self_signed

FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    """A hub with a user that trusts a proxy on this machine."""
    async with running(tmp_path, settings=HubSettings(port=0, trusted_proxies=("127.0.0.1",))) as opened:
        await enlist(opened.accounts, "anna")
        async with asyncio.timeout(10):
            while (await opened.get("/api/me"))[0] != 401:
                await asyncio.sleep(0.01)
        yield opened


async def look(origin: str) -> Finding:
    (finding,) = await check_origins(HubSettings(origins=(origin,)))
    return finding


@pytest.mark.parametrize(("days", "grade", "said"), [(90, Grade.OK, "ещё 90 дн."), (5, Grade.WARNING, "кончается")])
async def test_a_certificate(
    room: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, days: int, grade: Grade, said: str
) -> None:
    tls, authority = self_signed(tmp_path, days)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with Meddler(room.base, adds=FORWARDED, tls=tls) as proxy:
        finding = await look(proxy.url)
    assert finding.grade is grade
    assert said in finding.state


async def test_a_certificate_that_nobody_vouches_for(room: Running, tmp_path: Path) -> None:
    tls, _ = self_signed(tmp_path, 90)
    async with Meddler(room.base, adds=FORWARDED, tls=tls) as proxy:
        finding = await look(proxy.url)
    assert finding.grade is Grade.WARNING
    assert "не примет сертификат" in finding.state
    assert "certbot" in finding.cure


async def test_a_proxy_that_does_not_say_what_it_is(room: Running) -> None:
    async with Meddler(room.base, adds={"X-Forwarded-For": "203.0.113.9"}) as proxy:
        finding = await look(proxy.url)
    assert finding.grade is Grade.WARNING
    assert "X-Forwarded-Proto" in finding.state
    assert "deploy/tls" in finding.cure


async def test_a_proxy_behind_which_nobody_is() -> None:
    async with Meddler("http://127.0.0.1:1") as proxy:
        finding = await look(proxy.url)
    assert finding.grade is Grade.WARNING
    assert "до него не доходит (500)" in finding.state


async def test_an_address_that_leads_nowhere() -> None:
    finding = await look("http://127.0.0.1:1")
    assert finding.grade is Grade.WARNING
    assert "не открывается" in finding.state


async def test_without_a_name_of_its_own_the_page_has_no_other_address() -> None:
    (finding,) = await check_origins(HubSettings())
    assert finding.grade is Grade.OK
