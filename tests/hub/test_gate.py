from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from multidict import CIMultiDict

from ari_bridge.accounts import ApiToken, Directory, SignedIn, digest_of
from ari_bridge.errors import ConfigError
from ari_bridge.hub.access import LOCAL, NOBODY, Access
from ari_bridge.hub.arrival import Arrival
from ari_bridge.hub.gate import (
    COOKIE,
    Rules,
    Viewer,
    admit,
    credential_of,
    notice_refusal,
    refuse_public,
    session_cookie,
)
from ari_bridge.hub.reply import Reply
from tests.hub.team import PEOPLE, user

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)
TEAM = Directory(
    1,
    MappingProxyType({who: user(who) for who in PEOPLE}),
    MappingProxyType({digest_of(who): SignedIn(digest_of(who), who, NOW, TOMORROW) for who in PEOPLE}),
    MappingProxyType({digest_of("ab_olga"): ApiToken("t1", digest_of("ab_olga"), "olga", "", NOW)}),
)
PROXIED = Rules(trusted_proxies=("10.0.0.2",), notices_from=("10.0.0.9",))


def ask(
    access: Access = Access.SIGNED_IN,
    who: str = "",
    *,
    rules: Rules = PROXIED,
    directory: Directory | None = TEAM,
    peer: str = "127.0.0.1",
    scheme: str = "",
    now: datetime = NOW,
    **headers: str,
) -> Viewer | Reply:
    sent = CIMultiDict({"Host": "127.0.0.1:8000"})
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    if who:
        sent["Cookie"] = f"theme=dark; {COOKIE}={who}"
    return admit(Arrival(peer, sent, scheme=scheme), access, rules, directory, now)


def status(answer: Viewer | Reply) -> int:
    return answer.status if isinstance(answer, Reply) else 200


def code(answer: Viewer | Reply) -> str:
    assert isinstance(answer, Reply)
    return answer.body.decode().split('"code":"')[1].split('"')[0]


def test_who_looks_is_whose_cookie_or_token_it_is() -> None:
    anna = ask(who="anna")
    assert isinstance(anna, Viewer)
    assert (anna.account.name, anna.account.extensions, anna.credential.kind) == ("Анна", ("1001",), "session")
    olga = ask(Authorization="bearer  ab_olga")
    assert isinstance(olga, Viewer)
    assert (olga.account.name, olga.credential.kind) == ("Ольга", "token")
    assert status(ask(who="anna", Authorization="Bearer wrong")) == 401  # what is shown first must hold
    for wrong in ("", "Анна", digest_of("anna")):
        assert status(ask(who=wrong)) == 401
    assert status(ask(Authorization="Basic YW5uYQ==")) == 401


def test_a_session_ends() -> None:
    assert status(ask(who="anna", now=TOMORROW - timedelta(seconds=1))) == 200
    assert status(ask(who="anna", now=TOMORROW)) == 401


def test_whom_nobody_knows_is_sent_to_sign_in() -> None:
    page = ask(Access.PAGE)
    assert isinstance(page, Reply)
    assert (page.status, page.headers) == (303, (("Location", "login.html"),))
    assert status(ask(Access.PAGE, "anna")) == 200
    public = ask(Access.PUBLIC)
    assert isinstance(public, Viewer)
    assert public.account == NOBODY


def test_roles() -> None:
    assert [status(ask(Access.ADMIN, who)) for who in ("", *PEOPLE)] == [401, 403, 403, 403, 200]
    assert [status(ask(Access.METRICS, who)) for who in ("", *PEOPLE)] == [200, 403, 403, 200, 200]
    assert status(ask(Access.METRICS, Sec_Fetch_Site="same-origin")) == 401  # a browser is no program of ours
    assert status(ask(Access.METRICS, Authorization="Bearer wrong")) == 200  # nobody, on this machine
    assert status(ask(Access.METRICS, peer="10.0.0.2", scheme="https", X_Forwarded_For="1.2.3.4")) == 401


def test_without_users_this_machine_is_the_supervisor() -> None:
    here = ask(directory=Directory())
    assert isinstance(here, Viewer)
    assert (here.account, here.credential.kind) == (LOCAL, "open")
    assert code(ask(directory=Directory(), X_Real_IP="1.2.3.4")) == "users_needed"
    assert code(ask(directory=Directory(), peer="192.0.2.1")) == "users_needed"
    assert code(ask(directory=Directory(), peer="10.0.0.2", scheme="https")) == "users_needed"
    assert code(ask(Access.PUBLIC, directory=Directory(), peer="192.0.2.1")) == "users_needed"
    assert code(ask(Access.ADMIN, directory=Directory())) == "users_needed"
    assert code(ask(directory=Directory(), Origin="https://evil.example")) == "foreign_origin"


