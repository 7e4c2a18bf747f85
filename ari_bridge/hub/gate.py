"""Who may ask the daemon at all, as an answer to a request: who looks, or the refusal. Pure.

Without users: whoever sits at this machine, and nobody through a proxy. With users: a session's cookie or an API token,
over TLS or from this machine itself. Notices are the dialplan's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from ari_bridge.accounts import OPEN, Account, Credential, Directory, digest_of
from ari_bridge.errors import ConfigError
from ari_bridge.hub.access import ADD_USER, LOCAL, NOBODY, Access, may
from ari_bridge.hub.arrival import (
    Arrival,
    client_address,
    forwarded,
    in_networks,
    is_loopback,
    is_secure,
    open_access_fault,
    origin_allowed,
    own_host,
    transport_fault,
    untrusted_proxy,
)
from ari_bridge.hub.reply import Reply, error

COOKIE = "ari_bridge_session"
COOKIE_SECONDS = 400 * 86_400  # what browsers take at most; the session itself ends earlier, here
ANONYMOUS = Credential("anonymous")
_NOT_YET = "who may look is not known yet, so nobody is let in; calls go on; the daemon's log says why"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say."""

    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    plain_http: bool = False
    notices_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who was let in, by what, from where; `secure`: over TLS."""

    account: Account
    credential: Credential
    address: str
    secure: bool = False


def admit(arrival: Arrival, access: Access, rules: Rules, directory: Directory | None, now: datetime) -> Viewer | Reply:
    """Who looks, or the answer for whom nobody lets in. Without a `directory` it is not known yet who there is."""
    address = client_address(arrival, rules.trusted_proxies)
    if access is Access.UNGATED:
        return Viewer(NOBODY, ANONYMOUS, address)
    if access is Access.DIALPLAN:
        return notice_refusal(arrival, rules.notices_from) or Viewer(NOBODY, ANONYMOUS, address)
    if directory is None:
        if access is Access.METRICS and _is_program_here(arrival):
            return Viewer(NOBODY, ANONYMOUS, address)
        return error(503, "accounts_unknown", _NOT_YET, (("Retry-After", "1"),))
    if not directory.users:
        return _open_refusal(arrival) or _foreign(arrival, rules) or _local(arrival, access)
    refusal = _transport_refusal(arrival, rules) or _foreign(arrival, rules)
    if refusal is not None:
        return refusal
    secure = is_secure(arrival, rules.trusted_proxies)
    credential = credential_of(arrival)
    user = directory.holder(credential, now)
    if user is not None and may(user.account, access):
        return Viewer(user.account, credential, address, secure)
    if access is Access.PUBLIC or (access is Access.METRICS and user is None and _is_program_here(arrival)):
        return Viewer(NOBODY, ANONYMOUS, address, secure)
    return _unknown(access) if user is None else error(403, "not_allowed", "this is not for your role")


def _unknown(access: Access) -> Reply:
    if access is Access.PAGE:
        return Reply(303, b"", headers=(("Location", "login.html"),))
    return error(401, "sign_in", "sign in first, or send Authorization: Bearer with a token that is valid")


def _local(arrival: Arrival, access: Access) -> Viewer | Reply:
    if may(LOCAL, access):
        return Viewer(LOCAL, OPEN, arrival.peer)
    return error(403, "users_needed", f"this needs an administrator: run `{ADD_USER.replace('operator', 'admin')}`")


def credential_of(arrival: Arrival) -> Credential:
    """What the request shows: an API token before a session's cookie."""
    scheme, _, token = arrival.header("Authorization").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Credential("token", digest_of(token.strip()))
    value = _cookie(arrival.header("Cookie"))
    return Credential("session", digest_of(value)) if value else ANONYMOUS


def session_cookie(value: str, *, secure: bool) -> tuple[str, str]:
    """The header that gives the browser its session; without a value, the one that takes it away."""
    attributes = f"Path=/; Max-Age={COOKIE_SECONDS if value else 0}; HttpOnly; SameSite=Strict"
    return "Set-Cookie", f"{COOKIE}={value}; {attributes}{'; Secure' if secure else ''}"


def refuse_public(host: str, *, users: bool, rules: Rules) -> None:
    """Raises `ConfigError` for a daemon that would show calls, or take passwords in clear text, on a network."""
    if is_loopback(host):
        return
    if not users:
        raise ConfigError(
            f"hub.host: {host} is reachable from outside and there are no users; run `{ADD_USER}` first, "
            "or set ARI_BRIDGE_HUB__HOST=127.0.0.1 and reach the page by `ssh -L 8000:127.0.0.1:8000 HOST`"
        )
    if not rules.trusted_proxies and not rules.plain_http:
        raise ConfigError(
            f"hub.host: {host} is reachable from outside without TLS; name the TLS proxy in front, e.g. "
            "ARI_BRIDGE_HUB__TRUSTED_PROXIES='[\"10.0.0.2\"]', or set ARI_BRIDGE_HUB__HOST=127.0.0.1 "
            "(in a network that nobody can listen to: ARI_BRIDGE_HUB__PLAIN_HTTP=true)"
        )


def notice_refusal(arrival: Arrival, allow: Iterable[str]) -> Reply | None:
    """For `/agi/*`: by the sender's own address, not through a proxy, not from a page in somebody's browser."""
    if forwarded(arrival.headers) is not None or "Origin" in arrival.headers or _from_a_page(arrival):
        return error(403, "not_allowed", "notices come from the dialplan, not from a browser and not through a proxy")
    if not is_loopback(arrival.peer) and not in_networks(arrival.peer, allow):
        return error(403, "not_allowed", f"{arrival.peer} may not send notices; add it to agi.allow")
    return None


def _open_refusal(arrival: Arrival) -> Reply | None:
    fault = open_access_fault(arrival)
    if fault is None:
        return None
    return error(
        403,
        "users_needed",
        f"{fault}; without users the page is open on this machine only: run `{ADD_USER}` on the server first, "
        "or open it by `ssh -L 8000:127.0.0.1:8000 HOST`",
    )


def _transport_refusal(arrival: Arrival, rules: Rules) -> Reply | None:
    proxy = untrusted_proxy(arrival, rules.trusted_proxies)
    if proxy is not None:
        return error(
            403,
            "proxy_unknown",
            f"the request came through a proxy (header {proxy}) that is not in hub.trusted_proxies; "
            f"set ARI_BRIDGE_HUB__TRUSTED_PROXIES='[\"{arrival.peer}\"]' if it is yours",
        )
    fault = None if rules.plain_http else transport_fault(arrival, rules.trusted_proxies)
    if fault is None:
        return None
    return error(403, "tls_needed", f"{fault}; people sign in over TLS or on the machine itself")


def _foreign(arrival: Arrival, rules: Rules) -> Reply | None:
    host = own_host(arrival, rules.trusted_proxies)
    if origin_allowed(arrival.headers.get("Origin"), host, rules.origins):
        return None
    return error(403, "foreign_origin", "this Origin is neither our own address nor in hub.origins")


def _is_program_here(arrival: Arrival) -> bool:
    return open_access_fault(arrival) is None and "Origin" not in arrival.headers and not _from_a_page(arrival)


def _from_a_page(arrival: Arrival) -> bool:
    return arrival.headers.get("Sec-Fetch-Site", "none") != "none"


def _cookie(header: str) -> str:
    """Our cookie's value; empty where it is missing. A second one of that name, put there by somebody else, is not."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    found: Collection[str] = [value for name, _, value in pairs if name == COOKIE]
    return next(iter(found), "")
