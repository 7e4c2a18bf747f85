"""Steady legs, as columns: all legs whose tick brought just what was to come, handled at once.

In nearly every tick nearly every leg gets the packets that follow those before, enough for one slice (for several,
where the tick is late). Then there is nothing to decide: the payloads joined are the slice, and all counters go up.
`LegStream` does that too, a leg at a time; here it is done for all such legs in a few numpy operations, an order of
magnitude cheaper. (A few: at a hundred milliseconds from tick to tick each one finds its code out of the cache, so
their number counts more than their size.)
A leg comes in with a `Course`, which says exactly what its next packets must look like. Whatever is not so is the leg's
own business again: it leaves with a `Stretch`, which says what has gone by.
"""

from __future__ import annotations

from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.codecs import Codec
from media.frames import FrameSums
from media.framing import Frame, Slice
from media.level import LEAST_AUDIBLE, Hearing, is_silence, judge_speech, powers
from media.rtp import HEADER_SIZE, PLAIN_FIRST_BYTE

_CODECS: Final = tuple(Codec)
_OFF_COURSE: Final = -1  # as the size of a datagram: none is like it

# The integers of a leg, by row. The first four are what the next datagram must be.
_FIRST_WORD, _TIMESTAMP, _SSRC, _SIZE = range(4)
_SAMPLES, _PACKET_MS, _CODEC, _START_MS, _FRAME_END_MS = range(4, 9)
_BLOCKS, _HANGOVER = range(9, 11)  # of Hearing
_PACKETS, _SLICES, _SPEECH_MS = range(11, 14)  # since the leg came in
_FRAMES, _FRAME_SPEECH_MS, _FRAME_LOST_MS = range(14, 17)
_INTEGERS: Final = 17
_LEAST_BEFORE, _LEAST_NOW, _FRAME_ENERGY, _LAST_AT = range(4)
_FLOATS: Final = 4


class Course(NamedTuple):
    """What a leg expects next, and its state that goes on from there; nothing of its line is held or pending."""

    codec: Codec
    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload_size: int  # whole milliseconds
    start_ms: int  # of its next slice
    frame: FrameSums  # the present one
    hearing: Hearing  # one row


class Stretch(NamedTuple):
    """What has gone by since the leg came in."""

    hearing: Hearing
    packets: int
    slices: int
    speech_ms: int
    audio_ms: int
    frames: int
    frame: FrameSums  # the present one
    last_at: float


