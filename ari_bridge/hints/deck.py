"""Which cards of a call may be on the screen: spacing, near duplicates, at most three live. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from ari_bridge.events import Priority, Suggestion, SuggestionState, Verdict
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.phrases import FILLERS
from ari_bridge.hints.stems import stem, words

_RANK = {Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2}
MIN_STEMS_TO_COMPARE = 4


class Ruling(Enum):
    SHOW = auto()
    LATER = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class Judgement:
    """`why` is a word for the log; `until` is when to judge again (LATER), `displaces` the card that makes room."""

    ruling: Ruling
    why: str = ""
    until: float = 0.0
    displaces: str | None = None


@dataclass(slots=True)
class Shown:
    """A card that was shown; `card_id` is the playbook's behind it."""

    suggestion: Suggestion
    shown_at: float
    card_id: str | None
    folded: bool = False

    @property
    def pinned(self) -> bool:
        return Verdict.PINNED in self.suggestion.verdicts


@dataclass(slots=True)
class Deck:
    """The cards of one call. `judge` decides about a new one; the others note what became of it."""

    limits: Limits
    _cards: dict[str, Shown] = field(default_factory=dict)
    _last_new_at: float = float("-inf")

    def judge(self, card: Suggestion, card_id: str | None, now: float) -> Judgement:
        """May `card` (of the playbook's `card_id`, or of the model alone) appear now?"""
        if card_id is not None and (why := self._spent(card_id, now)):
            return Judgement(Ruling.NEVER, why)
        if self.repeats(card, now):
            return Judgement(Ruling.NEVER, "duplicate")
        ready = self._last_new_at + self.limits.spacing_s
        if card.priority is not Priority.HIGH and now < ready:
            return Judgement(Ruling.LATER, "spacing", until=ready)
        live = self._live(now)
        if len(live) < self.limits.live_cards:
            return Judgement(Ruling.SHOW)
        weakest = min(live, key=lambda s: (s.pinned, _RANK[s.suggestion.priority], s.shown_at))
        if weakest.pinned or _RANK[weakest.suggestion.priority] > _RANK[card.priority]:
            return Judgement(Ruling.NEVER, "crowded")
        return Judgement(Ruling.SHOW, displaces=weakest.suggestion.id)

    def add(self, card: Suggestion, now: float, card_id: str | None) -> None:
        """A new card is on the screen, or one that was withdrawn is there again."""
        self._cards[card.id] = Shown(card, now, card_id)
        self._last_new_at = now

    def recall(self, cards: Iterable[Shown], now: float) -> None:
        """Cards of an earlier run of the daemon. More than may be live had been folded then: the oldest, unpinned."""
        for shown in sorted(cards, key=lambda s: s.shown_at):
            self.add(shown.suggestion, shown.shown_at, shown.card_id)
        live = sorted(self._live(now), key=lambda s: (s.pinned, s.shown_at))
        for shown in live[: -self.limits.live_cards]:
            shown.folded = True

    def replace(self, card: Suggestion) -> Suggestion:
        """Another version of a card that is there; it keeps its verdicts. Returns it as it stands."""
        shown = self._cards[card.id]
        shown.suggestion = replace(card, verdicts=shown.suggestion.verdicts)
        return shown.suggestion

    def fold(self, suggestion_id: str) -> None:
        """The card made room for another: it stays known but is no longer live."""
        self._cards[suggestion_id].folded = True

    def withdraw(self, suggestion_id: str) -> Suggestion | None:
        """The card in state WITHDRAWN, None where it is not shown. Its slot in the spacing is free again."""
        known = self._cards.get(suggestion_id)
        if known is None or known.suggestion.state is SuggestionState.WITHDRAWN:
            return None
        known.suggestion = replace(known.suggestion, state=SuggestionState.WITHDRAWN)
        if known.shown_at == self._last_new_at:
            standing = [s.shown_at for s in self._cards.values() if s.suggestion.state is not SuggestionState.WITHDRAWN]
            self._last_new_at = max(standing, default=float("-inf"))
        return known.suggestion

    def get(self, suggestion_id: str) -> Suggestion | None:
        """The card as it is shown; None where it never was or was withdrawn."""
        known = self._cards.get(suggestion_id)
        return None if known is None or known.suggestion.state is SuggestionState.WITHDRAWN else known.suggestion

    def mark(self, suggestion_id: str, verdict: Verdict) -> Suggestion | None:
        """Note a verdict, once each; also for cards that left the screen."""
        known = self._cards.get(suggestion_id)
        if known is None:
            return None
        if verdict not in known.suggestion.verdicts:
            verdicts = (*known.suggestion.verdicts, verdict)
            known.suggestion = replace(known.suggestion, verdicts=verdicts)
        return known.suggestion

    def live(self, now: float) -> list[Suggestion]:
        """At most `live_cards`, oldest first."""
        return [shown.suggestion for shown in self._live(now)]

    def all(self) -> list[Suggestion]:
        """Every card that was not withdrawn, oldest first."""
        return [s.suggestion for s in self._cards.values() if s.suggestion.state is not SuggestionState.WITHDRAWN]

    def repeats(self, card: Suggestion, now: float, *, prefix: bool = False) -> bool:
        """Whether a live card says nearly the same; `prefix`: whether it begins to."""
        mine = _stems(card)
        if prefix and len(mine) < MIN_STEMS_TO_COMPARE:
            return False
        for shown in self._live(now):
            if shown.suggestion.id == card.id:
                continue
            theirs = _stems(shown.suggestion)
            whole = len(mine) if prefix else len(mine | theirs)
            if whole and len(mine & theirs) / whole >= self.limits.similarity:
                return True
        return False

    def _spent(self, card_id: str, now: float) -> str:
        for shown in self._cards.values():
            if shown.card_id != card_id or shown.suggestion.state is SuggestionState.WITHDRAWN:
                continue
            if Verdict.USELESS in shown.suggestion.verdicts:
                return "useless_before"
            if now - shown.shown_at < self.limits.repeat_s:
                return "repeat"
        return ""

    def _live(self, now: float) -> list[Shown]:
        return [
            shown
            for shown in self._cards.values()
            if shown.suggestion.state is not SuggestionState.WITHDRAWN
            and Verdict.DISMISSED not in shown.suggestion.verdicts
            and not shown.folded
            and (shown.pinned or now - shown.shown_at < self.limits.live_s)
        ]


def _stems(card: Suggestion) -> frozenset[str]:
    return frozenset(stem(word.form) for word in words(f"{card.title} {card.content}") if word.form not in FILLERS)
