"""What the machine's administrator does with accounts, on a store: the `user`, `token` and `audit` commands.

The daemon may be running: it takes notice of a change within a second.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ari_bridge.accounts import (
    MAX_LABEL,
    AccountStore,
    ApiToken,
    AuditEntry,
    Deed,
    Directory,
    Role,
    User,
    digest_of,
    extensions_fault,
    name_fault,
    password_fault,
)
from ari_bridge.errors import AriBridgeError
from ari_bridge.passwords import hash_password

HERE = "local"  # the audit log's word for a command on the machine itself


class Refused(AriBridgeError):
    """It was not done; the message says why, in one line."""


class Desk:
    """`by` is who does it, for the audit log."""

    def __init__(self, store: AccountStore, by: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._by = by
        self._clock = clock

    async def add_user(self, name: str, role: Role, extensions: Sequence[str], password: str) -> None:
        fault = name_fault(name) or extensions_fault(role, extensions) or password_fault(password)
        if fault:
            raise Refused(fault)
        name = " ".join(name.split())
        unique = tuple(dict.fromkeys(extensions))
        user = User(secrets.token_hex(8), name, role, unique, hash_password(password), self._clock())
        if not await self._store.add_user(user, self._entry(Deed.USER_ADDED, user.described)):
            raise Refused(
                f"there is a user {name} already; `ari-bridge user password {_quoted(name)}` changes the password"
            )

    async def remove_user(self, name: str) -> int:
        """How many users are left."""
        directory = await self._store.directory()
        user = _known(directory, name)
        if not await self._store.remove_user(user.id, self._entry(Deed.USER_REMOVED, user.name)):
            raise Refused(f"there is no user {name} any more")
        return len(directory.users) - 1

    async def require_user(self, name: str) -> None:
        """Raises `Refused` where there is none of that name."""
        _known(await self._store.directory(), name)

    async def set_password(self, name: str, password: str) -> None:
        fault = password_fault(password)
        if fault:
            raise Refused(fault)
        user = _known(await self._store.directory(), name)
        entry = self._entry(Deed.PASSWORD_SET, user.name)
        if not await self._store.set_password(user.id, hash_password(password), entry):
            raise Refused(f"there is no user {name} any more")

    async def users(self) -> list[User]:
        return sorted((await self._store.directory()).users.values(), key=lambda user: user.name.casefold())

    async def add_token(self, name: str, label: str) -> str:
        """The token itself: it is shown once and kept nowhere."""
        user = _known(await self._store.directory(), name)
        if len(label) > MAX_LABEL or not label.isprintable():
            raise Refused(f"the label must be printable, at most {MAX_LABEL} characters")
        value = f"ab_{secrets.token_urlsafe(32)}"
        token = ApiToken(secrets.token_hex(4), digest_of(value), user.id, label, self._clock())
        await self._store.add_token(token, self._entry(Deed.TOKEN_ADDED, f"{token.id} {user.name} {label}".strip()))
        return value

    async def tokens(self) -> list[tuple[ApiToken, str]]:
        """Every token and whose it is."""
        directory = await self._store.directory()
        return [(token, directory.users[token.user_id].name) for token in directory.tokens.values()]

    async def remove_token(self, token_id: str) -> None:
        if not await self._store.remove_token(token_id, self._entry(Deed.TOKEN_REMOVED, token_id)):
            raise Refused(f"there is no token {token_id}; see `ari-bridge token list`")

    async def audit(self, since: datetime, limit: int) -> tuple[AuditEntry, ...]:
        return await self._store.audit(since, limit)

    def _entry(self, deed: Deed, detail: str) -> AuditEntry:
        return AuditEntry(self._clock(), self._by, deed, HERE, detail=detail)


def _known(directory: Directory, name: str) -> User:
    user = directory.named(name)
    if user is None:
        raise Refused(f"there is no user {name}; see `ari-bridge user list`")
    return user


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
