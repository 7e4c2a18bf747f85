"""The shapes of a call as Asterisk 22.10 told them, folded without Asterisk (shapes/*.jsonl, `record_shapes`)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, groupby
from pathlib import Path
from typing import Any

import pytest

from ari_bridge.asterisk import events as ari
from ari_bridge.calls.registry import CallRegistry, Changed, Closed, Conversation, Opened
from ari_bridge.events import CallStatus

FOLDER = Path(__file__).with_name("shapes")
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
RINGING, ANSWERED, HELD, ENDED = CallStatus.RINGING, CallStatus.ANSWERED, CallStatus.HELD, CallStatus.ENDED


@dataclass
class Card:
    """What became of one call: every conversation told, in order, and why it closed."""

    told: list[Conversation] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def changes(self, key: str) -> list[Any]:
        return [value for value, _ in groupby(getattr(conversation.call, key) for conversation in self.told)]


def messages(name: str) -> list[ari.TelephonyEvent]:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    parsed = [ari.parse(json.loads(line)) for line in lines]
    assert not [event for event in parsed if isinstance(event, ari.Unknown)]
    return [event for event in parsed if not isinstance(event, ari.Unknown)]


def fold(events: Iterable[ari.TelephonyEvent]) -> list[Card]:
    """The cards in the order of their opening; a card that is opened or closed twice fails here."""
    numbers = count(1)
    registry = CallRegistry(("PJSIP/mango",), lambda: f"call-{next(numbers)}")
    cards: dict[str, Card] = {}
    for event in events:
        for change in registry.apply(event, NOW):
            call_id = change.conversation.call.id
            match change:
                case Opened():
                    assert call_id not in cards
                    cards[call_id] = Card()
                case Changed():
                    assert not cards[call_id].reasons
                case Closed(reason=reason):
                    assert not cards[call_id].reasons, "closed exactly once"
                    cards[call_id].reasons.append(reason)
            cards[call_id].told.append(change.conversation)
    assert all(card.reasons for card in cards.values())
    assert registry.conversations == ()
    return list(cards.values())


@pytest.mark.parametrize(
    ("name", "statuses", "operators"),
    [
        ("attended_transfer", [RINGING, ANSWERED, HELD, ANSWERED, ENDED], ["1010", "1011"]),
        ("blind_transfer", [RINGING, ANSWERED, RINGING, ANSWERED, ENDED], ["1008", "1009"]),
        ("transfer_outside", [RINGING, ANSWERED, RINGING, ANSWERED, ENDED], ["1026", "+79005550002"]),
        ("transfer_of_outbound", [RINGING, ANSWERED, RINGING, ANSWERED, ENDED], ["1023", "1024"]),
        ("held_by_client", [RINGING, ANSWERED, HELD, ANSWERED, ENDED], ["1022"]),
        ("picked_up", [RINGING, ANSWERED, ENDED], ["1013"]),
    ],
)
def test_one_card_that_shows_who_speaks(name: str, statuses: list[CallStatus], operators: list[str]) -> None:
    [card] = fold(messages(name))
    assert card.changes("status") == statuses
    assert [operator for operator in card.changes("operator") if operator is not None] == operators
    assert len({conversation.client for conversation in card.told}) == 1


def test_a_consultation_over_the_trunk_is_merged_into_the_older_card_for_good() -> None:
    older, consultation = fold(messages("attended_transfer_outside"))
    assert older.changes("status") == [RINGING, ANSWERED, HELD, ANSWERED, ENDED]
    assert [o for o in older.changes("operator") if o] == ["1025", "+79005550003"]
    assert consultation.reasons == ["Переведён: разговор продолжается в другой карточке"]


def test_only_the_side_that_holds_is_muted() -> None:
    [card] = fold(messages("held_by_client"))
    assert {conversation.muted for conversation in card.told if conversation.call.status is HELD} == {
        frozenset({card.told[0].client})
    }


def test_two_calls_of_one_operator_stay_two() -> None:
    cards = fold(messages("first_of_two"))
    assert len(cards) == 2
    assert {card.told[-1].client for card in cards} == {card.told[0].client for card in cards}
    for card in cards:
        assert [o for o in card.changes("operator") if o] == ["1017"]
