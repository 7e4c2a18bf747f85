"""Keeps who people are at hand, signs them in and out, notices at once when somebody's right ends.

The directory is asked in memory, so a request never waits for the disk; it is read again when another process (the
`user` command) or this one has changed it.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ari_bridge.accounts import (
    MAX_NAME,
    MAX_PASSWORD,
    Account,
    AccountStore,
    AuditEntry,
    Credential,
    Deed,
    Directory,
    Role,
    SignedIn,
    User,
    digest_of,
    name_key,
)
from ari_bridge.errors import BridgeError, ConfigError
from ari_bridge.hub.access import ADD_USER, Access
from ari_bridge.hub.arrival import Arrival
from ari_bridge.hub.gate import Rules, Viewer, admit, refuse_public, session_cookie
from ari_bridge.hub.protocol import dumps
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.throttle import Throttle
from ari_bridge.passwords import PasswordThread

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 0.25
TIDY_EVERY_S: Final = 3600.0


class Doorkeeper:
    """`open` first, `serve` while the daemon runs, then `close`. Without a store there are no users."""

    def __init__(
        self,
        store: AccountStore | None = None,
        rules: Rules = Rules(),  # noqa: B008
        *,
        session: timedelta = timedelta(days=7),
        audit: timedelta = timedelta(days=365),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        """Called after rights may have changed; ask `standing` again."""
        self._store = store
        self._rules = rules
        self._session = session
        self._audit = audit
        self._clock = clock
        self._directory = Directory()
        self._host = ""
        self._shut = store is not None  # until it is known who there is
        self._told: set[str] = set()  # faults, since all was well
        self._revoked: set[str] = set()  # signed out here; bounded by the sessions there are
        self._used: set[str] = set()  # sessions to prolong at the next look
        self._throttle = Throttle()
        self._passwords = PasswordThread()

    async def open(self, host: str) -> None:
        """Read the users. Raises `ConfigError` where `host` would be public.

        Where they cannot be read now, `serve` goes on trying; until then nobody is let in.
        """
        self._host = host
        try:
            await self._unlock()
        except BridgeError as fault:
            self._tell(fault.code, fault)

    def admit(self, arrival: Arrival, access: Access) -> Viewer | Reply:
        directory = None if self._shut else self._directory
        viewer = admit(arrival, access, self._rules, directory, self._clock())
        if isinstance(viewer, Viewer):
            self._note_use(viewer.credential)
        return viewer

    def standing(self, viewer: Viewer) -> Account | None:
        """Who it is at this moment; None where what he came with does not hold any more.

        The open access ends with the first user.
        """
        if viewer.credential.kind == "open":
            return None if self._directory.users else viewer.account
        self._note_use(viewer.credential)
        user = self._directory.holder(viewer.credential, self._clock())
        return user.account if user else None

    async def sign_in(self, viewer: Viewer, name: str, password: str) -> Reply:
        """A session's cookie for a right password. Raises `BridgeError` where nobody can be signed in now."""
        if self._store is None or not self._directory.users:
            return error(409, "no_users", f"there are no users yet: run `{ADD_USER}` on the server")
        key = name_key(name[:MAX_NAME])
        wait = self._throttle.take(key, viewer.address, asyncio.get_running_loop().time())
        if wait > 0:
            after = str(math.ceil(wait))
            return error(429, "too_many_tries", f"too many tries; wait {after} s", (("Retry-After", after),))
        user = self._directory.named(name[:MAX_NAME])
        if not await self._passwords.verify(user.password_hash if user else None, password[:MAX_PASSWORD]):
            return await self._refuse(viewer, user)
        assert user is not None
        self._throttle.succeeded(key, viewer.address)
        return await self._begin_session(viewer, user)

    async def sign_out(self, viewer: Viewer) -> Reply:
        """The session ends here and now, also where that cannot be written yet."""
        if self._store is not None and viewer.credential.kind == "session":
            self._revoked.add(viewer.credential.digest)
            self._take(self._directory)
            entry = self._entry(viewer, Deed.SIGNED_OUT)
            await self._store.sign_out(viewer.credential.digest, entry)
            await self._read()
        return Reply(200, b"{}", headers=(session_cookie("", secure=viewer.secure),))

    async def note(self, viewer: Viewer, deed: Deed, calls: Iterable[str] = (), detail: str = "") -> None:
        """Into the audit log. Raises `BridgeError` where that cannot be: then nothing must be shown either."""
        if self._store is not None:
            await self._store.note(self._entry(viewer, deed, calls, detail))

    async def audit(self, since: datetime, limit: int) -> tuple[AuditEntry, ...]:
        return await self._store.audit(since, limit) if self._store is not None else ()

    @property
    def directory(self) -> Directory:
        """Everybody, as last read."""
        return self._directory

    async def add_user(
        self, viewer: Viewer, name: str, role: Role, extensions: tuple[str, ...], password: str
    ) -> User | None:
        """None where somebody has that name. Raises `BridgeError`, as the other changes do."""
        if self._store is None:
            return None
        hashed = await self._passwords.hash(password)
        user = User(secrets.token_hex(8), name, role, extensions, hashed, self._clock())
        if not await self._store.add_user(user, self._entry(viewer, Deed.USER_ADDED, detail=user.described)):
            return None
        await self._read()
        return user

    async def change_user(
        self, viewer: Viewer, user: User, role: Role, extensions: tuple[str, ...], password: str | None
    ) -> User | None:
        """Without a password the old one stays; a new one ends all sessions. None where the user is gone."""
        if self._store is None:
            return None
        hashed = None if password is None else await self._passwords.hash(password)
        changed = replace(user, role=role, extensions=extensions)
        if changed != user:
            entry = self._entry(viewer, Deed.USER_CHANGED, detail=changed.described)
            if not await self._store.change_user(user.id, role, extensions, entry):
                return None
        if hashed is not None:
            entry = self._entry(viewer, Deed.PASSWORD_SET, detail=user.name)
            if not await self._store.set_password(user.id, hashed, entry):
                return None
        await self._read()
        return changed

    async def remove_user(self, viewer: Viewer, user: User) -> bool:
        """With all sessions and tokens, at once; False where the user is gone."""
        if self._store is None:
            return False
        removed = await self._store.remove_user(user.id, self._entry(viewer, Deed.USER_REMOVED, detail=user.name))
        await self._read()
        return removed

    async def serve(self) -> None:
        """Look for changes until cancelled."""
        tidied = -math.inf
        while True:
            try:
                if asyncio.get_running_loop().time() - tidied >= TIDY_EVERY_S:
                    await self._tidy()
                    tidied = asyncio.get_running_loop().time()
                await self._look()
                self._told.clear()
            except BridgeError as fault:
                self._tell(fault.code, fault)
            except ConfigError as fault:  # read at last, and there is nobody for whom this host may be open
                self._tell("config", fault)
            self.changed()  # a session may have come to its end
            await asyncio.sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        self._passwords.close()
        if self._store is not None:
            await self._store.close()

    async def _unlock(self) -> None:
        await self._read()
        refuse_public(self._host, users=bool(self._directory.users), rules=self._rules)
        self._shut = False

    def _tell(self, code: str, fault: Exception) -> None:
        """Once each."""
        if code not in self._told:
            log.error("accounts_unreadable", code=code, error=str(fault))
        self._told.add(code)

    async def _look(self) -> None:
        if self._store is None:
            return
        if self._shut:
            await self._unlock()
            return
        used, self._used = self._used, set()
        for digest in used:
            await self._store.prolong(digest, self._clock() + self._session)
        if await self._store.version() != self._directory.version:
            await self._read()

    async def _tidy(self) -> None:
        if self._store is not None:
            now = self._clock()
            await self._store.forget(now, now - self._audit)

    async def _read(self) -> None:
        if self._store is not None:
            self._take(await self._store.directory())

    def _take(self, directory: Directory) -> None:
        self._revoked &= directory.sessions.keys()
        sessions = {digest: s for digest, s in directory.sessions.items() if digest not in self._revoked}
        self._directory = Directory(directory.version, directory.users, sessions, directory.tokens)
        self.changed()

    def _note_use(self, credential: Credential) -> None:
        """A session that is used in its second half goes on for a whole one."""
        session = self._directory.sessions.get(credential.digest) if credential.kind == "session" else None
        if session is not None and session.expires_at - self._clock() < self._session / 2:
            self._used.add(session.digest)

    async def _refuse(self, viewer: Viewer, user: User | None) -> Reply:
        """The name that was tried is kept only where it is somebody's: people type passwords there."""
        log.warning("sign_in_refused", address=viewer.address)
        if self._store is not None:
            who = user.name if user else "?"
            await self._store.note(AuditEntry(self._clock(), who, Deed.REFUSED, viewer.address))
        return error(401, "bad_credentials", "the name or the password is wrong")

    async def _begin_session(self, viewer: Viewer, user: User) -> Reply:
        assert self._store is not None
        now, value = self._clock(), secrets.token_urlsafe(32)
        session = SignedIn(digest_of(value), user.id, now, now + self._session)
        entry = AuditEntry(now, user.name, Deed.SIGNED_IN, viewer.address)
        if not await self._store.sign_in(session, user.password_hash, entry):
            return error(401, "bad_credentials", "the name or the password is wrong")  # changed in this very moment
        await self._read()
        cookie = session_cookie(value, secure=viewer.secure)
        return Reply(200, dumps(user.account.to_json()), headers=(cookie,))

    def _entry(self, viewer: Viewer, deed: Deed, calls: Iterable[str] = (), detail: str = "") -> AuditEntry:
        return AuditEntry(self._clock(), viewer.account.name, deed, viewer.address, tuple(calls), detail)