class SteadyLegs:
    """A row per leg. `slice_ms` is that of all of them, and no longer than a block of the speech detector."""

    def __init__(self, slice_ms: int, frame_ms: int) -> None:
        self._slice_ms = slice_ms
        self._frame_ms = frame_ms
        self._integers = np.zeros((_INTEGERS, 0), dtype=np.int64)
        self._floats = np.zeros((_FLOATS, 0), dtype=np.float64)
        self._free: list[int] = []

    def add(self) -> int:
        """A row for a leg, not on course yet."""
        if not self._free:
            rows = self._integers.shape[1]
            more = max(rows, 16)
            self._integers = np.hstack([self._integers, np.zeros((_INTEGERS, more), dtype=np.int64)])
            self._floats = np.hstack([self._floats, np.zeros((_FLOATS, more))])
            self._free.extend(range(rows + more - 1, rows - 1, -1))
        row = self._free.pop()
        self._integers[_SIZE, row] = _OFF_COURSE
        return row

    def remove(self, row: int) -> None:
        """The leg is gone."""
        self._integers[_SIZE, row] = _OFF_COURSE
        self._free.append(row)

    def enter(self, row: int, course: Course) -> None:
        """The leg is on this course from the next tick on."""
        codec, frame, hearing = course.codec, course.frame, course.hearing
        samples = course.payload_size // codec.bytes_per_sample
        self._integers[:, row] = (
            PLAIN_FIRST_BYTE << 24 | course.payload_type << 16 | course.sequence_number,
            course.timestamp,
            course.ssrc,
            HEADER_SIZE + course.payload_size,
            samples,
            samples * 1000 // codec.rate,
            _CODECS.index(codec),
            course.start_ms,
            frame.end_ms,
            hearing.blocks[0],
            hearing.hangover[0],
            *(0, 0, 0, 0),
            frame.speech_ms,
            frame.lost_ms,
        )
        self._floats[:, row] = (hearing.least_before[0], hearing.least_now[0], frame.energy, 0.0)

    def leave(self, row: int) -> Stretch:
        """The leg goes on by itself, from where the stretch has brought it. It has entered before."""
        integers, floats = self._integers[:, row].tolist(), self._floats[:, row].tolist()
        hearing = _hearing(self._integers[:, row : row + 1].copy(), self._floats[:, row : row + 1].copy())
        self._integers[_SIZE, row] = _OFF_COURSE
        return Stretch(
            hearing=hearing,
            packets=integers[_PACKETS],
            slices=integers[_SLICES],
            speech_ms=integers[_SPEECH_MS],
            audio_ms=integers[_PACKETS] * integers[_PACKET_MS],
            frames=integers[_FRAMES],
            frame=FrameSums(
                integers[_FRAME_END_MS], floats[_FRAME_ENERGY], integers[_FRAME_SPEECH_MS], integers[_FRAME_LOST_MS]
            ),
            last_at=floats[_LAST_AT],
        )

    def take(
        self,
        matrix: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        rows: NDArray[np.int64],
        edges: NDArray[np.int64],
        now: float,
    ) -> tuple[NDArray[np.bool_], list[tuple[int, Slice | Frame]]]:
        """Take a tick's datagrams of some legs; those of leg `rows[i]` are `edges[i]` up to `edges[i + 1]` of `matrix`.

        For each i whether these were just what was to come; and (i, slice or frame), in order, for those, which are
        thereby dealt with.
        """
        on_course = self._as_expected(matrix, sizes, rows, edges)
        places = np.flatnonzero(on_course)
        items: list[tuple[int, Slice | Frame]] = []
        first, end = edges[places], edges[places + 1]
        while len(places):
            until, made = self._advance(matrix, rows[places], first, end, now)
            of_leg = places.tolist()
            items += ((of_leg[i], item) for i, item in made)
            rest = np.flatnonzero(until < end)  # of those that brought several slices, or whose frame ended on the way
            places, first, end = places[rest], until[rest], end[rest]
        return on_course, items

    def _as_expected(
        self,
        matrix: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        rows: NDArray[np.int64],
        edges: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """For each leg whether all its datagrams are what was to come, and make up whole slices."""
        first, counts = edges[:-1], edges[1:] - edges[:-1]
        integers = self._integers[: _FRAME_END_MS + 1, rows]
        # Counters that wrap in 32 bits.
        expected = np.repeat(integers[: _SAMPLES + 1].astype(np.uint32), counts, axis=1)
        place = np.arange(len(sizes), dtype=np.uint32) - np.repeat(first.astype(np.uint32), counts)
        expected[_FIRST_WORD] += place
        expected[_TIMESTAMP] += place * expected[_SAMPLES]
        found = np.empty((_SIZE + 1, len(sizes)), dtype=np.uint32)
        found[:_SIZE] = matrix[: len(sizes), :HEADER_SIZE].view(">u4").T
        found[_SIZE] = sizes
        as_expected: NDArray[np.bool_] = np.logical_and.reduceat((expected[: _SIZE + 1] == found).all(axis=0), first)
        packet_ms, left_ms = integers[_PACKET_MS], integers[_FRAME_END_MS] - integers[_START_MS]
        duration_ms = counts * packet_ms
        whole_ms = np.maximum(packet_ms, 1)
        as_expected &= (duration_ms * 2 < self._slice_ms * 3) | (self._slice_ms % whole_ms == 0)
        as_expected &= (duration_ms <= left_ms) | (left_ms % whole_ms == 0)
        return as_expected

    def _advance(
        self,
        matrix: NDArray[np.uint8],
        rows: NDArray[np.int64],
        first: NDArray[np.int64],
        end: NDArray[np.int64],
        now: float,
    ) -> tuple[NDArray[np.int64], list[tuple[int, Slice | Frame]]]:
        """Let legs go on by the datagrams `first` up to `end`, or one slice of them, or to the end of their frame.

        How far it was, and (i, slice or frame) that leg `rows[i]` hands out.
        """
        integers, floats = self._integers[:, rows], self._floats[:, rows]
        packet_ms = integers[_PACKET_MS]
        left = (integers[_FRAME_END_MS] - integers[_START_MS]) // packet_ms
        due = end - first
        due = np.where(due * packet_ms * 2 < self._slice_ms * 3, due, self._slice_ms // packet_ms)
        until: NDArray[np.int64] = first + np.minimum(due, left)
        payloads, power, silent = _listen(matrix, integers, first, until)
        speech, hearing = judge_speech(power, _hearing(integers, floats))
        columns = (
            integers[_START_MS].tolist(),
            ((until - first) * integers[_PACKET_MS]).tolist(),
            payloads,
            map(_CODECS.__getitem__, integers[_CODEC].tolist()),
            repeat(now),
            power.tolist(),
            speech.tolist(),
            silent.tolist(),
        )
        items: list[tuple[int, Slice | Frame]] = list(enumerate(map(Slice._make, zip(*columns, strict=False))))
        _go_on(integers, floats, until - first, power=power, speech=speech, hearing=hearing)
        floats[_LAST_AT] = now
        items += self._finish(integers, floats)
        self._integers[:, rows], self._floats[:, rows] = integers, floats
        return until, items

    def _finish(self, integers: NDArray[np.int64], floats: NDArray[np.float64]) -> list[tuple[int, Frame]]:
        """The frames that are complete, by place; those legs begin their next ones."""
        complete = np.flatnonzero(integers[_START_MS] == integers[_FRAME_END_MS])
        if not len(complete):
            return []
        frames = [
            (place, FrameSums(end_ms, energy, speech_ms, lost_ms).frame(end_ms, self._frame_ms))
            for place, end_ms, energy, speech_ms, lost_ms in zip(
                complete.tolist(),
                integers[_FRAME_END_MS, complete].tolist(),
                floats[_FRAME_ENERGY, complete].tolist(),
                integers[_FRAME_SPEECH_MS, complete].tolist(),
                integers[_FRAME_LOST_MS, complete].tolist(),
                strict=True,
            )
        ]
        integers[_FRAME_END_MS, complete] += self._frame_ms
        integers[_FRAMES, complete] += 1
        integers[_FRAME_SPEECH_MS : _FRAME_LOST_MS + 1, complete] = 0
        floats[_FRAME_ENERGY, complete] = 0
        return frames


def _listen(
    matrix: NDArray[np.uint8], integers: NDArray[np.int64], first: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[list[bytes], NDArray[np.float64], NDArray[np.bool_]]:
    """Of each leg, whose datagrams are the rows `first` up to `end`: its payloads joined, their power, all zeros?"""
    payloads = [b""] * len(first)
    power = np.zeros(len(first))
    silent = np.zeros(len(first), dtype=np.bool_)
    kinds = integers[_CODEC] << 16 | integers[_SIZE]
    for kind in set(kinds.tolist()):  # nearly always one
        members = np.flatnonzero(kinds == kind)
        begins, ends = first[members], end[members]
        low, high = begins[0], ends[-1]
        codec, width = _CODECS[kind >> 16], (kind & 0xFFFF) - HEADER_SIZE
        audio = matrix[low:high, HEADER_SIZE : HEADER_SIZE + width]  # what lies between the members does no harm
        edges = np.stack([begins, ends], axis=1).ravel() - low
        each = np.append(powers(codec, audio), 0)
        means = np.add.reduceat(each, edges, dtype=np.float64)[::2] / (ends - begins)
        octets = audio.tobytes()
        edges *= width
        places, bounds = members.tolist(), edges.tolist()
        for place, begin, until in zip(places, bounds[::2], bounds[1::2], strict=True):
            payloads[place] = octets[begin:until]
        for quiet in np.flatnonzero(means < LEAST_AUDIBLE).tolist():
            if is_silence(codec, payloads[places[quiet]]):
                silent[places[quiet]], means[quiet] = True, 0
        power[members] = means
    return payloads, power, silent


def _go_on(
    integers: NDArray[np.int64],
    floats: NDArray[np.float64],
    packets: NDArray[np.int64],
    *,
    power: NDArray[np.float64],
    speech: NDArray[np.bool_],
    hearing: Hearing,
) -> None:
    """Let legs go on by so many packets."""
    duration_ms = packets * integers[_PACKET_MS]
    speech_ms = duration_ms * speech
    integers[_FIRST_WORD] += packets
    # Over the wrap of its sequence numbers a leg goes by itself.
    integers[_SIZE, (integers[_FIRST_WORD] & 0xFFFF) < packets] = _OFF_COURSE
    integers[_TIMESTAMP] += packets * integers[_SAMPLES]
    integers[_START_MS] += duration_ms
    integers[_BLOCKS], integers[_HANGOVER] = hearing.blocks, hearing.hangover
    integers[_PACKETS] += packets
    integers[_SLICES] += 1
    integers[_SPEECH_MS] += speech_ms
    integers[_FRAME_SPEECH_MS] += speech_ms
    floats[_LEAST_BEFORE], floats[_LEAST_NOW] = hearing.least_before, hearing.least_now
    floats[_FRAME_ENERGY] += power * duration_ms


def _hearing(integers: NDArray[np.int64], floats: NDArray[np.float64]) -> Hearing:
    return Hearing(floats[_LEAST_BEFORE], floats[_LEAST_NOW], integers[_BLOCKS], integers[_HANGOVER])
