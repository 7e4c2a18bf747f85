"""Cards that a client's words call for, while the words are still changing. Pure.

A word of a partial counts once it was heard twice at its place, the last word thrice: it is often half a word («цен» of
«центр»), and a tail may change as a whole. A confirmed word counts as soon as another follows. A card with exceptions
(`unless`) waits for `LOOK_AHEAD` more words that are not small, so that the exception can be heard. The final ends all
waiting, as does a pause of the speaker (`settle`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ari_bridge.events import Transcript
from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.phrases import LIGHT, NEGATIONS
from ari_bridge.hints.stems import Word, words

MAX_QUOTE = 160
LOOK_AHEAD = 3
TIMES = 2
TIMES_LAST = 3
_SENTENCE_ENDS = ".!?…"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A card called for by the client's words `quote`."""

    card_id: str
    quote: str


@dataclass(slots=True)
class Tracker:
    """Fed with every transcript of the client's leg."""

    compiled: Compiled
    _utterance: int = -1
    _heard: list[str] = field(default_factory=list)
    _times: list[int] = field(default_factory=list)  # how often each word of `_heard` was heard at its place
    _sure: list[str] = field(default_factory=list)
    _standing: tuple[Sighting, ...] = ()

    def hear(self, said: Transcript) -> tuple[Sighting, ...]:
        """What the utterance calls for as it stands now, the strongest first."""
        if said.utterance != self._utterance:
            self._utterance, self._standing = said.utterance, ()
            self._heard, self._times, self._sure = [], [], []
        text = said.text + said.tail
        spoken = words(text)
        sure = spoken if said.final else spoken[: self._sure_count(spoken, len(said.text))]
        forms = [word.form for word in sure]
        if forms != self._sure or said.final:
            self._sure = forms
            self._standing = self._sightings(text, sure, said.final)
        return self._standing

    def settle(self, said: Transcript) -> tuple[Sighting, ...]:
        """Nothing new came for a while after the partial `said`: take it as it is."""
        spoken = words(said.text + said.tail)
        self._sure = [word.form for word in spoken]
        self._times = [TIMES_LAST] * len(spoken)
        self._standing = self._sightings(said.text + said.tail, spoken, True)
        return self._standing

    def _sightings(self, text: str, sure: list[Word], whole: bool) -> tuple[Sighting, ...]:
        weighty = [word for word in sure if word.form not in LIGHT and word.form not in NEGATIONS]
        settled = weighty[-LOOK_AHEAD - 1].end if len(weighty) > LOOK_AHEAD else 0
        return tuple(
            Sighting(hit.owner, quote(text, hit.start, hit.end))
            for hit in self.compiled.cards_in(sure, whole=whole)
            if whole or hit.end <= settled or not self.compiled.cards[hit.owner].unless
        )

    def _sure_count(self, spoken: list[Word], confirmed: int) -> int:
        """How many of the first words will most likely stay."""
        forms = [word.form for word in spoken]
        same = next(
            (i for i, (a, b) in enumerate(zip(self._heard, forms, strict=False)) if a != b),
            min(len(self._heard), len(forms)),
        )
        self._times = [times + 1 for times in self._times[:same]] + [1] * (len(forms) - same)
        self._heard = forms
        last = len(forms) - 1
        count = 0
        for i, word in enumerate(spoken):
            settled = i < last and word.end <= confirmed
            if not settled and self._times[i] < (TIMES_LAST if i == last else TIMES):
                break
            count += 1
        return count


def quote(text: str, start: int, end: int) -> str:
    """The client's words around `text[start:end]`: the sentence, at most `MAX_QUOTE` characters, whole words."""
    first = max(text.rfind(mark, 0, start) for mark in _SENTENCE_ENDS) + 1
    ends = [at for mark in _SENTENCE_ENDS if (at := text.find(mark, end)) >= 0]
    last = min(ends, default=len(text))
    if last - first > MAX_QUOTE:
        first = max(first, end - MAX_QUOTE // 2 if end - start < MAX_QUOTE // 2 else start)
        first = first if first == 0 else text.find(" ", first, start) + 1 or start
        last = min(last, first + MAX_QUOTE)
        last = last if last == len(text) else max(end, text.rfind(" ", first, last))
    return text[first:last].strip(" ,;—-")
