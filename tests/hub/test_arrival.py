from __future__ import annotations

import pytest
from multidict import CIMultiDict

from ari_bridge.hub.arrival import (
    Arrival,
    client_address,
    in_networks,
    is_loopback,
    is_secure,
    open_access_fault,
    origin_allowed,
    own_host,
    transport_fault,
    untrusted_proxy,
)

PROXY = ("127.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("127.0.0.1.nip.io", False),
        ("localhost.example.ru", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_networks() -> None:
    assert in_networks("10.0.0.7", ["192.168.0.0/16", "10.0.0.0/24"])
    assert in_networks("::ffff:10.0.0.7", ["10.0.0.7"])
    assert not in_networks("10.0.1.7", ["10.0.0.0/24"])
    assert not in_networks("nonsense", ["0.0.0.0/0"])


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "127.0.0.1:8000", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://LOCALHOST:8000", "localhost:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://bridge.example.ru", "bridge.example.ru", True),
        ("https://list.example.ru", "127.0.0.1:8000", True),
        ("http://127.0.0.1:9000", "127.0.0.1:8000", False),
        ("http://localhost:8000", "127.0.0.1:8000", False),
        ("https://list.example.ru.evil", "127.0.0.1:8000", False),
        ("null", "127.0.0.1:8000", False),
        ("", "", False),
        ("file://", "", False),
        ("http://[", "[", False),
        ("http://:8000", ":8000", False),
        ("ftp://127.0.0.1:8000", "127.0.0.1:8000", False),
        ("http://127.0.0.1:99999", "127.0.0.1:99999", False),
    ],
)
def test_origins(origin: str | None, host: str, allowed: bool) -> None:
    assert origin_allowed(origin, host, ("https://list.example.ru/",)) is allowed


def fault(peer: str = "127.0.0.1", http_1_1: bool = True, **headers: str) -> str | None:
    sent = CIMultiDict({"Host": "127.0.0.1:8000"})
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    return open_access_fault(Arrival(peer, sent, http_1_1))


def test_open_access() -> None:
    assert fault() is None
    assert fault(referer="http://127.0.0.1:8000/") is None
    assert fault(host="[::1]:8000", peer="::1") is None
    assert fault(host="localhost") is None
    assert "10.0.0.1" in (fault(peer="10.0.0.1") or "")
    assert "X-Forwarded-Proto" in (fault(X_Forwarded_Proto="https") or "")
    assert "HTTP/1.0" in (fault(http_1_1=False) or "")
    assert "missing" in (fault(host="") or "")
    assert "another address" in (fault(referer="https://bridge.example.ru/") or "")
    assert "another address" in (fault(referer="nonsense") or "")


@pytest.mark.parametrize(
    ("peer", "chain", "address"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("203.0.113.5",), "192.0.2.1"),  # nobody's proxy: what it says does not count
        ("127.0.0.1", ("203.0.113.5",), "203.0.113.5"),
        ("127.0.0.1", ("1.1.1.1", "203.0.113.5"), "203.0.113.5"),  # the browser put the first one there
        ("127.0.0.1", ("203.0.113.5", "10.0.0.2"), "203.0.113.5"),
        ("127.0.0.1", ("nonsense",), "127.0.0.1"),
        ("127.0.0.1", ("1.1.1.1", "nonsense"), "127.0.0.1"),
        ("127.0.0.1", (), "127.0.0.1"),
    ],
)
def test_the_address_behind_the_proxies(peer: str, chain: tuple[str, ...], address: str) -> None:
    assert client_address(Arrival(peer, CIMultiDict(), chain=chain), PROXY) == address


def proxied(peer: str = "10.0.0.2", scheme: str = "https", **headers: str) -> Arrival:
    sent = CIMultiDict({"Host": "bridge.example.ru", "X-Forwarded-Proto": scheme})
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    return Arrival(peer, sent, scheme=scheme)


def test_only_a_trusted_proxy_says_that_it_is_tls() -> None:
    assert is_secure(proxied(), PROXY)
    assert transport_fault(proxied(), PROXY) is None
    assert not is_secure(proxied(scheme="http"), PROXY)
    assert "X-Forwarded-Proto: https" in (transport_fault(proxied(scheme="http"), PROXY) or "")
    assert not is_secure(proxied(peer="10.0.0.3"), PROXY)
    assert untrusted_proxy(proxied(peer="10.0.0.3"), PROXY) == "X-Forwarded-Proto"
    assert untrusted_proxy(proxied(), PROXY) is None


def test_this_machine_itself_needs_no_tls() -> None:
    here = Arrival("127.0.0.1", CIMultiDict({"Host": "localhost:8000"}))
    assert transport_fault(here, ()) is None
    assert transport_fault(here, PROXY) is None
    assert transport_fault(Arrival("192.0.2.1", CIMultiDict({"Host": "bridge"})), ()) is not None


def test_the_host_that_the_browser_was_given() -> None:
    assert own_host(proxied(X_Forwarded_Host="b.example.ru"), PROXY) == "b.example.ru"
    assert own_host(proxied(peer="10.0.0.3", X_Forwarded_Host="b.example.ru"), PROXY) == "bridge.example.ru"
