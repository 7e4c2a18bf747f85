"""What a listener is told, and when."""

from __future__ import annotations

import structlog

from ari_bridge.events import LegState
from ari_bridge.interfaces import Utterance
from ari_bridge.stt.recognition import SpeechGap
from ari_bridge.stt.teller import GAP_REASON, Teller
from tests.stt.leg import Ear


class Hearer(Ear):
    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    def on_speech_gap(self, start_ms: int, end_ms: int, reason: str) -> None:
        super().on_speech_gap(start_ms, end_ms, reason)
        self.reasons.append(reason)


def teller() -> tuple[Teller, Hearer]:
    hearer = Hearer()
    return Teller(hearer, structlog.get_logger()), hearer


def test_a_state_is_told_once() -> None:
    tell, hearer = teller()
    for _ in range(2):
        tell.live()
    for _ in range(2):
        tell.waiting("лимит")
    tell.down("ключ")
    tell.live()
    assert hearer.states == [
        (LegState.LIVE, None),
        (LegState.STT_WAITING, "лимит"),
        (LegState.STT_DOWN, "ключ"),
        (LegState.LIVE, None),
    ]


def test_an_interruption_is_told_only_if_it_lasts_and_with_its_first_reason() -> None:
    tell, hearer = teller()
    tell.lasting(100, 2)
    tell.interrupted(10, "сеть")
    tell.interrupted(11, "сервер")
    tell.lasting(11.9, 2)
    assert hearer.states == []
    tell.lasting(12, 2)
    assert hearer.states == [(LegState.STT_DOWN, "сеть")]
    tell.live()
    tell.lasting(100, 2)
    assert hearer.states[-1] == (LegState.LIVE, None)


def test_a_gap_has_the_reason_that_was_told_last() -> None:
    tell, hearer = teller()
    tell.words([SpeechGap(0, 100)])
    tell.waiting("лимит")
    tell.words([SpeechGap(100, 200)])
    tell.live()
    tell.words([SpeechGap(200, 300)])
    assert hearer.reasons == [GAP_REASON, "лимит", GAP_REASON]
    assert hearer.gaps == [(0, 100), (100, 200), (200, 300)]


def test_a_listener_that_fails_is_told_the_next_word() -> None:
    heard: list[int] = []

    class Broken(Hearer):
        def on_utterance(self, utterance: Utterance) -> None:
            heard.append(utterance.number)
            raise RuntimeError

    tell = Teller(Broken(), structlog.get_logger())
    tell.words([Utterance(1, "а", "", True, 0, 1), Utterance(2, "б", "", True, 0, 1)])
    assert heard == [1, 2]
