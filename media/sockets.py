"""One party's audio on its way in: a bound socket, what becomes of its packets, and where that goes."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from media.codecs import Codec
from media.datagrams import dropped_by_kernel, pin
from media.framing import Frame, Gap, Slice
from media.leg import Item, LegReport, LegStream
from media.totals import MediaTotals

log = logging.getLogger(__name__)


class LegSink(Protocol):
    """Where a leg's audio goes; called in the order of the line, from the tick. Must return at once.

    A method that raises ends the delivery to this sink (`LegReport.delivery_error`) and concerns no other leg.
    """

    def on_slice(self, slice: Slice, /) -> None: ...

    def on_frame(self, frame: Frame, /) -> None:
        """After the last slice of the frame."""

    def on_gap(self, gap: Gap, /) -> None:
        """Before the slices that span it."""

    def on_codec(self, codec: Codec, /) -> None:
        """What follows is in another encoding than so far (first: than the leg was opened with)."""


class Owner(Protocol):
    """Who drains the legs: the receiver."""

    closed: MediaTotals

    def listen(self, leg: Leg, /) -> None:
        """It is connected."""

    def finish(self, leg: Leg, /) -> None:
        """Drain it a last time and let go of it."""

    def account(self, leg: Leg, /) -> None:
        """Bring its stream up to date."""


class Leg:
    """One party's audio: a bound socket and what becomes of its packets. Made by `Receiver.open`."""

    __slots__ = (
        "_closed",
        "_connected",
        "_delivery_error",
        "_kernel_drops",
        "_owner",
        "_sink",
        "_socket",
        "_stopping",
        "broken",
        "fileno",
        "port",
        "row",
        "stamped_next",
        "steady",
        "stream",
    )

    def __init__(self, owner: Owner, sock: socket.socket, stream: LegStream, sink: LegSink) -> None:
        self._owner = owner
        self._sink = sink
        self._connected = False
        self._stopping = False
        self._closed = False
        self._kernel_drops = 0
        self._delivery_error: str | None = None
        self.port: int = sock.getsockname()[1]
        self.fileno = sock.fileno()  # −1 when the leg has stopped
        self._socket = sock
        self.stream = stream
        self.row = -1  # among the receiver's steady legs, from `connect` to `stop`
        self.steady = False
        self.broken = False  # by a fault of ours: what comes is thrown away
        self.stamped_next = 0  # the tick that looks at kernel time stamps again

    @property
    def first_packet_at(self) -> float | None:
        """When the leg's first packet reached the kernel (monotonic seconds): the zero of its line."""
        return self.stream.first_packet_at

    def connect(self, host: str, port: int) -> None:
        """Accept packets of this address only. What was queued before is discarded: anybody may have sent it."""
        pin(self._socket, host, port)
        if not self._connected:
            self._connected = True
            self._owner.listen(self)

    def stop(self) -> LegReport:
        """Take what is still queued, hand out all that is left, close the socket. Idempotent.

        The sink itself may call it, and is handed the rest before it returns.
        """
        if not self._stopping:
            self._stopping = True
            if self._connected:
                self._owner.finish(self)
            self._kernel_drops = dropped_by_kernel(self._socket)
            self._closed = True
            self._socket.close()
            self._owner.closed.add(self.report())
        return self.report()

    def report(self) -> LegReport:
        """The account at this moment."""
        if not self._closed:
            self._owner.account(self)
            self._kernel_drops = dropped_by_kernel(self._socket)
        return self.stream.report(kernel_drops=self._kernel_drops, delivery_error=self._delivery_error)

    def hand_over(self, item: Item) -> None:
        """Give the sink one item."""
        if self._delivery_error is not None:
            return
        sink = self._sink
        try:
            if isinstance(item, Slice):
                sink.on_slice(item)
            elif isinstance(item, Frame):
                sink.on_frame(item)
            elif isinstance(item, Gap):
                sink.on_gap(item)
            else:
                sink.on_codec(item)
        except Exception as error:  # boundary: one leg's sink must not take down the other legs
            self._delivery_error = type(error).__name__
            log.exception("leg_sink_failed", extra={"port": self.port})

    @contextmanager
    def contained(self) -> Iterator[None]:
        """Whatever goes wrong inside ends this leg."""
        try:
            yield
        except Exception as error:  # boundary: a fault in one leg's audio must not take down the other legs
            self.broken = True
            self._delivery_error = type(error).__name__
            log.exception("leg_audio_failed", extra={"port": self.port})
