"""Recordings as they are written, read back by the standard library's `wave`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ari_bridge.events import CallEnded, Leg
from ari_bridge.history import Track
from ari_bridge.store.recordings import FolderOfRecordings
from ari_bridge.store.tape import Tape
from media.codecs import Codec


@pytest.fixture
def recordings(tmp_path: Path) -> FolderOfRecordings:
    recordings = FolderOfRecordings(tmp_path / "recordings")
    recordings.make()
    return recordings


def read(recordings: FolderOfRecordings, track: Track, call_id: str = "c1") -> tuple[int, NDArray[np.int16]]:
    path = recordings.path(call_id, track)
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return file.getframerate(), samples.reshape(-1, file.getnchannels())


def sound(ms: int, seed: int, codec: Codec = Codec.PCMA) -> bytes:
    octets = np.random.default_rng(seed).integers(0, 256, ms * codec.rate // 1000 * codec.bytes_per_sample)
    return octets.astype(np.uint8).tobytes()


def play(
    tape: Tape, leg: Leg, start_ms: int, payload: bytes, *, codec: Codec = Codec.PCMA, call_id: str = "c1"
) -> None:
    """In slices of 100 ms, as a voice hands them over."""
    step = codec.rate // 10 * codec.bytes_per_sample
    for place in range(0, len(payload), step):
        tape.take(call_id, leg, start_ms + place // step * 100, payload[place : place + step], codec)


async def test_a_call_is_three_files_on_one_time_line(recordings: FolderOfRecordings) -> None:
    tape = Tape(recordings, 3000)
    client, operator = sound(4000, 1), sound(1000, 2)
    play(tape, Leg.CLIENT, 0, client)
    play(tape, Leg.OPERATOR, 2000, operator)
    tape.on_event(CallEnded("c1", 16, "", 0))
    await tape.close()
    rate, stereo = read(recordings, Track.STEREO)
    assert (rate, stereo.shape) == (8000, (32_000, 2))
    assert stereo[:, 0].tolist() == Codec.PCMA.decode(client).tolist()
    assert stereo[16_000:24_000, 1].tolist() == Codec.PCMA.decode(operator).tolist()
    assert not stereo[:16_000, 1].any()
    assert not stereo[24_000:, 1].any()
    assert read(recordings, Track.IN)[1][:, 0].tolist() == stereo[:, 0].tolist()
    assert read(recordings, Track.OUT)[1][:, 0].tolist() == stereo[:24_000, 1].tolist()
    assert await recordings.tracks("c1") == (Track.STEREO, Track.IN, Track.OUT)
    assert tape.counters.frames_total == 3


async def test_a_gap_is_silent(recordings: FolderOfRecordings) -> None:
    tape = Tape(recordings, 3000)
    play(tape, Leg.CLIENT, 0, sound(500, 1))
    play(tape, Leg.CLIENT, 60_000, sound(500, 2))
    await tape.close()
    _, samples = read(recordings, Track.IN)
    assert len(samples) == 60_500 * 8
    assert not samples[4000 : 60_000 * 8].any()


async def test_a_wide_leg_keeps_its_rate_on_its_own_track(recordings: FolderOfRecordings) -> None:
    tape = Tape(recordings, 300)
    play(tape, Leg.CLIENT, 0, sound(300, 1))
    wide = sound(300, 2, Codec.L16_16K)
    play(tape, Leg.OPERATOR, 0, wide, codec=Codec.L16_16K)
    await tape.close()
    assert read(recordings, Track.STEREO)[0] == 8000
    rate, samples = read(recordings, Track.OUT)
    assert rate == 16_000
    assert samples[:, 0].tolist() == Codec.L16_16K.decode(wide).tolist()


async def test_a_daemon_that_was_killed_goes_on_with_the_file(recordings: FolderOfRecordings) -> None:
    for start_ms in (0, 1000):
        tape = Tape(recordings, 300)
        play(tape, Leg.CLIENT, start_ms, sound(300, start_ms))
        await tape.close()
    _, samples = read(recordings, Track.IN)
    assert samples[:2400, 0].tolist() == Codec.PCMA.decode(sound(300, 0)).tolist()
    assert samples[8000:, 0].tolist() == Codec.PCMA.decode(sound(300, 1000)).tolist()


async def test_what_was_deleted_in_mid_call_does_not_come_back(recordings: FolderOfRecordings) -> None:
    tape = Tape(recordings, 100)
    play(tape, Leg.CLIENT, 0, sound(100, 1))
    async with asyncio.timeout(5):
        while tape.counters.frames_total < 1:
            await asyncio.sleep(0.001)
    assert recordings.remove(["c1"]) == 2
    play(tape, Leg.CLIENT, 100, sound(500, 1))
    play(tape, Leg.CLIENT, 0, sound(100, 1), call_id="c2")
    await tape.close()
    assert await recordings.tracks("c1") == ()
    assert await recordings.tracks("c2") == (Track.STEREO, Track.IN)


async def test_a_disk_that_takes_nothing_costs_silence_and_one_line(
    recordings: FolderOfRecordings, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = Tape(recordings, 100)
    folder = recordings.path("c1", Track.IN)
    assert folder is not None
    folder.parent.rename(folder.parent.with_name("away"))
    play(tape, Leg.CLIENT, 0, sound(500, 1))
    async with asyncio.timeout(5):
        while tape.counters.dropped_total < 5:
            await asyncio.sleep(0.001)
    folder.parent.with_name("away").rename(folder.parent)
    play(tape, Leg.CLIENT, 500, sound(100, 2))
    await tape.close()
    _, samples = read(recordings, Track.IN)
    assert not samples[:4000].any()
    assert samples[4000:, 0].tolist() == Codec.PCMA.decode(sound(100, 2)).tolist()
    assert capsys.readouterr().out.count("recording_failed") == 1


async def test_what_does_not_fit_in_memory_is_dropped(recordings: FolderOfRecordings) -> None:
    tape = Tape(recordings, 100, most_waiting=100)
    play(tape, Leg.CLIENT, 0, sound(300, 1))
    await tape.close()
    assert tape.counters.dropped_total == 3
    assert await recordings.tracks("c1") == ()


async def test_an_id_that_is_no_file_name_is_not_recorded(recordings: FolderOfRecordings) -> None:
    tape = Tape(recordings, 100)
    for call_id in ("../c1", "", "a/b", ".hidden", "c1-in", "c1\0"):
        play(tape, Leg.CLIENT, 0, sound(100, 1), call_id=call_id)
    await tape.close()
    path = recordings.path("c1", Track.IN)
    assert path is not None
    assert list(path.parent.iterdir()) == []
    assert list(path.parent.parent.iterdir()) == [path.parent]


KILLED = """
import sys
from pathlib import Path
from ari_bridge.events import Leg
from ari_bridge.store.recordings import FolderOfRecordings
from ari_bridge.store.tape import Tape
from media.codecs import Codec
recordings = FolderOfRecordings(Path(sys.argv[1]))
tape = Tape(recordings, 100, most_waiting=1 << 40)
print("ready", flush=True)
for n in range(200_000):
    for leg in Leg:
        tape.take("c1", leg, n % 100_000 * 100, bytes(800), Codec.PCMA)
