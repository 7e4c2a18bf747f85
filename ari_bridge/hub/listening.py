"""Recordings over REST, to whoever may see the call; of an operator's part of one, the rest is silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from ari_bridge.accounts import Deed
from ari_bridge.history import CallRecord, History, Recordings, Track
from ari_bridge.hub import rest
from ari_bridge.hub.access import Access, scope
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.ranges import byte_range
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.visit import Route, Visit

WAV: Final = "audio/wav"
PIECE: Final = 64 * 1024

_NO_RECORDING: Final = error(404, "no_recording", "there is no recording of this call, or not this track")


class Listening:
    def __init__(self, door: Doorkeeper, history: History | None, recordings: Recordings | None) -> None:
        self._door = door
        self._history = history
        self._recordings = recordings

    def routes(self) -> tuple[Route, ...]:
        return (("GET", "/api/calls/{id}/recording", Access.SIGNED_IN, self._listen),)

    async def _listen(self, visit: Visit) -> Reply:
        wanted = visit.query.get("track", "") or Track.STEREO.value
        if wanted not in set(Track):
            return error(400, "bad_choice", f"track is one of {', '.join(Track)}")
        call_id, track = visit.params["id"], Track(wanted)
        if self._history is None or self._recordings is None or not rest.is_id(call_id):
            return rest.NO_CALL
        record = await self._history.call(call_id, scope(visit.viewer.account))
        if record is None:
            return rest.NO_CALL
        size = await self._recordings.size(call_id, track)
        if size is None:
            return _NO_RECORDING
        part = byte_range(visit.byte_range, size)
        if part is None:
            refusal = error(416, "bad_range", f"the recording has {size} bytes")
            return Reply(416, refusal.body, headers=(("Content-Range", f"bytes */{size}"),))
        await self._door.note(visit.viewer, Deed.LISTENED, (call_id,), track.value)
        pieces = self._pieces(self._recordings, record, track, part)
        return Reply(206 if part != (0, size) else 200, b"", WAV, _headers(call_id, track, part, size), pieces)

    async def _pieces(
        self, recordings: Recordings, record: CallRecord, track: Track, part: tuple[int, int]
    ) -> AsyncIterator[bytes]:
        begin, end = part
        while begin < end:
            piece = await recordings.read(record.call.id, track, begin, min(begin + PIECE, end), record.heard)
            if not piece:
                return
            yield piece
            begin += len(piece)


def _headers(call_id: str, track: Track, part: tuple[int, int], size: int) -> tuple[tuple[str, str], ...]:
    name = f"{rest.file_name(call_id)}{'' if track is Track.STEREO else f'-{track}'}.wav"
    headers = (
        ("Accept-Ranges", "bytes"),
        ("Content-Length", str(part[1] - part[0])),
        ("Content-Disposition", f'inline; filename="{name}"'),
    )
    return headers if part == (0, size) else (*headers, ("Content-Range", f"bytes {part[0]}-{part[1] - 1}/{size}"))
