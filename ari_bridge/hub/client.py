"""One reader of the hub, without his connection: what he may see, what he is still to be sent, why he must go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from ari_bridge.hub.access import Account
from ari_bridge.hub.outbox import Outbox
from ari_bridge.hub.protocol import Delivery, Message

TRY_AGAIN_LATER: Final = 1013  # RFC 6455 §7.4, IANA registry


def _nobody_waits(urgent: bool) -> None:
    pass


class Client:
    """One connection: who looks, what he is still to be sent, and why the connection must end."""

    def __init__(self, number: int, account: Account, outbox: Outbox, first: bytes, visible: set[str]) -> None:
        self.number = number
        self.account = account
        self.overseer = account.sees_everything and not account.open  # among others, and looks at many calls
        self.outbox = outbox
        self.first = first  # the connection's first frame: snapshot or resumed
        self.visible = visible  # calls he may see; unused for accounts that see everything
        self.on_news: Callable[[bool], None] = _nobody_waits  # called when there may be something to send; urgent?
        self.closing: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def put(self, message: Message) -> None:
        self.outbox.put(message)
        if self.outbox.overflowed:
            self.close(TRY_AGAIN_LATER, "reader too slow")
        self.on_news(message.delivery is not Delivery.DROPPABLE)

    def put_all(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.outbox.put(message)
        if self.outbox.overflowed:
            self.close(TRY_AGAIN_LATER, "reader too slow")
        self.on_news(True)

    def close(self, code: int, reason: str) -> None:
        """Ask the connection's owner to close it; the first reason counts."""
        if not self.closing.done():
            self.closing.set_result((code, reason))
