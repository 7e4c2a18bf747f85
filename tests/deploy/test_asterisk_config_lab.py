"""What `ari-bridge asterisk-config` writes, loaded by a real Asterisk: the trunk registers, calls go through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from tests.chain.daemon import Daemon, Page
from tests.deploy.office import Office
from tests.lab import sipp, speech
from tests.lab.asterisk import Asterisk, Options
from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.lab.sipp import Audio

pytestmark = pytest.mark.asterisk


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """Asterisk with the passive variant, its trunk and one telephone registered."""
    require("asterisk", why_no_asterisk())
    with contextlib.closing(Asterisk(Options(phones=("1001", "1002")))) as asterisk:
        yield from _opened(asterisk)


def _opened(asterisk: Asterisk) -> Iterator[Office]:
    office = Office(asterisk, Audio(file=speech.speak("Сколько стоит ваша услуга?"), loop=True))
    office.configure("passive")
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(office.provider())
        asterisk.start()
        office.until_registered()
        assert "WWW-Authenticate" in provider.messages(), "the provider challenged it"
        office.register("1001")
        stack.enter_context(office.telephone("1001"))
        office.until("pjsip show contacts", r"(?m)Contact:  1001/\S+ +\S+ Avail")
        yield office


def test_nothing_in_it_is_strange_to_asterisk(office: Office) -> None:
    wrong = [line for line in office.asterisk.log_text().splitlines() if " ERROR[" in line or " WARNING[" in line]
    ours = ("http.conf", "ari.conf", "pjsip.conf", "extensions.conf", "rtp.conf", "config_options", "sorcery")
    assert not [line for line in wrong if any(word in line for word in ours)]
    assert "G.711" not in office.asterisk.cli("pjsip show endpoint mango")
    assert "(alaw|ulaw)" in office.asterisk.cli("pjsip show endpoint mango")
    assert "127.0.0.1" in office.asterisk.cli("http show status")


def test_a_telephone_with_a_wrong_password_is_refused(office: Office) -> None:
    with pytest.raises(sipp.CallFailed, match="401"):
        office.register("1002", password="guess")


@pytest.mark.parametrize("way", ["passive", "stasis", "notice"])
async def test_a_call_goes_through_with_the_daemon_down_and_up(office: Office, way: str) -> None:
    office.configure(way)
    office.asterisk.cli("dialplan reload")
    with office.client(number="79001234567", talk_s=1.0) as caller:
        assert (await asyncio.to_thread(caller.wait)).successful == 1
    settings = {
        "ARI__URL": office.asterisk.ari_url,
        "ARI__USERNAME": office.asterisk.options.ari_user,
        "ARI__PASSWORD": office.asterisk.options.ari_password,
        "ARI__TRUNKS": '["PJSIP/mango"]' if way == "passive" else "[]",
        "MEDIA__PORTS": "46000-46099",
    }
    async with Daemon(settings, port=office.asterisk.hub_port) as daemon:
        await daemon.until_ready()
        async with Page(daemon.url) as page:
            with office.client(did="+79918987423", number="79001234568", talk_s=1.5) as caller:
                assert (await asyncio.to_thread(caller.wait)).successful == 1
            [ended] = await page.until(lambda: page.of("call_end"))
            call = page.of("call_update", ended["call_id"])[-1]["call"]
            assert (call["caller"], call["callee"]) == ("+79001234568", "+79918987423")
            assert call["operator"] == "1001"
    await asyncio.to_thread(office.asterisk.wait_idle)


def test_a_second_run_changes_nothing(office: Office) -> None:
    office.configure("passive")
    before = {path.name: path.read_bytes() for path in office.etc.iterdir() if path.is_file()}
    said = office.configure("passive")
    assert {path.name: path.read_bytes() for path in office.etc.iterdir() if path.is_file()} == before
    assert said.count("unchanged") == 4


def test_the_operator_calls_out_over_the_trunk(office: Office) -> None:
    """Asterisk dials from the operators' context; the provider answers."""
    office.configure("passive")
    office.asterisk.cli("dialplan reload")
    office.asterisk.cli("channel originate Local/89001234567@from-operators application Wait 1")
    office.until("core show channels concise", r"PJSIP/mango-\S+!\S*!\S*!1!Up")
    office.asterisk.wait_idle()
