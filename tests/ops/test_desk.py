"""The commands as people type them, each a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hub.running import read, running

PASSWORD = "верная лошадь\n"
ROOT = str(Path(__file__).parents[2])


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ARI_BRIDGE_")}
    environment |= {"ARI_BRIDGE_STORE__URL": f"sqlite:///{tmp_path}/var/calls.db", "PYTHONPATH": ROOT}

    async def run(*words: str, stdin: str = "", **more: str) -> Outcome:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ari_bridge", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment | more,
        )
        out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Outcome(process.returncode, out.decode(), err.decode())

    return run


async def test_users_come_and_go(command: Command) -> None:
    added = await command("user", "add", "Анна", "--extension", "1001", "--extension", "1011", stdin=PASSWORD)
    assert (added.code, added.out) == (0, "added Анна\n")
    assert (await command("user", "add", "Ольга", "--role", "supervisor", stdin=PASSWORD)).code == 0
    listed = (await command("user", "list", "--json")).json
    assert [(u["name"], u["role"], u["extensions"]) for u in listed] == [
        ("Анна", "operator", ["1001", "1011"]),
        ("Ольга", "supervisor", []),
    ]
    assert (await command("user", "password", "анна", stdin="другая лошадь\n")).code == 0
    token = (await command("token", "add", "Ольга", "--label", "мониторинг")).out.strip()
    assert token.startswith("ab_")
    [kept] = (await command("token", "list", "--json")).json
    assert (kept["user"], kept["label"]) == ("Ольга", "мониторинг")
    assert (await command("token", "remove", kept["id"])).code == 0
    assert (await command("user", "remove", "ольга")).code == 0
    last = await command("user", "remove", "Анна")
    assert (last.code, "open to whoever sits at this machine" in last.err) == (0, True)
    audit = await command("audit", "--json")
    assert [entry["deed"] for entry in reversed(audit.json)] == [
        *("user_added", "user_added", "password_set", "token_added", "token_removed", "user_removed", "user_removed"),
    ]
    for secret in (token, PASSWORD.strip(), "argon2"):
        assert secret not in audit.out
        assert secret not in (await command("user", "list")).out


@pytest.mark.parametrize(
    ("words", "password", "says"),
    [
        (("add", "Анна", "--extension", "1001"), "короткий", "added"),
        (("add", "Анна", "--extension", "1001"), "коротк", "at least 8"),
        (("add", "Анна", "--extension", "1001"), "", "at least 8"),
        (("add", "Анна"), PASSWORD, "--extension 1001"),
        (("add", "Анна", "--extension", "PJSIP/1001"), PASSWORD, "the part after PJSIP/"),
        (("add", " ", "--extension", "1001"), PASSWORD, "the name is empty"),
        (("add", "а" * 65, "--extension", "1001"), PASSWORD, "longer than 64"),
        (("remove", "Глеб"), "", "there is no user Глеб"),
        (("password", "Глеб"), PASSWORD, "there is no user Глеб"),
    ],
)
async def test_what_cannot_be_is_said_in_one_line(
    command: Command, words: tuple[str, ...], password: str, says: str
) -> None:
    outcome = await command("user", *words, stdin=password)
    if says == "added":
        assert outcome.code == 0
        again = await command("user", "add", "АННА", "--extension", "1002", stdin=PASSWORD)
        assert (again.code, again.err.count("\n")) == (1, 1)
        assert "ari-bridge user password" in again.err
        return
    assert outcome.code == 1
    assert outcome.err.startswith("ari-bridge: ")
    assert (outcome.err.count("\n"), says in outcome.err) == (1, True)


async def test_a_database_that_is_none(command: Command, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "calls.db").write_bytes(b"no database at all" * 100)
    outcome = await command("user", "list")
    assert (outcome.code, outcome.err.count("\n"), "store.url" in outcome.err) == (2, 1, True)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "ari-bridge user add"),
        ({"ARI_BRIDGE_HUB__TRUSTED_PROXIES": '["10.0.0.2"]'}, "ari-bridge user add"),
    ],
)
async def test_a_public_daemon_without_users_does_not_start(command: Command, more: dict[str, str], says: str) -> None:
    outcome = await command("run", ARI_BRIDGE_HUB__HOST="0.0.0.0", ARI_BRIDGE_HUB__PORT="0", **more)
    assert outcome.code == 2
    assert says in outcome.err.splitlines()[-1]


async def test_a_public_daemon_without_tls_does_not_start(command: Command) -> None:
    await command("user", "add", "Анна", "--extension", "1001", stdin=PASSWORD)
    outcome = await command("run", ARI_BRIDGE_HUB__HOST="0.0.0.0", ARI_BRIDGE_HUB__PORT="0")
    assert outcome.code == 2
    assert "ARI_BRIDGE_HUB__TRUSTED_PROXIES" in outcome.err.splitlines()[-1]


async def test_while_the_daemon_runs(command: Command, tmp_path: Path) -> None:
    async with running(tmp_path) as room:
        async with room.page() as page:
            assert (await read(page))["me"]["open"] is True
            assert (await command("user", "add", "Анна", "--extension", "1001", stdin=PASSWORD)).code == 0
            async with asyncio.timeout(10):
                while not page.closed:
                    await page.receive()
            assert page.close_code == 4401
        login = {"name": "Анна", "password": PASSWORD.strip()}
        async with room.http.post(f"{room.base}/api/login", json=login) as answer:
            assert answer.status == 200
