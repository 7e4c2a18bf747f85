from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.calls.health import NO_AUDIO_AFTER_S, NO_RTP, ONLY_ZEROS, SILENT, SILENT_AFTER_S, AudioHealth


def fed(since: float, until: float, *, all_zero: bool = False, speech: bool = False) -> AudioHealth:
    """A leg that was heard ten times a second."""
    health = AudioHealth(since)
    now = since
    while now <= until:
        health.feed(now, all_zero=all_zero, speech=speech)
        now += 0.1
    return health


def test_no_packets_are_told_from_packets_of_zeros() -> None:
    nothing = AudioHealth(100.0)
    assert nothing.status(100.0 + NO_AUDIO_AFTER_S - 0.1) is None
    assert nothing.status(100.0 + NO_AUDIO_AFTER_S) == NO_RTP
    assert not nothing.should_ask(103.0)
    zeros = fed(100.0, 103.0, all_zero=True)
    assert zeros.status(103.0) is None, "a muted microphone sends zeros too"
    assert zeros.should_ask(103.0)
    assert not fed(100.0, 102.0, all_zero=True).should_ask(102.0)


def test_a_telephone_that_sends_nothing_is_told_from_a_muted_one() -> None:
    health = fed(100.0, 103.0, all_zero=True)
    health.received(0)
    assert health.status(103.0) == ONLY_ZEROS
    health.received(150)
    assert health.status(103.0) is None
    health.received(150)
    assert health.status(103.0) == ONLY_ZEROS, "it has stopped"
    health.feed(103.1, all_zero=False, speech=False)
    assert health.status(103.1) is None
    assert not health.should_ask(110.0)


def test_who_says_nothing_for_long_is_silent() -> None:
    health = fed(100.0, 100.0 + SILENT_AFTER_S)
    assert health.status(100.0 + SILENT_AFTER_S) == SILENT
    health.feed(108.1, all_zero=False, speech=True)
    assert health.status(108.1) is None


def test_an_answer_counts_anew() -> None:
    health = fed(100.0, 110.0, all_zero=True)
    health.received(0)
    health.restart(110.0)
    assert health.status(110.0) is None
    assert not health.should_ask(110.0)


def test_a_line_that_stops_is_found() -> None:
    health = fed(100.0, 105.0, speech=True)
    assert health.status(107.0) is None
    assert health.status(105.0 + NO_AUDIO_AFTER_S) == NO_RTP


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans(), st.booleans())))
def test_whoever_is_heard_without_a_pause_has_audio(slices: list[tuple[float, bool, bool]]) -> None:
    health, now = AudioHealth(0.0), 0.0
    for step, all_zero, speech in slices:
        now += step
        health.feed(now, all_zero=all_zero, speech=speech)
        assert health.status(now) not in (NO_RTP, ONLY_ZEROS)
