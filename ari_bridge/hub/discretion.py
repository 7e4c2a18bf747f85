"""The masked view of past calls: no personal data until somebody asks for it, which is noted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ari_bridge.events import Call, Suggestion, Summary
from ari_bridge.history import CallRecord, Hit, Snippet
from ari_bridge.interfaces import Discretion
from ari_bridge.ops.masking import shorten_number

Excerpt = Callable[[str], str]
Extent = Literal["off", "speech", "all"]
"""Of what is masked: nothing; what was said; telephone numbers too."""


@dataclass(frozen=True, slots=True)
class Veil:
    """`extent` and who does it; without anybody nothing is masked."""

    extent: Extent = "off"
    discretion: Discretion | None = None

    @property
    def masks(self) -> bool:
        return self._by is not None

    @property
    def _by(self) -> Discretion | None:
        return None if self.extent == "off" else self.discretion

    def record(self, record: CallRecord) -> CallRecord:
        """The call as it is shown by default."""
        by = self._by
        if by is None:
            return record
        texts = by.conversation([(line.leg, line.text) for line in record.transcript])
        lines = zip(record.transcript, texts, strict=True)
        return replace(
            record,
            call=self.call(record.call),
            transcript=tuple(replace(line, text=text) for line, text in lines),
            suggestions=tuple(_card(card, by.excerpt) for card in record.suggestions),
            summary=self.summary(record.summary),
        )

    def hit(self, hit: Hit) -> Hit:
        """The same of a search's answer."""
        by = self._by
        if by is None:
            return hit
        return replace(
            hit,
            call=self.call(hit.call),
            outcome=hit.outcome and by.excerpt(hit.outcome),
            summary=self.summary(hit.summary),
            snippets=tuple(_snippet(snippet, by.excerpt) for snippet in hit.snippets),
        )

    def text(self, text: str) -> str:
        """One line by itself."""
        by = self._by
        return text if by is None else by.excerpt(text)

    def summary(self, summary: Summary | None) -> Summary | None:
        by = self._by
        return summary if by is None or summary is None else _summary(summary, by.excerpt)

    def call(self, call: Call) -> Call:
        if self.extent != "all":
            return call
        client, caller, callee = (
            number and shorten_number(number) for number in (call.client_number, call.caller, call.callee)
        )
        return replace(call, client_number=client, caller=caller, callee=callee)


def _summary(summary: Summary, excerpt: Excerpt) -> Summary:
    need, outcome, actions = excerpt(summary.need), excerpt(summary.outcome), tuple(map(excerpt, summary.actions))
    return replace(summary, need=need, outcome=outcome, actions=actions)


def _card(card: Suggestion, excerpt: Excerpt) -> Suggestion:
    return replace(card, quote=excerpt(card.quote), content=excerpt(card.content))


def _snippet(snippet: Snippet, excerpt: Excerpt) -> Snippet:
    text = excerpt(snippet.text)
    return replace(snippet, text=text, marks=moved(snippet.marks, snippet.text, text))


def moved(marks: Sequence[tuple[int, int]], was: str, now: str) -> tuple[tuple[int, int], ...]:
    """Places of a text in another that differs from it in one stretch; what lies in the stretch is left out."""
    shorter = min(len(was), len(now))
    same_at_first = next((n for n in range(shorter) if was[n] != now[n]), shorter)
    most = shorter - same_at_first
    same_at_last = next((n for n in range(most) if was[-1 - n] != now[-1 - n]), most)
    end, shift = len(was) - same_at_last, len(now) - len(was)
    kept = [(a, b) for a, b in marks if b <= same_at_first]
    return tuple(kept + [(a + shift, b + shift) for a, b in marks if a >= max(end, 1) and (a, b) not in kept])
