"""Signing in and out over real sockets; a right that ends, ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from http.cookies import Morsel
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ari_bridge.accounts import AccountStore, Deed
from ari_bridge.errors import ConfigError
from ari_bridge.hub.gate import COOKIE
from ari_bridge.hub.throttle import ACCOUNT_TRIES
from ari_bridge.settings import HubSettings
from ari_bridge.store.opening import open_accounts
from tests.hub.calls import STARTED, answered, ended, final, hung_up, started
from tests.hub.running import Running, read, running, store_of
from tests.hub.team import PASSWORD, cookie_of, enlist, entry, password_hash, token_of

ANNA = {"name": "Анна", "password": PASSWORD}
AT_ONCE_S = 3.0  # a quarter of a second, on a machine that does nothing else


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[AccountStore]:
    """The accounts as another process has them: the `user` command."""
    accounts = open_accounts(store_of(tmp_path))
    await enlist(accounts)
    yield accounts
    await accounts.close()


@pytest.fixture
async def room(tmp_path: Path, behind: AccountStore) -> AsyncIterator[Running]:
    settings = HubSettings(port=0, trusted_proxies=("127.0.0.2",))
    async with running(tmp_path, settings=settings) as room:
        yield room


async def post(room: Running, path: str, body: object = None, **headers: str) -> tuple[int, Any, Morsel[str] | None]:
    async with room.http.post(room.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json(), answer.cookies.get(COOKIE)


async def sign_in(room: Running, body: object = ANNA, **headers: str) -> dict[str, str]:
    status, _, cookie = await post(room, "/api/login", body, **headers)
    assert status == 200
    assert cookie is not None
    return {"Cookie": f"{COOKIE}={cookie.value}"}


async def closing_code(page: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(AT_ONCE_S):
        while not page.closed:
            await page.receive()
    return page.close_code


async def test_signing_in_gives_a_cookie_that_no_script_and_no_other_site_can_use(room: Running) -> None:
    status, me, cookie = await post(room, "/api/login", {**ANNA, "name": " анна "})
    assert status == 200
    assert me == {"name": "Анна", "role": "operator", "extensions": ["1001"], "open": False}
    assert cookie is not None
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Strict", "/", "")
    headers = {"Cookie": f"{COOKIE}={cookie.value}"}
    assert (await room.get("/api/me", **headers))[1] == me
    room.publish(started("mine", ringing=("1001",)))
    room.publish(started("not-mine", ringing=("1002",)))
    async with room.page("", **headers) as page:
        snapshot = await read(page)
    assert snapshot["me"] == me
    assert [call["id"] for call in snapshot["calls"]] == ["mine"]


async def test_behind_tls_the_cookie_is_for_tls_only(tmp_path: Path, behind: AccountStore) -> None:
    async with running(tmp_path, settings=HubSettings(port=0, trusted_proxies=("127.0.0.1",))) as room:
        proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.5", "Host": "bridge.example.ru"}
        _, _, cookie = await post(room, "/api/login", ANNA, Origin="https://bridge.example.ru", **proxied)
        assert cookie is not None
        assert cookie["secure"] is True
        assert (await room.accounts.audit(STARTED - timedelta(365), 1))[0].address == "203.0.113.5"
        status, refusal, _ = await post(room, "/api/login", ANNA, **{**proxied, "X-Forwarded-Proto": "http"})
        assert (status, refusal["error"]["code"]) == (403, "tls_needed")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**ANNA, "password": "неверная лошадь"}, 401, "bad_credentials"),
        ({**ANNA, "password": ""}, 401, "bad_credentials"),
        ({**ANNA, "password": "x" * 5000}, 401, "bad_credentials"),
        ({**ANNA, "name": "Глеб"}, 401, "bad_credentials"),
        ({**ANNA, "name": ""}, 401, "bad_credentials"),
        ({"name": "Анна", "password": "\ud800"}, 401, "bad_credentials"),
        ({"name": "Анна"}, 400, "bad_login"),
        ({"name": ["Анна"], "password": PASSWORD}, 400, "bad_login"),
        ([], 400, "bad_json"),
    ],
)
async def test_nobody_else_gets_in(room: Running, body: object, status: int, code: str) -> None:
    got, answer, cookie = await post(room, "/api/login", body)
    assert (got, answer["error"]["code"], cookie) == (status, code, None)


async def test_passwords_cannot_be_tried_for_long(room: Running) -> None:
    wrong = {**ANNA, "password": "неверная лошадь"}
    answers = await asyncio.gather(*(post(room, "/api/login", wrong) for _ in range(3 * ACCOUNT_TRIES)))
    assert sorted(status for status, _, _ in answers) == [401] * ACCOUNT_TRIES + [429] * 2 * ACCOUNT_TRIES
    async with room.http.post(f"{room.base}/api/login", json=ANNA) as answer:
        assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (429, True)
    await sign_in(room, {**ANNA, "name": "Борис"})
    refusals = [e for e in await room.accounts.audit(STARTED - timedelta(365), 100) if e.deed is Deed.REFUSED]
    assert {(entry.who, entry.address) for entry in refusals} == {("Анна", "127.0.0.1")}


async def test_signing_out_ends_the_session_on_every_page(room: Running) -> None:
    headers, others = await sign_in(room), await sign_in(room)
    async with room.page("", **headers) as page, room.page("", **headers) as second, room.page("", **others) as other:
        status, _, cookie = await post(room, "/api/logout", **headers)
        assert (status, cookie and (cookie.value, cookie["max-age"])) == (200, ("", "0"))
        assert await closing_code(page) == 4401
        assert await closing_code(second) == 4401
        assert (await room.get("/api/calls", **headers))[0] == 401
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with room.page("", **headers):
                pass
        assert (await room.get("/api/calls", **others))[0] == 200
        room.publish(started())
        assert (await read(other))["type"] == "snapshot"
        assert (await read(other))["type"] == "call_start"


async def test_who_is_removed_sees_nothing_from_then_on(room: Running, behind: AccountStore) -> None:
    cookie, token = await sign_in(room), await token_of(behind, "anna")
    await until_let_in(room, token)
    async with room.page("", **cookie) as page, room.page("", **token) as program:
        assert await behind.remove_user("anna", entry(Deed.USER_REMOVED))
        assert await closing_code(page) == 4401
        assert await closing_code(program) == 4401
    for headers in (cookie, token):
        assert (await room.get("/api/calls", **headers))[0] == 401
    assert (await post(room, "/api/login", ANNA))[0] == 401


async def test_a_new_password_ends_the_old_sessions(room: Running, behind: AccountStore) -> None:
    headers = await sign_in(room)
    async with room.page("", **headers) as page:
        assert await behind.set_password("anna", password_hash(), entry(Deed.PASSWORD_SET))
        assert await closing_code(page) == 4401


async def test_a_token_is_taken_back(room: Running, behind: AccountStore) -> None:
    headers = await token_of(behind, "olga", "t7")
    await until_let_in(room, headers)
    async with room.page("", **headers) as page:
        assert await behind.remove_token("t7", entry(Deed.TOKEN_REMOVED))
        assert await closing_code(page) == 4401


async def test_an_open_page_keeps_its_session(room: Running, behind: AccountStore) -> None:
    """Nobody is put out in the middle of a call."""
    headers = await cookie_of(behind, "anna", lasts=timedelta(seconds=1.5))
    await until_let_in(room, headers)
    async with room.page("", **headers) as page:
        assert (await read(page))["type"] == "snapshot"
        async with asyncio.timeout(AT_ONCE_S):
            while (await expiry(room)) - datetime.now(UTC) < timedelta(days=6):
                await asyncio.sleep(0.05)


async def expiry(room: Running) -> datetime:
    [session] = (await room.accounts.directory()).sessions.values()
    return session.expires_at


async def test_the_first_user_ends_the_open_access(tmp_path: Path) -> None:
    async with running(tmp_path) as room:
        assert (await post(room, "/api/login", ANNA))[1]["error"]["code"] == "no_users"
        async with room.page() as page:
            assert (await read(page))["me"]["open"] is True
            accounts = open_accounts(store_of(tmp_path))
            await enlist(accounts, "anna")
            await accounts.close()
            assert await closing_code(page) == 4401
        assert (await room.get("/api/calls"))[0] == 401


async def test_every_look_into_the_history_is_written_down(room: Running) -> None:
    olga = await sign_in(room, {**ANNA, "name": "Ольга"})
    over = (started("c9"), answered("c9", zero_at=STARTED), final("про цену", call_id="c9"), hung_up("c9"), ended("c9"))
    await room.keep(*over)
    room.publish(started("live"))
    await room.get("/api/history?q=%2B79001234567&operator=1001", **olga)
    await room.get("/api/calls/c9", **olga)
    await room.get("/api/calls/live", **olga)  # not history
    await room.get("/api/calls/none", **olga)
    room.publish(hung_up("live"))
    await room.get("/api/calls/live", **olga)
    root = await sign_in(room, {**ANNA, "name": "root"})
    audit = (await room.get("/api/audit", **root))[1]["entries"]
    looks = [(e["who"], e["deed"], e["calls"], e["detail"]) for e in reversed(audit) if "signed" not in e["deed"]]
    assert [look for look in looks if look[0] != "test"] == [
        ("Ольга", "history_searched", ["c9"], "text operator"),  # not what was searched for
        ("Ольга", "call_opened", ["c9"], ""),
        ("Ольга", "call_opened", ["live"], ""),
        ("root", "audit_read", [], ""),
    ]


async def test_rights_that_grow_begin_with_a_snapshot(room: Running, behind: AccountStore) -> None:
    """Anna becomes a supervisor: what she was not sent before is not skipped."""
    headers = await sign_in(room)
    async with room.page("", **headers) as page:
        mine = await read(page)
    room.publish(started("not-hers", ringing=("1002",)))
    olga = await sign_in(room, {**ANNA, "name": "Ольга"})
    async with room.page(f"?epoch={mine['epoch']}&cursor={mine['cursor']}", **olga) as page:
        snapshot = await read(page)
    assert (snapshot["type"], [call["id"] for call in snapshot["calls"]]) == ("snapshot", ["not-hers"])


async def test_users_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "calls.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match=r"store\.url"):
        open_accounts(store_of(tmp_path))


async def until_let_in(room: Running, headers: dict[str, str]) -> None:
    """A change that another process made is noticed."""
    async with asyncio.timeout(AT_ONCE_S):
        while (await room.get("/api/me", **headers))[0] != 200:
            await asyncio.sleep(0.01)
