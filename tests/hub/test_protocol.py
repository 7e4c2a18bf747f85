from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Component, ComponentState, ComponentStatus, Event, SystemChanged, Verdict
from ari_bridge.hub.protocol import (
    KEPT_S,
    Delivery,
    Feedback,
    Message,
    MessageLog,
    Painted,
    Pong,
    encode,
    heartbeat,
    hidden,
    parse_client_message,
    parse_cursor,
    resumed,
)
from tests.hub.calls import STARTED, answered, card, ended, final, gap, level, partial, started

SYSTEM = SystemChanged(dict.fromkeys(Component, ComponentStatus(ComponentState.UP)))
ALL: list[Event] = [started(), answered(), partial(" э"), final("эх"), gap(), card(), level(0.5), ended(), SYSTEM]


def message(event: Event, sequence: int = 1) -> Message:
    return encode(event, sequence, STARTED, 0.0)


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.type)
def test_a_frame_is_the_envelope_and_the_events_members(event: Event) -> None:
    frame = json.loads(message(event, 42).frame("42", "41"))
    assert frame == {
        "type": event.type,
        "cursor": "42",
        "prev": "41",
        "at": "2026-11-22T10:00:00.000Z",
        **event.to_json(),
    }


def test_messages_of_the_hub_itself() -> None:
    assert json.loads(heartbeat("41", STARTED)) == {
        "type": "heartbeat",
        "cursor": "41",
        "prev": "41",
        "at": "2026-11-22T10:00:00.000Z",
    }
    assert json.loads(resumed("e", "41", STARTED))["epoch"] == "e"
    assert json.loads(hidden("c1", 5, STARTED, 0.0).frame("5", "4"))["call_id"] == "c1"


def test_what_may_be_dropped() -> None:
    assert message(partial(" э")).delivery is Delivery.PARTIAL
    assert message(level(0.1)).delivery is Delivery.DROPPABLE
    certain = [e for e in ALL if e.type not in ("level",) and e != partial(" э")]
    assert {message(event).delivery for event in certain} == {Delivery.CERTAIN}


def test_a_final_takes_the_place_of_its_own_partial_only() -> None:
    assert message(partial(" э", 3)).key == message(final("эх", 3)).key
    assert message(partial(" э", 4)).key != message(final("эх", 3)).key


def test_text_that_utf_8_cannot_hold_is_sent_all_the_same() -> None:
    frame = message(final("а\ud800б\u2028")).frame("1", "0")
    assert json.loads(frame.decode("utf-8"))["text"] == "а?б\u2028"


def test_a_number_that_json_cannot_hold_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match="JSON"):
        message(level(float("nan")))


def test_the_log_gives_what_was_missed() -> None:
    log = MessageLog()
    events = [started(), partial(" э"), level(0.5), partial(" эх"), final("эх"), partial(" а", 2), card()]
    for sequence, event in enumerate(events, 1):
        log.append(message(event, sequence))
    assert [m.sequence for m in log.since(0) or []] == [1, 5, 6, 7]
    assert [m.sequence for m in log.since(5) or []] == [6, 7]
    assert log.since(7) == []
    assert log.find(7) is not None
    assert log.find(5) is None  # a transcript


def test_the_log_knows_what_it_has_forgotten() -> None:
    log = MessageLog(max_messages=3)
    for sequence in range(1, 7):
        log.append(message(gap(), sequence))
    assert log.since(2) is None
    assert [m.sequence for m in log.since(3) or []] == [4, 5, 6]
    small = MessageLog(max_bytes=3 * len(message(gap())) + 1)
    for sequence in range(1, 7):
        small.append(message(gap(), sequence))
    assert [m.sequence for m in small.since(3) or []] == [4, 5, 6]
    assert small.since(2) is None


def test_the_log_keeps_more_than_enough_for_seconds_only() -> None:
    log = MessageLog(enough=2)
    for sequence in range(1, 6):
        log.append(replace(message(gap(), sequence), published=float(sequence)))
    assert [m.sequence for m in log.since(0) or []] == [1, 2, 3, 4, 5]
    log.append(replace(message(gap(), 6), published=3.5 + KEPT_S))
    assert log.since(2) is None
    assert [m.sequence for m in log.since(3) or []] == [4, 5, 6]
    log.append(replace(message(gap(), 7), published=60.0 + KEPT_S))
    assert [m.sequence for m in log.since(5) or []] == [6, 7], "and enough for ever"


@given(st.lists(st.sampled_from(ALL), max_size=40), st.integers(0, 40), st.integers(1, 40))
def test_resume_ends_where_an_unbroken_reader_is(events: list[Event], seen: int, room: int) -> None:
    """A reader that saw the first `seen` messages, then what `since` gives, knows the same as one that saw all."""
    log = MessageLog(max_messages=room)
    messages = [message(event, sequence) for sequence, event in enumerate(events, 1)]
    for each in messages:
        log.append(each)
    seen = min(seen, len(messages))
    missed = log.since(seen)
    if missed is None:
        assert len(messages) - seen > room or room < len(messages)
        return
    kept = [m for m in messages if m.delivery is not Delivery.DROPPABLE]
    newest = {m.key: m for m in kept}
    resumed_reader = {m.key: m for m in [*(m for m in kept if m.sequence <= seen), *missed]}
    assert resumed_reader == newest
    assert [m.sequence for m in missed] == sorted(m.sequence for m in missed)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ('{"type":"pong"}', Pong()),
        ('{"type":"pong","extra":1}', Pong()),
        ('{"type":"painted","cursor":"45"}', Painted(45)),
        ('{"type":"feedback","id":"s1","verdict":"pinned"}', Feedback("s1", Verdict.PINNED)),
        ('{"type":"painted","cursor":45}', None),
        ('{"type":"painted","cursor":"45~"}', None),
        ('{"type":"painted","cursor":"٤"}', None),
        ('{"type":"painted","cursor":"9999999999999999999999"}', None),
        ('{"type":"painted"}', None),
        ('{"type":"feedback","id":"","verdict":"pinned"}', None),
        ('{"type":"feedback","id":"' + "x" * 201 + '","verdict":"pinned"}', None),
        ('{"type":"feedback","id":"s1","verdict":["pinned"]}', None),
        ('{"type":"feedback","id":"s1"}', None),
        ('{"type":["pong"]}', None),
        ('{"type":null}', None),
        ("{}", None),
        ("[]", None),
        ("1e400", None),
        ("", None),
        ("[" * 4096, None),
        ("1" * 4096 + "1" * 1000, None),
    ],
)
def test_client_messages(text: str, parsed: object) -> None:
    assert parse_client_message(text) == parsed


@given(st.text())
def test_any_text_of_a_client_is_taken(text: str) -> None:
    parse_client_message(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "id", "verdict", "cursor"]), inner),
    )
)
def test_any_json_of_a_client_is_taken(value: object) -> None:
    parse_client_message(json.dumps(value))


def test_cursors() -> None:
    assert parse_cursor("0") == 0
    assert [parse_cursor(bad) for bad in ("", "-1", "1.0", "0x1", "²", None, 5, "41~")] == [None] * 8


def test_messages_are_values() -> None:
    assert replace(message(gap()), sequence=2) != message(gap())
