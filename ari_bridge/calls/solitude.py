"""An answered client with whom nobody speaks any more: parked, put into a queue, waiting while his operator asks. Pure.

Asterisk tells of none of this as a hold. For a moment every call is like that (a transfer, its end): only what lasts is
told, as held; by whom is told as long as the one who left is still there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ari_bridge.calls.registry import Conversation
from ari_bridge.events import Call, CallStatus


class Solitude:
    """Times are monotonic seconds of one clock."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._since: float | None = None
        self._left: tuple[str, ...] = ()  # who spoke last

    @property
    def begun(self) -> bool:
        """Whether nobody speaks with the client, if only since this moment."""
        return self._since is not None

    def note(self, conversation: Conversation, now: float) -> None:
        """The conversation changed."""
        if conversation.operators:
            self._left = conversation.operators
        alone = conversation.call.status is CallStatus.ANSWERED and not conversation.operators
        self._since = (now if self._since is None else self._since) if alone else None

    def tell(self, call: Call, now: float, alive: Callable[[str], bool]) -> Call:
        """The call as people should see it."""
        if self._since is None or now - self._since < self._grace_s:
            return call
        return replace(call, status=CallStatus.HELD, operator=call.operator if any(map(alive, self._left)) else None)
