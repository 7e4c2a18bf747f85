"""What an Asterisk's version says of its security. Pure.

Source: the security releases of 2026-06-25 (GHSA-vrfp-mg3q-3959: live_dangerously can be got round;
GHSA-wcvv-g26m-wx5c: a read-only ARI user can act over the WebSocket).
"""

from __future__ import annotations

import re
from typing import Final

from ari_bridge.ops.checks.finding import Finding, Grade

SAFE_FROM: Final = {20: (20, 20, 1), 22: (22, 10, 1), 23: (23, 4, 1)}
CERTIFIED_SAFE_FROM: Final = {"20.7": 11, "22.8": 3}
UNMAINTAINED_BELOW: Final = 20
UNMAINTAINED: Final = frozenset({21})
"""Standard releases whose security fixes have ended: 21 in October 2026."""

CURE: Final = "обновите Asterisk до {}: в нём закрыты GHSA-vrfp-mg3q-3959 и GHSA-wcvv-g26m-wx5c"


def judge_version(version: str) -> Finding:
    """A finding for `asterisk.getInfo`'s `system.version`."""
    certified = re.match(r"(?:certified[-/])?(\d+\.\d+)-cert(\d+)", version)
    if certified:
        needed = CERTIFIED_SAFE_FROM.get(certified[1])
        if needed is not None and int(certified[2]) >= needed:
            return _well(version)
        return _old(version, f"certified-{certified[1]}-cert{needed}" if needed else "свежей ветки")
    plain = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if plain is None:
        return Finding("security", Grade.WARNING, f"версия «{version}» незнакома: обновления безопасности не сверены")
    major, minor, patch = (int(part) for part in plain.groups())
    if major < UNMAINTAINED_BELOW or major in UNMAINTAINED:
        return Finding(
            "security",
            Grade.WARNING,
            f"Asterisk {version}: для этой ветки больше не выходят исправления безопасности",
            "обновите Asterisk до 22; до тех пор держите ARI (8088) закрытым для всех, кроме этой машины",
        )
    safe = SAFE_FROM.get(major)
    if safe is None or (major, minor, patch) >= safe:
        return _well(version)
    return _old(version, ".".join(map(str, safe)))


def _well(version: str) -> Finding:
    return Finding("security", Grade.OK, f"Asterisk {version}: известных уязвимостей, важных для нас, нет")


def _old(version: str, wanted: str) -> Finding:
    return Finding("security", Grade.WARNING, f"Asterisk {version} уязвим (выпуски от 2026-06-25)", CURE.format(wanted))