def test_a_password_goes_over_tls_or_not_at_all() -> None:
    for access in (Access.PUBLIC, Access.PAGE, Access.SIGNED_IN):
        assert code(ask(access, "anna", peer="192.0.2.1")) == "tls_needed"
        assert code(ask(access, "anna", peer="192.0.2.1", X_Forwarded_Proto="https", scheme="https")) == "proxy_unknown"
        assert code(ask(access, "anna", X_Forwarded_For="1.2.3.4")) == "proxy_unknown"  # nginx on the same host
        assert code(ask(access, "anna", peer="10.0.0.2", X_Forwarded_Proto="http", scheme="http")) == "tls_needed"
        assert status(ask(access, "anna", rules=Rules(plain_http=True), peer="192.0.2.1")) == 200
    behind = ask(who="anna", peer="10.0.0.2", scheme="https", X_Forwarded_Proto="https", Host="bridge.example.ru")
    assert isinstance(behind, Viewer)
    assert behind.secure
    here = ask(who="anna")
    assert isinstance(here, Viewer)
    assert not here.secure


def test_a_foreign_page_gets_nothing_with_somebodys_cookie() -> None:
    assert code(ask(who="anna", Origin="https://evil.example")) == "foreign_origin"
    assert status(ask(who="anna", Origin="http://127.0.0.1:8000")) == 200
    forwarded = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "b.example.ru", "Origin": "https://b.example.ru"}
    assert status(ask(who="anna", peer="10.0.0.2", scheme="https", **forwarded)) == 200
    assert status(ask(who="anna", rules=Rules(("https://b.example.ru",)), Origin="https://b.example.ru")) == 200


def test_ungated_answers_go_to_anybody() -> None:
    assert (
        status(ask(Access.UNGATED, peer="192.0.2.1", X_Forwarded_For="1.2.3.4", Origin="https://evil.example")) == 200
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "bridge.example.ru"])
def test_a_public_address_needs_users_and_tls(host: str) -> None:
    with pytest.raises(ConfigError, match=r"hub\.host.*ari-bridge user add"):
        refuse_public(host, users=False, rules=PROXIED)
    with pytest.raises(ConfigError, match=r"hub\.host.*ARI_BRIDGE_HUB__TRUSTED_PROXIES"):
        refuse_public(host, users=True, rules=Rules())
    refuse_public(host, users=True, rules=PROXIED)
    refuse_public(host, users=True, rules=Rules(plain_http=True))


def test_loopback_needs_nothing() -> None:
    refuse_public("127.0.0.1", users=False, rules=Rules())
    refuse_public("localhost", users=True, rules=Rules())


def test_the_cookie() -> None:
    assert session_cookie("v", secure=True) == (
        "Set-Cookie",
        f"{COOKIE}=v; Path=/; Max-Age=34560000; HttpOnly; SameSite=Strict; Secure",
    )
    assert "Max-Age=0" in session_cookie("", secure=False)[1]
    assert "Secure" not in session_cookie("v", secure=False)[1]


@pytest.mark.parametrize("header", ["", ";;", "=", f"{COOKIE}", f"{COOKIE}=", f"x{COOKIE}=v", "a=b; c"])
def test_no_session_in_nonsense(header: str) -> None:
    assert credential_of(Arrival("127.0.0.1", CIMultiDict({"Cookie": header}))).kind == "anonymous"


@pytest.mark.parametrize(
    ("peer", "headers", "allow", "allowed"),
    [
        ("127.0.0.1", {}, (), True),
        ("::1", {}, (), True),
        ("10.0.0.5", {"Host": "bridge:8000"}, ("10.0.0.0/24",), True),
        ("::ffff:10.0.0.5", {}, ("10.0.0.5",), True),
        ("10.0.0.5", {}, ("127.0.0.1",), False),
        ("", {}, ("0.0.0.0/0",), False),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.5"}, ("0.0.0.0/0",), False),
        ("127.0.0.1", {"origin": "http://127.0.0.1"}, (), False),
        ("127.0.0.1", {"sec-fetch-site": "cross-site"}, (), False),
        ("127.0.0.1", {"Sec-Fetch-Site": "none"}, (), True),
    ],
)
def test_notices_come_from_the_dialplan(
    peer: str, headers: dict[str, str], allow: tuple[str, ...], allowed: bool
) -> None:
    refusal = notice_refusal(Arrival(peer, CIMultiDict(headers)), allow)
    assert (refusal is None) is allowed
    assert refusal is None or refusal.status == 403


def test_before_it_is_known_who_there_is_nobody_is_let_in() -> None:
    """Neither who would be without users, nor who shows a session: only what shows nobody's data."""
    answers = {access: status(ask(access, "olga", directory=None)) for access in Access}
    open_to_all = {Access.UNGATED, Access.DIALPLAN, Access.METRICS}
    assert answers == {access: 200 if access in open_to_all else 503 for access in Access}
    assert status(ask(Access.METRICS, directory=None, peer="192.0.2.7")) == 503
    assert code(ask(directory=None)) == "accounts_unknown"
