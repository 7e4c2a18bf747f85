from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ari_bridge.accounts import AccountStore, ApiToken, AuditEntry, Deed, Role, SignedIn, User
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_accounts, open_store
from ari_bridge.store.users import MOST_SESSIONS

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ANNA = User("u1", "Анна", Role.OPERATOR, ("1001", "1011"), "hash", AT)
ENTRY = AuditEntry(AT, "root", Deed.USER_ADDED, "local", ("c1", "c2"), "Анна")


def session(digest: str, at: datetime = AT) -> SignedIn:
    return SignedIn(digest, "u1", at, at + timedelta(days=7))


@pytest.fixture
async def accounts(store_url: str) -> AsyncIterator[AccountStore]:
    accounts = open_accounts(StoreSettings(url=store_url))
    yield accounts
    await accounts.close()


async def test_what_is_kept_comes_back(accounts: AccountStore) -> None:
    assert (await accounts.directory()).users == {}
    assert await accounts.add_user(ANNA, ENTRY)
    assert await accounts.sign_in(session("d1"), "hash", ENTRY)
    token = ApiToken("t1", "d2", "u1", "мониторинг", AT)
    await accounts.add_token(token, ENTRY)
    directory = await accounts.directory()
    assert directory.users == {"u1": ANNA}
    assert directory.sessions == {"d1": session("d1")}
    assert directory.tokens == {"d2": token}
    assert await accounts.audit(AT, 10) == (ENTRY,) * 3
    assert await accounts.audit(AT + timedelta(seconds=1), 10) == ()
    assert len(await accounts.audit(AT, 2)) == 2


async def test_one_name_is_one_user(accounts: AccountStore) -> None:
    assert await accounts.add_user(ANNA, ENTRY)
    assert not await accounts.add_user(replace(ANNA, id="u2", name="АННА"), ENTRY)
    assert len((await accounts.directory()).users) == 1
    assert len(await accounts.audit(AT, 10)) == 1  # what was not done is not noted


async def test_who_is_removed_leaves_nothing_but_the_audit_log(accounts: AccountStore) -> None:
    await accounts.add_user(ANNA, ENTRY)
    await accounts.sign_in(session("d1"), "hash", ENTRY)
    await accounts.add_token(ApiToken("t1", "d2", "u1", "", AT), ENTRY)
    assert await accounts.remove_user("u1", ENTRY)
    assert not await accounts.remove_user("u1", ENTRY)
    directory = await accounts.directory()
    assert (directory.users, directory.sessions, directory.tokens) == ({}, {}, {})
    assert len(await accounts.audit(AT, 10)) == 4
    assert not await accounts.sign_in(session("d3"), "hash", ENTRY)
    await accounts.add_token(ApiToken("t2", "d4", "u1", "", AT), ENTRY)
    assert not (await accounts.directory()).tokens


async def test_a_password_that_was_changed_meanwhile_signs_nobody_in(accounts: AccountStore) -> None:
    await accounts.add_user(ANNA, ENTRY)
    await accounts.sign_in(session("d1"), "hash", ENTRY)
    assert await accounts.set_password("u1", "another hash", ENTRY)
    assert not await accounts.sign_in(session("d2"), "hash", ENTRY)
    assert (await accounts.directory()).sessions == {}
    assert not await accounts.set_password("u2", "hash", ENTRY)


async def test_sessions_end_and_go_on(accounts: AccountStore) -> None:
    await accounts.add_user(ANNA, ENTRY)
    for number in range(MOST_SESSIONS + 2):
        await accounts.sign_in(session(f"d{number:02}", AT + timedelta(minutes=number)), "hash", ENTRY)
    assert sorted((await accounts.directory()).sessions)[0] == "d02"
    await accounts.sign_out("d02", ENTRY)
    await accounts.prolong("d03", AT + timedelta(days=9))
    await accounts.prolong("d04", AT)  # never shorter
    await accounts.forget(AT + timedelta(days=8), AT)
    directory = await accounts.directory()
    assert directory.sessions == {
        "d03": replace(session("d03", AT + timedelta(minutes=3)), expires_at=AT + timedelta(9))
    }


async def test_the_audit_log_is_forgotten_in_time(accounts: AccountStore) -> None:
    await accounts.note(ENTRY)
    await accounts.note(replace(ENTRY, at=AT + timedelta(days=1)))
    await accounts.forget(AT, AT + timedelta(hours=1))
    assert [entry.at for entry in await accounts.audit(AT, 10)] == [AT + timedelta(days=1)]


async def test_every_change_of_another_process_shows_in_the_version(accounts: AccountStore, store_url: str) -> None:
    other = open_accounts(StoreSettings(url=store_url))
    seen = [await accounts.version()]
    for change in (
        other.add_user(ANNA, ENTRY),
        other.sign_in(session("d1"), "hash", ENTRY),
        other.prolong("d1", AT + timedelta(days=9)),
        other.sign_out("d1", ENTRY),
        other.add_token(ApiToken("t1", "d2", "u1", "", AT), ENTRY),
        other.remove_token("t1", ENTRY),
        other.set_password("u1", "h", ENTRY),
        other.remove_user("u1", ENTRY),
    ):
        await change
        seen.append(await accounts.version())
    await other.close()
    assert seen == sorted(set(seen))
    await accounts.note(ENTRY)
    assert await accounts.version() == seen[-1]  # nothing that the directory holds


async def test_a_store_that_is_busy_is_waited_for(path: Path) -> None:
    accounts = open_accounts(StoreSettings(url=f"sqlite:///{path}"))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        noting = asyncio.create_task(accounts.note(ENTRY), name="note")
        await asyncio.sleep(1.2)
        assert not noting.done()
        other.execute("COMMIT")
        await noting
    other.close()
    assert await accounts.audit(AT, 10) == (ENTRY,)
    await accounts.close()


async def test_a_user_who_makes_no_sense_is_nobody(path: Path) -> None:
    accounts = open_accounts(StoreSettings(url=f"sqlite:///{path}"))
    await accounts.add_user(ANNA, ENTRY)
    for column, nonsense in (("role", "god"), ("extensions", "{"), ("extensions", "7")):
        with sqlite3.connect(path) as other:
            other.execute(f"UPDATE users SET role = 'operator', extensions = '[]', {column} = ?", (nonsense,))
        other.close()
        assert (await accounts.directory()).users == {}
    await accounts.close()


async def test_calls_and_accounts_share_a_database(store_url: str) -> None:
    settings = StoreSettings(url=store_url)
    accounts, store = open_accounts(settings), open_store(settings)
    assert await accounts.add_user(ANNA, ENTRY)
    assert await store.unfinished_calls(AT) == ()
    await accounts.close()
    await store.close()


async def test_another_program_cannot_take_the_log_away(path: Path) -> None:
    """It closes the database as the only one, it thinks, where the locks of this process are gone."""
    settings = StoreSettings(url=f"sqlite:///{path}")
    store = open_store(settings)
    accounts = open_accounts(settings)
    await accounts.add_user(ANNA, ENTRY)
    look = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM audit').fetchone())"
    assert [await seen_by_another_process(look, path) for _ in range(2)] == ["1", "1"]
    await accounts.note(ENTRY)
    assert await seen_by_another_process(look, path) == "2"
    await accounts.close()
    await store.close()


async def seen_by_another_process(script: str, path: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.decode().strip()
