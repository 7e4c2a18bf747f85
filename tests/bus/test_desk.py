"""What the dialplan tells one node of another's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from ari_bridge.bus.desk import BusDesk
from ari_bridge.bus.redis_bus import RedisBus
from ari_bridge.errors import BridgeError
from ari_bridge.interfaces import CallDesk, NoticeResult


class Others:
    """The other nodes, in place of a bus: what each answers, None where it never does. `open`: who is being asked."""

    node = "here"

    def __init__(self, **answers: NoticeResult | None) -> None:
        self.answers = answers
        self.open: set[str] = set()
        self.open_at_once = 0

    async def ask(self, node: str, verb: str, arguments: Mapping[str, Any], timeout_s: float) -> Any:
        answer = self.answers[node]
        self.open.add(node)
        self.open_at_once = max(self.open_at_once, len(self.open))
        await asyncio.sleep(timeout_s if answer is None else 0)
        self.open.remove(node)
        if answer is None:
            raise BridgeError("node_away", f"{node} does not answer", retryable=True)
        return answer


def desk(others: Others) -> BusDesk:
    return BusDesk(cast(RedisBus, others), cast(CallDesk, None), lambda: ["here", *others.answers])


async def test_a_node_that_is_away_keeps_no_notice_from_the_one_that_knows_the_channel() -> None:
    others = Others(gone=None, too=None, other=NoticeResult.UNKNOWN, knows=NoticeResult.ACCEPTED)
    assert await desk(others).call_start("1.1", None) is NoticeResult.ACCEPTED
    assert others.open_at_once == 4, "one after the other they would take longer than the dialplan waits"


async def test_where_nobody_answers_nobody_knows_the_channel() -> None:
    assert await desk(Others(gone=None)).call_end("1.1") is NoticeResult.UNKNOWN
    assert await desk(Others()).call_end("1.1") is NoticeResult.UNKNOWN
