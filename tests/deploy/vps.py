"""A VPS: a bare Debian with a real Asterisk beside it, whose /etc/asterisk it sees."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deploy import wheels
from tests.deploy.box import Box
from tests.deploy.office import DID, TRUNK_USER, Office
from tests.lab import sipp, speech
from tests.lab.asterisk import Asterisk, Options
from tests.lab.ports import PortBlock
from tests.lab.sipp import Audio

PORTS = 100
ASTERISK = "/srv/asterisk"
CONSOLE = f"""#!/bin/bash
# Asterisk's own program, with the libraries of the Debian that it lies in
libraries={ASTERISK}/lib/x86_64-linux-gnu:{ASTERISK}/usr/lib/x86_64-linux-gnu
exec {ASTERISK}/lib64/ld-linux-x86-64.so.2 --library-path $libraries {ASTERISK}/usr/sbin/asterisk \\
    -C /lab/etc/asterisk.conf "$@"
"""


@dataclass
class Vps:
    """`hub_port` and `media_ports` are free on this machine. `seconds`: how long each step took, by its name."""

    box: Box
    office: Office
    bundle: Path
    hub_port: int
    media_ports: str
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)

    def install(self, *arguments: str, check: bool = True) -> str:
        """All that install.sh says, from the bundle and without network."""
        done = self.box.run("/bundle/install.sh", *arguments, check=check)
        return f"{done.stdout}{done.stderr}" + ("" if done.returncode == 0 else f"exit code {done.returncode}")

    def configure(self, **more: Any) -> None:
        """What the ops engineer does to config.toml; `more` as `section__key`."""
        asterisk = self.office.asterisk
        sections: dict[str, dict[str, Any]] = {
            "ari": {"username": "ari_bridge", "url": asterisk.ari_url, "trunks": ["PJSIP/mango"]},
            "hints": {"playbook": "/etc/ari-bridge/playbook.yaml"},
            "hub": {"port": self.hub_port},
            "media": {"ports": self.media_ports},
        }
        for key, value in more.items():
            section, _, name = key.partition("__")
            sections.setdefault(section, {})[name] = value
        lines = []
        for section, values in sections.items():
            lines += [f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
        self.box.path("/etc/ari-bridge/config.toml").write_text("\n".join(lines) + "\n")

    def configure_asterisk(self, *more: str) -> str:
        """`ari-bridge asterisk-config` as the ops engineer runs it on that machine."""
        asterisk = self.office.asterisk
        return self.box.run(
            *("ari-bridge", "asterisk-config", "--host", f"{sipp.TRUNK_ADDRESS}:{asterisk.trunk_port}"),
            *("--user", TRUNK_USER, "--did", DID, "--operators", "1001,1002", "--output", "/etc/asterisk"),
            *("--password-file", "/etc/asterisk/trunk-password", "--bind", f"127.0.0.1:{asterisk.sip_port}", *more),
        ).stdout

    def ari_password(self) -> str:
        return self.box.sh("cat /etc/ari-bridge/credentials/ari.password")

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        return self.box.run("systemctl", *arguments, check=check).stdout.strip()

    def show(self, name: str) -> str:
        """A property of the service."""
        return self.systemctl("show", "-P", name, "ari-bridge")

    def journal(self) -> str:
        return self.box.sh("journalctl -u ari-bridge --no-pager -o cat")

    def check(self) -> list[dict[str, str]]:
        """What `ari-bridge check` finds; one line named `settings` where it takes none of them."""
        done = self.box.run("ari-bridge", "check", "--json", check=False)
        if not done.stdout:
            return [{"name": "settings", "grade": "fault", "state": done.stderr.strip(), "cure": done.stderr.strip()}]
        found: list[dict[str, str]] = json.loads(done.stdout)
        return found

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """The service, restarted; where systemd does not run the command itself, as the service's user."""
        process = None
        if self.box.booted:
            self.systemctl("restart", "ari-bridge")
        else:
            process = self.box.begin("ari-bridge", "run")
        try:
            self.until_ready()
            yield
        finally:
            if process is not None:
                self.box.sh("kill -TERM $(grep -l 'ari-bridge.run' /proc/[0-9]*/cmdline | cut -d/ -f3)", check=False)
                process.communicate(timeout=20)

    def until_ready(self, timeout_s: float = 15.0) -> None:
        """Until the daemon has its line to Asterisk."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.hub_port}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            assert time.monotonic() < deadline, self.journal()[-3000:] if self.box.booted else "not ready"
            time.sleep(0.05)

    def until(self, question: str, answer: str, timeout_s: float = 15.0) -> None:
        """Until a property of the service is that."""
        deadline = time.monotonic() + timeout_s
        while (seen := self.show(question)) != answer:
            assert time.monotonic() < deadline, f"{question}={seen}\n{self.journal()[-3000:]}"
            time.sleep(0.1)


@contextlib.contextmanager
def open_vps(folder: Path, *, boot: bool = True) -> Iterator[Vps]:
    """Nothing is installed yet, and Asterisk is not started."""
    bundle = wheels.bundle(folder / "bundle")
    with (
        contextlib.closing(Asterisk(Options(phones=("1001", "1002"), ari_user="ari_bridge"))) as asterisk,
        PortBlock(PORTS) as ports,
    ):
        office = Office(asterisk, Audio(file=speech.speak("Сколько стоит ваша услуга?"), loop=True))
        shown = {bundle: "/bundle", office.etc: "/etc/asterisk", asterisk.root: ASTERISK, asterisk.home: "/lab"}
        with Box(shown, boot=boot) as box:
            console = box.path("/usr/local/sbin/asterisk")
            console.write_text(CONSOLE)
            console.chmod(0o755)
            media = f"{ports.first + 2}-{ports.first + 61}"
            yield Vps(box, office, bundle, hub_port=ports.first + 80, media_ports=media)
