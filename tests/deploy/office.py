"""An office whose Asterisk has the configuration that `ari-bridge asterisk-config` wrote: SIPp plays the provider, who
challenges the trunk's registration, and an operator's telephone, which registers with its generated password."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from tests.lab import sipp
from tests.lab.asterisk import Asterisk
from tests.lab.party import Audio, Party

ROOT = Path(__file__).parents[2]
DID = "79918987423"
TRUNK_USER = "user1"
TRUNK_PASSWORD = r"p;a\;s,s'w$(o)=>rd#"  # all that Asterisk's files and SIP's digests could take amiss
MOST_CALLS = 1000


def asterisk_config(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command, as a process of its own; without `environ` it finds no settings of this machine."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ARI_BRIDGE_")}
    return subprocess.run(
        [sys.executable, "-m", "ari_bridge", "asterisk-config", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=ROOT,
        env=clean | (environ or {}),
    )


class Office:
    """`configure(way)` writes the files of a new Asterisk before its start, or into those of one that runs."""

    def __init__(self, asterisk: Asterisk, audio: Audio) -> None:
        self.asterisk = asterisk
        self.etc = asterisk.home / "etc"
        self.audio = audio
        for name in ("pjsip.conf", "extensions.conf", "ari.conf", "http.conf"):
            (self.etc / name).unlink()
        (self.etc / "trunk-password").write_text(TRUNK_PASSWORD)

    def configure(self, way: str, *more: str) -> str:
        """What the command said."""
        asterisk = self.asterisk
        done = asterisk_config(
            *("--host", f"{sipp.TRUNK_ADDRESS}:{asterisk.trunk_port}", "--user", TRUNK_USER, "--did", DID),
            *("--password-file", str(self.etc / "trunk-password"), "--operators", "1001,1002", "--way", way),
            *("--bind", f"127.0.0.1:{asterisk.sip_port}", "--output", str(self.etc), *more),
            environ={
                "ARI_BRIDGE_ARI__URL": asterisk.ari_url,
                "ARI_BRIDGE_ARI__USERNAME": asterisk.options.ari_user,
                "ARI_BRIDGE_ARI__PASSWORD": asterisk.options.ari_password,
                "ARI_BRIDGE_HUB__PORT": str(asterisk.hub_port),
            },
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def telephone_password(self, extension: str) -> str:
        text = (self.etc / "pjsip.conf").read_text()
        found = re.search(rf"^\[{extension}\]\ntype = auth\n.*?^password = (.*?)$", text, re.DOTALL | re.MULTILINE)
        assert found
        return found[1]

    def provider(self) -> Party:
        """Takes the registration, answers calls of the trunk, for as long as the block lasts."""
        return self._waits(sipp.TRUNK_ADDRESS, self.asterisk.trunk_port, TRUNK_USER, TRUNK_PASSWORD)

    def telephone(self, extension: str) -> Party:
        """Takes calls for that extension once it is registered."""
        return self._waits(sipp.PHONE_ADDRESS, self.asterisk.phone_ports[extension], "", "")

    def _waits(self, address: str, port: int, user: str, password: str) -> Party:
        values = {"ring_ms": "300", "user": user, "password": quoteattr(password)[1:-1]}
        return Party(
            scenario="uas_provider",
            address=address,
            sip_port=port,
            audio=self.audio,
            values=values,
            calls=MOST_CALLS,
            timeout_s=1200,
        )

    def register(self, extension: str, password: str | None = None) -> None:
        """The telephone registers; CallFailed where Asterisk does not take it."""
        telephone = Party(
            scenario="uac_registers",
            address=sipp.PHONE_ADDRESS,
            sip_port=self.asterisk.phone_ports[extension],
            remote=f"127.0.0.1:{self.asterisk.sip_port}",
            audio=self.audio,
            values={
                "user": extension,
                "password": password or self.telephone_password(extension),
                "contact_port": str(self.asterisk.phone_ports[extension]),
            },
        )
        with telephone:
            telephone.wait(10)

    def until(self, command: str, pattern: str, timeout_s: float = 10.0) -> str:
        """What Asterisk's console says once it matches."""
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, said := self.asterisk.cli(command)):
            assert time.monotonic() < deadline, f"{command}: {said}\n{self.asterisk.log_text()[-3000:]}"
            time.sleep(0.1)
        return said

    def until_registered(self) -> None:
        """Until the provider has taken the trunk's registration: Asterisk begins within ten seconds."""
        self.until("pjsip show registrations", r"(?m)^ mango/sip:\S+ +mango +Registered", 20.0)

    def client(self, **more: Any) -> Party:
        """A client who dials the number, however the provider writes it."""
        return sipp.trunk_caller(self.asterisk, more.pop("did", DID), self.audio, **more)
