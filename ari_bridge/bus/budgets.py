"""What all nodes have together, counted once in Redis: places at the recogniser, money for the model.

A node's places are leased: it renews them every second, and those of a node that died are free when its lease has run
out. Money is added up by the day. While Redis is away a node keeps its last share, and tells later what it has spent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from ari_bridge.bus.scripts import PLACES, SPENT
from ari_bridge.errors import BridgeError
from ari_bridge.redis_link import RedisLink

log = structlog.get_logger(__name__)

RENEW_S: Final = 1.0
LEASE_S: Final = 5.0

OnShare = Callable[[int], None]
OnSpent = Callable[[float], None]


class SharedBudgets:
    """`want` and `spend` return at once; `serve` while the daemon runs. `on_spent` is told what all spent today."""

    def __init__(
        self,
        url: str,
        prefix: str,
        node: str,
        on_spent: OnSpent,
        today: Callable[[], str] = lambda: datetime.now().astimezone().date().isoformat(),
    ) -> None:
        self._link = RedisLink(url)
        self._prefix = prefix
        self._node = node
        self._on_spent = on_spent
        self._today = today
        self._on_share: OnShare = lambda places: None
        self._total = self._wanted = self._used = 0
        self._share: int | None = None
        self._unpaid: dict[str, float] = {}  # by day, what Redis has not been told
        self._spent = 0.0  # today, by all, as last known
        self._day = ""
        self._away = False
        self._wake = asyncio.Event()

    def want(self, total: int, wanted: int, used: int, on_share: OnShare) -> None:
        """`wanted` of the account's `total` places, of which `used` are taken now; `on_share` is told how many there
        may be, whenever that changes."""
        if (total, wanted, used) != (self._total, self._wanted, self._used):
            self._wake.set()
        self._total, self._wanted, self._used, self._on_share = total, wanted, used, on_share

    def spend(self, usd: float) -> None:
        day = self._today()
        self._unpaid[day] = self._unpaid.get(day, 0.0) + usd
        self._wake.set()

    def remember(self, usd: float) -> None:
        """What the store knows to be spent today: no less than that is."""
        self._day, self._spent = self._today(), max(usd, self._spent)

    async def serve(self) -> None:
        """Until cancelled; what was not told then is in the store."""
        try:
            while True:
                try:
                    await self._renew()
                    self._away = False
                except BridgeError as error:
                    if not self._away:
                        log.warning("budgets_away", error=str(error))
                    self._away = True
                self._wake.clear()
                try:
                    async with asyncio.timeout(RENEW_S):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            await self._link.close()

    async def _renew(self) -> None:
        if self._total:
            share = int(
                await self._link.run(
                    PLACES, self._prefix, self._node, self._total, self._wanted, self._used, round(LEASE_S * 1000)
                )
            )
            if share != self._share:
                self._share = share
                self._on_share(share)
        await self._settle()

    async def _settle(self) -> None:
        """Tell what was spent, and learn what others did."""
        today = self._today()
        if self._day != today:
            self._day, self._spent = today, 0.0
        for day in sorted({*self._unpaid, today}):
            usd = self._unpaid.get(day, 0.0)
            known = self._spent if day == today else 0.0
            told = float(await self._link.run(SPENT, self._prefix, day, repr(usd), repr(known)))
            left = self._unpaid.pop(day, 0.0) - usd  # spent while Redis was asked
            if left > 0.0:
                self._unpaid[day] = left
            if day == today:
                self._spent = told
                self._on_spent(told + max(left, 0.0))
