"""Which of several daemons drives a PBX: a lease that is held by renewing it. A shell over any `LeaseStore`.

The rules, and why two never drive for long:

- A lease lasts `ttl_s` and is renewed every third of that. Whoever wants it asks as often, and gets it once it ran out.
- The store away: the holder goes on, since calls must; nobody else may begin. When the store is back, whoever waits
  lets one `ttl_s` pass, in which the holder renews what has run out meanwhile.
- A holder that finds another's lease (it was stopped for too long, or cut off from the store alone) must stop at once
  and touch nothing: what stands in Asterisk is the other's now. Asterisk tells too: `ApplicationReplaced`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import structlog

from ari_bridge.errors import BridgeError

log = structlog.get_logger(__name__)

RENEWALS: Final = 3  # within the time that a lease lasts


class LeaseStore(Protocol):
    """One lease, kept where all daemons see it. Every method raises `BridgeError` where that cannot be reached."""

    async def reach(self) -> None:
        """Returns where the store answers."""

    async def take(self, token: str, ttl_s: float) -> bool:
        """True where nobody has it: it is the token's now."""

    async def renew(self, token: str, ttl_s: float) -> bool:
        """True where it is the token's, or nobody's: it is the token's for another `ttl_s`. False: another has it."""

    async def give_back(self, token: str) -> None:
        """Nobody has it now, if the token had."""

    async def close(self) -> None: ...


class Lease:
    """`acquire`, then `keep`, then `release`. `token` names this daemon and this run of it."""

    def __init__(self, store: LeaseStore, token: str, ttl_s: float) -> None:
        self._store = store
        self._token = token
        self._ttl_s = ttl_s
        self._every_s = ttl_s / RENEWALS
        self._doubted = asyncio.Event()
        self._away = False

    async def acquire(self, tell: Callable[[str], None] = lambda state: None) -> None:
        """Returns when the lease is ours. `tell` gets `waiting` or `store_away`, whenever it changes."""
        state = ""
        while True:
            told = state
            try:
                if told == "store_away":
                    await self._store.reach()
                    await asyncio.sleep(self._ttl_s)  # the holder comes first
                if await self._store.take(self._token, self._ttl_s):
                    log.info("lease_taken")
                    return
                state = "waiting"
            except BridgeError:
                state = "store_away"
            if state != told:
                tell(state)
            await asyncio.sleep(self._every_s)

    async def keep(self) -> None:
        """Renew; returns when another has the lease, and then nothing more may be done to the PBX."""
        while True:
            self._doubted.clear()
            if not await self._is_ours():
                log.error("lease_lost")
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._doubted.wait()

    def doubt(self) -> None:
        """Something says that another drives: look now, not at the next renewal."""
        self._doubted.set()

    async def release(self) -> None:
        """Let another drive at once; where the store is away it will when the lease has run out."""
        with suppress(BridgeError):
            await self._store.give_back(self._token)
        await self._store.close()

    async def _is_ours(self) -> bool:
        try:
            ours = await self._store.renew(self._token, self._ttl_s)
        except BridgeError as error:
            if not self._away:
                log.warning("lease_store_away", error=str(error))
            self._away = True
            return True
        self._away = False
        return ours
