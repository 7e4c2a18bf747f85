"""The page as browsers get it: each of `hub.origins` is opened, through whatever proxy and certificate stands there."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.settings import HubSettings

TIMEOUT_S: Final = 5.0
ENDS_SOON_DAYS: Final = 14
RENEW: Final = "обновите сертификат: certbot renew и systemctl reload nginx, или журнал Caddy"
PROXY: Final = "сверьте прокси с поставкой (deploy/tls) и hub.trusted_proxies, hub.origins с его адресами"


@dataclass(frozen=True, slots=True)
class Answer:
    """`days`: how long the certificate is still good for, None without TLS. `fault`: what the daemon says of it."""

    status: int
    fault: str | None
    days: float | None


async def check_origins(hub: HubSettings) -> list[Finding]:
    if not hub.origins:
        return [Finding("origin", Grade.OK, "страница: собственный адрес; прокси должен передавать Host браузера")]
    return list(await asyncio.gather(*(asyncio.to_thread(_check, origin) for origin in hub.origins)))


def _check(origin: str) -> Finding:
    try:
        answer = _ask(origin)
    except ssl.SSLCertVerificationError as error:
        return Finding(
            "origin", Grade.WARNING, f"{origin}: браузер не примет сертификат: {error.verify_message}", RENEW
        )
    except (OSError, HTTPException) as error:
        cure = "имя в DNS, порт в брандмауэре, systemctl status nginx caddy"
        return Finding("origin", Grade.WARNING, f"{origin} не открывается с этой машины: {error}", cure)
    if answer.status not in (200, 401):  # without a session the daemon says 401
        said = answer.fault or "отвечает не ari_bridge, или прокси до него не доходит"
        return Finding("origin", Grade.WARNING, f"{origin}: {said} ({answer.status})", PROXY)
    if answer.days is not None and answer.days < ENDS_SOON_DAYS:
        return Finding("origin", Grade.WARNING, f"{origin}: сертификат кончается через {answer.days:.0f} дн.", RENEW)
    good_for = "" if answer.days is None else f", сертификат действует ещё {answer.days:.0f} дн."
    return Finding("origin", Grade.OK, f"страница открывается: {origin}{good_for}")


def _ask(origin: str) -> Answer:
    """Asks as a page of that origin would. Raises `OSError`, `HTTPException`."""
    parts = urlsplit(origin)
    line = (HTTPSConnection if parts.scheme == "https" else HTTPConnection)(
        parts.hostname or "", parts.port, timeout=TIMEOUT_S
    )
    try:
        line.connect()
        days = _days_left(line.sock.getpeercert()) if isinstance(line.sock, ssl.SSLSocket) else None
        line.request("GET", "/api/me", headers={"Origin": origin, "Accept": "application/json"})
        answer = line.getresponse()
        fault = _fault(answer.read())
    finally:
        line.close()
    return Answer(answer.status, fault, days)


def _days_left(certificate: Mapping[str, Any] | None) -> float | None:
    ends = (certificate or {}).get("notAfter")
    return None if ends is None else (ssl.cert_time_to_seconds(ends) - time.time()) / 86_400


def _fault(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return None
