"""No recogniser: said once a leg, and nothing else happens."""

from __future__ import annotations

import asyncio

import pytest

from ari_bridge.events import LegState
from ari_bridge.stt.absent import NoSpeechToText
from ari_bridge.stt.counters import SttCounters
from tests.stt.leg import Ear
from tests.stt.serving import spec


async def test_each_leg_says_why_once() -> None:
    absent = NoSpeechToText("нет распознавания: не задан ключ Soniox")
    serving = asyncio.create_task(absent.serve(), name="stt")
    ear = Ear()
    stream = absent.open(spec(), ear)
    stream.feed(bytes(800), 0)
    await stream.finish(2.5)
    await stream.abort()
    assert ear.states == [(LegState.STT_DOWN, "нет распознавания: не задан ключ Soniox")]
    assert ear.told == []
    assert ear.gaps == []
    assert absent.counters == SttCounters()
    await asyncio.sleep(0)
    assert not serving.done()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
