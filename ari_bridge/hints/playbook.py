"""The playbook as the engine sees it. Pure types; `playbook_yaml` parses them, `playbook_file` reads them."""

from __future__ import annotations

from dataclasses import dataclass

from ari_bridge.events import Priority, SuggestionKind


@dataclass(frozen=True, slots=True)
class Product:
    name: str
    price: str  # as it may be told to a client, in words of the sales lead
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What to say when the client says one of `phrases` (syntax: `matcher.parse_phrase`).

    `unless` silences the card. `examples` must bring the card and `counterexamples` must not; see `selftest`.
    """

    id: str
    kind: SuggestionKind
    priority: Priority
    title: str
    say: str
    phrases: tuple[str, ...]
    unless: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A checklist step, done once the operator says one of `phrases`."""

    id: str
    title: str
    phrases: tuple[str, ...]
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Playbook:
    """Everything a sales lead decided: whom we sell for, at what price, what may be offered, what must never be.

    `offers` and `facts` together with products, cards and `about` are all that a hint may promise.
    """

    company: str
    about: str
    products: tuple[Product, ...]
    offers: tuple[str, ...]
    facts: tuple[str, ...]
    forbidden: tuple[str, ...]
    terms: tuple[str, ...]
    cards: tuple[Card, ...]
    checklist: tuple[Step, ...]


class PlaybookError(ValueError):
    """A playbook that cannot be used: `line` (1-based, 0 where unknown) and a Russian `reason` for the sales lead."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"строка {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason
