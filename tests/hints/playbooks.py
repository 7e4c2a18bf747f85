"""A small playbook for tests, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime

from ari_bridge.events import (
    Call,
    Checklist,
    ChecklistStep,
    Direction,
    Leg,
    Source,
    Suggestion,
    SuggestionState,
    Transcript,
)
from ari_bridge.hints.compiled import Compiled, compile_playbook
from ari_bridge.hints.playbook import Playbook
from ari_bridge.hints.playbook_yaml import parse_playbook
from ari_bridge.history import CallRecord

SMALL = """
company: Ромашка
about: Окна и балконы.
products:
  - name: Окно пластиковое
    price: 12 000 рублей
offers:
  - Скидка 10 % от двух окон
  - Рассрочка на 6 месяцев без переплаты
facts:
  - Гарантия 3 года на окна
  - Бесплатный замер
forbidden:
  - пожизнен* гарант*
cards:
  - id: dear
    kind: objection
    priority: high
    title: "Возражение: дорого"
    say: Спросите, с чем сравнивает. Предложите рассрочку на 6 месяцев.
    phrases: [дорого]
    unless: [дорогие =мои]
    examples: [это дорого]
    counterexamples: [это недорого]
  - id: term
    kind: timing
    priority: medium
    title: Вопрос о сроках
    say: Узнайте, к какому дню нужно поставить окна.
    phrases: [срок, когда сделаете]
  - id: warranty
    kind: question
    priority: medium
    title: Вопрос о гарантии
    say: Гарантия 3 года на окна.
    phrases: [гарантия]
  - id: mail
    kind: other
    priority: low
    title: Просит письмо
    say: Запишите, куда написать, и договоритесь о звонке.
    phrases: [пришлите почту]
checklist:
  - id: hello
    title: Представиться
    phrases: [меня зовут]
  - id: survey
    title: Назначить замер
    phrases: [замер]
"""


def small() -> Playbook:
    return parse_playbook(SMALL)


def compiled() -> Compiled:
    return compile_playbook(small())


def heard(
    text: str, *, leg: Leg = Leg.CLIENT, utterance: int = 1, final: bool = True, confirmed: int = 0
) -> Transcript:
    """A transcript; of a partial the first `confirmed` characters are confirmed."""
    body, tail = (text, "") if final else (text[:confirmed], text[confirmed:])
    return Transcript("c1", leg, utterance, body, tail, final, utterance * 4000, utterance * 4000 + 2000)


# What is kept of a call that an earlier run of the daemon left open

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CALL = Call("c1", "+79001234567", None, None, Direction.INBOUND, NOON, zero_at=NOON)


def kept_card(card_id: str, utterance: int = 1) -> Suggestion:
    card = compiled().cards[card_id]
    return Suggestion(
        "c1", f"c1-{utterance}-{card_id}", card.kind, card.title, card.say, card.priority, Source.PLAYBOOK,
        SuggestionState.COMPLETE, utterance, "",
    )  # fmt: skip


def kept_call(
    lines: tuple[Transcript, ...] = (), cards: tuple[Suggestion, ...] = (), done: tuple[str, ...] = ()
) -> CallRecord:
    """`done`: the steps of `SMALL` that were ticked."""
    steps = tuple(ChecklistStep(step.id, step.title, step.id in done) for step in small().checklist)
    return CallRecord(CALL, transcript=lines, suggestions=cards, checklist=Checklist("c1", steps) if done else None)
