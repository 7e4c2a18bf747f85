"""Recordings over HTTP, as a browser's player asks for them."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from ari_bridge.history import Track
from ari_bridge.store.recordings import FolderOfRecordings
from media.codecs import Codec
from media.wav import WavFile
from tests.hub.calls import STARTED, answered, ended, hung_up, started
from tests.hub.running import Running, running
from tests.hub.team import enlist, signed_in

PATH = "/api/calls/both/recording"


@pytest.fixture
async def recordings(tmp_path: Path) -> FolderOfRecordings:
    recordings = FolderOfRecordings(tmp_path / "recordings")
    recordings.make()
    sound = np.random.default_rng(1).integers(0, 256, 8000 * 60).astype(np.uint8).tobytes()
    for track in (Track.STEREO, Track.IN):
        path = recordings.path("both", track)
        assert path is not None
        WavFile(path, channels=2 if track is Track.STEREO else 1).write(0, 0, sound, Codec.PCMA)
    return recordings


@pytest.fixture
async def room(tmp_path: Path, recordings: FolderOfRecordings) -> AsyncIterator[Running]:
    """A call of two operators: 1002 from its zero on, 1001 from the third second to the sixth."""
    async with running(tmp_path, recordings=recordings) as room:
        await enlist(room.accounts)
        zero = STARTED + timedelta(seconds=2)
        await room.keep(started("both"), answered("both", "1002", zero_at=zero), started("x"), started("y"))
        await room.keep(answered("both", "1001", zero_at=zero), started("z"), started("u"))
        await room.keep(hung_up("both", "1001"), ended("both"))
        yield room


async def get(room: Running, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with room.http.get(room.base + path, headers=headers) as answer:
        return answer.status, dict(answer.headers), await answer.read()


def samples_of(body: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(body)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())


async def test_a_supervisor_hears_all_of_it(room: Running, recordings: FolderOfRecordings) -> None:
    olga = await signed_in(room, "olga")
    path = recordings.path("both", Track.STEREO)
    assert path is not None
    status, headers, body = await get(room, PATH, **olga)
    assert (status, body) == (200, path.read_bytes())
    assert headers["Content-Type"] == "audio/wav"
    assert headers["Accept-Ranges"] == "bytes"
    assert int(headers["Content-Length"]) == len(body)
    assert (await room.get("/api/calls/both", **olga))[1]["recording"] == {"tracks": ["stereo", "in"]}
    assert (await get(room, f"{PATH}?track=out", **olga))[0] == 404
    assert (await get(room, f"{PATH}?track=../../secret", **olga))[0] == 400
    noted = [e for e in await room.accounts.audit(STARTED, 100) if e.deed == "recording_heard"]
    assert [(e.who, e.calls, e.detail) for e in noted] == [("Ольга", ("both",), "stereo")]


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=1000-200999", 206, slice(1000, 201_000)),  # more than one piece
        ("bytes=-100", 206, slice(-100, None)),
        ("bytes=0-", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
    ],
)
async def test_parts_of_it(room: Running, recordings: FolderOfRecordings, asked: str, status: int, part: slice) -> None:
    path = recordings.path("both", Track.IN)
    assert path is not None
    whole = path.read_bytes()
    got, headers, body = await get(room, f"{PATH}?track=in", Range=asked, **await signed_in(room, "olga"))
    assert (got, body) == (status, whole[part])
    if status == 206:
        first, last, _ = part.indices(len(whole))
        assert headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(whole)}"


async def test_what_lies_beyond_the_end_is_not_there(room: Running) -> None:
    olga = await signed_in(room, "olga")
    status, headers, body = await get(room, f"{PATH}?track=in", Range="bytes=99999999-", **olga)
    assert (status, headers["Content-Range"]) == (416, f"bytes */{44 + 960_000}")
    assert b"bad_range" in body


async def test_each_operator_hears_his_own_part_and_silence(room: Running) -> None:
    whole = samples_of((await get(room, PATH, **await signed_in(room, "olga")))[2])
    heard = {}
    for who in ("boris", "anna"):
        headers = await signed_in(room, who)
        body = (await get(room, PATH, **headers))[2]
        heard[who] = samples_of(body)
        for asked in ("bytes=7-100006", "bytes=-77777"):  # a range is a part of the same
            first, last = (7, 100_007) if asked.startswith("bytes=7") else (len(body) - 77_777, len(body))
            assert (await get(room, PATH, Range=asked, **headers))[2] == body[first:last]
    change = 8000 * 3  # the fifth thing that was kept, two seconds after the call's beginning was its zero
    assert (heard["boris"][:change] == whole[:change]).all()
    assert not heard["boris"][change:].any()
    assert not heard["anna"][:change].any()
    assert (heard["anna"][change : change * 2] == whole[change : change * 2]).all()
    assert not heard["anna"][8000 * 7 :].any()


async def test_asking_for_the_head_tells_the_size(room: Running) -> None:
    async with room.http.head(room.base + PATH, headers=await signed_in(room, "olga")) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(44 + 960_000 * 2))
        assert await answer.read() == b""