"""


def has_samples(recordings: FolderOfRecordings, track: Track) -> bool:
    """By its header, which follows the samples."""
    try:
        return bool(read(recordings, track)[1].size)
    except (FileNotFoundError, EOFError):
        return False


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.5])
def test_sigkill_leaves_valid_files(recordings: FolderOfRecordings, after_s: float) -> None:
    folder = recordings.path("c1", Track.IN)
    assert folder is not None
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder.parent)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    while not all(has_samples(recordings, track) for track in Track):
        time.sleep(0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for track in Track:
        path = recordings.path("c1", track)
        assert path is not None
        _, samples = read(recordings, track)  # as the header says, and all of it is there
        assert samples.nbytes + 44 <= path.stat().st_size
        assert (samples == Codec.PCMA.decode(b"\0")[0]).any()


async def test_old_ones_go_by_their_age(recordings: FolderOfRecordings) -> None:
    tape = Tape(recordings, 100)
    for call_id in ("old", "new"):
        play(tape, Leg.CLIENT, 0, sound(100, 1), call_id=call_id)
    await tape.close()
    for track in (Track.STEREO, Track.IN):
        path = recordings.path("old", track)
        assert path is not None
        os.utime(path, (0, path.stat().st_mtime - 31 * 86_400))
    assert recordings.remove_older(datetime.now(UTC) - timedelta(days=30)) == 2
    assert await recordings.tracks("old") == ()
    assert len(await recordings.tracks("new")) == 2
