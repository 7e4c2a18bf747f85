"""The people of the chain's bench: one supervisor, and an operator for every call, each with an API token."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from ari_bridge.accounts import ApiToken, AuditEntry, Deed, Role, User, digest_of
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_accounts
from tests.bench.chain_pbx import FIRST_EXTENSION


async def make_accounts(store_url: str, calls: int) -> tuple[str, list[str]]:
    """The supervisor's token, and those of the operators in the order of their calls. The daemon must not run yet."""
    store = open_accounts(StoreSettings(url=store_url))
    now = datetime.now(UTC)
    tokens: list[str] = []
    for number in range(-1, calls):
        extension = str(FIRST_EXTENSION + number)
        name, role, extensions = (
            (extension, Role.OPERATOR, (extension,)) if number >= 0 else ("Ольга", Role.SUPERVISOR, ())
        )
        user = User(secrets.token_hex(8), name, role, extensions, "nobody signs in with a password", now)
        await store.add_user(user, AuditEntry(now, "bench", Deed.USER_ADDED, "local"))
        tokens.append(secrets.token_urlsafe(24))
        token = ApiToken(secrets.token_hex(4), digest_of(tokens[-1]), user.id, "bench", now)
        await store.add_token(token, AuditEntry(now, "bench", Deed.TOKEN_ADDED, "local"))
    await store.close()
    return tokens[0], tokens[1:]
