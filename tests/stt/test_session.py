"""One connection's core: what is sent when, and what the peer's clock means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_bridge.interfaces import AudioEncoding
from ari_bridge.stt.dialect import Token
from ari_bridge.stt.ring import AudioFormat, AudioRing
from ari_bridge.stt.session import BURST_MS, MAX_FRAME_BYTES, Session
from ari_bridge.stt.timing import Timing
from tests.stt.offline import dialect

MS = 8
TIMING = Timing()


def ring(length_ms: int = 0, capacity_ms: int = 60_000) -> AudioRing:
    made = AudioRing(AudioFormat(AudioEncoding.MULAW, 8000), capacity_ms)
    made.append(bytes(length_ms * MS), 0)
    return made


def session(tape: AudioRing, base_ms: int = 0, now: float = 0.0) -> Session:
    return Session(dialect(), tape, base=base_ms * MS, bytes_per_ms=MS, timing=TIMING, now=now)


def drain(made: Session, now: float, slice_ms: int = 100) -> list[Any]:
    frames = []
    while (frame := made.next_frame(now, slice_ms)) is not None:
        frames.append(len(frame) // MS if isinstance(frame, bytes) else frame)
    return frames


def message(**members: Any) -> str:
    return json.dumps(members)


def test_the_start_comes_first_then_audio_as_it_is_fed() -> None:
    tape = ring()
    made = session(tape)
    (start,) = drain(made, 0)
    assert json.loads(start)["model"] == "stt-rt-v5"
    for number in range(3):
        tape.append(bytes(100 * MS), number * 100)
        assert drain(made, (number + 1) / 10) == [100]
    assert made.sent_ms == 300


def test_a_backlog_is_paced() -> None:
    made = session(ring(20_000))
    assert drain(made, 0)[1:] == [BURST_MS]
    assert drain(made, 0.01) == []  # 50 ms earned: not yet worth a frame
    assert drain(made, 0.1) == [500]
    assert drain(made, 0.2) == [500]
    assert drain(made, 10) == [BURST_MS]  # a late tick earns no burst beyond the usual
    assert made.due(10)


def test_a_long_slice_goes_out_whole() -> None:
    made = session(ring(4000))
    assert drain(made, 0, slice_ms=3000)[1:] == [3000]
    made = session(ring(20_000))
    assert drain(made, 4, slice_ms=20_000)[1:] == [MAX_FRAME_BYTES // MS, 8000]


def test_the_end_is_sent_once_after_all_audio_without_pacing() -> None:
    made = session(ring(30_000))
    made.end()
    frames = drain(made, 0)
    assert frames[1:] == [12_000, 12_000, 6000, ""]
    assert made.ended
    assert drain(made, 100) == []


def test_keepalive_only_without_audio() -> None:
    tape = ring(100)
    made = session(tape)
    drain(made, 0)
    assert drain(made, 9.9) == []
    assert made.due(10)
    assert drain(made, 10) == ['{"type":"keepalive"}']
    assert drain(made, 10.1) == []
    tape.append(bytes(100 * MS), 100)
    drain(made, 19)
    assert drain(made, 21) == []
    assert drain(made, 29) == ['{"type":"keepalive"}']


def test_the_peers_clock_is_tape_time_from_the_base_and_never_past_what_was_sent() -> None:
    made = session(ring(5000), base_ms=2000)
    drain(made, 0)
    heard = made.hear(
        message(
            tokens=[{"text": "да", "start_ms": 100, "end_ms": 300, "is_final": True}, {"text": " н", "start_ms": 9999}],
            final_audio_proc_ms=300,
            total_audio_proc_ms=99_999,
        ),
        0.5,
    )
    assert heard is not None
    assert heard.tokens == (Token("да", True, 2100, 2300), Token(" н", False, 3000, 3000))
    assert (made.final_ms, made.total_ms, made.answered) == (2300, 3000, True)


def test_missing_times_are_filled_in() -> None:
    made = session(ring(1000))
    drain(made, 0)
    heard = made.hear(
        message(
            tokens=[
                {"text": "а", "is_final": True},
                {"text": " б", "is_final": True, "end_ms": 250},
                {"text": " в", "is_final": True, "start_ms": 300},
                {"text": " г", "is_final": True, "start_ms": 400, "end_ms": 380},
                {"text": " д"},
                {"text": " е", "start_ms": 700},
                {"text": " ж"},
            ],
            final_audio_proc_ms=500,
        ),
        0.5,
    )
    assert heard is not None
    assert [(token.start_ms, token.end_ms) for token in heard.tokens] == [
        *((None, 500), (None, 250), (300, 400), (400, 400), (400, 700), (700, 700), (700, 700))
    ]
    assert made.total_ms == 700


def test_an_error_is_no_answer_and_nonsense_nothing() -> None:
    made = session(ring())
    assert made.hear("{", 0) is None
    heard = made.hear(message(error_code=503), 0)
    assert heard is not None
    assert not made.answered


def test_a_session_that_gives_nothing_back_is_stalled() -> None:
    made = session(ring(3000))
    drain(made, 0)
    assert not made.stalled(7, 1)
    assert made.stalled(7.1, 1)
    assert not made.stalled(7.1, 2)
    made.hear(message(total_audio_proc_ms=0), 7.1)
    assert made.stalled(7.2, 1)
    made.hear(message(total_audio_proc_ms=900), 7.2)
    assert not made.stalled(8, 1)
    assert not made.stalled(1000, 1)  # 100 ms outstanding: a peer's own delay


def test_silence_of_the_leg_is_no_stall_of_the_peer() -> None:
    tape = ring(500)
    made = session(tape)
    drain(made, 0)
    made.hear(message(total_audio_proc_ms=500), 0.5)
    tape.append(bytes(2000 * MS), 500)
    drain(made, 100, slice_ms=2000)
    assert not made.stalled(106, 1)
    assert made.stalled(108, 1)


def test_no_finish_after_the_end_is_a_stall() -> None:
    made = session(ring(200))
    made.end()
    drain(made, 3)
    assert not made.stalled(9, 1)
    assert made.stalled(10.1, 1)


def test_a_reader_so_slow_that_audio_left_the_ring_is_stalled() -> None:
    tape = ring(1000, capacity_ms=2000)
    made = session(tape)
    tape.append(bytes(1500 * MS), 1000)
    assert made.overrun
    assert made.stalled(0, 1)
    assert len(drain(made, 0)) == 1


@pytest.mark.parametrize(("total_ms", "finished"), [(None, True), (10_000, True), (9500, True), (8000, False)])
def test_finished_counts_only_if_all_was_heard(total_ms: int | None, finished: bool) -> None:
    made = session(ring(10_000))
    made.end()
    drain(made, 0)
    members = {} if total_ms is None else {"total_audio_proc_ms": total_ms}
    made.hear(message(tokens=[], finished=True, **members), 1)
    assert made.finished is finished


def test_finished_before_the_end_is_none() -> None:
    made = session(ring(500))
    drain(made, 0)
    made.hear(message(finished=True), 1)
    assert not made.finished


def test_age_counts_from_the_opening() -> None:
    assert session(ring(), now=5).age_s(8) == 3


def test_a_final_that_is_told_twice_counts_once_and_a_word_said_twice_is_two() -> None:
    made = session(ring(5000))
    drain(made, 0)
    word = {"text": " да", "start_ms": 100, "end_ms": 300, "is_final": True}
    again = {"text": " да", "start_ms": 400, "end_ms": 600, "is_final": True}
    bare = {"text": " да", "is_final": True}
    dot = {"text": ".", "start_ms": 600, "end_ms": 600, "is_final": True}

    def finals(*tokens: dict[str, Any]) -> list[str]:
        heard = made.hear(message(tokens=list(tokens), final_audio_proc_ms=600), 0)
        assert heard is not None
        return [token.text for token in heard.tokens]

    assert finals(word) == [" да"]
    assert finals(word, again) == [" да"]
    assert finals(again) == []
    assert finals(bare, bare) == [" да", " да"]
    assert finals(dot, dot) == [".", "."]


def test_a_final_without_an_end_ends_at_the_next_token_or_where_all_is_final() -> None:
    made = session(ring(5000))
    drain(made, 0)
    tokens = [
        {"text": " до", "start_ms": 100, "is_final": True},
        {"text": "рого", "start_ms": 300, "is_final": True},
        {"text": "<end>", "is_final": True},
    ]
    heard = made.hear(message(tokens=tokens, final_audio_proc_ms=700), 0)
    assert heard is not None
    assert [(token.start_ms, token.end_ms) for token in heard.tokens] == [(100, 300), (300, 700), (None, 700)]


def test_an_endpoint_that_is_told_twice_ends_once_and_never_what_follows_it() -> None:
    made = session(ring(9000))
    for now in range(10):
        drain(made, now)
    words = [
        {"text": text, "start_ms": start, "end_ms": start + 200, "is_final": True}
        for text, start in ((" да", 100), (" ви", 3000), ("далу", 3200))
    ]
    end = {"text": "<end>", "is_final": True}
    bare = {"text": " нет", "is_final": True}

    def told(*tokens: dict[str, Any]) -> list[str]:
        heard = made.hear(message(tokens=list(tokens), final_audio_proc_ms=3400), 0)
        assert heard is not None
        return [token.text or "<end>" for token in heard.tokens]

    assert told(words[0]) == [" да"]
    assert told(words[0], end) == ["<end>"]  # the word again, its endpoint for the first time
    assert told(end, words[1]) == [" ви"]
    assert told(end, words[1], words[2]) == ["далу"]
    assert told(words[1], words[2], end) == ["<end>"]
    assert told(bare, end, bare, end) == [" нет", "<end>", " нет", "<end>"]
