from __future__ import annotations

from ari_bridge.events import Leg, Transcript
from ari_bridge.hints.conversation import MAX_LINES, Conversation


def said(utterance: int, text: str, start_ms: int, leg: Leg = Leg.CLIENT) -> Transcript:
    return Transcript("c1", leg, utterance, text, "", True, start_ms, start_ms + 500)


def test_lines_stand_in_the_order_in_which_they_began() -> None:
    talk = Conversation()
    assert talk.add(said(1, "второе", 2000))
    assert talk.add(said(1, "первое", 1000, Leg.OPERATOR))
    assert talk.add(said(2, "третье", 3000))
    assert [line.text for line in talk.lines] == ["первое", "второе", "третье"]


def test_recent_lines_begin_at_the_same_line_for_a_while() -> None:
    talk, starts = Conversation(), []
    for number in range(12):
        talk.add(said(number, "слово", number))
        lines, start = talk.recent(2, 5)
        assert [line.utterance for line in lines] == list(range(start, number + 1))
        starts.append(start)
    assert starts == [0, 0, 0, 0, 0, 3, 3, 3, 6, 6, 6, 9]


def test_repeats_and_silence_are_no_lines() -> None:
    talk = Conversation()
    assert talk.add(said(1, "раз", 0))
    assert not talk.add(said(1, "раз", 0))
    assert talk.add(said(1, "раз", 0, Leg.OPERATOR))
    assert not talk.add(said(2, "  ", 0))
    assert len(talk.lines) == 2


def test_the_oldest_lines_go() -> None:
    talk = Conversation()
    for number in range(MAX_LINES + 5):
        talk.add(said(number, "слово", number))
    assert len(talk.lines) == MAX_LINES
    assert talk.lines[0].utterance == 5
