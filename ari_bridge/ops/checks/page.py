"""The page: its address, who may open it, TLS, and what a daemon at work says of itself."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from ari_bridge.errors import BridgeError, ConfigError
from ari_bridge.hub.arrival import is_loopback
from ari_bridge.hub.gate import Rules, refuse_public
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.ops.checks.origin import check_origins
from ari_bridge.ops.checks.unit import installed_unit
from ari_bridge.settings import HubSettings, Settings
from ari_bridge.store.opening import database_file, open_accounts
from ari_bridge.stt.http_json import get_json

TIMEOUT_S: Final = 3.0


async def check_page(settings: Settings) -> list[Finding]:
    users = await _users(settings)
    return [await _daemon(settings.hub), _access(settings.hub, users), *await check_origins(settings.hub)]


async def _daemon(hub: HubSettings) -> Finding:
    """A daemon at work says itself whether it can take calls; else its port must be free."""
    url = f"http://{_local(hub.host)}:{hub.port}"
    try:
        status, document = await get_json(f"{url}/readyz", "", TIMEOUT_S, None)
    except TimeoutError:
        return Finding(
            "daemon",
            Grade.FAULT,
            f"{url} занят, но не отвечает {TIMEOUT_S:g} с: служба зависла или это чужая программа",
            "systemctl restart ari-bridge; ss -ltnp покажет, кто слушает порт",
        )
    except OSError:
        return _port(hub)
    if status == 200:
        return Finding("daemon", Grade.OK, f"служба работает и готова к звонкам, {url}")
    error = document.get("error") if isinstance(document, dict) else None
    if status == 503 and isinstance(error, dict):
        return Finding(
            "daemon", Grade.FAULT, f"служба работает, но звонков не видит: {error.get('message')}", "см. строки выше"
        )
    return Finding(
        "daemon", Grade.FAULT, f"порт {hub.port} занят другой программой", "задайте другой ARI_BRIDGE_HUB__PORT"
    )


def _port(hub: HubSettings) -> Finding:
    family = socket.AF_INET6 if ":" in hub.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((hub.host, hub.port))
        except OSError as error:
            cure = "задайте в ARI_BRIDGE_HUB__HOST адрес этой машины или другой ARI_BRIDGE_HUB__PORT"
            return Finding("daemon", Grade.FAULT, f"{hub.host}:{hub.port} не занять: {error.strerror}", cure)
    if installed_unit() is not None:
        cure = "systemctl start ari-bridge; почему она остановилась: journalctl -u ari-bridge -o cat -n 20"
        return Finding("daemon", Grade.FAULT, "служба установлена, но не запущена: звонков никто не видит", cure)
    return Finding("daemon", Grade.OK, f"служба не запущена; {hub.host}:{hub.port} свободен")


def _access(hub: HubSettings, users: int | None) -> Finding:
    if users is None:
        return Finding("access", Grade.WARNING, "пользователи неизвестны (см. database)")
    rules = Rules(hub.origins, hub.trusted_proxies, hub.plain_http)
    try:
        refuse_public(hub.host, users=bool(users), rules=rules)
    except ConfigError as refusal:
        return Finding("access", Grade.FAULT, f"служба не запустится: {refusal}", "см. эту же строку")
    if not users:
        return Finding(
            "access",
            Grade.WARNING,
            "пользователей нет: страница открыта всем, кто сидит за этой машиной, и никому больше",
            "ari-bridge user add ИМЯ --extension 1001",
        )
    if not is_loopback(hub.host) and hub.plain_http:
        return Finding(
            "access", Grade.WARNING, "пароли идут по сети без TLS (hub.plain_http)", "поставьте TLS-прокси: deploy/"
        )
    return Finding("access", Grade.OK, f"пользователей: {users}; пароли идут по TLS или внутри этой машины")


async def _users(settings: Settings) -> int | None:
    """How many there are; None where that cannot be read. A file that is not there yet has none, and is not made."""
    path = database_file(settings.store.url)
    if path is not None and not path.exists():
        return 0
    try:
        accounts = await asyncio.to_thread(open_accounts, settings.store)
    except ConfigError:
        return None
    try:
        return len((await accounts.directory()).users)
    except BridgeError:
        return None
    finally:
        await accounts.close()


def _local(host: str) -> str:
    """Where a daemon that is bound to `host` is reached from this machine."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
