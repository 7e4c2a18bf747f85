"""A bad line between this host and a network namespace: a TUN device on either side, and a forwarder in between.

This kernel has no netem, so the forwarder delays and loses IP packets itself. Towards this host it lets pass only what
belongs to TCP connections that this host opened, as a NAT would.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import itertools
import os
import selectors
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

_TUNSETIFF: Final = 0x400454CA  # linux/if_tun.h
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_MTU: Final = 1500
_TCP: Final = 6
_SYN, _ACK = 0x02, 0x10


@dataclass
class FarLine:
    """`here` and `there` are the two ends' addresses; counters are IP packets of TCP, both ways together."""

    namespace: str
    here: str
    there: str
    delay_s: float
    loss: float
    passed: int = 0
    lost: int = 0
    refused: int = 0


@contextlib.contextmanager
def far_line(*, delay_s: float, loss: float, seed: int = 1) -> Iterator[FarLine]:
    """A namespace of its own at the other end of such a line (`delay_s` one way). Needs root and /dev/net/tun."""
    number = os.getpid() % 200 + 20
    line = FarLine(f"abfar{os.getpid()}", f"10.213.{number}.2", f"10.213.{number}.1", delay_s, loss)
    near, far = f"abn{os.getpid()}", f"abf{os.getpid()}"
    _run("ip", "netns", "add", line.namespace)
    try:
        with _tun(near) as near_fd, _tun(far) as far_fd:
            _run("ip", "link", "set", far, "netns", line.namespace)
            for prefix, device, own, other in (
                ((), near, line.here, line.there),
                (("-n", line.namespace), far, line.there, line.here),
            ):
                _run("ip", *prefix, "addr", "add", own, "peer", other, "dev", device)
                _run("ip", *prefix, "link", "set", device, "up")
            _run("ip", "-n", line.namespace, "link", "set", "lo", "up")
            stop = threading.Event()
            forwarder = threading.Thread(target=_forward, args=(line, near_fd, far_fd, stop, Random(seed)))
            forwarder.start()
            try:
                yield line
            finally:
                stop.set()
                forwarder.join()
    finally:
        _run("ip", "netns", "del", line.namespace)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def _tun(name: str) -> Iterator[int]:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
        yield fd
    finally:
        os.close(fd)


def _forward(line: FarLine, near_fd: int, far_fd: int, stop: threading.Event, draw: Random) -> None:
    under_way: list[tuple[float, int, int, bytes]] = []
    order = itertools.count()
    with selectors.DefaultSelector() as selector:
        selector.register(near_fd, selectors.EVENT_READ, far_fd)
        selector.register(far_fd, selectors.EVENT_READ, near_fd)
        while not stop.is_set():
            wait = under_way[0][0] - time.monotonic() if under_way else 0.05
            for key, _ in selector.select(min(max(wait, 0), 0.05)):
                packet = os.read(key.fd, _MTU + 100)
                if _may_pass(packet, inbound=key.fd == far_fd):
                    if draw.random() < line.loss:
                        line.lost += 1
                    else:
                        line.passed += 1
                        due = time.monotonic() + line.delay_s
                        heapq.heappush(under_way, (due, next(order), key.data, packet))
                else:
                    line.refused += 1
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, fd, packet = heapq.heappop(under_way)
                with contextlib.suppress(BlockingIOError):  # as a full queue would
                    os.write(fd, packet)


def _may_pass(packet: bytes, *, inbound: bool) -> bool:
    """TCP over IPv4; from there to here no packet that opens a connection."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != _TCP:
        return False
    flags = packet[(packet[0] & 15) * 4 + 13]
    return not (inbound and flags & _SYN and not flags & _ACK)
