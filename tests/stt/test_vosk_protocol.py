"""vosk-server's frames: exact vectors, good and malformed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Leg
from ari_bridge.interfaces import AudioEncoding, SpeechSpec
from ari_bridge.stt.dialect import Hearing, Token
from ari_bridge.stt.vosk_protocol import VoskDialect

END = Token("", True, ends_utterance=True)


def dialect(encoding: AudioEncoding = AudioEncoding.ALAW, rate: int = 8000) -> VoskDialect:
    return VoskDialect(SpeechSpec("c", Leg.CLIENT, encoding, rate))


def test_frames_out() -> None:
    spoken = dialect()
    assert json.loads(str(spoken.start())) == {"config": {"sample_rate": 8000, "words": True}}
    assert spoken.keepalive() is None
    assert spoken.end() == '{"eof" : 1}'
    assert np.frombuffer(bytes(spoken.audio(b"\xd5\x55")), "<i2").tolist() == [8, -8]  # type: ignore[arg-type]
    assert dialect(AudioEncoding.MULAW).audio(b"\xff\x00") == np.array([0, -32124], "<i2").tobytes()
    assert dialect(AudioEncoding.PCM_S16LE, 16_000).audio(b"\x01\x02") == b"\x01\x02"


def test_each_answer_stands_for_one_message_of_audio() -> None:
    spoken = dialect()
    for _ in range(3):
        spoken.audio(bytes(800))
    assert spoken.parse('{"partial" : ""}') == Hearing((), 0, 100)
    assert spoken.parse("{") is None
    assert spoken.parse('{"partial" : "алло"}') == Hearing((Token(" алло", False, 0, 300),), 0, 300)


def test_a_partial_begins_shortly_before_it_was_shown() -> None:
    spoken = dialect()
    for _ in range(3):
        spoken.audio(bytes(80_000))
    spoken.parse('{"partial" : ""}')
    assert spoken.parse('{"partial" : "да"}') == Hearing((Token(" да", False, 7000, 20_000),), 0, 20_000)
    assert spoken.parse('{"partial" : "да нет"}') == Hearing((Token(" да нет", False, 7000, 30_000),), 0, 30_000)


def test_a_result_is_an_endpoint() -> None:
    spoken = dialect()
    spoken.audio(bytes(16_000))
    result = {
        "result": [
            {"word": "поднимите", "start": 0.45, "end": 1.26, "conf": 1},
            {"word": "веки", "start": 1.47, "end": "x"},
            {"word": ""},
            7,
        ],
        "text": "поднимите веки",
    }
    assert spoken.parse(json.dumps(result)) == Hearing(
        (Token(" поднимите", True, 450, 1260), Token(" веки", True, 1470, None), END), 1260, 2000
    )


def test_a_text_without_words_lasts_from_its_first_partial() -> None:
    spoken = dialect()
    for _ in range(2):
        spoken.audio(bytes(8000))
    spoken.parse('{"partial" : "да"}')
    assert spoken.parse('{"text" : "да"}') == Hearing((Token(" да", True, 0, 1000), END), 1000, 2000)
    assert spoken.parse('{"text" : ""}') == Hearing((END,), 1000, 2000)


def test_the_answer_to_eof_is_the_last() -> None:
    spoken = dialect()
    spoken.audio(bytes(800))
    spoken.end()
    first = spoken.parse('{"partial" : ""}')
    assert first is not None
    assert not first.finished
    last = spoken.parse('{"result" : [], "text" : ""}')
    assert last is not None
    assert last.finished


@pytest.mark.parametrize("frame", ["", "[]", "7", b"\xff", "null", '{"partial"'])
def test_what_is_no_object_is_nothing(frame: str | bytes) -> None:
    assert dialect().parse(frame) is None


@pytest.mark.parametrize("message", [{"partial": 7}, {"partial": None}, {"result": 7}, {"text": []}, {}])
def test_odd_members_are_tolerated(message: object) -> None:
    heard = dialect().parse(json.dumps(message))
    assert heard is not None
    assert not [token for token in heard.tokens if token.text]


@given(st.text() | st.binary())
def test_arbitrary_frames_never_raise(frame: str | bytes) -> None:
    dialect().parse(frame)
