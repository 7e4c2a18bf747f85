"""A leg's time line: packets placed by RTP timestamp, cut into slices, accounted for in frames.

The line counts samples from the leg's first packet. `end` is how far it is known without a hole; what arrived beyond a
hole is held until the hole is filled or given up. Timestamps are only ever read relative to `end`, so they may wrap.

    hole in time, none in sequence numbers   the sender paused (silence suppression, a telephone event): filled, no loss
    hole in both                             loss: given up once `reorder_ms` of audio, or of time, has passed behind it
    further ahead of our clock than lead_ms, or back although it is the newest        the sender's clock jumped: the
    line goes on at `end`, or where our clock says

What is given up becomes silence and a `Gap`. Of a hole longer than `fill_ms` only that much is filled; the line then
jumps forward, as real time did. So the line never leads our clock by more than `lead_ms` through anything but audio
that arrived.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from media.codecs import Codec
from media.level import meter_level
from media.rtp import Run
from media.sequence import serial_difference

MAX_HELD: Final = 128  # runs beyond a hole; when more come, the oldest hole is given up


@dataclass(frozen=True, slots=True)
class Gap:
    """Lost audio of a leg's line, handed out as silence (see the module for very long ones); `frames` are touched by
    it."""

    start_ms: int
    duration_ms: int
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame's account. The last one of a leg may be shorter than the others; `loudness_dbfs` is that of the whole
    frame."""

    number: int
    start_ms: int
    duration_ms: int
    lost_ms: int
    loudness_dbfs: float
    speech_ms: int


class Slice(NamedTuple):
    """Contiguous audio of a leg, payload untouched. (A tuple: the hot object.)

    It is what a tick found: `slice_ms` give or take the tick's own jitter, and always less than one and a half of it.
    Shorter at the edge of a frame, at a loss, before a change of codec and at the leg's end. `start_ms` counts from the
    leg's first packet; it only goes forward, and jumps over what was not filled of a very long hole. `received_at` is
    the monotonic time of the tick; `power` see media.level; `all_zero` is digital silence.
    """

    start_ms: int
    duration_ms: int
    payload: bytes
    codec: Codec
    received_at: float
    power: float
    speech: bool
    all_zero: bool

    @property
    def level(self) -> float:
        """A level meter's reading, 0 … 1."""
        return meter_level(self.power)


class Cut(NamedTuple):
    """A slice before it is measured: contiguous payload, as received, from `start_ms` of the leg's line."""

    start_ms: int
    duration_ms: int
    payload: bytes
    codec: Codec


Output = Cut | Gap | Codec
"""In line order; a Codec says that what follows is in this encoding. A Gap comes before the slices that span it."""


class _Piece(NamedTuple):
    position: int
    sequence_number: int  # of its first packet
    packet_count: int
    payload: bytes
    held_at: float


