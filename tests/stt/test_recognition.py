"""Continuity of one leg over sessions that die anywhere, without sockets."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.interfaces import Utterance
from ari_bridge.stt.recognition import LegRecognition, SpeechGap
from ari_bridge.stt.ring import AudioRing
from tests.stt.byte_speech import MS, Ears, Script, conversation, silence, word_audio
from tests.stt.offline import SPEC, TIMING, OfflineLeg, dialect


def test_a_tape_is_freed_with_its_leg_and_waits_for_no_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        leg = LegRecognition(SPEC, 60_000, TIMING)
        leg.feed(silence(100), 0, 0.0)
        assert [one for one in gc.get_objects() if type(one) is AudioRing]
        del leg
        assert not [one for one in gc.get_objects() if type(one) is AudioRing]
    finally:
        gc.enable()


def test_without_a_drop_the_text_is_what_was_said() -> None:
    script = conversation(1, 60)
    leg = OfflineLeg(script).run()
    assert " ".join(leg.texts) == script.text()
    assert len(leg.texts) > 5
    assert leg.gaps == []
    assert leg.sessions == 1


@given(
    seed=st.integers(0, 999),
    drops=st.sets(st.integers(0, 330), max_size=8),
    away=st.integers(1, 60),
    latency=st.integers(0, 8),
    slice_ms=st.sampled_from([20, 100, 300]),
    final_lag_ms=st.integers(0, 3000),
    endpoint_ms=st.integers(500, 1500),
)
def test_drops_anywhere_change_nothing(
    *, seed: int, drops: set[int], away: int, latency: int, slice_ms: int, final_lag_ms: int, endpoint_ms: int
) -> None:
    script, ears = conversation(seed, 20), Ears(final_lag_ms, endpoint_ms)
    calm = OfflineLeg(script, latency=latency, slice_ms=slice_ms, ears=ears).run()
    leg = OfflineLeg(script, drops, away, latency=latency, slice_ms=slice_ms, ears=ears).run()
    assert leg.texts == calm.texts
    assert " ".join(leg.texts) == script.text()
    assert leg.gaps == []
    for one, other in zip(leg.utterances.values(), calm.utterances.values(), strict=True):
        assert abs(one.start_ms - other.start_ms) <= slice_ms
        assert abs(one.end_ms - other.end_ms) <= slice_ms


@given(seed=st.integers(0, 999), drop=st.integers(20, 100), away=st.integers(60, 160), ring_ms=st.integers(1000, 5000))
def test_a_break_longer_than_the_ring_is_one_gap_and_all_else_is_heard(
    *, seed: int, drop: int, away: int, ring_ms: int
) -> None:
    script = conversation(seed, 30)
    leg = OfflineLeg(script, {drop}, away, ring_ms=ring_ms).run()
    (gap,) = leg.gaps
    assert 0 < gap.end_ms - gap.start_ms <= (away + 1) * 100 + 11_000
    missing = Script(tuple(w for w in script.words if not (w[1] < gap.end_ms and w[1] + w[2] > gap.start_ms)), 30_000)
    heard = [word.strip(",") for word in " ".join(leg.texts).split() if word != "#"]
    for word in missing.text().split():
        assert word.strip(",") in heard
    order = [word.strip(",") for word in script.text().split()]
    positions = [order.index(word) for word in heard if word in order]
    assert positions == sorted(set(positions))  # nothing twice, nothing out of order


def core(**timing: float) -> LegRecognition:
    return LegRecognition(SPEC, 60_000, replace(TIMING, **timing))


def say(leg: LegRecognition, now: float = 0.0, **members: Any) -> list[Utterance | SpeechGap]:
    return leg.hear(json.dumps(members), now)[1]


def send(leg: LegRecognition, now: float = 0.0) -> list[str | bytes]:
    frames = []
    while (frame := leg.next_frame(now)) is not None:
        frames.append(frame)
    return frames


NOISE = word_audio(7, 100)  # a sound, to our own ears


def test_what_the_peer_never_called_final_is_heard_again_from_its_first_sound() -> None:
    """It told no word of it, which may mean that it tells its words late."""
    leg = core()
    leg.open(dialect(), 0)
    leg.feed(silence(5000) + word_audio(3, 400) + silence(20_000), 0, 0)
    for now in range(1, 20):
        send(leg, now)
    say(leg, 20, tokens=[], final_audio_proc_ms=0, total_audio_proc_ms=25_400)
    leg.drop()
    leg.open(dialect(), 21)
    assert leg.replay_ms == 25_400 - 5000 + 300
    leg.drop()
    leg.feed(silence(50_000), 25_400, 22)  # and now it left the ring: the peer was told of it, so it is no gap
    leg.open(dialect(), 23)
    assert leg.replay_ms == 60_000
    assert say(leg, 24, tokens=[], final_audio_proc_ms=0, total_audio_proc_ms=0) == []


def test_a_word_is_not_cut_where_the_peer_claims_too_much() -> None:
    leg = core()
    leg.open(dialect(), 0)
    leg.feed(silence(900) + word_audio(3, 300), 0, 0)
    send(leg, 1)
    say(leg, 2, tokens=[], final_audio_proc_ms=1000, total_audio_proc_ms=1000)  # in the middle of the word
    leg.drop()
    leg.open(dialect(), 3)
    assert leg.replay_ms == 500


def words_of(told: list[Utterance | SpeechGap]) -> list[str]:
    return [telling.text + telling.tail for telling in told if isinstance(telling, Utterance)]


@pytest.mark.parametrize("last", [{"error_code": 503}, {"finished": True, "total_audio_proc_ms": 30_000}])
def test_the_last_message_takes_no_shown_word_back(last: dict[str, Any]) -> None:
    """Its `tokens` are empty because the session is over, not because nothing was said."""
    leg = core()
    leg.open(dialect(), 0)
    leg.feed(silence(900) + word_audio(3, 300) + silence(28_800), 0, 0)
    for now in range(1, 20):
        send(leg, now)
    told = say(leg, 20, tokens=[{"text": "дорого", "start_ms": 900, "end_ms": 1200}], total_audio_proc_ms=30_000)
    assert words_of(told) == ["дорого"]
    assert say(leg, 21, tokens=[], **last) == []
    leg.drop()
    leg.open(dialect(), 22)
    assert leg.replay_ms == 30_000
    (end,) = leg.conclude()[:1]
    assert isinstance(end, Utterance)
    assert (end.text, end.final) == ("дорого", True)


def test_a_shown_word_that_never_became_final_stays_at_the_end() -> None:
    leg = core()
    leg.open(dialect(), 0)
    leg.feed(silence(900) + word_audio(3, 300), 0, 0)
    leg.finish()
    send(leg, 1)
    say(leg, 2, tokens=[{"text": "дорого", "start_ms": 900, "end_ms": 1200}], total_audio_proc_ms=1200)
    (end,) = say(leg, 3, tokens=[], finished=True)
    assert isinstance(end, Utterance)
    assert (end.text, end.tail, end.final) == ("дорого", "", True)


def test_without_a_session_nothing_is_sent_heard_or_due() -> None:
    leg = core()
    leg.feed(silence(200), 0, 0)
    assert leg.next_frame(0) is None
    assert leg.hear("{}", 0) == (None, [])
    assert not leg.stalled(100)
    assert not leg.due(100)
    assert not leg.due_for_roll_over(10**6)
    assert not leg.due_for_sleep(10**6)
    assert not leg.answered
    assert not leg.finished
    leg.presume_answered()
    leg.drop()
    assert leg.unintelligible == 1


def test_a_replay_begins_at_the_last_whole_word_with_some_of_the_pause_before_it() -> None:
    leg = core()
    leg.open(dialect(), 0)
    for number in range(50):
        leg.feed(silence(100), number * 100, number / 10)
        send(leg, number / 10)
    say(
        leg,
        tokens=[
            {"text": "Это", "start_ms": 100, "end_ms": 600, "is_final": True},
            {"text": " слиш", "start_ms": 1500, "end_ms": 1900, "is_final": True},
            {"text": "ком", "start_ms": 1900, "end_ms": 2000},
        ],
        final_audio_proc_ms=1900,
        total_audio_proc_ms=2100,
    )
    leg.drop()
    leg.open(dialect(), 20)
    assert leg.replay_ms == 5000 - 1200
    frames = send(leg, 30)
    assert sum(len(frame) for frame in frames if isinstance(frame, bytes)) == 1000 * MS  # the burst


def test_long_processed_silence_is_not_replayed() -> None:
    leg = core()
    leg.open(dialect(), 0)
    for number in range(300):
        leg.feed(silence(100), number * 100, number / 10)
        send(leg, number / 10)
        say(leg, now=number / 10, tokens=[], final_audio_proc_ms=0, total_audio_proc_ms=number * 100)
    leg.drop()
    leg.open(dialect(), 31)
    assert leg.replay_ms == 100 + 10_000


def test_a_long_silence_before_a_word_is_not_replayed_either() -> None:
    leg = core()
    leg.open(dialect(), 0)
    for number in range(300):
        leg.feed(silence(100), number * 100, number / 10)
        send(leg, number / 10)
    say(leg, now=30, tokens=[{"text": "Да", "start_ms": 29_000, "end_ms": 29_300}], total_audio_proc_ms=29_500)
    leg.drop()
    leg.open(dialect(), 31)
    assert leg.replay_ms == 11_000


def test_a_roll_over_waits_for_a_pause_but_not_for_ever() -> None:
    leg = core(roll_over_s=100, roll_over_grace_s=10)
    leg.feed(word_audio(1, 500), 0, 0)
    leg.open(dialect(), 0)
    send(leg, 1)
    say(leg, tokens=[{"text": "да", "start_ms": 0, "end_ms": 400}], total_audio_proc_ms=500)
    assert not leg.due_for_roll_over(99)
    assert not leg.due_for_roll_over(105)
    assert leg.due_for_roll_over(110)
    say(
        leg,
        tokens=[{"text": "да", "start_ms": 0, "end_ms": 400, "is_final": True}, {"text": "<end>", "is_final": True}],
    )
    assert leg.due_for_roll_over(101)


def test_sleep_and_waking_by_a_voice() -> None:
    leg = core(idle_close_s=30)
    leg.feed(silence(1000), 0, 0)
    leg.open(dialect(), 0)
    assert not leg.due_for_sleep(29)
    assert leg.due_for_sleep(30)
    leg.drop()
    leg.sleep()
    assert leg.complete
    for number in range(10, 1200):
        leg.feed(silence(100), number * 100, number / 10)
    assert leg.dormant
    leg.feed(bytes(800), 120_000, 120)  # µ-law 0 is as loud as it gets
    assert not leg.dormant
    assert not leg.complete
    leg.open(dialect(), 121)
    assert leg.replay_ms == 2100
    assert say(leg, tokens=[]) == []  # what was slept through is no gap


def test_a_leg_that_ends_asleep_lost_nothing() -> None:
    leg = core(idle_close_s=30)
    leg.sleep()
    leg.feed(silence(2000), 0, 0)
    leg.finish()
    assert leg.conclude() == []


def test_without_the_setting_nobody_sleeps() -> None:
    leg = core()
    leg.open(dialect(), 0)
    assert not leg.due_for_sleep(10**6)


def test_the_end_while_a_session_is_open_and_before_the_next() -> None:
    leg = core()
    leg.feed(silence(500), 0, 0)
    leg.open(dialect(), 0)
    leg.finish()
    assert send(leg)[-1] == ""
    leg.drop()
    leg.open(dialect(), 1)
    assert send(leg, 1)[-1] == ""
    say(leg, tokens=[{"text": "да", "is_final": True, "start_ms": 0, "end_ms": 300}], total_audio_proc_ms=500)
    (told,) = say(leg, tokens=[], finished=True, total_audio_proc_ms=500)
    assert isinstance(told, Utterance)
    assert (told.text, told.final) == ("да", True)
    assert leg.finished
    assert leg.complete
    assert leg.conclude() == []


def test_what_was_never_heard_is_a_gap_at_the_end() -> None:
    leg = core()
    leg.feed(silence(3000), 2000, 0)
    assert leg.conclude() == [SpeechGap(2000, 5000)]
    assert leg.gap_ms == 3000
    assert leg.conclude() == []


def test_an_attempt_that_was_never_answered_tells_no_gap() -> None:
    leg = LegRecognition(SPEC, 1000, TIMING)
    leg.feed(silence(3000), 0, 0)
    leg.open(dialect(), 0)
    assert say(leg, error_code=503) == []
    leg.drop()
    leg.feed(silence(3000), 3000, 0)
    leg.open(dialect(), 1)
    assert say(leg, tokens=[]) == [SpeechGap(0, 6000)]
    assert say(leg, tokens=[]) == []
