"""What people do to calls, carried to the node that follows them: both ends of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from ari_bridge.bus.reading import event_of, suggestion_of
from ari_bridge.bus.redis_bus import RedisBus
from ari_bridge.errors import BridgeError
from ari_bridge.events import CallEvent, Leg, Suggestion, Verdict
from ari_bridge.history import FrameAccount
from ari_bridge.interfaces import CallDesk, CallNotices, NoticeResult

NOTICE_S: Final = 0.03  # the dialplan waits


class BusDesk:
    """A `CallDesk` and `CallNotices`: what is followed here goes to `local`, the rest over the bus.

    `following` are the other nodes that follow calls. A call that no node there follows (it is over) is `local`'s too.
    """

    def __init__(
        self, bus: RedisBus, local: CallDesk, following: Callable[[], list[str]], notices: CallNotices | None = None
    ) -> None:
        self._bus = bus
        self._local = local
        self._following = following
        self._notices = notices

    async def mark(self, card: Suggestion, verdict: Verdict) -> Suggestion:
        node = self._elsewhere(card.call_id)
        if node is None:
            return await self._local.mark(card, verdict)
        answer = await self._bus.ask(node, "mark", {"card": card.to_json(), "verdict": verdict})
        return suggestion_of(answer)

    async def add(self, event: CallEvent) -> None:
        node = self._elsewhere(event.call_id)
        if node is None:
            await self._local.add(event)
        else:
            await self._bus.ask(node, "add", {"type": event.type, "members": event.to_json()})

    async def frames(self, call_id: str) -> tuple[FrameAccount, ...]:
        node = self._elsewhere(call_id)
        if node is None:
            return await self._local.frames(call_id)
        try:
            answer = await self._bus.ask(node, "frames", {"call_id": call_id})
        except BridgeError:
            return ()  # the call itself can be shown all the same
        return tuple(FrameAccount(**{**account, "leg": Leg(account["leg"])}) for account in answer)

    def forget(self, call_id: str) -> None:
        self._bus.forget(call_id)

    async def call_start(self, channel_id: str, caller: str | None) -> NoticeResult:
        mine = await self._notices.call_start(channel_id, caller) if self._notices else NoticeResult.UNKNOWN
        return await self._notice(mine, {"kind": "start", "channel_id": channel_id, "caller": caller})

    async def call_end(self, channel_id: str) -> NoticeResult:
        mine = await self._notices.call_end(channel_id) if self._notices else NoticeResult.UNKNOWN
        return await self._notice(mine, {"kind": "end", "channel_id": channel_id, "caller": None})

    async def _notice(self, mine: NoticeResult, arguments: Mapping[str, Any]) -> NoticeResult:
        """Where it was not ours all others are asked at once; one of them at the most knows the channel."""
        if mine is not NoticeResult.UNKNOWN:
            return mine
        others = [node for node in self._following() if node != self._bus.node]
        answers = await asyncio.gather(*(self._notice_of(node, arguments) for node in others))
        return next((answer for answer in answers if answer is not NoticeResult.UNKNOWN), mine)

    async def _notice_of(self, node: str, arguments: Mapping[str, Any]) -> NoticeResult:
        try:
            return NoticeResult(await self._bus.ask(node, "notice", arguments, timeout_s=NOTICE_S))
        except BridgeError:
            return NoticeResult.UNKNOWN  # it is away, and its calls with it

    def _elsewhere(self, call_id: str) -> str | None:
        """The other node that follows the call."""
        node = self._bus.owner(call_id)
        return node if node is not None and node != self._bus.node and node in self._following() else None


class BusClerk:
    """An `Answerer` of a node that follows calls."""

    def __init__(self, desk: CallDesk, notices: CallNotices) -> None:
        self._desk = desk
        self._notices = notices

    async def __call__(self, verb: str, arguments: Mapping[str, Any]) -> Any:
        match verb:
            case "mark":
                card = await self._desk.mark(suggestion_of(arguments["card"]), Verdict(arguments["verdict"]))
                return card.to_json()
            case "add":
                await self._desk.add(event_of(arguments["type"], arguments["members"]))
                return None
            case "frames":
                return [account.to_json() for account in await self._desk.frames(arguments["call_id"])]
            case "notice" if arguments["kind"] == "start":
                return await self._notices.call_start(arguments["channel_id"], arguments["caller"])
            case "notice":
                return await self._notices.call_end(arguments["channel_id"])
        raise BridgeError("unknown_verb", f"{verb}: another version of ari_bridge asks", retryable=False)
