from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.calls.frames import FrameBook
from ari_bridge.events import Leg
from ari_bridge.history import FrameAccount


def test_slices_add_up_to_frames_of_the_calls_time() -> None:
    book = FrameBook(3000)
    for start_ms in range(0, 6000, 100):
        book.hear(Leg.CLIENT, start_ms, 100, 0.01, speech=start_ms < 1000)
    book.hear(Leg.OPERATOR, 3000, 100, 1.0, speech=True)
    assert book.accounts() == (
        FrameAccount(Leg.CLIENT, 0, 0, 3000, 0, -20.0, 1000),
        FrameAccount(Leg.CLIENT, 1, 3000, 3000, 0, -20.0, 0),
        FrameAccount(Leg.OPERATOR, 1, 3000, 100, 0, 0.0, 100),
    )


def test_what_lies_across_an_edge_counts_on_both_sides() -> None:
    book = FrameBook(3000)
    book.hear(Leg.CLIENT, 2940, 100, 0.1, speech=True)
    book.lose(Leg.CLIENT, 2960, 3020)
    assert [(f.number, f.duration_ms, f.lost_ms, f.speech_ms) for f in book.accounts()] == [
        (0, 60, 40, 60),
        (1, 40, 20, 40),
    ]
    assert book.numbers(8000, 9400) == (2, 3)
    assert book.numbers(3000, 6000) == (1,)


def test_before_the_calls_zero_there_is_nothing() -> None:
    book = FrameBook(3000)
    book.lose(Leg.CLIENT, -500, -100)
    assert book.accounts() == ()
    book.lose(Leg.CLIENT, -500, 100)
    assert [(f.number, f.lost_ms, f.duration_ms, f.loudness_dbfs) for f in book.accounts()] == [(0, 100, 0, -100.0)]


def test_a_restarted_daemon_goes_on_with_what_was_heard_before() -> None:
    first = FrameBook(3000)
    first.hear(Leg.CLIENT, 0, 1500, 0.01, speech=True)
    second = FrameBook(3000, first.accounts())
    second.hear(Leg.CLIENT, 1500, 1500, 0.01, speech=False)
    assert second.accounts() == (FrameAccount(Leg.CLIENT, 0, 0, 3000, 0, -20.0, 1500),)


@given(st.lists(st.tuples(st.integers(1, 400), st.booleans()), max_size=60), st.integers(0, 10_000))
def test_no_millisecond_is_lost_or_doubled(slices: list[tuple[int, bool]], start_ms: int) -> None:
    book, at = FrameBook(3000), start_ms
    for duration_ms, speech in slices:
        book.hear(Leg.CLIENT, at, duration_ms, 0.5, speech)
        at += duration_ms
    frames = book.accounts()
    assert sum(frame.duration_ms for frame in frames) == sum(ms for ms, _ in slices)
    assert sum(frame.speech_ms for frame in frames) == sum(ms for ms, speech in slices if speech)
    assert all(0 < frame.duration_ms <= 3000 for frame in frames)
    assert all(frame.start_ms == 3000 * frame.number for frame in frames)
    assert all(frame.loudness_dbfs == pytest.approx(-3.0, abs=0.05) for frame in frames)
