"""The systemd unit of the service, where it is installed."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Final

from ari_bridge.ops.checks.finding import Finding, Grade

EXPOSURE_AT_MOST: Final = 1.5
UNIT: Final = "ari-bridge.service"
FOLDERS: Final = (Path("/etc/systemd/system"), Path("/lib/systemd/system"))


def installed_unit() -> Path | None:
    return next((folder / UNIT for folder in FOLDERS if (folder / UNIT).exists()), None)


async def check_unit() -> Finding:
    """How far systemd fences the service in; nothing to say where it is not installed."""
    tool = shutil.which("systemd-analyze")
    unit = installed_unit()
    if tool is None or unit is None:
        return Finding("unit", Grade.OK, "служба systemd здесь не установлена")
    process = await asyncio.create_subprocess_exec(
        tool, "security", "--offline=true", "--no-pager", str(unit),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    output = (await process.communicate())[0].decode(errors="replace")
    score = re.search(r"exposure level for \S+: ([\d.]+)", output)
    if score is None:
        return Finding("unit", Grade.OK, f"{unit}: оценка systemd-analyze недоступна")
    if float(score[1]) > EXPOSURE_AT_MOST:
        cure = "верните ограничения из поставки: /opt/ari-bridge/install.sh"
        return Finding("unit", Grade.WARNING, f"{unit}: открытость {score[1]}, должна быть ≤ {EXPOSURE_AT_MOST}", cure)
    return Finding("unit", Grade.OK, f"{unit}: открытость {score[1]}")
