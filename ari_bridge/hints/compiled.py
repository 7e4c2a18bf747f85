"""A playbook made ready for use: phrases indexed, licence drawn up, prompt written. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ari_bridge.events import Priority
from ari_bridge.hints.licence import Licence, licence_of
from ari_bridge.hints.matcher import Hit, Matcher, best_of_each, compile_phrases
from ari_bridge.hints.playbook import Card, Playbook
from ari_bridge.hints.prompt import system_prompt
from ari_bridge.hints.stems import Word

NEAR_CHARS = 30  # an exception counts for a hit that it touches or nearly touches
_RANK = {Priority.HIGH: 2, Priority.MEDIUM: 1, Priority.LOW: 0}


@dataclass(frozen=True, slots=True)
class Compiled:
    """Build it with `compile_playbook`; as cheap to share as the playbook itself."""

    playbook: Playbook
    cards: Mapping[str, Card]
    licence: Licence
    system: str
    _phrases: Matcher
    _unless: Matcher
    _steps: Matcher

    def cards_in(self, said: Sequence[Word], *, whole: bool = True) -> list[Hit]:
        """Cards that a client's words call for, the strongest first; `owner` is the card's id.

        Not `whole`: the client goes on speaking.
        """
        hits = list(self._phrases.find_all(said, whole=whole))
        if not hits:
            return hits
        exceptions = list(self._unless.find_all(said, whole=whole))
        standing = best_of_each(hit for hit in hits if not any(_excepted(hit, other) for other in exceptions))
        return sorted(standing, key=lambda h: (-_RANK[self.cards[h.owner].priority], -h.weight, h.start))

    def steps_in(self, said: Sequence[Word]) -> frozenset[str]:
        """Ids of the checklist steps that an operator's words fulfil."""
        return frozenset(hit.owner for hit in self._steps.find(said))


def _excepted(hit: Hit, exception: Hit) -> bool:
    near = exception.start - NEAR_CHARS <= hit.end and hit.start <= exception.end + NEAR_CHARS
    return near and hit.owner == exception.owner


def compile_playbook(playbook: Playbook) -> Compiled:
    """Never fails for a playbook that `parse_playbook` accepted."""
    return Compiled(
        playbook=playbook,
        cards={card.id: card for card in playbook.cards},
        licence=licence_of(playbook),
        system=system_prompt(playbook),
        _phrases=compile_phrases((card.id, phrase) for card in playbook.cards for phrase in card.phrases),
        _unless=compile_phrases((card.id, phrase) for card in playbook.cards for phrase in card.unless),
        _steps=compile_phrases((step.id, phrase) for step in playbook.checklist for phrase in step.phrases),
    )
