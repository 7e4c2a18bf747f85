"""How long a word takes: each link of audio → partial → final → card → painted, as the meter sees the events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_bridge.events import (
    Call,
    CallEnded,
    CallStarted,
    CallStatus,
    CallUpdated,
    Direction,
    Gap,
    Leg,
    Priority,
    Source,
    Suggestion,
    SuggestionKind,
    SuggestionState,
    Transcript,
)
from ari_bridge.ops.meter import CARDS_AT_HAND, CallMeter, by_leg_state, by_status

ZERO = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
CALL = Call("c1", "+79001234567", None, None, Direction.INBOUND, ZERO)


class Bench:
    """A meter, a clock that is set by hand, and what the meter observed."""

    def __init__(self) -> None:
        self.at_ms = 0
        self.seen: dict[str, list[float]] = {}
        self.meter = CallMeter(self, lambda: ZERO + timedelta(milliseconds=self.at_ms))
        self.meter.on_event(CallStarted(CALL), 1)
        self.meter.on_event(CallUpdated(replace(CALL, status=CallStatus.ANSWERED, zero_at=ZERO)), 2)

    def latency(self, name: str, help_text: str) -> Callable[[float], None]:
        return self.seen.setdefault(name, []).append

    def hear(self, at_ms: int, end_ms: int, *, final: bool, leg: Leg = Leg.CLIENT) -> None:
        self.at_ms = at_ms
        line = Transcript("c1", leg, 1, "Это дорого", "" if final else " очень", final, 0, end_ms)
        self.meter.on_event(line, 3)

    def show(self, at_ms: int, cursor: int, **changes: object) -> None:
        self.at_ms = at_ms
        self.meter.on_event(replace(CARD, **changes), cursor)  # type: ignore[arg-type]


CARD = Suggestion(
    "c1",
    "k1",
    SuggestionKind.OBJECTION,
    "Дорого",
    "Предложите рассрочку",
    Priority.HIGH,
    Source.PLAYBOOK,
    SuggestionState.COMPLETE,
    1,
    "Это дорого",
)


def test_each_link_of_the_chain_is_measured_from_the_end_of_speech() -> None:
    bench = Bench()
    bench.hear(1400, 1000, final=False)
    bench.show(1450, 4)
    bench.hear(2500, 1500, final=True)
    bench.meter.painted(4, 0.03)
    assert bench.seen["speech_partial"] == pytest.approx([0.4])
    assert bench.seen["speech_card"] == pytest.approx([0.45])
    assert bench.seen["speech_final"] == pytest.approx([1.0])
    assert bench.seen["card_painted"] == pytest.approx([0.03])
    assert bench.seen["speech_painted"] == pytest.approx([0.48])


def test_the_same_partial_again_and_a_refined_card_are_no_news() -> None:
    bench = Bench()
    bench.hear(1400, 1000, final=False)
    bench.hear(1700, 1000, final=False)
    bench.show(1800, 4)
    bench.show(2600, 5, source=Source.LLM, content="Предложите рассрочку на шесть месяцев")
    assert len(bench.seen["speech_partial"]) == 1
    assert len(bench.seen["speech_card"]) == 1
    assert bench.meter.cards == {"playbook": 1}


def test_a_card_of_an_older_utterance_or_of_the_supervisor_tells_nothing_of_speed() -> None:
    bench = Bench()
    bench.hear(1400, 1000, final=True)
    bench.show(1500, 4, id="w", utterance=None, source=Source.SUPERVISOR)
    bench.show(1600, 5, id="o", utterance=0)
    bench.meter.painted(4, 0.1)
    assert bench.seen["speech_card"] == []
    assert bench.seen["speech_painted"] == []
    assert len(bench.seen["card_painted"]) == 1


def test_a_replay_after_an_outage_is_not_taken_for_slowness() -> None:
    bench = Bench()
    bench.hear(90_000, 1000, final=True)
    bench.hear(500, 1000, final=True)  # a wall clock that was set back
    assert bench.seen["speech_final"] == []


def test_cards_that_nobody_paints_are_forgotten() -> None:
    bench = Bench()
    bench.hear(1000, 900, final=True)
    for number in range(CARDS_AT_HAND + 1):
        bench.show(1000, 10 + number, id=f"k{number}")
    bench.meter.painted(10, 0.1)
    assert bench.seen["speech_painted"] == []
    bench.meter.painted(11, 0.1)
    assert bench.seen["speech_painted"] == pytest.approx([0.2])


def test_calls_gaps_and_legs_are_counted() -> None:
    bench = Bench()
    bench.meter.on_event(Gap("c1", Leg.CLIENT, 0, 400, (0,), "потеряны пакеты RTP"), 3)
    bench.meter.on_event(CallEnded("c1", 16, "", 61_000), 4)
    bench.meter.on_event(CallEnded("c2", 17, "", 0), 5)
    assert bench.meter.started == {"inbound": 1}
    assert bench.meter.ended == {"answered": 1, "unanswered": 1}
    assert bench.meter.gaps == {"client": 1}
    assert by_status((CALL,)) == {"ringing": 1}
    assert by_leg_state((CALL,)) == {"connecting": 2}
