"""A sender of real-time RTP in a process of its own: one stream per leg, a packet of 20 ms A-law each.

Each stream has its own phase within the 20 ms, at random, as independent telephones have. (Sent in clumps, packets
would share a wake-up, and whoever wakes up for every packet would look cheaper than he is.) Every packet carries the
monotonic nanoseconds of its sending in the first 8 payload bytes.
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

PACKET_S = 0.020
SLOTS = 400  # per packet period: the phases are exact to 50 µs
SAMPLES = 160
HEADER = 12
STAMP = slice(HEADER, HEADER + 8)
PR_SET_TIMERSLACK = 29  # linux/prctl.h

Send = Callable[[memoryview], int]


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and how late the latest slot was (seconds): a sender that cannot keep pace spoils the row."""

    packets: int
    latest_s: float


def open_streams(streams: int) -> list[socket.socket]:
    """A bound socket for each stream."""
    sockets = []
    for _ in range(streams):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sockets.append(sock)
    return sockets


def serve(pipe: Connection, streams: int, cpu: int | None) -> None:
    """Process main: tell the source ports, be told the targets', send until told to stop, tell what was `Sent`."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    sockets = open_streams(streams)
    pipe.send([sock.getsockname()[1] for sock in sockets])
    for sock, port in zip(sockets, pipe.recv(), strict=True):
        sock.connect(("127.0.0.1", port))
    pipe.send(_send_until_told(pipe, sockets))


def _send_until_told(pipe: Connection, sockets: Sequence[socket.socket]) -> Sent:
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)  # else every sleep is up to 50 µs longer
    streams = len(sockets)
    packets = _packets(streams)
    slots = _slots(sockets, packets)
    sent, latest, period = 0, 0.0, 0
    begin = time.monotonic()
    while not pipe.poll():
        packets[:, 2:4] = np.frombuffer((period & 0xFFFF).to_bytes(2, "big"), dtype=np.uint8)
        packets[:, 4:8] = np.frombuffer((period * SAMPLES & 0xFFFFFFFF).to_bytes(4, "big"), dtype=np.uint8)
        for phase, rows, sends in slots:
            wait = begin + (period + phase) * PACKET_S - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            latest = max(latest, -wait)
            packets[rows, STAMP] = np.frombuffer(time.monotonic_ns().to_bytes(8, "big"), dtype=np.uint8)
            for send, packet in sends:
                send(packet)
        sent += streams
        period += 1
    return Sent(sent, latest)


def _packets(streams: int) -> NDArray[np.uint8]:
    """A packet of each stream; sequence number, timestamp and stamp are still to be filled in."""
    packets = np.full((streams, HEADER + SAMPLES), 0x55, dtype=np.uint8)
    packets[:, 20:] = np.random.default_rng(1).integers(0, 256, SAMPLES - 8)
    packets[:, 0:2] = (0x80, 8)
    packets[:, 8:12] = np.arange(1, streams + 1, dtype=">u4").reshape(-1, 1).view(np.uint8)
    return packets


def _slots(
    sockets: Sequence[socket.socket], packets: NDArray[np.uint8]
) -> list[tuple[float, NDArray[np.int64], list[tuple[Send, memoryview]]]]:
    """The moments of a period at which something is sent: phase (0 … 1), the streams, how to send their packets."""
    slot_of = np.random.default_rng(2).integers(0, SLOTS, len(sockets))
    slots = []
    for slot in np.unique(slot_of).tolist():
        rows = np.flatnonzero(slot_of == slot)
        slots.append((slot / SLOTS, rows, [(sockets[i].send, packets[i].data) for i in rows.tolist()]))
    return slots
