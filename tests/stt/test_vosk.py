"""A Vosk server of one's own, on a real socket: the same promises as Soniox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest

from ari_bridge.events import Component, ComponentState, ComponentStatus, Leg, LegState
from ari_bridge.interfaces import AudioEncoding, SpeechSpec
from ari_bridge.stt.dialect import Reaction
from ari_bridge.stt.leg_stream import LegStream
from ari_bridge.stt.service import Account
from ari_bridge.stt.vosk import VoskService, VoskSpeechToText
from tests.stt.byte_speech import MS, conversation
from tests.stt.leg import Ear, speak
from tests.stt.serving import FAST, SPEED, until
from tests.stt.vosk_peer import VoskPeer


@asynccontextmanager
async def serving(url: str, **options: int) -> AsyncIterator[tuple[VoskSpeechToText, list[ComponentStatus]]]:
    statuses: list[ComponentStatus] = []

    def report(component: Component, status: ComponentStatus) -> None:
        statuses.append(status)

    stt = VoskSpeechToText(url, report, timing=FAST, random=Random(1), **options)
    task = asyncio.create_task(stt.serve(), name="stt")
    try:
        yield stt, statuses
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def opened(stt: VoskSpeechToText, leg: Leg = Leg.CLIENT) -> tuple[LegStream, Ear]:
    ear = Ear()
    return stt.open(SpeechSpec("c", leg, AudioEncoding.ALAW, 8000), ear), ear


@pytest.mark.parametrize("words", [True, False])
async def test_words_come_as_spoken(words: bool) -> None:
    said = conversation(41, 20)
    async with VoskPeer(words=words) as peer, serving(peer.url) as (stt, statuses):
        stream, ear = opened(stt)
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
    assert ear.text == said.text()
    assert ear.faults == []
    assert ear.gaps == []
    assert ear.states == [(LegState.LIVE, None)]
    assert any(utterance.tail for utterance in ear.told)
    assert [status.state for status in statuses] == [ComponentState.UP]
    (session,) = peer.sessions
    assert session.config == {"sample_rate": 8000, "words": True}
    assert len(session.audio) == 20_000 * MS


@pytest.mark.parametrize("seed", range(6))
async def test_words_survive_every_drop(seed: int) -> None:
    random = Random(seed)
    drops = iter([random.randrange(1000, 12_000) for _ in range(4)])
    said = conversation(50 + seed, 25)
    async with VoskPeer(lambda: next(drops, None)) as peer, serving(peer.url) as (stt, _):
        stream, ear = opened(stt)
        await speak(stream, said.audio(), SPEED)
        await stream.finish(5)
        assert stt.counters.drops_total == len(peer.sessions) - 1
    assert ear.text == said.text()
    assert ear.faults == []
    assert ear.gaps == []
    assert len(peer.sessions) > 1


async def test_a_server_with_few_processors_takes_clients_first() -> None:
    async with VoskPeer() as peer, serving(peer.url, max_streams=1) as (stt, statuses):
        _, operator = opened(stt, Leg.OPERATOR)
        stream, client = opened(stt)
        stream.feed(bytes(800), 0)
        await until(lambda: client.states and operator.states)
        assert operator.states[0][0] is LegState.STT_WAITING
        await until(lambda: statuses[-1].state is ComponentState.DEGRADED)
        assert "Vosk" in (statuses[-1].action or "")


async def test_nobody_there_is_one_state() -> None:
    async with serving("ws://127.0.0.1:9") as (stt, statuses):
        opened(stt)
        await until(lambda: [status.state for status in statuses] == [ComponentState.DOWN])


async def test_what_a_refused_handshake_means() -> None:
    service = VoskService("ws://127.0.0.1:9", FAST, None)
    assert service.refused(404).reaction is Reaction.STOP
    assert service.refused(502).reaction is Reaction.RESTART
    assert await service.examine() == Account()
