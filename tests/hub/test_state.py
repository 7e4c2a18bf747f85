from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import (
    Checklist,
    ChecklistStep,
    Component,
    ComponentState,
    ComponentStatus,
    Event,
    Leg,
    SuggestionState,
    Summary,
    SystemChanged,
    Verdict,
)
from ari_bridge.hub import state as state_module
from ari_bridge.hub.access import LOCAL
from ari_bridge.hub.protocol import Message, encode
from ari_bridge.hub.state import LINGER_S, MOST_ENDED, SETTLED_S, HubState
from tests.hub.calls import STARTED, answered, card, ended, final, gap, hung_up, level, partial, started


def folded(events: list[Event], now: float = 0.0) -> HubState:
    state = HubState("demo")
    for sequence, event in enumerate(events, 1):
        state.fold(event, encode(event, sequence, STARTED, now), now)
    return state


def snapshot(state: HubState, cursor: int = 9, at: datetime = STARTED) -> tuple[Any, list[Message]]:
    first, rest = state.snapshot("e1", cursor, at, LOCAL, state.visible(lambda call: True))
    return json.loads(first), rest


def test_the_snapshot_holds_all_that_was_said() -> None:
    steps = (ChecklistStep("hello", "Поздороваться", True), ChecklistStep("need", "Выяснить потребность", False))
    summary = Summary("c1", "цена", "перезвонить", ("выслать счёт",))
    events = [started(), answered(), partial(" э"), final("эх"), final("да", leg=Leg.OPERATOR), gap(), card()]
    state = folded([*events, Checklist("c1", steps), level(0.5), hung_up(), ended(), summary])
    whole, rest = snapshot(state)
    assert rest == []
    assert {k: v for k, v in whole.items() if k not in ("calls", "system", "me")} == {
        "type": "snapshot",
        "epoch": "e1",
        "cursor": "9",
        "at": "2026-11-22T10:00:00.000Z",
        "mode": "demo",
    }
    [one] = whole["calls"]
    assert one == {
        **hung_up().call.to_json(),
        "transcript": [final("эх").to_json(), final("да", leg=Leg.OPERATOR).to_json()],
        "gaps": [gap().to_json()],
        "suggestions": [card().to_json()],
        "checklist": [step.to_json() for step in steps],
        "end": ended().to_json(),
        "summary": summary.to_json(),
    }


def test_a_line_that_is_final_never_changes() -> None:
    state = folded([started(), final("эх")])
    late = partial(" ох")
    assert not state.fold(late, encode(late, 9, STARTED, 0.0), 0.0)
    assert snapshot(state)[0]["calls"][0]["transcript"][0]["text"] == "эх"


def test_events_of_unknown_calls_are_not_taken() -> None:
    state = HubState()
    for event in (final("эх"), gap(), card(), ended(), level(0.1)):
        assert not state.fold(event, encode(event, 1, STARTED, 0.0), 0.0)
    assert state.views == {}
    assert state.fold(answered(), encode(answered(), 1, STARTED, 0.0), 0.0)  # an update tells all of a call
    assert list(state.views) == ["c1"]


def test_cards_are_replaced_and_withdrawn() -> None:
    rated = replace(card(), verdicts=(Verdict.USEFUL,))
    state = folded([started(), card(), card("s2"), rated])
    assert state.suggestion("s1") == rated
    assert [c["id"] for c in snapshot(state)[0]["calls"][0]["suggestions"]] == ["s1", "s2"]
    gone = card(state=SuggestionState.WITHDRAWN)
    state.fold(gone, encode(gone, 9, STARTED, 0.0), 0.0)
    assert state.suggestion("s1") is None
    assert [c["id"] for c in snapshot(state)[0]["calls"][0]["suggestions"]] == ["s2"]


def test_an_ended_call_stays_a_while() -> None:
    state = folded([started("c1"), started("c2"), hung_up("c1"), ended("c1")], now=100.0)
    assert [v.call.id for v in state.live()] == ["c2"]
    assert [v.call.id for v in state.ended()] == ["c1"]
    assert [v.call.id for v in state.visible(lambda c: True)] == ["c2", "c1"]
    assert state.expire(100.0 + LINGER_S - 1) == []
    assert state.expire(100.0 + LINGER_S) == ["c1"]
    assert list(state.views) == ["c2"]


