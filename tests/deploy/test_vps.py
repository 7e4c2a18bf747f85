"""From a bare VPS to a watched service: install.sh, Asterisk's configuration, the unit under a real systemd, a call."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chain.daemon import Page
from tests.deploy.box import why_no_debian
from tests.deploy.faults import FAULTS
from tests.deploy.faults.fault import ill
from tests.deploy.vps import Vps, open_vps
from tests.deploy.watched import open_watched
from tests.lab.conftest_plugin import require, why_no_asterisk

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]

READY_S = 2.0
IDLE_MB = 80
QUICK = [fault for fault in FAULTS if fault.quick]  # all of them: python -m tests.prove.vps_faults
LISTING = (
    r"find /opt /etc/ari-bridge /etc/systemd /usr/local/bin/ari-bridge /var/lib/ari-bridge "
    r"! -name '*.db*' -printf '%p %l %m %u %g %s %T@\n' | sort"
)


@pytest.fixture(scope="module")
def vps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vps]:
    """The tests of this file are one story: each goes on where the one before ended."""
    require("asterisk", why_no_asterisk())
    require("debian", why_no_debian())
    with open_vps(tmp_path_factory.mktemp("vps")) as opened:
        yield opened


def needs_systemd(vps: Vps) -> None:
    require("systemd", None if vps.box.booted else "this kernel lets no systemd run in a namespace")


def test_it_installs_and_a_second_run_changes_nothing(vps: Vps) -> None:
    with vps.step("install.sh"):
        said = vps.install()
    assert "Next:" in said
    if vps.box.booted:
        assert vps.show("ActiveState") == "active"
        assert vps.systemctl("is-enabled", "ari-bridge") == "enabled"
    before = vps.box.sh(LISTING)
    with vps.step("install.sh again"):
        assert "the program is there already" in vps.install()
    assert vps.box.sh(LISTING) == before
    if vps.box.booted:
        assert vps.show("NRestarts") == "0"


def test_only_root_reads_the_keys_and_only_the_service_its_data(vps: Vps) -> None:
    listing = vps.box.sh("stat -c '%a %U %G %n' /etc/ari-bridge/* /etc/ari-bridge/credentials/* /var/lib/ari-bridge")
    modes = {line.split()[3]: tuple(line.split()[:3]) for line in listing.splitlines()}
    assert modes["/etc/ari-bridge/config.toml"] == ("640", "root", "ari-bridge")
    assert modes["/etc/ari-bridge/credentials"] == ("700", "root", "root")
    assert modes["/var/lib/ari-bridge"] == ("750", "ari-bridge", "ari-bridge")
    keys = {name: mode for name, mode in modes.items() if name.startswith("/etc/ari-bridge/credentials/")}
    assert len(keys) == 4
    assert set(keys.values()) == {("600", "root", "root")}
    password = vps.box.sh("cat /etc/ari-bridge/credentials/ari.password")
    assert len(password) >= 32
    if vps.box.booted:
        assert password not in vps.box.sh(
            "journalctl --no-pager; ps axww -o args,command 2>/dev/null; cat /proc/*/environ | tr '\\0' '\\n'"
        )


def test_the_unit_is_sound_and_shut_in(vps: Vps) -> None:
    unit = "/etc/systemd/system/ari-bridge.service"
    assert vps.box.run("systemd-analyze", "verify", unit).stderr == ""
    said = vps.box.sh(f"systemd-analyze security --offline=true --no-pager {unit} | tail -n 1")
    assert float(re.findall(r"\d+\.\d+", said)[0]) <= 1.5


async def test_a_call_is_on_the_page(vps: Vps) -> None:
    """Asterisk configured by our command, `check` all green, SIPp's call transcribed; then what goes wrong is named."""
    async with open_watched(vps) as watched:
        with vps.step("check"):
            findings = await asyncio.to_thread(vps.check)
        assert [finding for finding in findings if finding["grade"] != "ok"] == []
        await call(vps, watched.token)
        print(json.dumps(vps.seconds))
        for fault in QUICK:
            found = await asyncio.to_thread(fault.trial, watched)
            assert fault.misjudged(found) is None, f"{fault.name}: {fault.misjudged(found)}\n{ill(found)}"


