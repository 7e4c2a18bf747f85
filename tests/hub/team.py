"""Four people who may see different things, and how they come in."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from ari_bridge.accounts import AccountStore, ApiToken, AuditEntry, Deed, Role, SignedIn, User, digest_of
from ari_bridge.hub.gate import COOKIE
from ari_bridge.passwords import hash_password

PASSWORD = "верная лошадь"
PEOPLE = {
    "anna": ("Анна", Role.OPERATOR, ("1001",)),
    "boris": ("Борис", Role.OPERATOR, ("1002",)),
    "olga": ("Ольга", Role.SUPERVISOR, ()),
    "root": ("root", Role.ADMIN, ()),
}


@cache
def password_hash() -> str:
    return hash_password(PASSWORD)


def entry(deed: Deed = Deed.USER_ADDED) -> AuditEntry:
    return AuditEntry(datetime.now(UTC), "test", deed, "local")


def user(who: str) -> User:
    name, role, extensions = PEOPLE[who]
    return User(who, name, role, extensions, password_hash(), datetime.now(UTC))


async def enlist(accounts: AccountStore, *names: str) -> None:
    """Without names: everybody."""
    for who in names or PEOPLE:
        assert await accounts.add_user(user(who), entry())


async def cookie_of(accounts: AccountStore, who: str, lasts: timedelta = timedelta(days=7)) -> dict[str, str]:
    """The header of somebody who has signed in."""
    value, now = secrets.token_urlsafe(32), datetime.now(UTC)
    session = SignedIn(digest_of(value), who, now, now + lasts)
    assert await accounts.sign_in(session, password_hash(), entry(Deed.SIGNED_IN))
    return {"Cookie": f"{COOKIE}={value}"}


async def token_of(accounts: AccountStore, who: str, token_id: str = "t1") -> dict[str, str]:
    value = f"ab_{secrets.token_urlsafe(32)}"
    await accounts.add_token(ApiToken(token_id, digest_of(value), who, "", datetime.now(UTC)), entry(Deed.TOKEN_ADDED))
    return {"Authorization": f"Bearer {value}"}


async def signed_in(room: Any, who: str) -> dict[str, str]:
    """The header of somebody who has signed in, once the room's daemon (a `Running`) knows of it."""
    headers = await cookie_of(room.accounts, who)
    async with asyncio.timeout(10):
        while (await room.get("/api/me", **headers))[0] != 200:
            await asyncio.sleep(0.01)
    return headers
