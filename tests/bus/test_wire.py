"""What is packed comes out the same; anything else is a ValueError."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.bus.reading import event_of
from ari_bridge.bus.wire import Carried, Forgotten, Told, may_be_lost, pack, unpack
from ari_bridge.events import Checklist, ChecklistStep, Leg, Summary, Verdict
from tests.hub.calls import STARTED, answered, card, ended, final, gap, level, partial, started

EVENTS: list[Carried] = [
    started(),
    answered(answered_at=STARTED, zero_at=STARTED, linkedid="1.2", off=("llm",)),
    partial("Это", leg=Leg.OPERATOR),
    final("Это дорого\ud800\n"),
    gap(),
    card(verdicts=(Verdict.USEFUL,)),
    Checklist("c1", (ChecklistStep("hello", "Поздороваться", True),)),
    level(0.5),
    ended(),
    Summary("c1", "кондиционер", "перезвонить", ("счёт",)),
    Forgotten("c1"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_event_comes_out_as_it_went_in(event: Carried) -> None:
    told = Told("office-1", "a1", 7, datetime(2026, 11, 27, 10, tzinfo=UTC), event)
    line = pack(told)
    assert "\n" not in line
    assert unpack(line) == told


def test_partials_and_levels_may_be_lost() -> None:
    assert [event.type for event in EVENTS if may_be_lost(event)] == ["transcript", "level"]


@pytest.mark.parametrize("line", ["", "{}", "[]", "[1,2,3,4,5,6]", '["n","o",1,"2026-11-27","gap",{}]'])
def test_nonsense_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        unpack(line)


@given(st.sampled_from(["gap", "transcript", "call_start", "nothing"]), st.dictionaries(st.text(), st.none()))
def test_members_of_another_version_are_refused(kind: str, members: dict[str, None]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        event_of(kind, members)
