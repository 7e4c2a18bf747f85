"""The virtual PBX of the chain's bench: ARI as in the demo, RTP from telephones that keep pace for 400 legs."""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import dataclass
from multiprocessing.connection import Connection

from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.demo.pbx_calls import VirtualCall
from ari_bridge.demo.pbx_model import Channel, MediaTarget
from ari_bridge.demo.pbx_script import CallScript
from tests.bench.chain_script import BLOCK_S
from tests.bench.chain_telephones import Telephones
from tests.bench.process import answers

RING_S = 1.0
LAST_WORDS_S = 1.0  # from the last word to the hang-up
FIRST_EXTENSION = 2000
FIRST_NUMBER = 79000000000


@dataclass(frozen=True, slots=True)
class Said:
    """What was sent: packets of all legs, complete words of each, the number of each leg's block at the hang-up."""

    packets: int
    words: list[int]
    hung_up_at: list[int]
    late_ms: float


class BenchPbx(VirtualPbx):
    """Calls `0 … calls - 1`: the client's number and the operator's extension tell which is which."""

    def __init__(self, calls: int) -> None:
        extensions = tuple(str(FIRST_EXTENSION + number) for number in range(calls))
        super().__init__(operators=extensions)
        self.telephones = Telephones(2 * calls)
        self._extensions = extensions
        self._live: list[VirtualCall] = []
        self._opened: socket.socket | None = None
        self._waiting: dict[str, int] = {}  # media channel → leg, until somebody shares its bridge
        self.hung_up_at = [0] * (2 * calls)

    def open_media(self, target: MediaTarget) -> tuple[str, int]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        sock.connect((target.host, target.port))
        self._opened = sock
        address, port = sock.getsockname()
        return address, port

    def start_media(self, channel: Channel) -> None:
        assert self._opened is not None
        leg = self._leg_of(channel.id)
        self.telephones.connect(leg, self._opened)
        self._waiting[channel.id] = leg

    async def connect_media(self) -> None:
        """RTP flows as soon as a media channel has company."""
        while True:
            await asyncio.sleep(BLOCK_S)
            for channel_id, leg in list(self._waiting.items()):
                media = self.board.channels.get(channel_id)
                if media is None or any(self.board.heard_by(media)):
                    del self._waiting[channel_id]
                    if media is not None:
                        self.telephones.start(leg)

    async def ring(self, per_second: float) -> None:
        """All calls, one after the other; returns when all are answered."""
        async with asyncio.TaskGroup() as tasks:
            for number, extension in enumerate(self._extensions):
                script = CallScript(
                    client=str(FIRST_NUMBER + number), ringing=(extension,), ring_s=RING_S, talk_s=24 * 3600.0
                )
                self._live.append(self.call(script))
                tasks.create_task(self._answered(number, self._live[-1]), name=f"call[{number}]")
                await asyncio.sleep(random.uniform(0.5, 1.5) / per_second)

    async def _answered(self, number: int, call: VirtualCall) -> None:
        await call.answered.wait()
        self.telephones.answer(number)

    async def end_calls(self, per_second: float) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, call in enumerate(self._live):
                tasks.create_task(self._end(number, call), name=f"call[{number}].end")
                await asyncio.sleep(1 / per_second)

    async def _end(self, number: int, call: VirtualCall) -> None:
        self.telephones.fall_silent(number)
        await asyncio.sleep(LAST_WORDS_S)
        for leg in (2 * number, 2 * number + 1):
            self.hung_up_at[leg] = self.telephones.block(leg)
        call.hang_up()
        await call.ended.wait()
        for leg in (2 * number, 2 * number + 1):
            self.telephones.stop(leg)

    def said(self) -> Said:
        words = [int(count) for count in self.telephones.words]
        return Said(self.telephones.packets, words, self.hung_up_at, self.telephones.late_s * 1000)

    def _leg_of(self, media_id: str) -> int:
        for number, call in enumerate(self._live):
            if call.owns(media_id.partition("-media-")[2]):
                return 2 * number + (not media_id.endswith(f"-{call.caller_channel}"))
        raise LookupError(media_id)


def serve(pipe: Connection, calls: int) -> None:
    """Process main. Tells its URL; answers `("ring", per_second)`, `("hang up", per_second)`, `end` (with `Said`)."""
    asyncio.run(_serve(pipe, calls))


async def _serve(pipe: Connection, calls: int) -> None:
    async with BenchPbx(calls) as pbx:
        pbx.telephones.begin()
        connecting = asyncio.create_task(pbx.connect_media(), name="connect_media")
        pipe.send(pbx.url)
        async for request in answers(pipe):
            match request:
                case ("ring", per_second):
                    await pbx.ring(per_second)
                    pipe.send("answered")
                case ("hang up", per_second):
                    await pbx.end_calls(per_second)
                    pipe.send("hung up")
                case _:
                    pipe.send(pbx.said())
        connecting.cancel()
        pbx.telephones.end()