class FrameAssembler:
    """The line of one leg. Times are monotonic seconds; a slice never reaches over the edge of a frame.

    With `cut_short` (slices no longer than a tick) all that is ready goes out at the tick, in slices near `slice_ms`:
    what a tick found is one slice if it is less than one and a half. So nothing waits for the next tick. Without it
    slices lie on the grid of `slice_ms`.
    """

    def __init__(
        self,
        codec: Codec,
        *,
        slice_ms: int = 100,
        frame_ms: int = 3000,
        cut_short: bool = True,
        reorder_ms: int = 100,
        fill_ms: int = 3000,
        lead_ms: int = 1000,
    ) -> None:
        self.codec = codec
        self.late_packets = 0  # arrived when their place was given up, or taken
        self.discontinuities = 0
        self.lost_ms = 0
        self.paused_ms = 0
        self._slice_ms = slice_ms
        self._frame_ms = frame_ms
        self._cut_short = cut_short
        self._reorder_ms = reorder_ms
        self._fill_ms = fill_ms
        self._lead_ms = lead_ms
        self._set_rate()
        self._ssrc: int | None = None
        self._zero_at = 0.0
        self._end = 0
        self._end_timestamp = 0
        self._next_sequence = 0
        self._cut = 0  # the line up to here is handed out
        self._pending: list[bytes] = []  # from `_cut` to `_end`
        self._held: list[_Piece] = []
        self._outputs: list[Output] = []

    @property
    def end_ms(self) -> int:
        """How far the line is known without a hole."""
        return self._end // self._per_ms

    def position_ms(self, timestamp: int) -> float:
        """Where on the line an RTP timestamp of the present source lies."""
        return (self._end + serial_difference(timestamp, self._end_timestamp, 32)) / self._per_ms

    def place(self, run: Run, codec: Codec, earliest: float, latest: float, reordered: bool = False) -> None:
        """Put a run of audio on the line; it arrived between `earliest` and `latest`.

        `reordered`: older by its sequence number than audio placed before, so it may fill a hole but never move the
        line.
        """
        if run.ssrc != self._ssrc or codec is not self.codec:
            if reordered:
                self.late_packets += run.packet_count
                return
            self._change(run, codec, earliest, latest)
        if run.timestamp == self._end_timestamp and not self._held:
            self._append(run.payload, run.sequence_number + run.packet_count)
            return
        ahead = serial_difference(run.timestamp, self._end_timestamp, 32)
        samples = len(run.payload) // codec.bytes_per_sample
        position = self._end + ahead
        taken = ahead + samples <= 0
        if taken or (ahead > 0 and position + samples > self._clock(latest) + self._lead_ms * self._per_ms):
            if reordered:
                self.late_packets += run.packet_count
                return
            self.discontinuities += 1
            self._anchor(run, earliest)
            position = self._end
        bisect.insort(self._held, _Piece(position, run.sequence_number, run.packet_count, run.payload, latest))
        self._release()

    def pass_over(self, sequence_number: int) -> None:
        """A packet that carries no audio (an event, comfort noise) arrived: its absence from the line is no loss."""
        if sequence_number == self._next_sequence:
            self._next_sequence = (sequence_number + 1) & 0xFFFF

    def cut(self, now: float) -> list[Output]:
        """Once a tick, after its runs are placed: what is ready to be handed out."""
        if self._held:
            self._release(now)  # not before: what a hole waits for may have come in this very tick
        due = self._end - self._cut
        if not self._cut_short:
            due -= self._end % self._slice
        if due > 0:
            self._slice_up(due)
        return self._take_outputs()

    @property
    def at_rest(self) -> bool:
        """All that has arrived is handed out, to the millisecond, and nothing waits for anything."""
        return self._end == self._cut and not self._held and not self._end % self._per_ms

    @property
    def next_sequence_number(self) -> int:
        """Of the packet that follows the end of the line."""
        return self._next_sequence

    @property
    def next_timestamp(self) -> int:
        """Of the packet that follows the end of the line."""
        return self._end_timestamp

    def skip(self, samples: int, packets: int) -> None:
        """The line, at rest, went on by so much, in order and handed out by somebody else."""
        self._end += samples
        self._cut = self._end
        self._end_timestamp = (self._end_timestamp + samples) & 0xFFFFFFFF
        self._next_sequence = (self._next_sequence + packets) & 0xFFFF

    def flush(self) -> list[Output]:
        """The leg ends: all that is left, holes given up."""
        self._release(keep=0)
        self._slice_up(self._end - self._cut)
        return self._take_outputs()

    def _take_outputs(self) -> list[Output]:
        outputs = self._outputs
        if outputs:
            self._outputs = []
        return outputs

    def _set_rate(self) -> None:
        self._per_ms = self.codec.rate // 1000
        self._slice = self._slice_ms * self._per_ms
        self._grid = (self._frame_ms if self._cut_short else self._slice_ms) * self._per_ms

    def _clock(self, now: float) -> int:
        return int((now - self._zero_at) * self.codec.rate)

    def _append(self, payload: bytes, next_sequence: int) -> None:
        samples = len(payload) // self.codec.bytes_per_sample
        self._pending.append(payload)
        self._end += samples
        self._end_timestamp = (self._end_timestamp + samples) & 0xFFFFFFFF
        self._next_sequence = next_sequence & 0xFFFF

    def _change(self, run: Run, codec: Codec, earliest: float, latest: float) -> None:
        first = self._ssrc is None
        moved = first or run.ssrc != self._ssrc or codec.rate != self.codec.rate
        self._release(keep=0)
        if codec is not self.codec:
            self._slice_up(self._end - self._cut)
            self._end = self._cut = self._end * codec.rate // self.codec.rate
            self.codec = codec
            self._set_rate()
            self._outputs.append(codec)
        self._ssrc = run.ssrc
        if first:
            self._zero_at = latest
            self._end_timestamp = run.timestamp
        elif moved:
            self._anchor(run, earliest)

    def _anchor(self, run: Run, earliest: float) -> None:
        """Let the line go on with this run: at its end, or later where our clock says that the sender was away."""
        self._release(keep=0)
        away = self._clock(earliest) - self._end
        if away > self._reorder_ms * self._per_ms:
            self._fill(away, lost=True)
        self._end_timestamp = run.timestamp
        self._next_sequence = run.sequence_number

    def _release(self, now: float = -math.inf, keep: int = MAX_HELD) -> None:
        """Move from the held pieces to the line what follows its end.

        A hole is given up when enough audio or, by `now`, time has passed behind it, or more than `keep` pieces have.
        """
        held, bytes_per_sample = self._held, self.codec.bytes_per_sample
        while held:
            piece = held[0]
            if piece.position > self._end:
                lost = piece.sequence_number != self._next_sequence
                if lost and len(held) <= keep:
                    behind = held[-1].position + len(held[-1].payload) // bytes_per_sample - piece.position
                    if behind < self._reorder_ms * self._per_ms and now - piece.held_at < self._reorder_ms / 1000:
                        return
                self._fill(piece.position - self._end, lost)
            held.pop(0)
            overlap = (self._end - piece.position) * bytes_per_sample
            if overlap < len(piece.payload):
                self._append(piece.payload[overlap:], piece.sequence_number + piece.packet_count)
            else:
                self.late_packets += piece.packet_count

    def _fill(self, samples: int, lost: bool) -> None:
        start_ms, end_ms = self.end_ms, (self._end + samples) // self._per_ms
        if lost:
            frames = range(start_ms // self._frame_ms, -(-end_ms // self._frame_ms))
            self._outputs.append(Gap(start_ms, end_ms - start_ms, tuple(frames)))
            self.lost_ms += end_ms - start_ms
        else:
            self.paused_ms += end_ms - start_ms
        filled = min(samples, self._fill_ms * self._per_ms)
        self._append(self.codec.silence * filled, self._next_sequence)
        if filled < samples:
            self._slice_up(self._end - self._cut)
            self._end += samples - filled
            self._cut = self._end
            self._end_timestamp = (self._end_timestamp + samples - filled) & 0xFFFFFFFF

    def _slice_up(self, due: int) -> None:
        """Cut the next `due` samples of the line into slices."""
        payload = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        per_ms, bytes_per_sample = self._per_ms, self.codec.bytes_per_sample
        taken = 0
        while due > 0:
            samples = self._slice if self._cut_short and due * 2 >= self._slice * 3 else due
            samples = min(samples, self._grid - self._cut % self._grid)
            start_ms = self._cut // per_ms
            self._cut += samples
            due -= samples
            begin, taken = taken, taken + samples * bytes_per_sample
            self._outputs.append(Cut(start_ms, self._cut // per_ms - start_ms, payload[begin:taken], self.codec))
        self._pending = [payload[taken:]] if taken < len(payload) else []
