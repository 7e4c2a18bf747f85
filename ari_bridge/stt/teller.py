"""What a leg's listener is told, and when: words at once, a break only if it lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVarTuple

import structlog

from ari_bridge.events import LegState
from ari_bridge.interfaces import SpeechListener
from ari_bridge.stt.recognition import SpeechGap, Telling

What = TypeVarTuple("What")

GAP_REASON = "распознавание было недоступно"


class Teller:
    """Between a stream and its `SpeechListener`. A state is told once; a gap with the last reason there was none."""

    __slots__ = ("_down", "_gap_reason", "_listener", "_log", "_said")

    def __init__(self, listener: SpeechListener, log: structlog.typing.FilteringBoundLogger) -> None:
        self._listener = listener
        self._log = log
        self._said: tuple[LegState, str | None] | None = None
        self._down: tuple[float, str] | None = None  # since when, why
        self._gap_reason = GAP_REASON

    def words(self, told: list[Telling]) -> None:
        for telling in told:
            if isinstance(telling, SpeechGap):
                self._log.warning("stt_gap", start_ms=telling.start_ms, end_ms=telling.end_ms, reason=self._gap_reason)
                self._inform(self._listener.on_speech_gap, telling.start_ms, telling.end_ms, self._gap_reason)
            else:
                self._inform(self._listener.on_utterance, telling)

    def live(self) -> None:
        self._down = None
        self._gap_reason = GAP_REASON
        self._say(LegState.LIVE, None)

    def waiting(self, reason: str) -> None:
        """There is no stream for this leg now."""
        self._say(LegState.STT_WAITING, reason)

    def down(self, reason: str) -> None:
        """Nothing will come until a person acts."""
        self._say(LegState.STT_DOWN, reason)

    def interrupted(self, now: float, reason: str) -> None:
        """There is no session now; `lasting` says so where it goes on."""
        self._down = self._down or (now, reason)

    def lasting(self, now: float, longer_than_s: float) -> None:
        """Tell of an interruption that lasts."""
        if self._down is not None and now - self._down[0] >= longer_than_s:
            self._say(LegState.STT_DOWN, self._down[1])

    def _say(self, state: LegState, reason: str | None) -> None:
        self._gap_reason = reason or self._gap_reason
        if self._said != (state, reason):
            self._said = (state, reason)
            self._inform(self._listener.on_speech_state, state, reason)

    def _inform(self, hear: Callable[[*What], None], *what: *What) -> None:
        try:
            hear(*what)
        except Exception:  # boundary: what a listener does with a word must not stop the next one
            self._log.exception("stt_listener_failed")
