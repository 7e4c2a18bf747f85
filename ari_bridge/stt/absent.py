"""No recogniser, or none for some calls: shown without text, and each leg says why. Nothing per call in the log."""

from __future__ import annotations

import asyncio

from ari_bridge.events import LegState
from ari_bridge.interfaces import SpeechListener, SpeechSpec, SpeechStream, SpeechToText
from ari_bridge.stt.counters import SttCounters


class SilentStream:
    """Takes audio and does nothing with it."""

    billed_s = 0.0

    def feed(self, audio: bytes, start_ms: int) -> None:
        return None

    async def finish(self, timeout_s: float) -> None:
        return None

    async def abort(self) -> None:
        return None


class NoSpeechToText:
    """Stands where a recogniser is not configured; `reason` is a Russian phrase for people."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self.counters = SttCounters()  # all zero

    def open(self, spec: SpeechSpec, listener: SpeechListener) -> SpeechStream:
        listener.on_speech_state(LegState.STT_DOWN, self._reason)
        return SilentStream()

    async def serve(self) -> None:
        await asyncio.Event().wait()


class SwitchedSpeechToText:
    """A recogniser for all calls but those for which the settings switch it off: their audio goes nowhere."""

    def __init__(self, speech: SpeechToText, reason: str) -> None:
        self._speech = speech
        self._silence = NoSpeechToText(reason)

    @property
    def counters(self) -> object:
        return self._speech.counters

    def open(self, spec: SpeechSpec, listener: SpeechListener) -> SpeechStream:
        return (self._silence if spec.switched_off else self._speech).open(spec, listener)

    async def serve(self) -> None:
        await self._speech.serve()
