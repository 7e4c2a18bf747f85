"""Sends the RTP of all ExternalMedia channels: one task, one timer, 20 ms."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Iterable

from ari_bridge.demo.pbx_media import FORMATS, RtpStream, block_for
from ari_bridge.demo.pbx_model import MediaTarget
from ari_bridge.demo.pbx_switch import Switchboard

TICK_S = 0.02

Impairment = Callable[[bytes], Iterable[bytes]]
"""What the network makes of a packet: nothing (lost), itself, several (duplicated, delayed ones first)."""


def unimpaired(packet: bytes) -> Iterable[bytes]:
    return (packet,)


class RtpSender:
    """Moves the switchboard's tick on in real time and sends each tick's packets; after a stall it catches up in order.

    `impair` sees every packet on its way out.
    """

    def __init__(self, board: Switchboard, host: str) -> None:
        self.impair: Impairment = unimpaired
        self._board = board
        self._host = host
        self._sockets: dict[str, tuple[socket.socket, RtpStream]] = {}
        self._opened: tuple[socket.socket, RtpStream] | None = None

    def open(self, target: MediaTarget) -> tuple[str, int]:
        """A socket connected to the target; it waits for `start`. Returns its own address."""
        self._drop_opened()
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.setblocking(False)
        sender.bind((self._host, 0))
        sender.connect((target.host, target.port))
        stream = RtpStream(
            FORMATS[target.format], random.getrandbits(32), random.getrandbits(16), random.getrandbits(32)
        )
        self._opened = sender, stream
        address, port = sender.getsockname()
        return address, port

    def start(self, channel_id: str) -> None:
        """The socket opened last sends what this channel hears."""
        assert self._opened is not None
        if channel_id in self._sockets:  # of a channel that carried this id a moment ago
            self._sockets[channel_id][0].close()
        self._sockets[channel_id], self._opened = self._opened, None

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time() - self._board.tick * TICK_S
        try:
            while True:
                await asyncio.sleep(max(0.0, began + (self._board.tick + 1) * TICK_S - loop.time()))
                while began + (self._board.tick + 1) * TICK_S <= loop.time():
                    self._board.tick += 1
                    self._send_tick()
        finally:
            self._drop_opened()
            for sender, _ in self._sockets.values():
                sender.close()
            self._sockets.clear()

    def _send_tick(self) -> None:
        for channel_id, (sender, stream) in tuple(self._sockets.items()):
            channel = self._board.channels.get(channel_id)
            if channel is None:
                sender.close()
                del self._sockets[channel_id]
                continue
            block = block_for(self._board, channel)
            for packet in self.impair(stream.packet(block)) if block is not None else ():
                # nobody listening (ECONNREFUSED) or a full buffer is the network's loss, as in any RTP sender
                with contextlib.suppress(OSError):
                    sender.send(packet)

    def _drop_opened(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None
