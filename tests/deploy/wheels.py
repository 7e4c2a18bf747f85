"""A folder of wheels from which a machine without network can be installed, and other versions of our own."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.lab import cache_root

ROOT = Path(__file__).parents[2]
EXTRAS = "postgresql,standby"
OF_DEBIAN_12 = "async-timeout"  # what redis needs with Python 3.11.2, and not with later ones
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def bundle(folder: Path) -> Path:
    """What `make bundle` makes: all wheels, the constraints and install.sh. What others made comes from a cache."""
    constraints = ROOT / "constraints.txt"
    key = hashlib.sha256(constraints.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + sys.version.encode())
    cache = cache_root() / f"wheels-{key.hexdigest()[:16]}"
    if not cache.exists():
        part = cache.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        subprocess.run(
            [*PIP, "wheel", "-c", str(constraints), "-w", str(part), f"{ROOT}[{EXTRAS}]", OF_DEBIAN_12],
            check=True,
            timeout=300,
        )
        next(part.glob("ari_bridge-*.whl")).unlink()
        part.rename(cache)
    shutil.copytree(cache, folder, dirs_exist_ok=True)
    subprocess.run([*PIP, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], check=True, timeout=100)
    for file in (constraints, ROOT / "deploy/install.sh"):
        shutil.copy2(file, folder)
    return folder


def own_wheel(folder: Path) -> Path:
    return next(folder.glob("ari_bridge-*.whl"))


def other_version(wheel: Path, version: str, *, broken: bool = False) -> Path:
    """The same wheel under another version, in a folder of its own beside it; `broken`: its `run` ends at once."""
    old = wheel.name.split("-")[1]
    made = wheel.parent / f"version-{version}" / wheel.name.replace(f"-{old}-", f"-{version}-")
    made.parent.mkdir()
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.infolist():
            content = source.read(item)
            if item.filename.endswith(("METADATA", "RECORD", "ari_bridge/__init__.py")):
                content = re.sub(rf"\b{re.escape(old)}\b".encode(), version.encode(), content)
            if broken and item.filename == "ari_bridge/app.py":
                content = content.replace(b"async def run(", b"async def run_not(")
            target.writestr(item.filename.replace(f"-{old}.", f"-{version}."), content)
    return made
