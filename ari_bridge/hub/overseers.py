"""Those who look at all calls: each is handed many messages at once, and fewer partials and levels than were told.

What is told is the same for all of them, so it is decided once. It runs on the hub's event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ari_bridge.hub.client import Client
from ari_bridge.hub.protocol import Message
from ari_bridge.hub.turns import Turns

GATHER_S: Final = 0.015  # so many writes a second at most, each with all that came meanwhile


class Overseers:
    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.clients: set[Client] = set()
        self._monotonic = monotonic
        self._turns = Turns()
        self._gathered: list[Message] = []  # what comes in GATHER_S; nothing while there are no clients
        self._timer: asyncio.TimerHandle | None = None

    def add(self, client: Client) -> None:
        """From now on; what was told before, he knows from his snapshot (`hand_out` it first)."""
        self.clients.add(client)

    def discard(self, client: Client) -> None:
        self.clients.discard(client)
        if not self.clients:  # who comes next begins with a snapshot
            self._turns, self._gathered = Turns(), []
            self._disarm()

    def offer(self, message: Message, now: float) -> None:
        """Of a call: partials and levels wait for their turn."""
        if not self.clients:
            return
        if self._turns.admit(message, now):
            self._gathered.append(message)
        self._arm()

    def tell(self, message: Message) -> None:
        """Of no call."""
        if self.clients:
            self._gathered.append(message)
            self._arm()

    def hand_out(self) -> None:
        """Put what has gathered, and what waited for its turn, into the outboxes."""
        self._disarm()
        self._gathered += self._turns.release(self._monotonic())
        gathered, self._gathered = self._gathered, []
        if gathered:
            for client in self.clients:
                client.put_all(gathered)
        if self._turns.next_due() is not None:
            self._arm()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self.hand_out)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
