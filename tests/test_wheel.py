"""An ordinary wheel, installed into a folder of its own and started from another: the page and all data are in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel was installed (its dependencies are this environment's)."""
    target = tmp_path_factory.mktemp("installed")
    wheels = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)], check=True, timeout=100)
    [wheel] = wheels.glob("ari_bridge-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, timeout=60)
    return target


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ARI_BRIDGE_")}
    environment["PYTHONPATH"] = str(installed)
    return subprocess.Popen(
        [sys.executable, "-m", "ari_bridge", *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_installed_demo_serves_its_page_from_any_folder(installed: Path, tmp_path: Path) -> None:
    with run(installed, tmp_path, "demo", "--port", "0") as demo:
        try:
            assert demo.stdout is not None
            url = next(m[0] for line in demo.stdout if (m := re.search(r"http://127\.0\.0\.1:\d+", line)))
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert "<!doctype html>" in answer.read().decode().lower()
            scripts = [path.relative_to(ROOT / "webui").as_posix() for path in (ROOT / "webui").rglob("*.js")]
            assert scripts
            for script in scripts:
                with urllib.request.urlopen(f"{url}/{script}", timeout=5) as answer:
                    assert answer.headers["Content-Type"].startswith("text/javascript")
        finally:
            demo.terminate()
            assert demo.wait(timeout=15) == 0


def test_the_installed_check_reads_its_playbook(installed: Path, tmp_path: Path) -> None:
    with run(installed, tmp_path, "check", "--json") as check:
        output = check.communicate(timeout=20)[0]
    assert '"playbook"' in output
    assert "встроенный" in output
