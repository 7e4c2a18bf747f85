"""All telephones of the chain's bench: a thread that sends both legs' RTP of every call in real time."""

from __future__ import annotations

import socket
import threading
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.bench.chain_script import BLOCK, BLOCK_S, SILENCE, STAMP_S, part_of, parts, write_marks

SLOTS: Final = 10  # per packet period: the streams' phases are spread over so many moments
HEADER: Final = 12
LOUDNESSES: Final = 16
SPEAK_AFTER: Final = 25  # blocks from the answer to the first word


class Telephones:
    """All legs' RTP, sent by a thread. All methods but `begin` and `end` may be called any time."""

    def __init__(self, legs: int) -> None:
        self._sockets: list[socket.socket | None] = [None] * legs
        self._active = np.zeros(legs, dtype=bool)
        self._block = np.zeros(legs, dtype=np.int64)
        self._base = np.full(legs, 1 << 40)  # the block at which the leg's part begins
        self._until = np.full(legs, 1 << 41)  # the block from which it is silent
        self.words = np.zeros(legs, dtype=np.int64)
        self.packets = 0
        self.late_s = 0.0
        self._running = True
        rng = np.random.default_rng(1)
        self._first_sequence = rng.integers(0, 1 << 16, legs)
        self._first_timestamp = rng.integers(0, 1 << 32, legs)
        self._packets = np.zeros((legs, HEADER + BLOCK), dtype=np.uint8)
        self._packets[:, 0:2] = (0x80, 8)
        self._packets[:, 8:12] = rng.integers(0, 1 << 32, legs).astype(">u4").reshape(-1, 1).view(np.uint8)
        self._rows = [row.data for row in self._packets]
        self._sounds = _sounds(rng)
        self._length = np.array([len(part_of(leg).at) for leg in range(legs)])
        self._per_round = np.array([part_of(leg).words_per_round for leg in range(legs)])
        rounds = max(len(part.at) for pair in parts() for part in pair)
        self._script = np.full((legs, rounds), -1, dtype=np.int64)
        for leg in range(legs):
            self._script[leg, : self._length[leg]] = part_of(leg).at
        self._thread = threading.Thread(target=self._send_on, name="rtp")

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._running = False
        self._thread.join()

    def connect(self, leg: int, sock: socket.socket) -> None:
        self._sockets[leg] = sock

    def start(self, leg: int) -> None:
        self._active[leg] = True

    def stop(self, leg: int) -> None:
        self._active[leg] = False

    def answer(self, call: int) -> None:
        for leg in (2 * call, 2 * call + 1):
            self._base[leg] = self._block[leg] + SPEAK_AFTER

    def fall_silent(self, call: int) -> None:
        for leg in (2 * call, 2 * call + 1):
            self._until[leg] = self._block[leg]

    def block(self, leg: int) -> int:
        return int(self._block[leg])

    def _send_on(self) -> None:
        period, begin = 0, time.monotonic()
        while self._running:
            for slot in range(SLOTS):
                wait = begin + (period + slot / SLOTS) * BLOCK_S - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                self.late_s = max(self.late_s, -wait)
                legs = np.flatnonzero(self._active[slot::SLOTS]) * SLOTS + slot
                if len(legs):
                    self._send(legs)
            period += 1

    def _send(self, legs: NDArray[np.int64]) -> None:
        block = self._block[legs]
        words = self._words(legs, block)
        packets = self._packets[legs]
        packets[:, 1] = np.where(block == 0, 0x88, 8)
        packets[:, 2:4] = (self._first_sequence[legs] + block).astype(">u2").reshape(-1, 1).view(np.uint8)
        packets[:, 4:8] = (self._first_timestamp[legs] + block * BLOCK).astype(">u4").reshape(-1, 1).view(np.uint8)
        packets[:, HEADER:] = self._sounds[np.where(words > 0, (block // 5 + legs) % LOUDNESSES, LOUDNESSES)]
        write_marks(packets[:, HEADER:], legs, block, words, int(time.monotonic() / STAMP_S))
        self._packets[legs] = packets
        for leg in legs.tolist():
            sock = self._sockets[leg]
            if sock is not None:
                try:
                    sock.send(self._rows[leg])
                except OSError:  # nobody listens any more
                    continue
        self._block[legs] = block + 1
        self.packets += len(legs)

    def _words(self, legs: NDArray[np.int64], block: NDArray[np.int64]) -> NDArray[np.int64]:
        """The word of each leg's present block, 0 for silence; notes those that are complete."""
        offset = block - self._base[legs]
        rounds, place = np.divmod(np.maximum(offset, 0), self._length[legs])
        index = self._script[legs, place]
        speaking = (offset >= 0) & (block < self._until[legs]) & (index >= 0)
        words = np.where(speaking, index + rounds * self._per_round[legs] + 1, 0)
        following = self._script[legs, np.minimum(place + 1, self._length[legs] - 1)]
        complete = speaking & (following != index)
        self.words[legs[complete]] = words[complete]
        return words


def _sounds(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise of several loudnesses, and silence as the last row. A-law codes: the higher the segment, the louder."""
    sounds = np.full((LOUDNESSES + 1, BLOCK), SILENCE, dtype=np.uint8)
    for loudness in range(LOUDNESSES):
        segment = 4 + loudness % 4
        codes = (rng.integers(0, 2, BLOCK) << 7) | (segment << 4) | rng.integers(0, 16, BLOCK)
        sounds[loudness] = codes ^ 0x55
    return sounds
