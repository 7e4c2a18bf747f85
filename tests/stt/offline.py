"""A leg and its recogniser without sockets or clocks: the pure parts, slice by slice, with sessions that die."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from ari_bridge.events import Leg
from ari_bridge.interfaces import AudioEncoding, SpeechSpec, Utterance
from ari_bridge.stt.recognition import LegRecognition, SpeechGap, Telling
from ari_bridge.stt.soniox_protocol import SonioxDialect, StartOptions
from ari_bridge.stt.timing import Timing
from tests.stt.byte_speech import MS, Ears, Script

SPEC = SpeechSpec("c1", Leg.CLIENT, AudioEncoding.MULAW, 8000)
TIMING = Timing()


def dialect() -> SonioxDialect:
    return SonioxDialect(StartOptions("stt-rt-v5"), SPEC)


@dataclass
class OfflineLeg:
    """`run` feeds a script; a session dies at each of `drops` (slice numbers) and its successor comes `away` slices
    later.

    The peer's messages arrive `latency` slices late: those on their way when a session dies are lost.
    """

    script: Script
    drops: Collection[int] = ()
    away: int = 1
    latency: int = 1
    slice_ms: int = 100
    ring_ms: int = 60_000
    ears: Ears = field(default_factory=Ears)
    told: list[Telling] = field(default_factory=list)
    utterances: dict[int, Utterance] = field(default_factory=dict)
    sessions: int = 0

    def run(self) -> OfflineLeg:
        core = LegRecognition(SPEC, self.ring_ms, TIMING)
        audio, step = self.script.audio(), self.slice_ms * MS
        ears: Ears | None = None
        pending: deque[tuple[int, str]] = deque()
        reconnect_at, number, slices = 0, 0, -(-len(audio) // step)
        while number < slices or not core.complete or ears is not None:
            now = number * self.slice_ms / 1000
            if number < slices:
                core.feed(audio[number * step : (number + 1) * step], number * self.slice_ms, now)
            if number == slices:
                core.finish()
            if ears is None and number >= reconnect_at:
                core.open(dialect(), now)
                ears, self.sessions = Ears(self.ears.final_lag_ms, self.ears.endpoint_ms), self.sessions + 1
            while ears is not None and (frame := core.next_frame(now)) is not None:
                if isinstance(frame, bytes):
                    ears.hear(frame)
                    pending.append((number + self.latency, json.dumps(ears.message())))
                elif frame == "":
                    pending.append((number + self.latency, json.dumps(ears.message(flush=True) | {"finished": True})))
            finished = False
            while pending and pending[0][0] <= number:
                heard, told = core.hear(pending.popleft()[1], now)
                self._tell(told)
                finished = finished or (heard is not None and heard.finished)
            if ears is not None and (finished or number in self.drops):
                core.drop()
                ears, reconnect_at = None, number + self.away
                pending.clear()
            number += 1
            assert number < slices + 10_000, "the leg never ended"
        self._tell(core.conclude())
        return self

    def _tell(self, told: list[Telling]) -> None:
        self.told += told
        for telling in told:
            if isinstance(telling, Utterance):
                before = self.utterances.get(telling.number)
                assert before is None or not before.final, "changed after its final"
                assert before is None or telling.text.startswith(before.text), "confirmed text changed"
                assert telling.number in self.utterances or telling.number == len(self.utterances) + 1, "number skipped"
                assert not (telling.final and telling.tail)
                assert not (telling.text or telling.tail)[:1].isspace()
                self.utterances[telling.number] = telling

    @property
    def gaps(self) -> list[SpeechGap]:
        return [telling for telling in self.told if isinstance(telling, SpeechGap)]

    @property
    def texts(self) -> list[str]:
        assert all(utterance.final for utterance in self.utterances.values())
        return [utterance.text for utterance in self.utterances.values()]
