"""`python -m pytest tests/prove/install_faults.py`: install.sh broken on purpose, upgraded, taken back. Part of `make
prove`: each version takes its while to install."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.deploy.box import why_no_debian
from tests.deploy.vps import Vps, open_vps
from tests.deploy.wheels import other_version, own_wheel
from tests.lab.conftest_plugin import require, why_no_asterisk

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(400)]


@pytest.fixture(scope="module", params=[True, False], ids=["systemd", "without"])
def vps(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vps]:
    """The tests of this file are one story, with a booted systemd and without."""
    require("asterisk", why_no_asterisk())
    require("debian", why_no_debian())
    with open_vps(tmp_path_factory.mktemp("vps"), boot=request.param) as opened:
        if request.param:
            require("systemd", None if opened.box.booted else "this kernel lets no systemd run in a namespace")
        yield opened


def installed(vps: Vps) -> str:
    """The version that runs, or would."""
    return vps.box.sh("ari-bridge --version 2>/dev/null", check=False).removeprefix("ari-bridge ")


def releases(vps: Vps) -> int:
    return len(vps.box.sh("ls /opt/ari-bridge/releases 2>/dev/null", check=False).split())


def test_a_disk_that_is_full_is_told_before_anything_is_changed(vps: Vps) -> None:
    vps.box.sh("mount -t tmpfs -o size=20m tmpfs /opt")
    said = vps.install(check=False)
    assert "/opt has" in said
    assert "exit code 1" in said
    assert vps.box.sh("ls -A /opt; ls -d /etc/ari-bridge", check=False) == ""
    vps.box.sh("umount /opt")


def test_without_packages_nothing_is_left_half_done(vps: Vps) -> None:
    vps.box.sh("mkdir -p /empty")
    said = vps.install("--wheels", "/empty", check=False)
    assert "the packages could not be installed" in said
    assert "exit code 1" in said
    assert (releases(vps), vps.box.sh("ls -d /etc/ari-bridge", check=False)) == (0, "")


def test_what_is_killed_half_way_is_begun_anew(vps: Vps) -> None:
    running = vps.box.begin("/bundle/install.sh")
    deadline = time.monotonic() + 60
    while not vps.box.sh("ls -d /opt/ari-bridge/releases/*/lib/python3*/site-packages/aiohttp", check=False):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for part in ("bundle/install.sh", "bin/pip", "-m.pip"):
        vps.box.sh(f"kill -KILL $(grep -l {part} /proc/[0-9]*/cmdline | cut -d/ -f3)", check=False)
    running.communicate(timeout=30)
    assert releases(vps) == 1
    vps.install()
    assert releases(vps) == 1
    assert installed(vps) == "0.1.0"


def test_a_second_installation_at_the_same_time_is_refused(vps: Vps) -> None:
    holder = vps.box.begin("flock", "/run/lock/ari-bridge-install", "sleep", "30")
    deadline = time.monotonic() + 10
    while "another installation is running" not in vps.install(check=False):
        assert time.monotonic() < deadline
    holder.send_signal(signal.SIGTERM)
    vps.box.sh("kill $(grep -l sleep /proc/[0-9]*/cmdline | cut -d/ -f3)", check=False)
    holder.communicate(timeout=10)


def test_wrong_modes_are_put_right(vps: Vps) -> None:
    vps.box.sh("chmod 644 /etc/ari-bridge/credentials/*; chmod 777 /etc/ari-bridge; chown root /var/lib/ari-bridge/*")
    vps.install()
    assert vps.box.sh("stat -c %a /etc/ari-bridge /etc/ari-bridge/credentials/ari.password").split() == ["750", "600"]
    assert vps.box.sh("find /var/lib/ari-bridge ! -user ari-bridge") == ""


def test_an_upgrade_keeps_settings_and_data_and_can_be_taken_back(vps: Vps) -> None:
    vps.configure()
    vps.box.sh("echo secret-word-of-Anna | ari-bridge user add Анна --extension 1001")
    config = vps.box.sh("cat /etc/ari-bridge/config.toml /etc/ari-bridge/credentials/ari.password")
    newer = other_version(own_wheel(vps.bundle), "0.2.0")
    said = vps.install("--source", f"/bundle/{newer.relative_to(vps.bundle)}", "--wheels", "/bundle")
    assert "copy of settings and database" in said
    assert installed(vps) == "0.2.0"
    assert vps.box.sh("cat /etc/ari-bridge/config.toml /etc/ari-bridge/credentials/ari.password") == config
    assert "Анна" in vps.box.sh("ari-bridge user list")
    vps.box.sh("ari-bridge user remove Анна")
    again = "/opt/ari-bridge/install.sh"
    assert "back to version 0.1.0" in vps.box.run(again, "rollback", "--with-data").stdout
    assert (installed(vps), "Анна" in vps.box.sh("ari-bridge user list")) == ("0.1.0", True)
    vps.box.run(again, "rollback")
    vps.box.sh("ari-bridge user add Ольга --role supervisor <<<another-long-word")
    vps.box.run(again, "rollback")
    assert (installed(vps), "Ольга" in vps.box.sh("ari-bridge user list")) == ("0.1.0", True)


def test_an_upgrade_whose_service_does_not_start_is_taken_back(vps: Vps) -> None:
    if not vps.box.booted:
        pytest.skip("nothing is started without systemd")
    broken = other_version(own_wheel(vps.bundle), "0.3.0", broken=True)
    said = vps.install("--source", f"/bundle/{broken.relative_to(vps.bundle)}", "--wheels", "/bundle", check=False)
    assert "the upgrade was taken back" in said
    assert "exit code 1" in said
    assert (installed(vps), vps.show("ActiveState")) == ("0.1.0", "active")
    assert "Анна" in vps.box.sh("ari-bridge user list")


def test_settings_that_the_new_version_refuses_stop_it_before_the_switch(vps: Vps) -> None:
    vps.box.sh("echo 'nonsense = 1' >>/etc/ari-bridge/config.toml")
    newer = other_version(own_wheel(vps.bundle), "0.4.0")
    said = vps.install("--source", f"/bundle/{newer.relative_to(vps.bundle)}", "--wheels", "/bundle", check=False)
    assert "does not take the settings" in said
    assert installed(vps) == "0.1.0"
    vps.configure()


def test_drivers_that_were_asked_for_once_come_with_later_versions_too(vps: Vps) -> None:
    drivers = "$(readlink -e /opt/ari-bridge/current)/bin/python -c 'import psycopg, redis'"
    assert vps.box.run("sh", "-c", drivers, check=False).returncode != 0
    vps.install("--with", "postgresql,standby")
    vps.box.sh(drivers)
    newer = other_version(own_wheel(vps.bundle), "0.5.0")
    vps.install("--source", f"/bundle/{newer.relative_to(vps.bundle)}", "--wheels", "/bundle")
    assert installed(vps) == "0.5.0"
    vps.box.sh(drivers)
    assert "is no list of extras" in vps.install("--with", "a;b", check=False)
    vps.box.run("/opt/ari-bridge/install.sh", "rollback")


def test_a_port_that_is_taken_is_told(vps: Vps) -> None:
    if not vps.box.booted:
        pytest.skip("nothing is started without systemd")
    vps.systemctl("stop", "ari-bridge")
    code = f"import socket,time; s=socket.create_server(('127.0.0.1',{vps.hub_port})); time.sleep(60)"
    holder = vps.box.begin("python3", "-c", code)
    deadline = time.monotonic() + 10
    while "LISTEN" not in vps.box.sh(f"ss -ltn | grep :{vps.hub_port}", check=False):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    said = vps.install(check=False)
    assert "the service did not start" in said
    assert str(vps.hub_port) in said
    holder.kill()
    vps.box.sh(
        "kill $(pgrep -f create_server || grep -l create_server /proc/[0-9]*/cmdline | cut -d/ -f3)", check=False
    )
    holder.communicate(timeout=10)
    vps.install()
    assert vps.show("ActiveState") == "active"
