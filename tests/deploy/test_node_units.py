"""The units of nodes: systemd takes them, and they are shut in as the one of a lone daemon is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = ("ari-bridge-bridge@.service", "ari-bridge-hub@.service")
OWN = {
    *("Description", "After", "ExecStart", "ExecStopPost", "Environment", "EnvironmentFile", "LoadCredential"),
    *("CPUWeight", "OOMScoreAdjust"),
}


def settings(name: str) -> set[str]:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    return {line for line in text.splitlines() if re.match(r"[A-Z]\w+=", line) and line.partition("=")[0] not in OWN}


@pytest.mark.parametrize("name", UNITS)
def test_what_is_no_nodes_own_is_as_in_the_lone_daemons_unit(name: str) -> None:
    assert settings(name) == settings("ari-bridge.service")


@pytest.mark.parametrize("name", UNITS)
def test_it_runs_one_role_under_the_nodes_name(name: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    role = name.removeprefix("ari-bridge-").partition("@")[0]
    assert f"ExecStart=/opt/ari-bridge/current/bin/ari-bridge run --only {role}\n" in text
    assert "Environment=ARI_BRIDGE_HUB__NODE=%i\n" in text
    assert ("release" in text) == (role == "bridge"), "who follows calls hands them back"


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_it(name: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for program in ("/opt/ari-bridge/current/bin/ari-bridge", "/usr/local/bin/ari-bridge"):
        text = text.replace(program, "/bin/true")
    unit = tmp_path / name.replace("@", "@office-1")
    unit.write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", unit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
