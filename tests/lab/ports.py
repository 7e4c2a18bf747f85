"""Ports on loopback that no other lab process holds.

Asterisk and SIPp are told ranges, so the usual "bind port 0 and look" does not serve. A block is claimed by a TCP
socket bound to the first port of each of its grains; the kernel frees the claim when the owner dies.
"""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path
from typing import Self

GRAIN = 100
# below Linux's ephemeral ports (32768 on), so that no client socket wanders in
FIRST, LAST = 10_000, 32_000


class PortBlock:
    """`size` consecutive ports, of which the first of every hundred is taken by the claim itself.

    Ports `first + 1 .. first + 99` are free for any use; a range handed to Asterisk may span several grains
    since the claims are TCP and media is UDP. Raises RuntimeError when everything is claimed.
    """

    __slots__ = ("_claims", "first", "last")

    def __init__(self, size: int = GRAIN) -> None:
        grains = -(-size // GRAIN)
        candidates = list(range(FIRST, LAST - grains * GRAIN + 1, GRAIN))
        random.shuffle(candidates)
        # what a killed run left (a SIPp that has yet to time out) holds no claim
        taken = _bound_ports()
        for first in candidates:
            if not taken.isdisjoint(range(first, first + grains * GRAIN)):
                continue
            claims = _claim(first, grains)
            if claims:
                self.first = first
                self.last = first + grains * GRAIN - 1
                self._claims = claims
                return
        raise RuntimeError(f"no {size} free ports between {FIRST} and {LAST}")

    def close(self) -> None:
        """Gives the ports back; may be called twice."""
        self._claims.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _claim(first: int, grains: int) -> contextlib.ExitStack | None:
    """Binds the first port of each grain; None, and nothing bound, when one is taken."""
    with contextlib.ExitStack() as stack:
        for grain in range(grains):
            claim = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            try:
                claim.bind(("127.0.0.1", first + grain * GRAIN))
            except OSError:
                return None
        return stack.pop_all()


def _bound_ports() -> set[int]:
    """Local ports of every UDP and TCP socket of this network namespace."""
    tables = [Path("/proc/net", name).read_text().splitlines()[1:] for name in ("udp", "tcp")]
    return {int(line.split()[1].rpartition(":")[2], 16) for table in tables for line in table}
