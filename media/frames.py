"""The frames of a leg: what its slices add up to, every three seconds.

Frame n is the line from n times `frame_ms` on. It is told when its last slice is, or when the line has jumped over it.
"""

from __future__ import annotations

from typing import NamedTuple

from media.framing import Frame, Gap
from media.level import dbfs


class FrameSums(NamedTuple):
    """What a frame that ends at `end_ms` has come to so far; `energy` is the sum of power × ms over its slices."""

    end_ms: int
    energy: float = 0.0
    speech_ms: int = 0
    lost_ms: int = 0

    def frame(self, until_ms: int, frame_ms: int) -> Frame:
        """The frame as it is told, of a line that ends at `until_ms`."""
        start_ms = self.end_ms - frame_ms
        duration_ms = until_ms - start_ms
        return Frame(
            number=start_ms // frame_ms,
            start_ms=start_ms,
            duration_ms=duration_ms,
            lost_ms=self.lost_ms,
            loudness_dbfs=dbfs(self.energy / duration_ms),
            speech_ms=self.speech_ms,
        )


class FrameLedger:
    """Adds up a leg's measured slices into frames."""

    def __init__(self, frame_ms: int = 3000) -> None:
        self.frame_end_ms = frame_ms  # where the present frame ends
        self._frame_ms = frame_ms
        self._end_ms = 0
        self._energy = 0.0
        self._speech_ms = 0
        self._lost_ms: dict[int, int] = {}

    def advance(self, start_ms: int) -> list[Frame]:
        """The line goes on at `start_ms`: the frames that are over by then (after a jump; else none)."""
        frames = []
        while start_ms >= self.frame_end_ms:
            frames.append(self._close(self.frame_end_ms))
        return frames

    def add(self, start_ms: int, duration_ms: int, power: float, speech_ms: int) -> Frame | None:
        """A slice within the frame that `advance` has come to; the frame, where this completes it."""
        end_ms = self._end_ms = start_ms + duration_ms
        self._energy += power * duration_ms
        self._speech_ms += speech_ms
        return self._close(end_ms) if end_ms >= self.frame_end_ms else None

    def sums(self) -> FrameSums:
        """The present frame, to be gone on with by somebody else."""
        return FrameSums(self.frame_end_ms, self._energy, self._speech_ms, self._lost_ms.get(self._number, 0))

    def resume(self, frame: FrameSums, end_ms: int) -> None:
        """What somebody else has come to; the line ends at `end_ms`."""
        self._lost_ms.pop(self._number, None)
        self.frame_end_ms, self._energy, self._speech_ms, lost_ms = frame
        if lost_ms:
            self._lost_ms[self._number] = lost_ms
        self._end_ms = end_ms

    def lose(self, gap: Gap) -> None:
        """Note lost audio; before any slice that spans it is added."""
        for number in gap.frames:
            start = max(gap.start_ms, number * self._frame_ms)
            end = min(gap.start_ms + gap.duration_ms, (number + 1) * self._frame_ms)
            self._lost_ms[number] = self._lost_ms.get(number, 0) + end - start

    def close(self) -> Frame | None:
        """The leg ends: the frame that was begun, if there is one."""
        return self._close(self._end_ms) if self._end_ms > self.frame_end_ms - self._frame_ms else None

    @property
    def _number(self) -> int:
        return self.frame_end_ms // self._frame_ms - 1

    def _close(self, end_ms: int) -> Frame:
        frame = self.sums().frame(end_ms, self._frame_ms)
        self._lost_ms.pop(frame.number, None)
        self.frame_end_ms += self._frame_ms
        self._energy = 0.0
        self._speech_ms = 0
        return frame
