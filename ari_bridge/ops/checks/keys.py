"""The files of keys as install.sh laid them: all that the unit loads is there, and for root alone."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ari_bridge.ops.checks.finding import Finding, Grade


def check_keys(unit: Path | None, given: Path | None) -> Finding:
    """`unit`: the installed service, `given`: the folder in which this process got the keys; None where there is none.

    This process is the service's user, who gets copies and reaches none of the files itself.
    """
    text = unit.read_text(encoding="utf-8", errors="replace") if unit is not None else ""
    files = {name: Path(file) for name, file in re.findall(r"^LoadCredential=([^:\s]+):(\S+)$", text, re.MULTILINE)}
    if not files or given is None:
        return Finding("keys", Grade.OK, "ключи берутся из переменных окружения и файла настроек")
    missing = sorted(str(file) for name, file in files.items() if not (given / name).exists())
    if missing:
        return Finding(
            "keys",
            Grade.FAULT,
            f"нет файла {', '.join(missing)}: служба без него не запустится",
            "верните файл (пустой означает «ключа нет»): /opt/ari-bridge/install.sh создаст недостающие",
        )
    readable = sorted(str(file) for file in files.values() if os.access(file, os.R_OK))
    if readable and os.geteuid() != 0:
        return Finding(
            "keys",
            Grade.WARNING,
            f"ключи может прочесть не только root: {', '.join(readable)}",
            f"chmod 700 {Path(readable[0]).parent} && chmod 600 {Path(readable[0]).parent}/*",
        )
    return Finding("keys", Grade.OK, f"файлы ключей на месте: {len(files)}; читает их только root")
