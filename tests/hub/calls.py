"""Calls and events for the hub's tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ari_bridge.events import (
    Call,
    CallEnded,
    CallStarted,
    CallStatus,
    CallUpdated,
    Direction,
    Gap,
    Leg,
    Level,
    Priority,
    Source,
    Suggestion,
    SuggestionKind,
    SuggestionState,
    Transcript,
)

STARTED = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def call(call_id: str = "c1", **changes: object) -> Call:
    ringing = Call(
        id=call_id,
        client_number="+79001234567",
        caller="+79001234567",
        callee="+79918987423",
        direction=Direction.INBOUND,
        started_at=STARTED,
        ringing=("1001", "1002"),
    )
    return replace(ringing, **changes)  # type: ignore[arg-type]


def started(call_id: str = "c1", **changes: object) -> CallStarted:
    return CallStarted(call(call_id, **changes))


def answered(call_id: str = "c1", operator: str = "1001", **changes: object) -> CallUpdated:
    return CallUpdated(call(call_id, status=CallStatus.ANSWERED, operator=operator, ringing=(), **changes))


def hung_up(call_id: str = "c1", operator: str = "1001") -> CallUpdated:
    return CallUpdated(call(call_id, status=CallStatus.ENDED, operator=operator, ringing=()))


def ended(call_id: str = "c1") -> CallEnded:
    return CallEnded(call_id, 16, "Клиент положил трубку", 61_230)


def partial(tail: str, utterance: int = 1, call_id: str = "c1", leg: Leg = Leg.CLIENT) -> Transcript:
    return Transcript(call_id, leg, utterance, "", tail, False, 1000, 2000)


def final(text: str, utterance: int = 1, call_id: str = "c1", leg: Leg = Leg.CLIENT) -> Transcript:
    return Transcript(call_id, leg, utterance, text, "", True, 1000, 2000)


def card(card_id: str = "s1", call_id: str = "c1", **changes: object) -> Suggestion:
    plain = Suggestion(
        call_id=call_id,
        id=card_id,
        kind=SuggestionKind.OBJECTION,
        title="Возражение: дорого",
        content="Предложите скидку 10 %.",
        priority=Priority.HIGH,
        source=Source.PLAYBOOK,
        state=SuggestionState.COMPLETE,
        utterance=1,
        quote="Это слишком дорого",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def gap(call_id: str = "c1") -> Gap:
    return Gap(call_id, Leg.CLIENT, 8000, 9400, (2, 3), "нет связи с распознаванием")


def level(client: float, call_id: str = "c1") -> Level:
    return Level(call_id, client, 0.0)
