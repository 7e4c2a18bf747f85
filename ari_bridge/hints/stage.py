"""Brings cards onto one call's screen and takes them off, as the deck rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ari_bridge.events import Suggestion
from ari_bridge.hints.commands import Orders
from ari_bridge.hints.deck import Deck, Ruling
from ari_bridge.hints.limits import Limits


@dataclass(frozen=True, slots=True)
class _Waiting:
    card: Suggestion
    card_id: str | None
    until: float
    stale_at: float


@dataclass(slots=True)
class Stage:
    """The deck, and the one card that its spacing holds back: the newest wins, and none waits until it is stale."""

    limits: Limits
    orders: Orders
    deck: Deck = field(init=False)
    _waiting: _Waiting | None = None

    def __post_init__(self) -> None:
        self.deck = Deck(self.limits)

    def offer(self, card: Suggestion, card_id: str | None, now: float, stale_at: float) -> bool:
        """Show a new card, hold it back, or drop it. Whether it is shown or held."""
        ruling = self.deck.judge(card, card_id, now)
        if ruling.ruling is Ruling.LATER and ruling.until <= stale_at:
            if self._waiting:
                self.orders.decide("suppressed", "superseded", card=self._waiting.card.id)
            self._waiting = _Waiting(card, card_id, ruling.until, stale_at)
            self.orders.decide("deferred", ruling.why, card=card.id)
            return True
        if ruling.ruling is not Ruling.SHOW:
            self.orders.decide("suppressed", ruling.why, card=card.id)
            return False
        self._show(card, now, card_id, ruling.displaces)
        self.orders.decide("shown", card.source.value, card=card.id)
        return True

    def spaced(self, card: Suggestion, card_id: str | None, now: float) -> bool:
        """Whether nothing but the spacing keeps the card off the screen."""
        return self.deck.judge(card, card_id, now).ruling is Ruling.LATER

    def stream(self, card: Suggestion, now: float) -> Suggestion | None:
        """Show the beginning of a model's own card where it may appear now; None where it may not."""
        if self.deck.repeats(card, now, prefix=True):
            return None
        ruling = self.deck.judge(card, None, now)
        if ruling.ruling is not Ruling.SHOW:
            return None
        self.forget_waiting(card.id)
        self.orders.decide("shown", "streaming", card=card.id)
        return self._show(card, now, None, ruling.displaces)

    def update(self, card: Suggestion) -> Suggestion:
        """Another version of a card that is on the screen."""
        card = self.deck.replace(card)
        self.orders.publish(card)
        return card

    def release(self, now: float) -> None:
        """The spacing is over for the card that waited."""
        if self._waiting and now >= self._waiting.until:
            held, self._waiting = self._waiting, None
            self.offer(held.card, held.card_id, now, held.stale_at)

    def next_timer(self) -> float | None:
        return self._waiting.until if self._waiting else None

    def waits(self, suggestion_id: str) -> bool:
        return self._waiting is not None and self._waiting.card.id == suggestion_id

    def replace_waiting(self, card: Suggestion) -> None:
        """A better version of the card that waits."""
        if self._waiting and self._waiting.card.id == card.id:
            self._waiting = replace(self._waiting, card=card)

    def forget_waiting(self, suggestion_id: str | None = None) -> None:
        """None: whichever waits."""
        if suggestion_id is None or self.waits(suggestion_id):
            self._waiting = None

    def requote(self, suggestion_id: str, words: str, *, final: bool) -> None:
        """The words that called for a card are others now. A quote that only grows is left until the final."""
        if self._waiting and self._waiting.card.id == suggestion_id:
            self._waiting = replace(self._waiting, card=replace(self._waiting.card, quote=words))
            return
        card = self.deck.get(suggestion_id)
        if card is not None and card.quote != words and (final or not words.startswith(card.quote)):
            self.update(replace(card, quote=words))

    def withdraw(self, suggestion_id: str, why: str) -> None:
        self.forget_waiting(suggestion_id)
        withdrawn = self.deck.withdraw(suggestion_id)
        if withdrawn:
            self.orders.publish(withdrawn)
            self.orders.decide("withdrawn", why, card=suggestion_id)

    def _show(self, card: Suggestion, now: float, card_id: str | None, displaces: str | None) -> Suggestion:
        if displaces:
            self.deck.fold(displaces)
            self.orders.decide("folded", "crowded", card=displaces)
        self.deck.add(card, now, card_id)
        self.orders.publish(card)
        return card
