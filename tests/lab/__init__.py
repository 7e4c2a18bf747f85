"""The telephone laboratory: a real Asterisk, SIPp as its telephones, a capture of what each party hears.

Independent of the daemon: nothing here imports it, so what is measured here is not measured with its own ruler.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path


@cache
def realtime() -> tuple[str, ...]:
    """What before a command makes it run before all that is not in real time (sched(7)); nothing where it may not."""
    ahead = ("chrt", "--rr", "1")
    try:
        return ahead if subprocess.run([*ahead, "true"], check=False, capture_output=True).returncode == 0 else ()
    except FileNotFoundError:
        return ()


class LabError(RuntimeError):
    """The laboratory itself does not work; says nothing about the daemon."""


def cache_root() -> Path:
    """Where install.sh keeps the Asterisk roots: `$BRIDGE_LAB`, else a folder of the user's cache."""
    return Path(os.environ.get("BRIDGE_LAB") or Path.home() / ".cache" / "ari-bridge-lab")


def asterisk_root(release: str = "22") -> Path:
    """The Debian root that holds this release of Asterisk; it need not exist."""
    return cache_root() / f"asterisk-{release}"
