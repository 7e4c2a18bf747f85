"""Password hashes: argon2id, OWASP's parameters. The only file that imports argon2, and not before somebody signs in.

A hash takes 30 ms: off the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

from ari_bridge.errors import BridgeError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

Answer = TypeVar("Answer")
Given = TypeVarTuple("Given")

MOST_WAITING: Final = 300  # a whole shift signing in at once; policy: refuse the newest


@cache
def _hasher() -> PasswordHasher:
    """OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")


def hash_password(password: str) -> str:
    return _hasher().hash(password.encode("utf-8", "surrogatepass"))


def verify_password(password_hash: str | None, password: str) -> bool:
    """False for a wrong password; None as a hash (no such user) is as slow and always False."""
    from argon2.exceptions import InvalidHashError, VerificationError

    nobodys = _nobodys()  # made whoever asks first, or that one's waiting would tell
    try:
        _hasher().verify(password_hash or nobodys, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


class PasswordThread:
    """One thread: signing in never takes more than one processor from the calls."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._waiting = 0

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Raises `BridgeError` (`sign_in_busy`) where too many wait."""
        return await self._run(verify_password, password_hash, password)

    async def hash(self, password: str) -> str:
        """Raises as `verify` does."""
        return await self._run(hash_password, password)

    async def _run(self, work: Callable[[*Given], Answer], *given: *Given) -> Answer:
        if self._waiting >= MOST_WAITING:
            raise BridgeError("sign_in_busy", "too many people sign in at once; try again", retryable=True)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
