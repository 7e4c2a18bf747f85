"""Cards that an earlier run of the daemon showed in a call, as the deck wants them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ari_bridge.events import Leg, Source, Suggestion, SuggestionState
from ari_bridge.hints.deck import Shown
from ari_bridge.history import CallRecord

MODEL_S_OWN = "llm"


def id_of_card(call_id: str, utterance: int, card_id: str | None) -> str:
    """Stable over a restart of the daemon: utterance numbers are. `card_id` None: a card of the model's own."""
    return f"{call_id}-{utterance}-{card_id or MODEL_S_OWN}"


def shown_before(record: CallRecord, now: float, call_s: float | None) -> Iterator[Shown]:
    """The engine's own cards that were not withdrawn; `now` is `call_s` after the call's zero, None: none is known.

    When a card was shown is not told of it: it counts from the end of the client's words that brought it, or of the
    last words known where those never became final.
    """
    ends = {line.utterance: line.end_ms for line in record.transcript if line.leg is Leg.CLIENT}
    last = max((line.end_ms for line in record.transcript), default=0)
    if call_s is None:
        call_s = last / 1000
    for card in record.suggestions:
        if card.source is Source.SUPERVISOR or card.state is SuggestionState.WITHDRAWN:
            continue
        said_ms = last if card.utterance is None else ends.get(card.utterance, last)
        yield Shown(card, now - max(0.0, call_s - said_ms / 1000), _card_id(card))


def _card_id(card: Suggestion) -> str | None:
    """The playbook's card behind it: see `id_of_card`."""
    card_id = card.id.removeprefix(f"{card.call_id}-{card.utterance}-")
    return None if card_id == MODEL_S_OWN else card_id
