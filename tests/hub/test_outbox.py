from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Event, Transcript
from ari_bridge.hub.outbox import Outbox
from ari_bridge.hub.protocol import Message, encode
from tests.hub.calls import STARTED, card, ended, final, gap, level, partial, started


def message(event: Event, sequence: int) -> Message:
    return encode(event, sequence, STARTED, 0.0)


def drain(outbox: Outbox) -> list[Any]:
    frames = []
    while (frame := outbox.take()) is not None:
        frames.append(json.loads(frame))
    return frames


def filled(events: list[Event], **options: Any) -> Outbox:
    outbox = Outbox(**options)
    for sequence, event in enumerate(events, 1):
        outbox.put(message(event, sequence))
    return outbox


def test_a_chain_of_cursors() -> None:
    frames = drain(filled([started(), gap(), card()]))
    assert [(f["prev"], f["cursor"]) for f in frames] == [("0", "1"), ("1", "2"), ("2", "3")]


def test_partials_of_one_utterance_and_levels_of_one_call_are_coalesced() -> None:
    events = [partial(" э"), level(0.1), gap(), partial(" эх"), level(0.2), level(0.3, "c2"), partial(" а", 2)]
    outbox = filled(events)
    assert outbox.coalesced == 2
    frames = drain(outbox)
    assert [(f["type"], f["cursor"]) for f in frames] == [
        ("gap", "3"),
        ("transcript", "4"),
        ("level", "5"),
        ("level", "6"),
        ("transcript", "7"),
    ]
    assert frames[1]["prev"] == "3"


def test_a_new_partial_never_overtakes_the_old_final() -> None:
    frames = drain(filled([final("эх", 1), partial(" а", 2), partial(" ах", 2)]))
    assert [(f["utterance"], f["final"], f["tail"]) for f in frames] == [(1, True, ""), (2, False, " ах")]


def test_overflow_by_count_empties_the_outbox_and_takes_no_more() -> None:
    outbox = filled([gap(), gap(), gap()], max_messages=2)
    assert outbox.overflowed
    assert len(outbox) == 0
    outbox.put(message(gap(), 4))
    assert drain(outbox) == []
    assert not outbox.ready


def test_overflow_by_bytes() -> None:
    assert not filled([card(content="х" * 100)], max_bytes=1000).overflowed
    outbox = filled([card(content="х" * 500)], max_bytes=1000)
    assert outbox.overflowed
    assert outbox.queued_bytes == 0


def test_what_may_be_dropped_never_overflows() -> None:
    events: list[Event] = [partial(f" {n}") for n in range(500)]
    outbox = filled([*events, *(level(n / 500) for n in range(500))], max_messages=2)
    assert not outbox.overflowed
    assert [f["type"] for f in drain(outbox)] == ["transcript", "level"]


def test_a_message_that_was_held_does_not_move_the_cursor_back() -> None:
    outbox = Outbox()
    for event, sequence in ((partial(" а"), 1), (gap(), 3), (partial(" б"), 2)):
        outbox.put(message(event, sequence))
        if sequence == 1:
            frames = drain(outbox)
    frames += drain(outbox)
    assert [(f["type"], f["prev"], f["cursor"]) for f in frames] == [
        ("transcript", "0", "1"),
        ("gap", "1", "3"),
        ("transcript", "3", "3"),
    ]


def test_a_batch_ends_with_the_frame_that_fills_it() -> None:
    outbox = filled([card(f"s{number}", content="х" * 500) for number in range(10)])
    batch = outbox.take_batch(3000)
    assert len(batch) == 3
    assert sum(map(len, batch[:-1])) < 3000 <= sum(map(len, batch))
    assert len(outbox.take_batch(1 << 20)) == 7
    assert outbox.take_batch(1 << 20) == []


def test_the_rest_of_a_snapshot_cannot_be_resumed_from_its_middle() -> None:
    outbox = Outbox()
    outbox.begin(41, [message(final("а"), 5), message(gap(), 9)], resumable=False)
    assert outbox.cursor == "41~"
    outbox.put(message(card(), 42))
    assert [(f["prev"], f["cursor"]) for f in drain(outbox)] == [("41~", "41~"), ("41~", "41"), ("41", "42")]


def test_a_resume_can_be_resumed_from_anywhere() -> None:
    outbox = Outbox()
    outbox.begin(3, [message(final("а"), 5), message(gap(), 9)], resumable=True)
    assert outbox.cursor == "3"
    assert [(f["prev"], f["cursor"]) for f in drain(outbox)] == [("3", "5"), ("5", "9")]


def test_a_call_that_appears_is_told_before_what_comes_next() -> None:
    outbox = Outbox(41)
    outbox.put(message(gap("c1"), 42))
    outbox.show([message(started("c2"), 7), message(final("а", call_id="c2"), 9)])
    frames = drain(outbox)
    assert [(f["type"], f["prev"], f["cursor"]) for f in frames] == [
        ("call_start", "41", "41~"),
        ("transcript", "41~", "41"),
        ("gap", "41", "42"),
    ]


DROPPABLE: list[Event] = [partial(" а"), partial(" б"), partial(" в", 2), level(0.1)]
EVENTS = st.sampled_from([*DROPPABLE, final("а"), final("в", 2), gap(), card(), ended()])


@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=60))
def test_whatever_the_reader_does_it_ends_with_everything_certain(steps: list[tuple[Event, bool]]) -> None:
    outbox = Outbox()
    seen, final_lines = [], set[object]()
    for sequence, (event, reads) in enumerate(steps, 1):
        each = message(event, sequence)
        if each.key not in final_lines:  # the state lets nothing change a final line
            outbox.put(each)
        if isinstance(event, Transcript) and event.final:
            final_lines.add(each.key)
        if reads and (frame := outbox.take()) is not None:
            seen.append(json.loads(frame))
    seen += drain(outbox)
    told = [{k: v for k, v in f.items() if k not in ("type", "cursor", "prev", "at")} for f in seen]
    for event, _ in steps:
        assert event in DROPPABLE or event.to_json() in told
    prev = "0"
    for frame in seen:
        assert frame["prev"] == prev
        assert int(frame["cursor"]) >= int(prev)
        prev = frame["cursor"]
