"""Calls and lines for the store's tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ari_bridge.events import (
    Call,
    CallEnded,
    CallEvent,
    CallStarted,
    CallStatus,
    CallUpdated,
    Direction,
    Leg,
    Priority,
    Source,
    Suggestion,
    SuggestionKind,
    SuggestionState,
    Transcript,
    Verdict,
)
from ari_bridge.history import CallFrames, Cost, Incident
from ari_bridge.store.repository import Entry

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def ringing(call_id: str = "c1", number: str | None = "+79001234567", at: datetime = AT) -> Call:
    return Call(
        id=call_id,
        client_number=number,
        caller=number,
        callee="+74950000000",
        direction=Direction.INBOUND,
        started_at=at,
        ringing=("1001", "1002"),
        linkedid="1732269600.41",
        client_channel=f"channel-of-{call_id}",
    )


def answered(call: Call, operator: str = "1001", after_s: float = 5.0) -> Call:
    at = call.started_at + timedelta(seconds=after_s)
    return replace(
        call,
        status=CallStatus.ANSWERED,
        ringing=(),
        operator=operator,
        answered_at=call.answered_at or at,
        zero_at=call.zero_at or at,
    )


def said(
    text: str,
    utterance: int = 1,
    call_id: str = "c1",
    leg: Leg = Leg.CLIENT,
    *,
    start_ms: int = 1000,
    final: bool = True,
) -> Transcript:
    return Transcript(call_id, leg, utterance, text, "" if final else "…", final, start_ms, start_ms + 900)


def card(
    call_id: str = "c1", card_id: str = "s1", title: str = "Возражение: дорого", verdicts: tuple[Verdict, ...] = ()
) -> Suggestion:
    return Suggestion(
        call_id=call_id,
        id=card_id,
        kind=SuggestionKind.OBJECTION,
        title=title,
        content="Предложите скидку 10 %",
        priority=Priority.HIGH,
        source=Source.PLAYBOOK,
        state=SuggestionState.COMPLETE,
        utterance=1,
        quote="Это слишком дорого",
        verdicts=verdicts,
    )


class Diary:
    """Makes entries: numbers them and lets time pass."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at
        self._number = 0

    def note(self, *what: CallEvent | Incident | Cost | CallFrames, after_s: float = 0.0) -> list[Entry]:
        self.at += timedelta(seconds=after_s)
        entries = []
        for item in what:
            entries.append(Entry(self.at, self._number, item))
            self._number += 1
        return entries

    def conversation(self, call: Call, *texts: str, operator: str = "1001") -> list[Entry]:
        """A whole call: rings, is answered, the client says `texts`, ends."""
        talk = answered(call, operator)
        lines = [said(text, n + 1, call.id, start_ms=1000 * n) for n, text in enumerate(texts)]
        self.at = call.started_at
        return [
            *self.note(CallStarted(call)),
            *self.note(CallUpdated(talk), after_s=5),
            *self.note(*lines, after_s=10),
            *self.note(CallUpdated(replace(talk, status=CallStatus.ENDED)), after_s=30),
            *self.note(CallEnded(call.id, 16, "Клиент положил трубку", 35_000)),
        ]
