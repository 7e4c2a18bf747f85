"""What a leg costs that comes over Asterisk's media WebSocket, beside one by RTP (see media_bench).

    python -m tests.bench.websocket_bench --legs 100 --seconds 10

A process of its own plays Asterisk: a frame of 20 ms to each leg, one after the other, as its timers do.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ari_bridge.asterisk.media_socket import MediaSockets
from ari_bridge.settings import AriSettings
from media.codecs import Codec
from media.framing import Frame, Gap, Slice
from media.receiver import Leg, Receiver

FRAME_S = 0.02
FRAME = bytes(range(160))


class Count:
    """A `LegSink`."""

    audio = 0

    def on_slice(self, slice: Slice, /) -> None:
        self.audio += len(slice.payload)

    def on_frame(self, frame: Frame, /) -> None: ...

    def on_gap(self, gap: Gap, /) -> None: ...

    def on_codec(self, codec: Codec, /) -> None: ...


def play(told: Connection) -> None:
    """The other process: tells its port, then sends to whoever connects."""

    async def handle(line: ServerConnection) -> None:
        due = time.monotonic()
        with suppress(ConnectionClosed):
            while True:
                due += FRAME_S
                await asyncio.sleep(max(due - time.monotonic(), 0))
                await line.send(FRAME)

    async def run() -> None:
        async with serve(handle, "127.0.0.1", 0, compression=None, backlog=1024) as server:
            told.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.Event().wait()

    asyncio.run(run())


async def measure(port: int, legs: int, seconds: float) -> tuple[float, int, int]:
    """CPU seconds, frames that came, packets lost."""
    settings = AriSettings(url=f"http://127.0.0.1:{port}", username="b", password=SecretStr("s"))
    sockets, receiver = MediaSockets(settings), Receiver(ports=range(20_000, 22_000))
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(sockets.serve(), name="media.sockets"),
            tasks.create_task(receiver.run(), name="media.receiver"),
        ]
        await asyncio.sleep(0)
        opened: list[Leg] = []
        for number in range(legs):
            leg = receiver.open(Codec.PCMA, Count())
            source = await sockets.open(f"ch{number}", "c", ("127.0.0.1", leg.port), "alaw", asyncio.Event().wait)  # type: ignore[arg-type]
            leg.connect(*source)
            opened.append(leg)
        await asyncio.sleep(1.0)
        before, cpu = sum(leg.report().packets for leg in opened), time.process_time()
        await asyncio.sleep(seconds)
        spent = time.process_time() - cpu
        reports = [leg.stop() for leg in opened]
        for number in range(legs):
            sockets.close(f"ch{number}")
        for task in running:
            task.cancel()
    return spent, sum(r.packets for r in reports) - before, sum(r.lost_packets + r.kernel_drops for r in reports)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--legs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    peer = multiprocessing.get_context("spawn").Process(target=play, args=(theirs,), daemon=True)
    peer.start()
    spent, frames, lost = asyncio.run(measure(ours.recv(), given.legs, given.seconds))
    peer.kill()
    share = spent / given.seconds
    print(f"{given.legs} legs over WebSocket, {given.seconds:g} s, load {os.getloadavg()[0]:.1f}")
    print(f"  {frames} frames, {lost} lost; {spent / frames * 1e6:.1f} µs CPU a frame, {share:.1%} of a core")
    print(f"  {share / given.legs * 2:.2%} of a core for each call of two legs")
    return 1 if lost or frames < given.legs * given.seconds / FRAME_S * 0.9 else 0


if __name__ == "__main__":
    sys.exit(main())
