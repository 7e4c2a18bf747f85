"""Who people are: users, what they signed in with, what is kept of their doings; the Protocol. Pure.

Nothing secret is in here but password hashes: of session cookies and API tokens only SHA-256 digests are kept (they are
random and long, so that suffices; passwords are neither, see `passwords.py`). Times are aware UTC datetimes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from ari_bridge.events import rfc3339

MAX_NAME = 64
MAX_LABEL = 64
MIN_PASSWORD = 8
MAX_PASSWORD = 1024  # hashing must not be a way to keep a processor busy

_EXTENSION = re.compile(r"[0-9A-Za-z_.+-]{1,40}")


class Role(StrEnum):
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """Who is looking. `open` marks the local supervisor of a daemon without users."""

    name: str
    role: Role
    extensions: tuple[str, ...] = ()
    open: bool = False

    @property
    def sees_everything(self) -> bool:
        return self.role in (Role.SUPERVISOR, Role.ADMIN)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "role": self.role.value, "extensions": list(self.extensions), "open": self.open}


LOCAL = Account("Локальный доступ", Role.SUPERVISOR, open=True)


@dataclass(frozen=True, slots=True)
class User:
    """A person. `extensions` are resources of Asterisk's endpoints (`PJSIP/1001` → `1001`)."""

    id: str
    name: str
    role: Role
    extensions: tuple[str, ...]
    password_hash: str
    created_at: datetime

    @property
    def account(self) -> Account:
        return Account(self.name, self.role, self.extensions)

    @property
    def described(self) -> str:
        """For the audit log."""
        return f"{self.name} {self.role.value} {','.join(self.extensions)}".strip()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session: its cookie's digest stands for `user_id` until `expires_at`."""

    digest: str
    user_id: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token for programs; `id` names it to people."""

    id: str
    digest: str
    user_id: str
    label: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request was let in by: `session` or `token` with its digest, `open` where there are no users."""

    kind: str
    digest: str = ""


OPEN = Credential("open")


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody, at one moment: `users` by id, `sessions` and `tokens` by digest. `version` grows with every change."""

    version: int = 0
    users: Mapping[str, User] = field(default_factory=_nothing)
    sessions: Mapping[str, SignedIn] = field(default_factory=_nothing)
    tokens: Mapping[str, ApiToken] = field(default_factory=_nothing)

    def named(self, name: str) -> User | None:
        key = name_key(name)
        return next((user for user in self.users.values() if name_key(user.name) == key), None)

    def holder(self, credential: Credential, now: datetime) -> User | None:
        """Whose credential it is, None where it is nobody's (any more)."""
        if credential.kind == "session":
            session = self.sessions.get(credential.digest)
            return self.users.get(session.user_id) if session and now < session.expires_at else None
        if credential.kind == "token":
            token = self.tokens.get(credential.digest)
            return self.users.get(token.user_id) if token else None
        return None


class Deed(StrEnum):
    """What the audit log keeps."""

    SIGNED_IN = "signed_in"
    REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    SEARCHED = "history_searched"
    OPENED = "call_opened"
    REVEALED = "call_revealed"
    EXPORTED = "calls_exported"
    LISTENED = "recording_heard"
    ERASED = "number_erased"
    READ_AUDIT = "audit_read"
    READ_REPORT = "report_read"
    NUMBER_LOOKED_UP = "number_looked_up"
    PLAYBOOK_SAVED = "playbook_saved"
    PLAYBOOK_PREVIEWED = "playbook_previewed"
    WHISPERED = "whispered"
    SUMMARISED = "summary_edited"
    READ_USERS = "users_read"
    USER_ADDED = "user_added"
    USER_CHANGED = "user_changed"
    USER_REMOVED = "user_removed"
    PASSWORD_SET = "password_set"
    TOKEN_ADDED = "token_added"
    TOKEN_REMOVED = "token_removed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what. `calls` are the ids of the calls that were shown; `detail` never holds a number or what was said.

    `address` is the network address, `local` for a command on the machine itself.
    """

    at: datetime
    who: str
    deed: Deed
    address: str
    calls: tuple[str, ...] = ()
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "at": rfc3339(self.at),
            "who": self.who,
            "deed": self.deed.value,
            "address": self.address,
            "calls": list(self.calls),
            "detail": self.detail,
        }


class AccountStore(Protocol):
    """Where accounts are kept. Every method may raise `BridgeError` (`store_…`, retryable).

    Each change is durable when it returns, and so is its audit entry: both or neither.
    """

    async def version(self) -> int:
        """`Directory.version` as it is now, also when another process made the change."""

    async def directory(self) -> Directory: ...

    async def add_user(self, user: User, entry: AuditEntry) -> bool:
        """False where somebody has that name."""

    async def remove_user(self, user_id: str, entry: AuditEntry) -> bool:
        """With all sessions and tokens; False where there is no such user."""

    async def change_user(self, user_id: str, role: Role, extensions: tuple[str, ...], entry: AuditEntry) -> bool:
        """False where there is no such user."""

    async def set_password(self, user_id: str, password_hash: str, entry: AuditEntry) -> bool:
        """And end all sessions of the user; False where there is no such user."""

    async def sign_in(self, session: SignedIn, password_hash: str, entry: AuditEntry) -> bool:
        """False where the user is gone or has another password by now. The oldest of many sessions end."""

    async def prolong(self, digest: str, expires_at: datetime) -> None: ...

    async def sign_out(self, digest: str, entry: AuditEntry) -> None: ...

    async def add_token(self, token: ApiToken, entry: AuditEntry) -> None: ...

    async def remove_token(self, token_id: str, entry: AuditEntry) -> bool:
        """False where there is no such token."""

    async def note(self, entry: AuditEntry) -> None: ...

    async def audit(self, since: datetime, limit: int) -> tuple[AuditEntry, ...]:
        """The newest entries at or after `since`, newest first."""

    async def forget(self, now: datetime, audit_before: datetime) -> None:
        """Delete sessions that ended before `now` and audit entries older than `audit_before`."""

    async def close(self) -> None: ...


def name_key(name: str) -> str:
    """What all ways to write one name have in common: `Анна ` and `анна` are one person."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()


def name_fault(name: str) -> str | None:
    """Why this cannot be a user's name; None where it can."""
    if not name.strip():
        return "the name is empty"
    if len(name) > MAX_NAME:
        return f"the name is longer than {MAX_NAME} characters"
    return None if name.isprintable() else "the name has characters that cannot be printed"


def password_fault(password: str) -> str | None:
    if len(password) < MIN_PASSWORD:
        return f"the password is too short: at least {MIN_PASSWORD} characters"
    return f"the password is longer than {MAX_PASSWORD} characters" if len(password) > MAX_PASSWORD else None


def extensions_fault(role: Role, extensions: Iterable[str]) -> str | None:
    given = tuple(extensions)
    if role is Role.OPERATOR and not given:
        return "an operator needs the extension of his telephone: --extension 1001"
    bad = next((e for e in given if not _EXTENSION.fullmatch(e)), None)
    return None if bad is None else f"{bad!r} is not an extension: give the part after PJSIP/, e.g. --extension 1001"


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
