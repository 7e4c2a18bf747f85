"""What `/metrics` shows of calls and of how long a word takes: one pass over the events as they are told. Pure.

The chain that an operator feels: audio → partial → final → card → painted. Each link is a histogram of its own, and
speech → painted, the one that nobody else measures, is their sum as it was seen on a real screen.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from ari_bridge.events import (
    Call,
    CallEnded,
    CallStarted,
    CallUpdated,
    Event,
    Gap,
    Leg,
    Suggestion,
    SuggestionState,
    Transcript,
)

CARDS_AT_HAND: Final = 512  # cards that may still be painted; the oldest go first
LONGEST_S: Final = 60.0  # a word that is later comes from a replay after an outage: it has counters of its own

Observe = Callable[[float], None]


class Histograms(Protocol):
    """Where durations go; `ops.metrics.Metrics` is one."""

    def latency(self, name: str, help_text: str) -> Observe: ...


@dataclass(slots=True)
class _Spoken:
    """A call's clock, and until when (ms of call time) the client's newest utterance was spoken."""

    zero_at: datetime | None = None
    shown_ms: int = 0  # until when words were shown, of either leg: a repeated partial is no news
    client_utterance: int = 0
    client_end_ms: int = 0


class CallMeter:
    """`on_event` once for each event, after it was told; `painted` when a page says that it shows a card."""

    def __init__(self, histograms: Histograms, wall: Callable[[], datetime]) -> None:
        self._wall = wall
        self._calls: dict[str, _Spoken] = {}
        self._cards: OrderedDict[int, float] = OrderedDict()  # cursor → seconds from speech to the card
        self._known: set[tuple[str, str]] = set()  # call and card, until the call's end
        self.started: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.cards: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()
        self._partial = histograms.latency("speech_partial", "Word spoken to the text that holds it, not yet final")
        self._final = histograms.latency("speech_final", "End of an utterance to its final text")
        self._card = histograms.latency("speech_card", "End of the client's words to the first card on them")
        self._card_painted = histograms.latency("card_painted", "Card sent to card on the operator's screen")
        self._painted = histograms.latency("speech_painted", "End of the client's words to a card on the screen")

    def on_event(self, event: Event, cursor: int) -> None:
        """`cursor`: the hub's, after the event."""
        match event:
            case CallStarted():
                self.started[event.call.direction.value] += 1
                self._calls[event.call.id] = _Spoken(event.call.zero_at)
            case CallUpdated():
                self._calls.setdefault(event.call.id, _Spoken()).zero_at = event.call.zero_at
            case Transcript():
                self._hear(event)
            case Suggestion():
                self._show(event, cursor)
            case Gap():
                self.gaps[event.leg.value] += 1
            case CallEnded():
                self.ended["answered" if event.duration_ms else "unanswered"] += 1
                self._calls.pop(event.call_id, None)
                self._known = {known for known in self._known if known[0] != event.call_id}

    def painted(self, cursor: int, seconds: float) -> None:
        """A page shows the card of that cursor, `seconds` after it was published."""
        self._card_painted(seconds)
        until_card = self._cards.pop(cursor, None)
        if until_card is not None:
            self._painted(until_card + seconds)

    def _hear(self, line: Transcript) -> None:
        spoken = self._calls.get(line.call_id)
        if spoken is None:
            return
        if line.leg is Leg.CLIENT:
            spoken.client_utterance, spoken.client_end_ms = line.utterance, line.end_ms
        if line.final:
            self._observe(self._final, spoken, line.end_ms)
        elif line.end_ms > spoken.shown_ms:
            self._observe(self._partial, spoken, line.end_ms)
        spoken.shown_ms = max(spoken.shown_ms, line.end_ms)

    def _show(self, card: Suggestion, cursor: int) -> None:
        """A card counts once, when it appears; its refinements belong to it."""
        key = (card.call_id, card.id)
        if key in self._known or card.state is SuggestionState.WITHDRAWN:
            return
        self._known.add(key)
        self.cards[card.source.value] += 1
        spoken = self._calls.get(card.call_id)
        if spoken is None or card.utterance is None or card.utterance != spoken.client_utterance:
            return
        seconds = self._observe(self._card, spoken, spoken.client_end_ms)
        if seconds is not None:
            self._cards[cursor] = seconds
            while len(self._cards) > CARDS_AT_HAND:
                self._cards.popitem(last=False)

    def _observe(self, observe: Observe, spoken: _Spoken, end_ms: int) -> float | None:
        if spoken.zero_at is None:
            return None
        seconds = (self._wall() - spoken.zero_at).total_seconds() - end_ms / 1000
        if not 0 <= seconds <= LONGEST_S:
            return None
        observe(seconds)
        return seconds


def by_status(calls: tuple[Call, ...]) -> dict[str, float]:
    """Live calls by their status."""
    return dict(Counter(call.status.value for call in calls))


def by_leg_state(calls: tuple[Call, ...]) -> dict[str, float]:
    """Legs of live calls by their state."""
    return dict(Counter(status.state.value for call in calls for status in call.legs.values()))
