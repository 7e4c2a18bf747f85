"""Where a request comes from: the machine itself, a network, a proxy; over TLS or not. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

FORWARDING_HEADERS = ("forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it reached us. `headers` must be case-insensitive.

    `chain`: the addresses of all `X-Forwarded-For` headers in order; `scheme`: the last `X-Forwarded-Proto`. Both are
    what somebody says: only a trusted proxy is believed.
    """

    peer: str
    headers: Mapping[str, str]
    http_1_1: bool = True
    chain: tuple[str, ...] = ()
    scheme: str = ""

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


def client_address(arrival: Arrival, trusted: Collection[str]) -> str:
    """Who asks: the peer, or the nearest address behind trusted proxies."""
    if not in_networks(arrival.peer, trusted):
        return arrival.peer
    for address in reversed(arrival.chain):
        if parse_address(address) is None:
            break
        if not in_networks(address, trusted):
            return address
    return arrival.peer


def is_secure(arrival: Arrival, trusted: Collection[str]) -> bool:
    """Whether a trusted proxy says that the browser spoke TLS with it."""
    return in_networks(arrival.peer, trusted) and arrival.scheme.lower() == "https"


def own_host(arrival: Arrival, trusted: Collection[str]) -> str:
    """The `host:port` that the browser was given."""
    forwarded_host = arrival.header("X-Forwarded-Host")
    return forwarded_host if forwarded_host and in_networks(arrival.peer, trusted) else arrival.header("Host")


def transport_fault(arrival: Arrival, trusted: Collection[str]) -> str | None:
    """Why a password must not come this way; None for TLS up to a trusted proxy and for this machine itself."""
    if is_secure(arrival, trusted):
        return None
    local = open_access_fault(arrival)
    if local is None:
        return None
    if in_networks(arrival.peer, trusted):
        return f"the proxy does not say that the browser speaks TLS with it (X-Forwarded-Proto: https); {local}"
    return local


def untrusted_proxy(arrival: Arrival, trusted: Collection[str]) -> str | None:
    """The header of a proxy that nobody told us of, None where there is none."""
    return None if in_networks(arrival.peer, trusted) else forwarded(arrival.headers)


def is_loopback(host: str) -> bool:
    """`host` without a port: `localhost`, 127.0.0.0/8 or ::1. A name that merely resolves there is not."""
    if host.lower().rstrip(".") == "localhost":
        return True
    address = parse_address(host)
    return address is not None and address.is_loopback


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address; an IPv4 address mapped into IPv6 comes back as IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def in_networks(peer: str, networks: Iterable[str]) -> bool:
    address = parse_address(peer)
    return address is not None and any(address in ipaddress.ip_network(n, strict=False) for n in networks)


def forwarded(headers: Mapping[str, str]) -> str | None:
    """The header that shows that a proxy stands between, None where there is none."""
    for name in headers:
        if name.lower() in FORWARDING_HEADERS or name.lower().startswith("x-forwarded"):
            return name
    return None


def open_access_fault(arrival: Arrival) -> str | None:
    """Why this request may not have the open local access (a daemon on loopback without users); None where it may.

    A proxy on the same host must not publish the page: nginx's plain `proxy_pass` adds no header, but speaks HTTP/1.0
    (up to 1.29) and passes the browser's Referer and Origin, which name another host. Foreign `Host` values also stop
    DNS rebinding.
    """
    if not is_loopback(arrival.peer):
        return f"the request comes from {arrival.peer}"
    proxy = forwarded(arrival.headers)
    if proxy is not None:
        return f"the request came through a proxy (header {proxy})"
    if not arrival.http_1_1:
        return "the request came through a proxy (HTTP/1.0)"
    host = arrival.header("Host")
    if not is_loopback(_hostname(f"//{host}")):
        return f"the address is {host[:100] or 'missing'}, not a local one"
    referer = arrival.headers.get("Referer")
    if referer and not _same_authority(referer, host):
        return "the page was opened under another address"
    return None


def origin_allowed(origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """Whether a browser's page of this `Origin` may connect: our own address or one of `hub.origins`.

    Without an Origin it is no browser. `null` (sandboxed pages, files) is refused.
    """
    if origin is None:
        return True
    if origin.lower().rstrip("/") in {o.lower().rstrip("/") for o in allowed}:
        return True
    return origin.lower().startswith(("http://", "https://")) and _same_authority(origin, host)


def _same_authority(url: str, host: str) -> bool:
    authority = _authority(url)
    return bool(authority) and authority == _authority(f"http://{host}")


def _authority(url: str) -> str:
    """`host:port` in lower case without the scheme's default port; empty for nonsense."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.hostname:
        return ""
    return parts.hostname if port in (None, 80, 443) else f"{parts.hostname}:{port}"


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
