"""`ari-bridge check` before a real Asterisk: all green, then each fault, made outside the process, named in a line."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from ari_bridge.ops.check import check
from ari_bridge.ops.checks.asterisk import check_asterisk
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.settings import Settings, load
from tests.chain.conftest import House, open_house
from tests.lab.asterisk import Asterisk, Options
from tests.lab.conftest_plugin import asterisk, require, shared_asterisk, why_no_asterisk
from tests.lab.firewall import firewall

__all__ = ["asterisk", "shared_asterisk"]

pytestmark = pytest.mark.asterisk

PORTS = range(41_000, 41_100)
READER = "\n[reader]\ntype = user\nread_only = yes\npassword = lab-secret\n"


def settings_for(asterisk: Asterisk, **variables: str) -> Settings:
    usual = {
        "ARI__URL": asterisk.ari_url,
        "ARI__USERNAME": asterisk.options.ari_user,
        "ARI__PASSWORD": asterisk.options.ari_password,
        "MEDIA__PORTS": f"{PORTS[0]}-{PORTS[-1]}",
    }
    return load(None, {f"ARI_BRIDGE_{key}": value for key, value in {**usual, **variables}.items()})


def one(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


async def test_all_well(asterisk: Asterisk) -> None:
    findings = await check_asterisk(settings_for(asterisk))
    assert {finding.name: finding.grade for finding in findings} == dict.fromkeys(
        ("asterisk", "security", "rights", "modules", "trunks", "operators", "rtp", "way"), Grade.OK
    )
    assert "1001" in one(findings, "operators").state
    assert asterisk.ari.holdings() == []  # what was made to look is gone


@pytest.mark.parametrize(
    ("variables", "name", "said", "cure"),
    [
        ({"ARI__PASSWORD": "wrong"}, "asterisk", "401", "ari.conf"),
        ({"ARI__URL": "http://127.0.0.1:1"}, "asterisk", "не отвечает", "http.conf"),
        ({"ARI__TRUNKS": '["PJSIP/beeline"]'}, "trunks", "PJSIP/mango", "ARI_BRIDGE_ARI__TRUNKS"),
        ({"MEDIA__HOST": "192.0.2.7"}, "rtp", "не проверить", ""),
    ],
)
async def test_a_setting_that_does_not_fit(
    asterisk: Asterisk, variables: dict[str, str], name: str, said: str, cure: str
) -> None:
    finding = one(await check_asterisk(settings_for(asterisk, **variables)), name)
    assert finding.grade is not Grade.OK
    assert said in finding.state
    assert cure in finding.cure


async def test_a_firewall_between_asterisk_and_us(asterisk: Asterisk) -> None:
    with firewall(f"udp dport {PORTS[0]}-{PORTS[-1]} drop"):
        finding = one(await check_asterisk(settings_for(asterisk, MEDIA__TRANSPORT="rtp")), "rtp")
    assert finding.grade is Grade.FAULT
    assert "ни одного пакета RTP" in finding.state
    assert "брандмауэр" in finding.cure
    assert asterisk.ari.holdings() == []


async def test_an_asterisk_that_hangs(asterisk: Asterisk) -> None:
    settings = settings_for(asterisk, ARI__REQUEST_TIMEOUT_S="1")
    os.kill(asterisk.pid, signal.SIGSTOP)
    try:
        (finding,) = await check_asterisk(settings)
    finally:
        os.kill(asterisk.pid, signal.SIGCONT)
    assert finding.grade is Grade.FAULT
    assert "не ответил" in finding.state


async def test_asterisk_set_up_wrongly() -> None:
    require("asterisk", why_no_asterisk())
    options = Options(ari_general=READER, without=frozenset({"res_stasis_snoop"}), phones=())
    with Asterisk(options) as wrong:
        findings = await check_asterisk(settings_for(wrong))
        assert one(findings, "modules").grade is Grade.FAULT
        assert "module load res_stasis_snoop.so" in one(findings, "modules").cure
        assert one(findings, "operators").grade is Grade.WARNING
        reader = one(await check_asterisk(settings_for(wrong, ARI__USERNAME="reader")), "rights")
        assert reader.grade is Grade.FAULT
        assert "read_only" in reader.cure


async def test_the_whole_beside_a_daemon_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house("asterisk") as house:
        pbx = house.pbx.asterisk  # type: ignore[union-attr]
        monkeypatch.setenv("PATH", f"{console(pbx, tmp_path)}:/usr/bin:/bin")
        settings = load(None, {f"ARI_BRIDGE_{key}": value for key, value in house.daemon.variables.items()})
        findings = await check(settings)
        wrong = {f.name: (f.grade.value, f.state) for f in findings if f.grade is not Grade.OK}
        assert set(wrong) <= {"access"}, wrong  # there are no users
        assert "Stasis: 2 мест, уведомлений: 1" in one(findings, "dialplan").state
        assert "готова к звонкам" in one(findings, "daemon").state
        await hangs(house, settings)


async def hangs(house: House, settings: Settings) -> None:
    """A stopped process is a daemon that hangs, to whoever asks it."""
    house.daemon.signal(signal.SIGSTOP)
    try:
        finding = one(await check(settings), "daemon")
    finally:
        house.daemon.signal(signal.SIGCONT)
    assert finding.grade is Grade.FAULT
    assert "завис" in finding.state


def console(asterisk: Asterisk, folder: Path) -> Path:
    """A folder with an `asterisk` command that talks to this instance."""
    script = folder / "asterisk"
    enter = f"nsenter --target {asterisk.pid} --mount --root"
    script.write_text(f'#!/bin/sh\nexec {enter} /usr/sbin/asterisk -C /lab/etc/asterisk.conf "$@"\n', encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder
