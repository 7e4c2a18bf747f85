"""Accounts and the audit log in SQL. All it does goes through `run`, which the database's file gives: one transaction.

The SQL is what SQLite and PostgreSQL have in common, with named parameters (`:name`). A row that makes no sense (a role
that there is not) is nobody: who cannot be read cannot sign in.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import datetime
from types import MappingProxyType
from typing import Final

from ari_bridge.accounts import ApiToken, AuditEntry, Deed, Directory, Role, SignedIn, User, name_key
from ari_bridge.store.reading import Run
from ari_bridge.store.rows import Row
from ari_bridge.store.writing import Value, milliseconds, moment_of

MOST_SESSIONS: Final = 20  # of one user


def version(run: Run) -> int:
    return int(run("SELECT version FROM accounts", {})[0][0])


def directory(run: Run) -> Directory:
    users = run("SELECT id, name, role, extensions, password_hash, created_at FROM users", {})
    sessions = run("SELECT digest, user_id, created_at, expires_at FROM sessions", {})
    tokens = run("SELECT id, digest, user_id, label, created_at FROM tokens ORDER BY created_at, id", {})
    return Directory(
        version(run),
        MappingProxyType({user.id: user for row in users for user in _user(row)}),
        MappingProxyType({row[0]: SignedIn(row[0], row[1], moment_of(row[2]), moment_of(row[3])) for row in sessions}),
        MappingProxyType({row[1]: ApiToken(row[0], row[1], row[2], row[3], moment_of(row[4])) for row in tokens}),
    )


def _user(row: Row) -> Iterator[User]:
    try:
        extensions = json.loads(row[3])
        yield User(row[0], row[1], Role(row[2]), tuple(map(str, extensions)), row[4], moment_of(row[5]))
    except (ValueError, TypeError):
        return


def add_user(run: Run, user: User, entry: AuditEntry) -> bool:
    key = {"name_key": name_key(user.name)}
    if run("SELECT 1 FROM users WHERE name_key = :name_key", key):
        return False
    run(
        "INSERT INTO users (id, name, name_key, role, extensions, password_hash, created_at)"
        " VALUES (:id, :name, :name_key, :role, :extensions, :password_hash, :created_at)",
        key
        | {
            "id": user.id,
            "name": user.name,
            "role": user.role.value,
            "extensions": json.dumps(user.extensions),
            "password_hash": user.password_hash,
            "created_at": milliseconds(user.created_at),
        },
    )
    _changed(run, entry)
    return True


def remove_user(run: Run, user_id: str, entry: AuditEntry) -> bool:
    user = {"id": user_id}
    if not run("SELECT 1 FROM users WHERE id = :id", user):
        return False
    for table in ("sessions", "tokens"):
        run(f"DELETE FROM {table} WHERE user_id = :id", user)
    run("DELETE FROM users WHERE id = :id", user)
    _changed(run, entry)
    return True


def change_user(run: Run, user_id: str, role: Role, extensions: tuple[str, ...], entry: AuditEntry) -> bool:
    user = {"id": user_id}
    if not run("SELECT 1 FROM users WHERE id = :id", user):
        return False
    changes = {"role": role.value, "extensions": json.dumps(extensions)}
    run("UPDATE users SET role = :role, extensions = :extensions WHERE id = :id", user | changes)
    _changed(run, entry)
    return True


def set_password(run: Run, user_id: str, password_hash: str, entry: AuditEntry) -> bool:
    user = {"id": user_id}
    if not run("SELECT 1 FROM users WHERE id = :id", user):
        return False
    run("UPDATE users SET password_hash = :password_hash WHERE id = :id", user | {"password_hash": password_hash})
    run("DELETE FROM sessions WHERE user_id = :id", user)
    _changed(run, entry)
    return True


def sign_in(run: Run, session: SignedIn, password_hash: str, entry: AuditEntry) -> bool:
    user: dict[str, Value] = {"user_id": session.user_id}
    if not run(
        "SELECT 1 FROM users WHERE id = :user_id AND password_hash = :password_hash",
        user | {"password_hash": password_hash},
    ):
        return False
    run(
        "INSERT INTO sessions (digest, user_id, created_at, expires_at)"
        " VALUES (:digest, :user_id, :created_at, :expires_at)",
        user
        | {
            "digest": session.digest,
            "created_at": milliseconds(session.created_at),
            "expires_at": milliseconds(session.expires_at),
        },
    )
    run(
        "DELETE FROM sessions WHERE user_id = :user_id AND digest NOT IN"
        f" (SELECT digest FROM sessions WHERE user_id = :user_id ORDER BY created_at DESC LIMIT {MOST_SESSIONS})",
        user,
    )
    _changed(run, entry)
    return True


def prolong(run: Run, digest: str, expires_at: datetime) -> None:
    run(
        "UPDATE sessions SET expires_at = :expires_at WHERE digest = :digest AND expires_at < :expires_at",
        {"digest": digest, "expires_at": milliseconds(expires_at)},
    )
    _changed(run)


def sign_out(run: Run, digest: str, entry: AuditEntry) -> None:
    run("DELETE FROM sessions WHERE digest = :digest", {"digest": digest})
    _changed(run, entry)


def add_token(run: Run, token: ApiToken, entry: AuditEntry) -> None:
    run(
        "INSERT INTO tokens (id, digest, user_id, label, created_at)"
        " SELECT :id, :digest, users.id, :label, :created_at FROM users WHERE users.id = :user_id",
        {
            "id": token.id,
            "digest": token.digest,
            "user_id": token.user_id,
            "label": token.label,
            "created_at": milliseconds(token.created_at),
        },
    )
    _changed(run, entry)


def remove_token(run: Run, token_id: str, entry: AuditEntry) -> bool:
    token = {"id": token_id}
    if not run("SELECT 1 FROM tokens WHERE id = :id", token):
        return False
    run("DELETE FROM tokens WHERE id = :id", token)
    _changed(run, entry)
    return True


def note(run: Run, entry: AuditEntry) -> None:
    run(
        "INSERT INTO audit (at, id, who, deed, address, calls, detail)"
        " VALUES (:at, :id, :who, :deed, :address, :calls, :detail)",
        {
            "at": milliseconds(entry.at),
            "id": secrets.token_hex(8),
            "who": entry.who,
            "deed": entry.deed.value,
            "address": entry.address,
            "calls": json.dumps(entry.calls),
            "detail": entry.detail,
        },
    )


def audit(run: Run, since: datetime, limit: int) -> tuple[AuditEntry, ...]:
    found = run(
        "SELECT at, who, deed, address, calls, detail FROM audit WHERE at >= :since ORDER BY at DESC, id LIMIT :most",
        {"since": milliseconds(since), "most": limit},
    )
    return tuple(
        AuditEntry(moment_of(row[0]), row[1], Deed(row[2]), row[3], tuple(json.loads(row[4])), row[5]) for row in found
    )


def forget(run: Run, now: datetime, audit_before: datetime) -> None:
    run("DELETE FROM sessions WHERE expires_at <= :now", {"now": milliseconds(now)})
    run("DELETE FROM audit WHERE at < :before", {"before": milliseconds(audit_before)})


def _changed(run: Run, entry: AuditEntry | None = None) -> None:
    if entry is not None:
        note(run, entry)
    run("UPDATE accounts SET version = version + 1", {})
