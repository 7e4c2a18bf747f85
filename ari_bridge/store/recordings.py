"""The folder of recordings: `{id}.wav` stereo, `{id}-in.wav` the client, `{id}-out.wav` the operator."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from ari_bridge.history import Span, Track
from ari_bridge.store.repository import Fault, StoreError
from media.wav import HEADER_BYTES, hushed, read_header

SUFFIXES: Final = {Track.STEREO: "", Track.IN: "-in", Track.OUT: "-out"}

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

Answer = TypeVar("Answer")


class FolderOfRecordings:
    """`history.Recordings`, and what the store and the tape need of the folder, which need not be there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "store.recordings")

    def make(self) -> None:
        """The folder, for us alone. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)

    def path(self, call_id: str, track: Track) -> Path | None:
        """Where the track lies, or would; None for an id that is no file's name, or looks like another call's track."""
        if not _ID.fullmatch(call_id) or call_id.endswith(("-in", "-out")):
            return None
        return self._folder / f"{call_id}{SUFFIXES[track]}.wav"

    async def tracks(self, call_id: str) -> tuple[Track, ...]:
        paths = {track: self.path(call_id, track) for track in Track}
        return await self._run(lambda: tuple(track for track, path in paths.items() if path and path.is_file()))

    async def size(self, call_id: str, track: Track) -> int | None:
        path = self.path(call_id, track)
        return await self._run(lambda: path.stat().st_size if path and path.is_file() else None)

    async def read(self, call_id: str, track: Track, begin: int, end: int, heard: Sequence[Span] | None) -> bytes:
        path = self.path(call_id, track)
        return await self._run(lambda: _read(path, begin, end, heard) if path else b"")

    def remove(self, call_ids: Iterable[str]) -> int:
        """How many files there were. Raises `StoreError`. Blocking, as the next one is."""
        paths = (self.path(call_id, track) for call_id in call_ids for track in Track)
        with _faults():
            return sum(_unlink(path) for path in paths if path)

    def remove_older(self, before: datetime) -> int:
        """Those that nothing was written to since, whether their call is still known or not."""
        with _faults():
            old = [path for path in self._folder.glob("*.wav") if path.lstat().st_mtime < before.timestamp()]
            return sum(map(_unlink, old))

    def close(self) -> None:
        self._thread.shutdown()

    async def _run(self, work: Callable[[], Answer]) -> Answer:
        with _faults():
            try:
                future = self._thread.submit(work)
            except RuntimeError as error:  # shut down: no more work is taken
                raise StoreError(Fault.CLOSED, str(error)) from None
            return await asyncio.wrap_future(future)


def _read(path: Path, begin: int, end: int, heard: Sequence[Span] | None) -> bytes:
    """Less than asked for at the file's end."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        piece = os.pread(file, end - begin, begin)
        if heard is None:
            return piece
        shape = read_header(os.pread(file, HEADER_BYTES, 0))
        return hushed(piece, begin, shape, heard) if shape else bytes(len(piece))
    finally:
        os.close(file)


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise StoreError(Fault.FORBIDDEN, f"{error.filename}: {error.strerror}") from None
    except OSError as error:
        raise StoreError(Fault.DISK, f"{error.filename}: {error.strerror}") from None
