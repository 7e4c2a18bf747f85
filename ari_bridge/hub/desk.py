"""What people do to calls that this daemon follows."""

from __future__ import annotations

from dataclasses import replace

from ari_bridge.events import CallEvent, Source, Suggestion, Verdict
from ari_bridge.history import FrameAccount
from ari_bridge.hub.fanout import Hub
from ari_bridge.interfaces import CallDirectory, EventSink, Suggester


class LocalDesk:
    """A `CallDesk`. `publish` is where a card goes that a verdict has changed, and what people add."""

    def __init__(
        self, hub: Hub, publish: EventSink, suggester: Suggester | None = None, directory: CallDirectory | None = None
    ) -> None:
        self._hub = hub
        self._publish = publish
        self._suggester = suggester
        self._directory = directory

    async def mark(self, card: Suggestion, verdict: Verdict) -> Suggestion:
        own = card.source is not Source.SUPERVISOR and self._suggester is not None
        known = self._suggester.feedback(card.id, verdict) if own and self._suggester is not None else None
        if known is None:  # a supervisor's, or one that the engine has forgotten: it is on the page all the same
            known = _marked(self._hub.state.suggestion(card.id) or card, verdict)
        if known != self._hub.state.suggestion(card.id):
            self._publish(known)
        return known

    async def add(self, event: CallEvent) -> None:
        self._publish(event)

    async def frames(self, call_id: str) -> tuple[FrameAccount, ...]:
        return self._directory.frames(call_id) if self._directory is not None else ()

    def forget(self, call_id: str) -> None:
        self._hub.forget(call_id)


def _marked(card: Suggestion, verdict: Verdict) -> Suggestion:
    """With the verdict, once."""
    if verdict in card.verdicts:
        return card
    return replace(card, verdicts=(*card.verdicts, verdict))
