"""One answer of the model on its way to the screen: a playbook card refined, or a card of its own. Pure.

Whatever becomes of the answer, the operator is left with something whole: the refined card, the playbook's as it was,
or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ari_bridge.events import Priority, Source, Suggestion, SuggestionKind, SuggestionState
from ari_bridge.hints.draft import Draft, DraftReader
from ari_bridge.hints.licence import Licence
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.policy import Trigger
from ari_bridge.hints.stage import Stage

SuggestionIds = Callable[[int, str], str]
"""(utterance, card id) → suggestion id; the card id of a card of the model's own is `llm`."""


@dataclass(slots=True)
class Refinement:
    """The answer to one request. `base` is the playbook's card on the screen that it refines, if there is one."""

    trigger: Trigger
    base: Suggestion | None
    suggestion_id: str
    call_id: str
    stage: Stage
    limits: Limits
    _reader: DraftReader
    _streamed: Suggestion | None = None

    @classmethod
    def begin(cls, trigger: Trigger, licence: Licence, stage: Stage, *, call_id: str, suggestion_id: str) -> Refinement:
        base = stage.deck.get(suggestion_id)
        return cls(trigger, base, suggestion_id, call_id, stage, stage.limits, DraftReader(licence))

    def feed(self, text: str, now: float) -> None:
        """Show what may be seen so far. Raises `DraftError` for an answer that cannot become a suggestion."""
        draft = self._reader.feed(text)
        self._find_base()
        card = self._composed(draft, SuggestionState.STREAMING) if draft else None
        if card is None or card == self._streamed:
            return
        if self._streamed is not None:
            self._streamed = self.stage.update(card)
        elif self.base is None:
            self._streamed = self.stage.stream(card, now)
        elif not self.stage.deck.repeats(card, now, prefix=True):
            self._streamed = self.stage.update(card)

    def finish(self, now: float) -> None:
        """The answer is whole: show it, hold it back, or leave things as they were. Raises `DraftError`."""
        draft = self._reader.finish()
        self._find_base()
        card = self._composed(draft, SuggestionState.COMPLETE) if draft else None
        if draft is None or card is None:
            self._leave("silent" if draft is None else "unlicensed")
        elif not draft.content:
            self._leave("unlicensed" if draft.content_blocked else "empty")
        elif self.stage.deck.repeats(card, now):
            self._leave("duplicate")
        elif self._streamed is not None or self.base is not None:
            self.stage.update(card)
            part = "licensed_part" if draft.content_blocked else "whole"
            self.stage.orders.decide("refined" if self.base else "completed", part, card=card.id)
        elif self.stage.waits(card.id):
            self.stage.replace_waiting(card)
        else:
            self.stage.offer(card, None, now, self.trigger.at + self.limits.stale_s)

    def undo(self, why: str) -> None:
        """Take back what was half shown: the playbook's card stands again, a card of the model's own goes."""
        streamed, self._streamed = self._streamed, None
        if streamed is None:
            return
        if self.base is None:
            self.stage.withdraw(streamed.id, why)
        else:
            self.stage.update(replace(self.base, quote=streamed.quote))

    def _find_base(self) -> None:
        """A card that the spacing held back may have come onto the screen since the question was asked."""
        if self.base is None and self._streamed is None:
            self.base = self.stage.deck.get(self.suggestion_id)

    def _leave(self, why: str) -> None:
        self.stage.orders.decide("dropped", why, utterance=self.trigger.utterance, card=self.suggestion_id)
        self.undo(why)

    def _composed(self, draft: Draft, state: SuggestionState) -> Suggestion | None:
        """The draft as a card, title first; the playbook's kind and priority stay, as the sales lead set them."""
        base = self.base
        if not (draft.title or (base and draft.content)):
            return None
        return Suggestion(
            call_id=self.call_id,
            id=self.suggestion_id,
            kind=base.kind if base else draft.kind or SuggestionKind.OTHER,
            title=draft.title or (base.title if base else ""),
            content=draft.content or (base.content if base else ""),
            priority=base.priority if base else draft.priority or Priority.MEDIUM,
            source=Source.LLM,
            state=state,
            utterance=self.trigger.utterance,
            quote=base.quote if base else self.trigger.quote,
        )
