"""Draining: one pass over many legs' sockets, and who of them gets what came.

All datagrams of a pass lie in one matrix. Steady legs are served from it together, the others each by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final

import numpy as np

from media.codecs import Codec
from media.datagrams import DatagramMatrix
from media.framing import Frame
from media.leg import Item
from media.rtp import TIMESTAMP, Run, parse_headers, run_in
from media.sockets import Leg
from media.steady import SteadyLegs

_STAMPED_EVERY: Final = 10  # ticks from one look at a leg's kernel time stamps to the next


class Drain:
    """Legs that are drained together. `steadily`: a tick is a slice, so that they may be served together too.

    The matrix may be another drain's as well: between passes nothing is in it.
    """

    def __init__(
        self,
        matrix: DatagramMatrix,
        *,
        slice_ms: int,
        frame_ms: int,
        steadily: bool,
        payload_types: Mapping[int, Codec],
    ) -> None:
        self.legs: list[Leg] = []
        self._steadily = steadily
        self._bytes_per_sample = np.zeros(128, dtype=np.int64)
        for payload_type, codec in payload_types.items():
            self._bytes_per_sample[payload_type] = codec.bytes_per_sample
        self._matrix = matrix
        self._steady = SteadyLegs(slice_ms, frame_ms)
        self._queue: deque[tuple[Leg, Item]] = deque()  # filled and emptied within a tick: as long as what it brings
        self._ticks = 0
        self._ticked_at: float | None = None

    def add(self, leg: Leg) -> None:
        """Drain it from the next tick on."""
        leg.row = self._steady.add()
        self.legs.append(leg)

    def tick(self, now: float, wall_offset: float) -> None:
        """Take all that is queued for the legs, and hand out what is ready."""
        legs: Sequence[Leg] = list(self.legs)
        while legs:
            legs = legs[self._pass(legs, now, wall_offset) :]
        self._ticks += 1
        self._ticked_at = now

    def finish(self, leg: Leg, now: float, wall_offset: float) -> None:
        """Take what is queued for this leg, hand out all that is left, and let go of it."""
        self.legs.remove(leg)
        self._pass([leg], now, wall_offset)
        self.account(leg)
        self._steady.remove(leg.row)
        leg.fileno = -1
        if not leg.broken:
            with leg.contained():
                self._queue.extend([(leg, item) for item in leg.stream.flush(now)])
        self._deliver()

    def account(self, leg: Leg) -> None:
        """Let the leg go by itself, should it be a steady one, with all that went by accounted for."""
        if leg.steady:
            leg.steady = False
            leg.stream.resume(self._steady.leave(leg.row))

    def settle(self, leg: Leg) -> None:
        """Let a connected leg that has no worries be a steady one from now on."""
        if leg.row >= 0 and leg.fileno >= 0 and not leg.broken and self._steadily:
            course = leg.stream.course()
            if course is not None:
                leg.steady = True
                self._steady.enter(leg.row, course)

    def _pass(self, legs: Sequence[Leg], now: float, wall_offset: float) -> int:
        """Fill the matrix once, and serve the legs that it holds; how many of `legs` are done with."""
        matrix, receive = self._matrix, self._matrix.receive
        heard: list[Leg] = []
        bounds: list[int] = [0]  # heard[i] has the rows bounds[i] up to bounds[i + 1]
        restless: list[Leg] = []
        row = done = 0
        for leg in legs:
            count = receive(leg.fileno, row)
            if count:
                row += count
                heard.append(leg)
                bounds.append(row)
            if not leg.steady:
                restless.append(leg)
            if row == matrix.rows:
                # This leg may have more: it goes on in the next pass, unless it had the whole matrix. Then it waits.
                done += count == matrix.rows
                break
            done += 1
        if heard:
            self._feed(heard, bounds, restless, now, wall_offset)
        self._cut(restless, now)
        self._deliver()
        return done

    def _feed(
        self, heard: Sequence[Leg], bounds: Sequence[int], restless: list[Leg], now: float, wall_offset: float
    ) -> None:
        """Give the rows of the matrix to the legs, and queue what the steady ones make of it.

        Those that are steady no more join the `restless`.
        """
        octets, sizes = self._matrix.octets, self._matrix.sizes(bounds[-1])
        rows = np.array([leg.row for leg in heard], dtype=np.int64)
        on_course, items = self._steady.take(octets, sizes, rows, np.array(bounds, dtype=np.int64), now)
        for place, item in items:
            self._queue.append((heard[place], item))
            if isinstance(item, Frame):
                self._sample(heard[place], bounds[place], bounds[place + 1], wall_offset)
        strays = np.flatnonzero(~on_course).tolist()
        if strays:
            self._feed_strays([(heard[i], bounds[i], bounds[i + 1]) for i in strays], restless, now, wall_offset)

    def _feed_strays(
        self, strays: Sequence[tuple[Leg, int, int]], restless: list[Leg], now: float, wall_offset: float
    ) -> None:
        """Feed legs that go by themselves; each has the rows from its first number up to its second."""
        picked = np.concatenate([np.arange(first, end) for _, first, end in strays])
        octets, sizes = self._matrix.octets[picked], self._matrix.sizes(strays[-1][2])[picked]
        edges = [0, *accumulate(end - first for _, first, end in strays)]
        headers = parse_headers(octets, sizes, np.array(edges[:-1]), self._bytes_per_sample)
        begins = headers.run_begin.tolist()
        for (leg, first, end), edge in zip(strays, edges, strict=False):
            if leg.steady:
                self.account(leg)
                restless.append(leg)
            of_leg = begins[bisect_left(begins, edge) : bisect_left(begins, edge + end - first) + 1]
            runs = [(run_in(octets, headers, *rows), rows[0] - edge, rows[1] - edge) for rows in pairwise(of_leg)]
            if not leg.broken:
                with leg.contained():
                    self._feed_leg(leg, runs, self._stamps_due(leg, first, end, wall_offset), now)

    def _feed_leg(
        self, leg: Leg, runs: Iterable[tuple[Run | None, int, int]], stamps: Sequence[float] | None, now: float
    ) -> None:
        """Feed a leg with runs (None: no RTP), each with its place among the leg's datagrams of this pass."""
        earliest = self._ticked_at if self._ticked_at is not None else now
        for run, begin, end in runs:
            if run is None:
                leg.stream.feed_malformed(end - begin)
            else:
                leg.stream.feed(run, earliest, now, stamps[begin:end] if stamps is not None else None)
        if leg.first_packet_at is not None and stamps is not None:
            # Every tick until the line has begun, for its zero is to be exact; then now and again.
            leg.stamped_next = self._ticks + _STAMPED_EVERY

    def _stamps_due(self, leg: Leg, first: int, end: int, wall_offset: float) -> list[float] | None:
        """When the kernel got these rows (monotonic seconds), if it is time to look."""
        if leg.stamped_next > self._ticks:
            return None
        return [stamp - wall_offset for stamp in self._matrix.stamps(first, end)]

    def _sample(self, leg: Leg, first: int, end: int, wall_offset: float) -> None:
        """A look at the jitter of a steady leg, whose rows these are."""
        stamps = self._stamps_due(leg, first, end, wall_offset)
        if stamps is not None:
            timestamp = self._matrix.octets[first, TIMESTAMP].tobytes()
            leg.stream.sample(int.from_bytes(timestamp, "big"), stamps)
            leg.stamped_next = self._ticks + _STAMPED_EVERY

    def _cut(self, restless: Sequence[Leg], now: float) -> None:
        """Queue what these legs have; who has no worries is steady from now on."""
        for leg in restless:
            if leg.fileno >= 0 and not leg.broken:
                with leg.contained():
                    self._queue.extend([(leg, item) for item in leg.stream.cut(now)])
                    self.settle(leg)

    def _deliver(self) -> None:
        # From one queue, each item taken out first: a sink may stop legs, its own and others, and `stop` hands out all.
        queue = self._queue
        while queue:
            leg, item = queue.popleft()
            leg.hand_over(item)
