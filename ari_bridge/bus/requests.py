"""Questions from node to node, and their answers."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from ari_bridge.errors import BridgeError

log = structlog.get_logger(__name__)

ANSWER_S: Final = 2.0

Answerer = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""A verb and its arguments to what is answered, as JSON values. Raises `BridgeError` where it cannot be done."""

Post = Callable[[str, str], Awaitable[int]]
"""A node's name and a text to how many took it. Raises `BridgeError`."""


class Requests:
    """`ask` others; `take` what comes for this node."""

    def __init__(self, node: str, origin: str, post: Post, answer: Answerer | None) -> None:
        self._node = node
        self._origin = origin  # another run's answers are not ours
        self._post = post
        self._answer = answer
        self._numbers = itertools.count(1)
        self._open: dict[str, asyncio.Future[Any]] = {}

    async def ask(self, node: str, verb: str, arguments: Mapping[str, Any], timeout_s: float = ANSWER_S) -> Any:
        """Raises `BridgeError` where nobody answers in time, or the other cannot do it."""
        asked = f"{self._origin}.{next(self._numbers)}"
        answer = self._open[asked] = asyncio.get_running_loop().create_future()
        try:
            question = {"asked": asked, "by": self._node, "verb": verb, "arguments": arguments}
            async with asyncio.timeout(timeout_s):
                if not await self._post(node, json.dumps(question)):
                    raise BridgeError("node_away", f"{node} is not there", retryable=True)
                return await answer
        except TimeoutError:
            raise BridgeError("node_away", f"{node} does not answer", retryable=True) from None
        finally:
            del self._open[asked]

    async def take(self, text: str) -> None:
        """A question is answered, an answer goes to who asked; nonsense is counted by nobody."""
        message = json.loads(text)
        if "verb" in message:
            await self._reply(message)
            return
        waiting = self._open.get(message["answers"])
        if waiting is None or waiting.done():
            return
        if "fault" in message:
            waiting.set_exception(BridgeError(message["fault"], message["message"], retryable=True))
        else:
            waiting.set_result(message["answer"])

    async def _reply(self, question: Mapping[str, Any]) -> None:
        reply: dict[str, Any] = {"answers": question["asked"]}
        try:
            if self._answer is None:
                raise BridgeError("not_here", f"{self._node} follows no calls", retryable=False)
            reply["answer"] = await self._answer(question["verb"], question["arguments"])
        except BridgeError as fault:
            reply |= {"fault": fault.code, "message": str(fault)}
        except Exception:  # boundary: one question must not end the bus
            log.exception("question_failed", verb=question["verb"])
            reply |= {"fault": "internal", "message": f"{self._node} could not answer; see its log"}
        await self._post(question["by"], json.dumps(reply))
