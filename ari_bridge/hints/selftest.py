"""The playbook tests itself: each example must bring its card or step, each counter-example must not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ari_bridge.hints.compiled import Compiled, compile_playbook
from ari_bridge.hints.playbook import Playbook
from ari_bridge.hints.stems import words


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that the sales lead should mend: which card or step, and a Russian reason."""

    owner: str
    reason: str


def playbook_selftest(playbook: Playbook) -> tuple[Finding, ...]:
    """Nothing for a playbook that does what its author wrote down."""
    return selftest_of(compile_playbook(playbook))


def selftest_of(compiled: Compiled) -> tuple[Finding, ...]:
    """The same of one that is compiled already."""
    return (*_phrases(compiled), *_promises(compiled))


def _phrases(compiled: Compiled) -> Iterator[Finding]:
    for card in compiled.playbook.cards:
        found = [(text, {hit.owner for hit in compiled.cards_in(words(text))}) for text in card.examples]
        yield from _missing(card.id, found)
        found = [(text, {hit.owner for hit in compiled.cards_in(words(text))}) for text in card.counterexamples]
        yield from _extra(card.id, found)
    for step in compiled.playbook.checklist:
        yield from _missing(step.id, [(text, set(compiled.steps_in(words(text)))) for text in step.examples])
        yield from _extra(step.id, [(text, set(compiled.steps_in(words(text)))) for text in step.counterexamples])


def _missing(owner: str, found: Iterable[tuple[str, set[str]]]) -> Iterator[Finding]:
    for text, owners in found:
        if owner not in owners:
            yield Finding(owner, f"пример «{text}» карточку не вызывает: добавьте фразу в phrases")


def _extra(owner: str, found: Iterable[tuple[str, set[str]]]) -> Iterator[Finding]:
    for text, owners in found:
        if owner in owners:
            yield Finding(owner, f"контрпример «{text}» карточку вызывает: уточните phrases или добавьте unless")


def _promises(compiled: Compiled) -> Iterator[Finding]:
    """What the lead forbids must not stand in the lead's own texts."""
    for card in compiled.playbook.cards:
        if compiled.licence.forbids(f"{card.title}. {card.say}"):
            yield Finding(card.id, "текст карточки обещает то, что запрещено в forbidden")
    for text in (*compiled.playbook.offers, *compiled.playbook.facts):
        if compiled.licence.forbids(text):
            yield Finding("offers", f"«{text}» запрещено в forbidden")
