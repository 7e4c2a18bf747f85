"""The bench of legs over WebSocket, in small."""

from __future__ import annotations

import multiprocessing

from tests.bench.websocket_bench import measure, play


async def test_every_frame_arrives_and_costs_something() -> None:
    ours, theirs = multiprocessing.Pipe()
    peer = multiprocessing.get_context("spawn").Process(target=play, args=(theirs,), daemon=True)
    peer.start()
    try:
        spent, frames, lost = await measure(ours.recv(), 3, 1.0)
    finally:
        peer.kill()
    assert lost == 0
    assert 100 < frames < 250
    assert 0 < spent < 1
