from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from media.codecs import Codec
from media.level import (
    BLOCK_MS,
    LEAST_AUDIBLE,
    Hearing,
    dbfs,
    is_silence,
    judge_speech,
    meter_level,
    power,
    powers,
)


def tone(codec: Codec, amplitude: float, ms: int = 100, hertz: float = 440) -> bytes:
    at = np.arange(codec.rate * ms // 1000) / codec.rate
    return codec.encode((amplitude * np.sin(2 * np.pi * hertz * at)).astype(np.int16))


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("amplitude", [30_000, 3_000, 300])
@pytest.mark.parametrize("hertz", [300, 425, 1000, 2000, 3000])
def test_the_power_of_a_tone(codec: Codec, amplitude: float, hertz: float) -> None:
    expected = 20 * np.log10(amplitude / 32_768) - 3.01
    assert dbfs(power(codec, tone(codec, amplitude, hertz=hertz))) == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("hertz", [200, 400, 800, 1600, 3200])
@pytest.mark.parametrize("phase", [0.0, 0.25])
def test_no_tone_escapes_between_the_samples(codec: Codec, hertz: float, phase: float) -> None:
    at = np.arange(codec.rate // 10) / codec.rate
    payload = codec.encode((10_000 * np.sin(2 * np.pi * (hertz * at + phase))).astype(np.int16))
    assert dbfs(power(codec, payload)) == pytest.approx(20 * np.log10(10_000 / 32_768) - 3.01, abs=3.7)


@pytest.mark.parametrize("codec", list(Codec))
def test_many_at_once_are_each_as_alone(codec: Codec) -> None:
    payloads = [tone(codec, amplitude) for amplitude in (20_000, 0, 500)]
    rows = np.stack([np.frombuffer(payload, dtype=np.uint8) for payload in payloads])
    assert powers(codec, rows).tolist() == pytest.approx([power(codec, payload) for payload in payloads], rel=1e-5)


@pytest.mark.parametrize(
    ("codec", "payload", "silent"),
    [
        (Codec.PCMA, b"\xd5" * 160, True),
        (Codec.PCMA, b"\xd5\x55" * 80, True),
        (Codec.PCMA, b"\xd5" * 80 + b"\xd4" + b"\xd5" * 79, False),
        (Codec.PCMA, b"\xff" * 160, False),
        (Codec.PCMU, b"\xff\x7f" * 80, True),
        (Codec.PCMU, b"\xd5" * 160, False),
        (Codec.L16_8K, bytes(320), True),
        (Codec.L16_16K, bytes(319) + b"\x01", False),
    ],
)
def test_digital_silence(codec: Codec, payload: bytes, silent: bool) -> None:
    assert is_silence(codec, payload) is silent


def test_decibels_and_meter_have_a_floor() -> None:
    assert [dbfs(power) for power in (1.0, 0.1, 1e-30, 0.0)] == [0.0, -10.0, -100.0, -100.0]
    assert [meter_level(power) for power in (1.0, 1e-3, 1e-6, 0.0)] == pytest.approx([1.0, 0.5, 0.0, 0.0])


def speech(*block_dbfs: float) -> list[bool]:
    """The judgement of a leg's blocks, by their power in dBFS."""
    hearing = Hearing.of_new_leg()
    judged = []
    for level in block_dbfs:
        spoken, hearing = judge_speech(np.array([10 ** (level / 10)]), hearing)
        judged.append(bool(spoken[0]))
    return judged


def test_silence_is_no_speech() -> None:
    assert not any(speech(*[-100] * 100))


def test_speech_over_silence_is_heard_at_once_and_hung_on_to() -> None:
    assert speech(-25, -100, -100, -30, -100, -100) == [True, True, False, True, True, False]


def test_what_is_too_quiet_is_no_speech() -> None:
    assert not any(speech(*[-90, -52] * 50))


def test_steady_noise_ceases_to_be_speech_within_two_windows() -> None:
    judged = speech(*[-70] * 100, *[-40] * 100)
    assert not any(judged[100 + 2 * 3000 // BLOCK_MS :])


def test_speech_stands_out_of_noise_for_as_long_as_it_lasts() -> None:
    words = [-20, -22, -25, -45, -21, -24, -46, -45]  # 0.8 s with pauses in it, over noise of −45
    judged = speech(*[-45] * 100, *words * 25, *[-45] * 50)
    assert not any(judged[60:100])
    assert sum(judged[100:300]) >= 25 * 6
    assert not any(judged[301:])


def test_legs_are_judged_independently() -> None:
    start = Hearing.of_new_leg()
    two = Hearing(
        least_before=np.repeat(start.least_before, 2),
        least_now=np.repeat(start.least_now, 2),
        blocks=np.repeat(start.blocks, 2),
        hangover=np.repeat(start.hangover, 2),
    )
    judged, hearing = judge_speech(np.array([1e-9, 1e-2]), two)
    assert judged.tolist() == [False, True]
    assert hearing.hangover.tolist() == [0, 1]
    assert hearing.least_now.tolist() == [LEAST_AUDIBLE, 1e-2]


FIRST_WINDOW = 3000 // BLOCK_MS  # until it is over, loud noise passes for speech
RECORDINGS = Path(__file__).parents[2] / "ari_bridge" / "demo" / "samples"


@pytest.mark.parametrize(
    ("noise_dbfs", "heard", "mistaken"), [(None, 0.95, 0.03), (-50, 0.93, 0.05), (-40, 0.88, 0.05)]
)
def test_words_of_the_recorded_conversations_are_heard(noise_dbfs: float | None, heard: float, mistaken: float) -> None:
    """At least `heard` of the tenths of a second with words in them, at most `mistaken` of the others.

    webrtcvad in its mildest mode has 0.98, 0.96, 0.93 and 0.03, 0.02, 0.02 here, and costs a leg 2 µs per packet: as
    much again as all the rest.
    """
    chance = np.random.default_rng(20_261_122)
    judged: list[bool] = []
    spoken: list[bool] = []
    for conversation in json.loads((RECORDINGS / "index.json").read_text(encoding="utf-8")):
        for leg in ("client", "operator"):
            samples = Codec.PCMA.decode((RECORDINGS / f"{conversation['id']}.{leg}.alaw").read_bytes()).astype(float)
            if noise_dbfs is not None:
                samples += chance.normal(0, 32_768 * 10 ** (noise_dbfs / 20), len(samples))
            pcm = np.clip(samples, -32_768, 32_767).astype(np.int16)
            blocks = np.frombuffer(Codec.PCMA.encode(pcm), dtype=np.uint8)[: len(pcm) // 800 * 800].reshape(-1, 800)
            heard_in_order = speech(*(dbfs(float(power)) for power in powers(Codec.PCMA, blocks)))
            judged += heard_in_order[FIRST_WINDOW:]
            words = np.zeros(len(blocks), dtype=np.bool_)
            for sentence in conversation[leg]:
                for _, begin, end in sentence:
                    words[begin // 800 : -(-end // 800)] = True
            spoken += words[FIRST_WINDOW:].tolist()
    found, truth = np.array(judged), np.array(spoken)
    assert found[truth].mean() >= heard
    assert found[~truth].mean() <= mistaken
