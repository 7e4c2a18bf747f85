"""A call through the whole daemon is on the disk as both parties spoke, also over a kill in its middle."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ari_bridge.demo.samples import Conversation
from media.codecs import Codec
from tests.chain.conftest import House, open_house
from tests.chain.daemon import Page
from tests.chain.pbx import Plan

QUIET = 200.0  # root mean square of 16-bit samples


@pytest.fixture(params=["demo", pytest.param("asterisk", marks=pytest.mark.asterisk)])
async def recording_house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    folder = str(tmp_path / "recordings")
    async with open_house(request.param, RECORDING__ENABLED="true", RECORDING__FOLDER=folder) as house:
        yield house


def loudness(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Of each step of 100 ms."""
    steps = samples[: len(samples) // 800 * 800].reshape(-1, 800).astype(np.float64)
    return np.sqrt((steps**2).mean(axis=1))


def tracks_of(folder: Path) -> dict[str, NDArray[np.int16]]:
    """Stereo, in and out of the one call that is there."""
    found = {}
    for path in sorted(folder.iterdir()):
        with wave.open(str(path)) as file:
            assert file.getframerate() == 8000
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
            found[path.stem.rpartition("-")[2] if path.stem.endswith(("-in", "-out")) else "stereo"] = samples.reshape(
                -1, file.getnchannels()
            )
    assert sorted(found) == ["in", "out", "stereo"]
    return found


def share_found(recorded: NDArray[np.int16], spoken: bytes) -> float:
    """Of the steps in which somebody speaks, the share that stands in the recording sample by sample, in order."""
    samples = Codec.PCMA.decode(spoken)
    loud = [n for n, level in enumerate(loudness(samples)) if level > QUIET]
    whole, place, found = recorded.tobytes(), 0, 0
    for n in loud:
        at = whole.find(samples[n * 800 : n * 800 + 800].tobytes(), place)
        if at >= 0:
            found, place = found + 1, at
    return found / len(loud)


async def test_a_call_is_recorded_left_and_right(
    recording_house: House, tmp_path: Path, conversations: dict[str, Conversation]
) -> None:
    house, plan = recording_house, Plan(conversation=conversations["price"], number="79000000001", seconds=9.0)
    async with Page(house.daemon.url) as page:
        await house.pbx.play(plan)
        await page.until(lambda: page.of("call_end"))
        first = next(m for m in page.of("transcript") if m["final"] and m["leg"] == "client")
    await house.daemon.stop()
    tracks = tracks_of(tmp_path / "recordings")
    for channel, (track, recorded) in enumerate(
        (("in", plan.conversation.client), ("out", plan.conversation.operator))
    ):
        length = len(tracks[track])
        assert (tracks["stereo"][:length, channel] == tracks[track][:, 0]).all()
        assert abs(length / 8000 - plan.talk_s) < 1.5
        assert share_found(tracks[track][:, 0], recorded.alaw[: 8 * 8000]) > 0.95, track
    said = tracks["in"][first["start_ms"] * 8 : first["end_ms"] * 8, 0]
    assert loudness(said).max() > QUIET, "one time line with the transcript"


@pytest.mark.parametrize("recording_house", ["demo"], indirect=True)
async def test_a_killed_daemon_goes_on_with_the_recording(
    recording_house: House, tmp_path: Path, conversations: dict[str, Conversation]
) -> None:
    house, plan = recording_house, Plan(conversation=conversations["price"], number="79000000001")
    async with Page(house.daemon.url) as page:
        call = asyncio.create_task(house.pbx.play(plan), name="call")
        await page.until(lambda: [m for m in page.of("transcript") if m["final"] and m["leg"] == "operator"], 30)
        [call_id] = {m["call"]["id"] for m in page.of("call_start")}
        await page.until(lambda: any((tmp_path / "recordings").glob("*.wav")))
        await house.daemon.kill()
    tracks_of_part = {path.name for path in (tmp_path / "recordings").iterdir()}
    await house.daemon.start()
    async with Page(house.daemon.url) as page:
        await call
        await page.until(lambda: page.of("call_end"))
    await house.daemon.stop()
    assert tracks_of_part <= {f"{call_id}{suffix}.wav" for suffix in ("", "-in", "-out")}
    tracks = tracks_of(tmp_path / "recordings")
    assert abs(len(tracks["stereo"]) / 8000 - plan.talk_s) < 2.5
    spoken = plan.conversation.client
    after = spoken.alaw[spoken.utterances[-1].words[0].start :]
    assert share_found(tracks["in"][:, 0], after) > 0.9, "what was said after the restart is in the same file"