def test_of_many_ended_calls_the_newest_stay() -> None:
    names = [f"c{number:03}" for number in range(MOST_ENDED + 3)]
    state = folded([event for name in names for event in (started(name), hung_up(name))], now=0.0)
    assert state.expire(SETTLED_S - 1) == [], "their last words may still come"
    assert state.expire(SETTLED_S) == names[:3]
    assert state.expire(LINGER_S) == names[3:]
    told = folded([event for name in names for event in (started(name), hung_up(name), ended(name))], now=0.0)
    assert told.expire(1.0) == names[:3], "of a call without a word no summary comes"


def test_a_call_whose_end_was_never_told_leaves_too() -> None:
    assert folded([started(), hung_up()], now=0.0).expire(LINGER_S) == ["c1"]


def test_system_states() -> None:
    state = HubState()
    assert snapshot(state)[0]["system"]["ari"]["state"] == "connecting"
    up = SystemChanged(dict.fromkeys(Component, ComponentStatus(ComponentState.UP)))
    assert state.fold(up, encode(up, 1, STARTED, 0.0), 0.0)
    assert snapshot(state)[0]["system"]["store"]["state"] == "up"


def test_a_replay_tells_a_call_from_its_beginning() -> None:
    state = folded([started(), answered(), final("эх"), gap(), card()])
    replay = state.replay("c1", STARTED)
    assert [m.type for m in replay] == ["call_start", "transcript", "gap", "suggestion"]
    assert json.loads(replay[0].frame("1", "0"))["call"]["status"] == "answered"


def test_a_large_day_does_not_make_a_large_snapshot() -> None:
    events: list[Event] = []
    for number in range(30):
        call_id = f"c{number}"
        events.append(started(call_id))
        events += [final("слово " * 50, utterance, call_id) for utterance in range(40)]
    state = folded(events)
    first, rest = state.snapshot("e1", 9, STARTED, LOCAL, state.visible(lambda call: True))
    assert len(first) < state_module.INLINE_BYTES + 64 * 1024
    whole = json.loads(first)
    assert whole["cursor"] == "9~"
    assert len(whole["calls"]) == 30
    told = sum(len(c["transcript"]) for c in whole["calls"])
    assert 0 < told < 1200
    assert told + len(rest) == 1200


EVENTS = st.sampled_from(
    [
        started(),
        answered(),
        partial(" а"),
        final("а"),
        partial(" б", 2),
        final("б", 2),
        gap(),
        card(),
        card(verdicts=(Verdict.USEFUL,)),
        card("s2", state=SuggestionState.WITHDRAWN),
        hung_up(),
        ended(),
    ]
)


@given(st.lists(EVENTS, max_size=30), st.integers(0, 30))
def test_a_snapshot_and_the_messages_after_it_are_the_later_snapshot(events: list[Event], cut: int) -> None:
    """What a page knows after a snapshot in mid-stream and all that follows is what a later snapshot says."""
    accepted, state = [], HubState()
    middle = None
    for sequence, event in enumerate(events, 1):
        if sequence - 1 == cut:
            middle = snapshot(state)[0]["calls"]
        if state.fold(event, encode(event, sequence, STARTED, 0.0), 0.0) and sequence > cut:
            accepted.append(event)
    page: dict[str, Any] = {c["id"]: c for c in middle or []}
    for event in accepted if middle is not None else []:
        _fold_as_a_page_does(page, event)
    if middle is not None:
        assert _known(page.values()) == _known(snapshot(state)[0]["calls"])


def _fold_as_a_page_does(page: dict[str, Any], event: Event) -> None:
    raw = event.to_json()
    call_id = raw["call"]["id"] if "call" in raw else raw["call_id"]
    one = page.setdefault(call_id, {"transcript": [], "gaps": [], "suggestions": [], "checklist": [], "end": None})
    if "call" in raw:
        one.update(raw["call"])
    elif event.type == "transcript":
        one["transcript"] = [
            *(t for t in one["transcript"] if (t["leg"], t["utterance"]) != (raw["leg"], raw["utterance"])),
            raw,
        ]
    elif event.type == "gap":
        one["gaps"] = [*one["gaps"], raw]
    elif event.type == "suggestion":
        others = [s for s in one["suggestions"] if s["id"] != raw["id"]]
        one["suggestions"] = others if raw["state"] == "withdrawn" else [*others, raw]
    elif event.type == "call_end":
        one["end"] = raw


def _known(calls: Any) -> Any:
    return [
        (
            c["id"],
            c["status"],
            sorted(map(str, c["transcript"])),
            len(c["gaps"]),
            sorted(map(str, c["suggestions"])),
            c["end"],
        )
        for c in calls
    ]


def test_visible_asks_for_every_call() -> None:
    state = folded([started("c1"), started("c2")])
    assert [v.call.id for v in state.visible(lambda c: c.id == "c2")] == ["c2"]
