"""A call's frames: what was heard of each leg in every three seconds of the call. Pure.

Frame n of either leg is the call's time from n times `frame_ms` on, so both legs' frames lie side by side, and the
numbers go on over a transfer, a hold or a tap that was made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ari_bridge.events import Leg
from ari_bridge.history import FrameAccount
from media.level import dbfs


@dataclass(slots=True)
class _Sums:
    heard_ms: int = 0
    lost_ms: int = 0
    speech_ms: int = 0
    energy: float = 0.0  # power × ms


class FrameBook:
    """Times are call time (ms)."""

    def __init__(self, frame_ms: int, before: Iterable[FrameAccount] = ()) -> None:
        """`before`: what an earlier run of the daemon heard of this call."""
        self._frame_ms = frame_ms
        self._sums = {  # some forty a minute, as long as the call lasts
            (frame.number, frame.leg): _Sums(
                frame.duration_ms, frame.lost_ms, frame.speech_ms, 10 ** (frame.loudness_dbfs / 10) * frame.duration_ms
            )
            for frame in before
        }

    def hear(self, leg: Leg, start_ms: int, duration_ms: int, power: float, speech: bool) -> None:
        """A slice; lost audio that was filled with silence is part of it."""
        for number, ms in self._parts(start_ms, start_ms + duration_ms):
            sums = self._at(number, leg)
            sums.heard_ms += ms
            sums.energy += power * ms
            if speech:
                sums.speech_ms += ms

    def lose(self, leg: Leg, start_ms: int, end_ms: int) -> None:
        """Audio that was sent and never came."""
        for number, ms in self._parts(start_ms, end_ms):
            self._at(number, leg).lost_ms += ms

    def numbers(self, start_ms: int, end_ms: int) -> tuple[int, ...]:
        """The frames that this span touches."""
        return tuple(number for number, _ in self._parts(start_ms, end_ms))

    def accounts(self) -> tuple[FrameAccount, ...]:
        """All frames of which anything is known, in order."""
        return tuple(
            FrameAccount(
                leg=leg,
                number=number,
                start_ms=number * self._frame_ms,
                duration_ms=sums.heard_ms,
                lost_ms=sums.lost_ms,
                loudness_dbfs=round(dbfs(sums.energy / sums.heard_ms if sums.heard_ms else 0.0), 1),
                speech_ms=sums.speech_ms,
            )
            for (number, leg), sums in sorted(self._sums.items())
        )

    def _at(self, number: int, leg: Leg) -> _Sums:
        sums = self._sums.get((number, leg))
        if sums is None:
            sums = self._sums[number, leg] = _Sums()
        return sums

    def _parts(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
        """The span in frames: number, milliseconds. What lies before the call's zero is left out."""
        start_ms = max(start_ms, 0)
        while start_ms < end_ms:
            number = start_ms // self._frame_ms
            until_ms = min(end_ms, (number + 1) * self._frame_ms)
            yield number, until_ms - start_ms
            start_ms = until_ms
