"""Speech made on the spot. Needs espeak-ng and sox, as re-making the samples does."""

from __future__ import annotations

import ctypes.util
import shutil

import pytest

from ari_bridge.demo.hearing import Hearing
from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.samples import BLOCK, RecordedLeg, load_conversations
from ari_bridge.demo.speech import Line, Voice, record
from ari_bridge.errors import BridgeError

pytestmark = pytest.mark.skipif(
    ctypes.util.find_library("espeak-ng") is None or shutil.which("sox") is None, reason="espeak-ng or sox is missing"
)
VOICE = Voice("ru+m5", 44, 170)
LINES = [Line(300, "Посоветуйте, пожалуйста, увлажнитель воздуха.", VOICE), Line(5000, "Спасибо, до свидания!", VOICE)]


def said(lexicon: Lexicon, leg: RecordedLeg) -> str:
    hearing = Hearing(lexicon, "alaw", 8000)
    return " ".join(word.text for word in hearing.feed(leg.alaw) + hearing.flush())


def test_a_leg_is_said_at_its_times_and_heard_by_who_knows_it() -> None:
    leg = record(LINES, 9000)
    assert leg.text == " ".join(line.text for line in LINES)
    assert [utterance.start // 8 // 100 for utterance in leg.utterances] == [3, 50]
    assert len(leg.alaw) >= 9000 * 8
    assert all(word.start % BLOCK == word.end % BLOCK == 0 for u in leg.utterances for word in u.words)
    assert said(Lexicon([leg]), leg) == leg.text
    assert said(Lexicon.of(load_conversations()), leg) == ""


def test_lines_may_not_overlap() -> None:
    with pytest.raises(BridgeError, match="before the line before it ends"):
        record([LINES[0], Line(400, "Рано.", VOICE)])


def test_unknown_voices_are_named() -> None:
    with pytest.raises(BridgeError, match="no-such-voice"):
        record([Line(0, "Да.", Voice("no-such-voice"))])
