"""A VPS at work: Asterisk configured by our command, the trunk and one telephone registered, the service beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.samples import load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from tests.deploy.meddler import Meddler
from tests.deploy.vps import Vps
from tests.lab.ari_probe import AriProbe
from tests.lab.certificates import self_signed
from tests.lab.sipp import Audio

EXTENSION: Final = "1001"
PARTIES: Final = ("mango", EXTENSION)
FORWARDED: Final = {"X-Forwarded-For": "203.0.113.9"}


@dataclass
class Watched:
    """`soniox_rest` and `openrouter_rest` stand before the stand-ins; `proxy` and `tls_proxy`, which nobody trusts,
    before the page. `settings`: what stands in config.toml besides the usual. `token`: a supervisor's, for the page.
    """

    vps: Vps
    soniox: SonioxStandIn
    soniox_rest: Meddler
    openrouter_rest: Meddler
    proxy: Meddler
    tls_proxy: Meddler
    settings: dict[str, Any]
    token: str = ""

    def until_online(self, parties: Sequence[str] = PARTIES) -> None:
        """Until Asterisk reaches them."""
        office = self.vps.office
        for name in parties:
            office.asterisk.cli(f"pjsip qualify {name}")  # by itself within a minute
            office.until("pjsip show contacts", rf"(?m)Contact:  {name}/\S+ +\S+ Avail")

    def until_no_call(self, timeout_s: float = 10.0) -> None:
        """Until the daemon follows none any more."""
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.vps.hub_port}/api/calls", headers=headers)
        deadline = time.monotonic() + timeout_s
        while True:
            with urllib.request.urlopen(request, timeout=5) as answer:
                calls = json.load(answer)["calls"]
            if not calls:
                return
            assert time.monotonic() < deadline, calls
            time.sleep(0.1)


@contextlib.asynccontextmanager
async def open_watched(vps: Vps, **settings: Any) -> AsyncIterator[Watched]:
    """On a VPS where install.sh ran. `settings`: more of config.toml, as `section__key`."""
    conversations = load_conversations()
    speech = vps.office.asterisk.home / "speech.alaw"
    speech.write_bytes(conversations[0].operator.alaw)  # who speaks first
    vps.office.audio = Audio(file=speech, loop=True)
    page = f"http://127.0.0.1:{vps.hub_port}"
    async with (
        SonioxStandIn(Lexicon.of(conversations)) as soniox,
        OpenRouterStandIn() as openrouter,
        Meddler(soniox.api_url) as soniox_rest,
        Meddler(openrouter.url) as openrouter_rest,
        Meddler(page, adds=FORWARDED) as proxy,
        Meddler(page, adds=FORWARDED, tls=self_signed(vps.office.asterisk.home, 90)[0]) as tls_proxy,
    ):
        addresses = {
            "soniox__url": soniox.url,
            "soniox__api_url": soniox_rest.url,
            "openrouter__url": openrouter_rest.url,
        }
        watched = Watched(vps, soniox, soniox_rest, openrouter_rest, proxy, tls_proxy, addresses | settings)
        with contextlib.ExitStack() as running:
            await asyncio.to_thread(_start, watched, running)
            yield watched


def _start(watched: Watched, running: contextlib.ExitStack) -> None:
    vps, office = watched.vps, watched.vps.office
    vps.configure(**watched.settings)
    for key in ("soniox", "openrouter"):
        vps.box.sh(f"echo demo >/etc/ari-bridge/credentials/{key}.api_key")
    with vps.step("asterisk-config"):
        vps.configure_asterisk()
    office.asterisk.ari = AriProbe(office.asterisk.ari_url, "ari_bridge", vps.ari_password())
    provider = running.enter_context(office.provider())
    with vps.step("Asterisk starts, the trunk registers"):
        office.asterisk.start()
        office.until_registered()
    assert "WWW-Authenticate" in provider.messages()
    office.register(EXTENSION)
    running.enter_context(office.telephone(EXTENSION))
    with vps.step("the service starts with its keys"):
        running.enter_context(vps.serving())
    watched.until_online()
    vps.box.sh("echo secret-word-of-Anna | ari-bridge user add Анна --role supervisor")
    watched.token = vps.box.sh("ari-bridge token add Анна").split()[-1]
