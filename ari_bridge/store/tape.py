"""Records calls: takes slices on the event loop, writes frames in a thread of its own.

Nothing waits for it. What the disk does not take is silence in the file, and one line in the log until it takes again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from ari_bridge.events import CallEnded, Event, Leg
from ari_bridge.history import Track
from ari_bridge.store.recordings import FolderOfRecordings
from ari_bridge.store.reel import Block, Reel
from media.codecs import Codec
from media.wav import LEFT, RIGHT, WavFile

log = structlog.get_logger(__name__)

MOST_WAITING: Final = 32 * 2**20  # bytes on their way to the disk; policy: the newest is dropped, which is silence
CLOSE_WITHIN_S: Final = 3.0

_CHANNELS: Final = {Leg.CLIENT: LEFT, Leg.OPERATOR: RIGHT}
_OWN: Final = {Leg.CLIENT: Track.IN, Leg.OPERATOR: Track.OUT}


@dataclass(slots=True)
class TapeCounters:
    """What `/metrics` shows of it."""

    frames_total: int = field(default=0, metadata={"help": "Frames of audio recorded"})
    dropped_total: int = field(default=0, metadata={"help": "Frames of audio that could not be recorded"})


class Tape:
    """An `AudioSink`. `on_event` tells it of a call's end; `close` once, at the daemon's."""

    def __init__(self, recordings: FolderOfRecordings, frame_ms: int, most_waiting: int = MOST_WAITING) -> None:
        self.counters = TapeCounters()
        self._recordings = recordings
        self._frame_ms = frame_ms
        self._most = most_waiting
        self._reels: dict[tuple[str, Leg], Reel] = {}
        self._waiting = 0
        self._lock = threading.Lock()  # of `_waiting` and the counters
        self._thread = ThreadPoolExecutor(1, "store.tape")
        self._files: dict[tuple[str, Track], WavFile | None] = {}  # the thread's; None: deleted, it does not come back
        self._failing = False  # the thread's

    def take(self, call_id: str, leg: Leg, start_ms: int, payload: bytes, codec: Codec) -> None:
        reel = self._reels.get((call_id, leg))
        if reel is None:
            reel = self._reels[call_id, leg] = Reel(self._frame_ms)
        for block in reel.take(start_ms, payload, codec):
            self._hand_over(call_id, leg, block)

    def on_event(self, event: Event) -> None:
        if isinstance(event, CallEnded):
            self._end(event.call_id)

    async def close(self) -> None:
        """Write what is left, as far as that goes quickly."""
        for call_id in {call_id for call_id, _ in self._reels}:
            self._end(call_id)
        done = asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
        try:
            await asyncio.wait_for(asyncio.shield(done), CLOSE_WITHIN_S)
        except TimeoutError:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _end(self, call_id: str) -> None:
        for leg in Leg:
            reel = self._reels.pop((call_id, leg), None)
            for block in reel.flush() if reel else []:
                self._hand_over(call_id, leg, block)
        self._submit(lambda: self._forget(call_id))

    def _hand_over(self, call_id: str, leg: Leg, block: Block) -> None:
        octets = len(block.payload)
        with self._lock:
            full = self._waiting + octets > self._most
            self.counters.dropped_total += full
            self._waiting += 0 if full else octets
        if not full:
            self._submit(lambda: self._write(call_id, leg, block))

    def _submit(self, work: Callable[[], None]) -> None:
        try:
            self._thread.submit(work)
        except RuntimeError:  # closed
            self.counters.dropped_total += 1

    # In the thread

    def _write(self, call_id: str, leg: Leg, block: Block) -> None:
        try:
            for track, channel, channels in ((Track.STEREO, _CHANNELS[leg], 2), (_OWN[leg], LEFT, 1)):
                file = self._file(call_id, track, block.codec.rate, channels)
                if file is not None:
                    self._put(file, (call_id, track), channel, block)
            self.counters.frames_total += 1
            self._failing = False
        except (OSError, ValueError) as error:
            self.counters.dropped_total += 1
            if not self._failing:
                log.error("recording_failed", call_id=call_id, leg=leg, error=str(error))
            self._failing = True
        finally:
            with self._lock:
                self._waiting -= len(block.payload)

    def _put(self, file: WavFile, key: tuple[str, Track], channel: int, block: Block) -> None:
        try:
            file.write(channel, block.start_ms, block.payload, block.codec)
        except FileNotFoundError:  # deleted on somebody's demand
            self._files[key] = None

    def _file(self, call_id: str, track: Track, rate: int, channels: int) -> WavFile | None:
        key = (call_id, track)
        if key not in self._files:
            path: Path | None = self._recordings.path(call_id, track)
            if path is None:
                raise ValueError("the call's id is no file's name")
            self._files[key] = WavFile(path, rate, channels)
        return self._files[key]

    def _forget(self, call_id: str) -> None:
        for track in Track:
            self._files.pop((call_id, track), None)
