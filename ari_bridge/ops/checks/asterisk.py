"""Asterisk as ARI shows it: reachable, its release, our rights, its modules, trunks and operators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from ari_bridge.asterisk import faults
from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.asterisk.listener import MODULES
from ari_bridge.events import ComponentState, ComponentStatus
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.ops.checks.release import judge_version
from ari_bridge.ops.checks.way import check_way
from ari_bridge.settings import Settings

NO_SUCH_CHANNEL: Final = "ari-bridge-check-no-such-channel"
MOST_NAMED: Final = 12


async def check_asterisk(settings: Settings) -> list[Finding]:
    client = AriClient(settings.ari)
    try:
        await client.connect()
        info = await client.call("asterisk", "getInfo")
        version = _version(info)
        modules = await _listing(client)
        endpoints = _ask("trunks", client.call("endpoints", "list"), lambda listing: _endpoints(listing, settings))
        return [
            Finding("asterisk", Grade.OK, f"Asterisk {version}, {settings.ari.url}"),
            judge_version(version),
            await _rights(client, settings),
            *await _ask("modules", _told(modules), _modules),
            *await endpoints,
            *await check_way(settings, modules if isinstance(modules, list) else None),
        ]
    except AriError as error:
        return [from_status("asterisk", faults.explain(error, settings.ari))]
    finally:
        await client.close()


def from_status(name: str, status: ComponentStatus) -> Finding:
    """The same words as on the page."""
    grade = Grade.WARNING if status.state is ComponentState.DEGRADED else Grade.FAULT
    return Finding(name, grade, status.reason or "", status.action or "")


async def _listing(client: AriClient) -> object:
    """Asterisk's modules, or the `AriError` that hides them."""
    try:
        return await client.call("asterisk", "listModules")
    except AriError as error:
        return error


async def _told(answer: object) -> object:
    if isinstance(answer, AriError):
        raise answer
    return answer


async def _ask(name: str, request: Awaitable[Any], judge: Callable[[Any], list[Finding]]) -> list[Finding]:
    try:
        return judge(await request)
    except AriError as error:
        return [Finding(name, Grade.WARNING, f"не проверить: {error}")]


async def _rights(client: AriClient, settings: Settings) -> Finding:
    """A read-only user gets 403 for any change, also of what does not exist."""
    user = settings.ari.username or ""
    try:
        await client.call("channels", "hangup", channelId=NO_SUCH_CHANNEL)
    except AriError as error:
        if error.status == 404:
            return Finding("rights", Grade.OK, f"пользователь ARI «{user}» может снимать голос")
        if error.status == 403:
            return from_status("rights", faults.explain(error, settings.ari))
        return Finding("rights", Grade.WARNING, f"не проверить: {error}")
    return Finding("rights", Grade.WARNING, "Asterisk положил трубку канала, которого нет", "сообщите нам об этом")


def _modules(listing: object) -> list[Finding]:
    missing = faults.missing_modules(listing, MODULES)
    if missing:
        return [from_status("modules", faults.module_missing(missing))]
    return [Finding("modules", Grade.OK, f"загружены: {', '.join(MODULES)}")]


def _endpoints(listing: object, settings: Settings) -> list[Finding]:
    return [_trunks(listing, settings), _operators(listing, settings)]


def _trunks(listing: object, settings: Settings) -> Finding:
    wanted = settings.ari.trunks
    if not wanted:
        return Finding("trunks", Grade.OK, "не заданы: о звонках узнаём только из Stasis и уведомлений")
    missing = faults.trunks_missing(listing, wanted)
    if missing is not None:
        return replace(from_status("trunks", missing), grade=Grade.FAULT)
    states = _states(listing)
    away = [trunk for trunk in wanted if states.get(trunk.casefold()) == "offline"]
    if away:
        return Finding(
            "trunks",
            Grade.WARNING,
            f"не на связи: {', '.join(away)}",
            "asterisk -rx 'pjsip show registrations' и 'pjsip show contacts': пароль и адрес провайдера, порт 5060",
        )
    return Finding("trunks", Grade.OK, ", ".join(f"{t} ({states.get(t.casefold()) or 'неизвестно'})" for t in wanted))


def _operators(listing: object, settings: Settings) -> Finding:
    trunks = {trunk.casefold() for trunk in settings.ari.trunks}
    states = {name: state for name, state in _states(listing).items() if name not in trunks}
    if not states:
        return Finding(
            "operators", Grade.WARNING, "в Asterisk нет ни одного телефона оператора", "добавьте их в pjsip.conf"
        )
    online = sorted(name.partition("/")[2] for name, state in states.items() if state == "online")
    if not online:
        return Finding(
            "operators",
            Grade.WARNING,
            f"ни один из {len(states)} телефонов не зарегистрирован",
            "asterisk -rx 'pjsip show contacts': пароли и адреса в телефонах",
        )
    named = ", ".join(online[:MOST_NAMED]) + (" …" if len(online) > MOST_NAMED else "")
    return Finding("operators", Grade.OK, f"на связи {len(online)} из {len(states)}: {named}")


def _states(listing: object) -> dict[str, str]:
    """`pjsip/1001` → `online`, `offline`, `unknown`."""
    entries = listing if isinstance(listing, list) else []
    return {
        f"{e['technology']}/{e['resource']}".casefold(): str(e.get("state"))
        for e in entries
        if isinstance(e, dict) and e.get("technology") and e.get("resource")
    }


def _version(info: object) -> str:
    system = info.get("system") if isinstance(info, dict) else None
    return str(system.get("version", "?")) if isinstance(system, dict) else "?"