async def call(vps: Vps, token: str) -> None:
    """A client calls, and his words are on the page."""
    async with Page(f"http://127.0.0.1:{vps.hub_port}", token) as page:
        with vps.step("a call, to its first words"), vps.office.client(number="79001234567", talk_s=5.0) as caller:
            await page.until(lambda: page.of("transcript"), 20)
            assert (await asyncio.to_thread(caller.wait)).successful == 1
        [ended] = await page.until(lambda: page.of("call_end"), 20)
        seen = page.of("call_update", ended["call_id"])[-1]["call"]
        assert (seen["operator"], seen["callee"]) == ("1001", "+79918987423")


def test_it_is_ready_soon_and_small(vps: Vps) -> None:
    """The best of three starts: what a machine is short of comes by chance."""
    needs_systemd(vps)
    seconds = min(start_s(vps) for _ in range(3))
    vps.until_ready()
    pid = vps.show("MainPID")
    resident_kib = int(re.findall(r"VmRSS:\s+(\d+) kB", vps.box.sh(f"cat /proc/{pid}/status"))[0])
    resident_mb = resident_kib * 1024 / 1e6
    print(f"ready after {seconds:.2f} s, {resident_mb:.1f} MB resident")
    assert seconds <= READY_S
    assert resident_mb <= IDLE_MB
    assert vps.box.sh(f"stat -c %U /proc/{pid}") == "ari-bridge"


def start_s(vps: Vps) -> float:
    """From the process to its READY=1, by systemd's own clock, without what it waited for a processor."""
    vps.systemctl("restart", "ari-bridge")
    began, ready = (int(vps.show(f"{name}Monotonic")) for name in ("ExecMainStartTimestamp", "ActiveEnterTimestamp"))
    _, waited_ns, _ = vps.box.sh(f"cat /proc/{vps.show('MainPID')}/schedstat").split()
    return (ready - began) / 1e6 - int(waited_ns) / 1e9


def test_a_daemon_that_stands_still_is_ended_and_comes_back(vps: Vps) -> None:
    """SIGSTOP stops the event loop as anything that blocks it would."""
    needs_systemd(vps)
    pid = vps.show("MainPID")
    vps.box.sh(f"kill -STOP {pid}")
    vps.until("Result", "success", 1.0)
    deadline = time.monotonic() + 20
    while vps.show("MainPID") in (pid, "0"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    vps.until("ActiveState", "active")
    assert "Watchdog timeout" in vps.box.sh("journalctl --no-pager -u ari-bridge")
    vps.until_ready()


def test_a_stop_is_clean_and_hands_everybody_back(vps: Vps) -> None:
    needs_systemd(vps)
    began = time.monotonic()
    vps.systemctl("stop", "ari-bridge")
    assert time.monotonic() - began < 8
    assert (vps.show("Result"), vps.show("ExecMainStatus")) == ("success", "0"), vps.journal()[-2500:]
    stop_post = vps.show("ExecStopPost")
    assert "status=0" in stop_post


def test_wrong_settings_are_told_and_do_not_loop(vps: Vps) -> None:
    needs_systemd(vps)
    config = vps.box.path("/etc/ari-bridge/config.toml")
    good = config.read_text()
    config.write_text(good.replace("[hub]", "[hub]\nprot = 1"))
    vps.systemctl("start", "ari-bridge", check=False)
    assert vps.show("NRestarts") == "0"
    assert vps.show("ExecMainStatus") == "2"
    assert "hub.prot: unknown setting" in vps.journal()
    config.write_text(good)
    vps.systemctl("reset-failed", "ari-bridge")
    vps.systemctl("start", "ari-bridge")


def test_it_goes_and_leaves_what_is_theirs(vps: Vps) -> None:
    asterisk = sorted(path.name for path in Path(vps.office.etc).iterdir())
    vps.install("uninstall")
    assert (
        vps.box.sh("ls -d /opt/ari-bridge /usr/local/bin/ari-bridge /etc/systemd/system/ari-bridge*", check=False) == ""
    )
    assert vps.box.sh("ls /etc/ari-bridge") != ""
    vps.install("uninstall", "--purge")
    assert vps.box.sh("ls -d /etc/ari-bridge /var/lib/ari-bridge /var/backups/ari-bridge", check=False) == ""
    assert vps.box.run("getent", "passwd", "ari-bridge", check=False).returncode != 0
    assert sorted(path.name for path in Path(vps.office.etc).iterdir()) == asterisk
