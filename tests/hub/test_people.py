"""Users over REST, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.hub.calls import STARTED, answered, started
from tests.hub.running import Running, read, running
from tests.hub.team import PASSWORD, cookie_of, enlist, signed_in

VERA = {"name": " Вера  Павловна ", "role": "operator", "extensions": ["1003", "1003"], "password": "длинный пароль"}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as room:
        await enlist(room.accounts)
        yield room


@pytest.fixture
async def root(room: Running) -> dict[str, str]:
    return await signed_in(room, "root")


async def send(room: Running, method: str, path: str, headers: dict[str, str], body: Any = None) -> tuple[int, Any]:
    async with room.http.request(method, room.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def signs_in(room: Running, name: str, password: str) -> int:
    return (await send(room, "POST", "/api/login", {}, {"name": name, "password": password}))[0]


async def test_who_is_added_signs_in_and_is_listed_without_a_hash(room: Running, root: dict[str, str]) -> None:
    status, vera = await send(room, "POST", "/api/users", root, VERA)
    assert status == 200
    assert (vera["name"], vera["role"], vera["extensions"]) == ("Вера Павловна", "operator", ["1003"])
    assert await signs_in(room, "вера павловна", VERA["password"]) == 200
    users = (await send(room, "GET", "/api/users", root))[1]["users"]
    assert [user["name"] for user in users] == ["root", "Анна", "Борис", "Вера Павловна", "Ольга"]
    assert {name for user in users for name in user} == {"name", "role", "extensions", "created_at"}
    assert (await send(room, "POST", "/api/users", root, VERA))[0] == 409
    [noted] = [e for e in await room.accounts.audit(STARTED, 100) if e.deed == "user_added" and e.who == "root"]
    assert (noted.detail, noted.address) == ("Вера Павловна operator 1003", "127.0.0.1")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "я" * 65},
        {"name": "\ud800"},
        {"name": 5},
        {"role": "king"},
        {"role": None},
        {"extensions": []},
        {"extensions": "1003"},
        {"extensions": [1003]},
        {"extensions": ["PJSIP/1003"]},
        {"password": "short"},
        {"password": None},
    ],
)
async def test_what_is_no_user_is_refused(room: Running, root: dict[str, str], changes: dict[str, object]) -> None:
    status, answer = await send(room, "POST", "/api/users", root, VERA | changes)
    assert status == 400
    assert answer["error"]["message"]


async def test_other_rights_hold_at_once(room: Running, root: dict[str, str]) -> None:
    room.publish(started(ringing=("1002",)))
    room.publish(answered(operator="1002"))
    anna = await signed_in(room, "anna")
    async with room.page(**anna) as page:
        assert (await read(page))["calls"] == []
        status, changed = await send(room, "PATCH", "/api/users/Анна", root, {"role": "supervisor", "extensions": []})
        assert (status, changed["role"], changed["extensions"]) == (200, "supervisor", [])
        assert (await page.receive()).type is aiohttp.WSMsgType.CLOSE
        assert page.close_code == 1012
    async with room.page(**anna) as page:
        assert [call["id"] for call in (await read(page))["calls"]] == ["c1"]


async def test_a_new_password_ends_all_sessions(room: Running, root: dict[str, str]) -> None:
    anna = await cookie_of(room.accounts, "anna")
    assert (await send(room, "PATCH", "/api/users/Анна", root, {"password": "совсем другой"}))[0] == 200
    assert (await room.get("/api/me", **anna))[0] == 401
    assert await signs_in(room, "Анна", PASSWORD) == 401
    assert await signs_in(room, "Анна", "совсем другой") == 200


async def test_who_is_removed_is_out_at_once(room: Running, root: dict[str, str]) -> None:
    anna = await signed_in(room, "anna")
    async with room.page(**anna) as page:
        await read(page)
        assert (await send(room, "DELETE", "/api/users/Анна", root))[0] == 200
        assert (await page.receive()).type is aiohttp.WSMsgType.CLOSE
        assert page.close_code == 4401
    assert (await room.get("/api/me", **anna))[0] == 401
    assert (await send(room, "DELETE", "/api/users/Анна", root))[0] == 404


async def test_the_last_administrator_stays(room: Running, root: dict[str, str]) -> None:
    assert (await send(room, "DELETE", "/api/users/root", root))[1]["error"]["code"] == "last_administrator"
    assert (await send(room, "PATCH", "/api/users/root", root, {"role": "supervisor"}))[0] == 409
    assert (await send(room, "PATCH", "/api/users/Ольга", root, {"role": "admin"}))[0] == 200
    assert (await send(room, "PATCH", "/api/users/root", root, {"role": "supervisor"}))[0] == 200
    assert (await room.get("/api/users", **root))[0] == 403


@pytest.mark.parametrize(
    "changes", [{"role": "king"}, {"extensions": [""]}, {"extensions": {}}, {"password": 5}, {"password": "short"}]
)
async def test_what_is_no_change_changes_nothing(
    room: Running, root: dict[str, str], changes: dict[str, object]
) -> None:
    assert (await send(room, "PATCH", "/api/users/Анна", root, changes))[0] == 400
    assert (await send(room, "PATCH", "/api/users/Глеб", root, {}))[0] == 404
    user = (await room.accounts.directory()).named("Анна")
    assert user is not None
    assert (user.role, user.extensions) == ("operator", ("1001",))
