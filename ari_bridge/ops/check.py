"""`ari-bridge check`: everything the daemon needs, one line each with the cure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from ari_bridge.ops.checks.asterisk import check_asterisk
from ari_bridge.ops.checks.dialplan import check_dialplan
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.ops.checks.keys import check_keys
from ari_bridge.ops.checks.live import check_live
from ari_bridge.ops.checks.machine import (
    check_clock,
    check_database,
    check_disk,
    check_ports,
    check_recordings,
)
from ari_bridge.ops.checks.page import check_page
from ari_bridge.ops.checks.playbook import check_playbook
from ari_bridge.ops.checks.providers import check_model, check_speech
from ari_bridge.ops.checks.unit import check_unit, installed_unit
from ari_bridge.settings import Settings, credentials_folder


async def check(settings: Settings, *, live: bytes | None = None, dialplan: str | None = None) -> list[Finding]:
    """Look at everything, at once where it only waits; never raises for what is found.

    `live`: a recording (A-law, 8 kHz) for the real recogniser; None asks nobody who wants money for it. `dialplan`:
    what Asterisk's console shows of it; None asks the console.
    """
    asterisk, way_out, speech, model, database, page, clock, unit = await asyncio.gather(
        _contained("asterisk", check_asterisk(settings)),
        _contained("dialplan", check_dialplan(settings, dialplan)),
        _contained("soniox", check_speech(settings)),
        _contained("openrouter", check_model(settings)),
        _contained("database", check_database(settings)),
        _contained("page", check_page(settings)),
        _contained("clock", check_clock(settings)),
        _contained("unit", check_unit()),
    )
    here = [check_ports(settings), check_playbook(settings), check_disk(settings), check_recordings(settings)]
    keys = check_keys(installed_unit(), credentials_folder())
    findings = [*asterisk, *way_out, *here, *database, *speech, *model, *page, *clock, *unit, keys]
    return findings if live is None else [*findings, *await check_live(settings, live)]


async def _contained(name: str, looking: Awaitable[Finding | Sequence[Finding]]) -> Sequence[Finding]:
    try:
        found = await looking
    except Exception as error:  # boundary: one check that breaks must not hide what the others found
        return [Finding(name, Grade.WARNING, f"проверка не удалась: {type(error).__name__}: {error}", "сообщите нам")]
    return [found] if isinstance(found, Finding) else found
