"""One leg's stream against a scripted peer: what it survives, how it ends, what it tells."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest
from pydantic import SecretStr

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.samples import load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from ari_bridge.events import ComponentState, LegState
from ari_bridge.interfaces import SpeechSpec
from ari_bridge.settings import SonioxSettings
from ari_bridge.stt.dialect import Dialect, WireFrame
from ari_bridge.stt.leg_stream import OWN_FAULT
from ari_bridge.stt.service import Account
from ari_bridge.stt.soniox import SonioxService
from ari_bridge.stt.soniox_protocol import SonioxDialect, SpeechContext, StartOptions
from ari_bridge.stt.streams import SpeechStreams
from tests.stt.byte_speech import MS, Script, conversation, silence, word_audio, word_text
from tests.stt.leg import Ear, speak
from tests.stt.peer import Peer, Plan
from tests.stt.serving import EXACT, FAST, SPEED, serving, spec, until


async def test_a_half_open_line_is_left_within_ten_seconds() -> None:
    plans = iter([Plan("freeze", 4000)])
    async with Peer(lambda session: next(plans, Plan())) as peer, serving(peer.url, EXACT) as running:
        said = conversation(3, 30)
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
    assert ear.text == said.text()
    first, second = peer.sessions
    assert second.at - first.at < (4 + 10) / SPEED + 0.8


async def test_a_peer_that_answers_pings_and_hears_nothing_is_left() -> None:
    plans = iter([Plan("stall", 4000)])
    async with Peer(lambda session: next(plans, Plan())) as peer, serving(peer.url, EXACT) as running:
        said = conversation(4, 30)
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
    assert ear.text == said.text()
    first, second = peer.sessions
    assert second.at - first.at < (4 + 10) / SPEED + 0.8


@pytest.mark.parametrize("fault", ["no_finished", "rst", "503", "408", "freeze", "stall"])
async def test_the_last_words_arrive_though_the_end_goes_wrong(fault: str) -> None:
    said = conversation(8, 12)
    plans = iter([Plan(fault, 11_500)])
    async with Peer(lambda session: next(plans, Plan())) as peer, serving(peer.url) as running:
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        began = asyncio.get_running_loop().time()
        await stream.finish(2.5)
        assert asyncio.get_running_loop().time() - began < 2
    assert ear.text == said.text()


async def test_a_line_that_dies_in_the_drain_is_found_by_a_ping() -> None:
    said = conversation(8, 12)
    plans = iter([Plan("frozen_end")])
    async with Peer(lambda session: next(plans, Plan())) as peer, serving(peer.url) as running:
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        began = asyncio.get_running_loop().time()
        await stream.finish(2.5)
        assert asyncio.get_running_loop().time() - began < 2
    assert ear.text == said.text()
    assert len(peer.sessions) == 2


async def test_a_peer_that_tells_its_last_words_late_is_waited_for() -> None:
    said = conversation(8, 12)
    timing = replace(FAST, stall_s=7.0)
    async with Peer(lambda session: Plan(lag_s=1.2)) as peer, serving(peer.url, timing) as running:
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
    assert ear.text == said.text()
    assert len(peer.sessions) == 1


async def test_finish_keeps_its_deadline_and_the_last_partial() -> None:
    script = Script(((5, 200, 300), (6, 600, 300)), 1000)
    async with Peer(lambda session: Plan("deaf_end")) as peer, serving(peer.url, FAST.faster(0.02)) as running:
        stream, ear = running.open()
        stream.feed(script.audio(), 0)
        await until(lambda: len(ear.told) > 0 and "".join(ear.told[-1].tail).endswith(word_text(6)))
        began = asyncio.get_running_loop().time()
        await stream.finish(0.3)
        assert 0.25 < asyncio.get_running_loop().time() - began < 0.5
    assert ear.text == script.text()
    assert ear.faults == []
    assert all(utterance.final for utterance in ear.utterances.values())


async def test_abort_closes_at_once_and_keeps_the_last_partial() -> None:
    script = Script(((5, 200, 300),), 1000)
    async with Peer() as peer, serving(peer.url) as running:
        stream, ear = running.open()
        stream.feed(script.audio(), 0)
        await until(lambda: ear.told)
        await stream.abort()
        assert ear.text == script.text()
        told = len(ear.told)
        stream.feed(silence(1000), 1000)
        await stream.abort()
        await stream.finish(1)
        await until(lambda: peer.live == 0)
        assert len(ear.told) == told


async def test_a_leg_without_audio_ends_without_a_wait() -> None:
    async with Peer() as peer, serving(peer.url) as running:
        stream, ear = running.open()
        await until(lambda: (LegState.LIVE, None) in ear.states)
        began = asyncio.get_running_loop().time()
        await stream.finish(2.5)
        assert asyncio.get_running_loop().time() - began < 0.5
    assert ear.told == []
    assert ear.gaps == []


async def test_a_silent_line_is_kept_open() -> None:
    timing = replace(FAST, ping_s=10, keepalive_s=0.1)
    async with Peer() as peer, serving(peer.url, timing) as running:
        running.open()
        await until(lambda: peer.sessions and peer.sessions[0].texts.count('{"type":"keepalive"}') >= 3)
        assert len(peer.sessions) == 1


async def test_what_left_the_ring_is_a_gap_with_its_length() -> None:
    said = Script(((1, 1000, 400), (2, 15_000, 400), (3, 29_000, 400)), 31_000)
    async with Peer() as peer, serving(peer.url, ring_s=5) as running:
        stream, ear = running.open()
        audio = said.audio()
        await speak(stream, audio[: 5000 * MS], SPEED)
        peer.lose_network()
        await speak(stream, audio[5000 * MS : 26_000 * MS], SPEED, 5000)
        peer.away = False
        await until(lambda: len(peer.sessions) > 1 and ear.states[-1][0] is LegState.LIVE, 8)
        await speak(stream, audio[26_000 * MS :], SPEED, 26_000)
        await stream.finish(2.5)
    assert ear.text == " ".join(word_text(word) for word in (1, 3))
    ((start_ms, end_ms),) = ear.gaps
    assert start_ms <= 5000
    assert 20_000 <= end_ms <= 29_000
    assert [state for state, _ in ear.states] == [LegState.LIVE, LegState.STT_DOWN, LegState.LIVE]
    assert ear.utterances[2].start_ms == pytest.approx(29_000, abs=60)


async def test_a_gap_at_the_end_is_told_too() -> None:
    async with Peer() as peer, serving(peer.url) as running:
        peer.away = True
        stream, ear = running.open()
        await speak(stream, silence(4000), SPEED)
        await stream.finish(0.2)
    assert ear.gaps == [(0, 4000)]


async def test_call_time_jumps_where_the_leg_was_away() -> None:
    async with Peer() as peer, serving(peer.url) as running:
        stream, ear = running.open()
        first, second = word_audio(7, 300), word_audio(8, 300)
        stream.feed(first + silence(700), 0)
        stream.feed(second + silence(700), 2500)  # 1.5 s away: silence
        stream.feed(first + silence(1200), 100_000)  # long away
        await stream.finish(2.5)
    starts = [(utterance.text.split(",")[0], utterance.start_ms) for utterance in ear.utterances.values()]
    assert [start for _, start in starts] == pytest.approx([0, 2500, 100_000], abs=5)
    assert len(peer.sessions[0].audio) == (1000 + 1500 + 1000 + 3000 + 1500) * MS


async def test_a_session_is_changed_before_its_longest_duration() -> None:
    said = conversation(9, 40)
    timing = replace(FAST, roll_over_s=6 / SPEED, roll_over_grace_s=2 / SPEED)
    async with Peer() as peer, serving(peer.url, timing) as running:
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
    assert len(peer.sessions) >= 4
    assert ear.text == said.text()
    assert ear.states == [(LegState.LIVE, None)]
    assert peer.most_live == 1


async def test_a_long_silence_costs_nothing_and_speech_wakes_the_stream() -> None:
    said = Script(((1, 500, 400), (2, 30_000, 400), (3, 30_500, 400)), 32_000)
    timing = replace(FAST, idle_close_s=4 / SPEED)
    async with Peer() as peer, serving(peer.url, timing) as running:
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        assert stream.billed_s < 12 / SPEED
        await stream.finish(2.5)
    assert ear.text == said.text()
    assert ear.gaps == []
    assert len(peer.sessions) == 2
    assert ear.states == [(LegState.LIVE, None)]
    assert ear.utterances[2].start_ms == pytest.approx(30_000, abs=60)


async def test_a_sleeping_leg_ends_without_a_session() -> None:
    timing = replace(FAST, idle_close_s=2 / SPEED)
    async with Peer() as peer, serving(peer.url, timing) as running:
        stream, ear = running.open()
        await speak(stream, silence(8000), SPEED)
        await until(lambda: peer.live == 0)
        await stream.finish(2.5)
    assert len(peer.sessions) == 1
    assert ear.gaps == []


async def test_a_short_break_is_shown_to_nobody() -> None:
    plans = iter([Plan("rst", 3000)])
    said = conversation(11, 10)
    async with Peer(lambda session: next(plans, Plan())) as peer, serving(peer.url) as running:
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
    assert ear.states == [(LegState.LIVE, None)]
    assert len(peer.sessions) == 2


async def test_a_peer_that_says_nothing_before_audio_is_taken_as_live() -> None:
    async with Peer(greet=False) as peer, serving(peer.url) as running:
        _, ear = running.open()
        await until(lambda: ear.states == [(LegState.LIVE, None)])
        assert len(peer.sessions) == 1


async def test_backlog_is_caught_up_faster_than_real_time_but_paced() -> None:
    said = conversation(12, 30)
    async with Peer() as peer, serving(peer.url) as running:
        peer.away = True
        stream, ear = running.open()
        await speak(stream, said.audio(), 1000)
        peer.away = False
        loop = asyncio.get_running_loop()
        await until(lambda: peer.sessions and peer.sessions[-1].audio)
        begun = loop.time()
        await until(lambda: len(peer.sessions[-1].audio) == 30_000 * MS)
        took_s = (loop.time() - begun) * SPEED
        await stream.finish(2.5)
    assert ear.text == said.text()
    assert 4 < took_s < 15  # five times real time is 6 s
    assert max(peer.sessions[-1].frames) <= 2000 * MS


async def test_a_peer_that_reads_slowly_gets_less_at_a_time_and_loses_nothing() -> None:
    said = conversation(13, 20)
    async with Peer() as peer, serving(peer.url) as running:
        stream, ear = running.open()
        await until(lambda: peer.sessions and peer.sessions[0].socket and peer.sessions[0].start)
        socket = peer.sessions[0].socket
        assert socket is not None
        socket.transport.pause_reading()  # type: ignore[attr-defined]
        await speak(stream, said.audio()[: 5000 * MS], SPEED)
        socket.transport.resume_reading()  # type: ignore[attr-defined]
        await speak(stream, said.audio()[5000 * MS :], SPEED, 5000)
        await stream.finish(2.5)
    assert ear.text == said.text()


async def test_a_leg_that_ends_while_its_connection_is_made_leaves_none_behind() -> None:
    async with Peer() as peer, serving(peer.url) as running:
        peer.upgrade_delay_s = 0.15
        stream, ear = running.open()
        stream.feed(silence(1000), 0)
        await until(lambda: peer.attempts)
        await stream.finish(0.05)
        await until(lambda: peer.sessions and peer.live == 0)
    assert peer.sessions[0].start is None
    assert ear.gaps == [(0, 1000)]


async def test_a_leg_that_ends_while_it_waits_for_its_turn() -> None:
    async with Peer() as peer, serving(peer.url, max_streams=1) as running:
        running.open(started_at=1)
        await until(lambda: peer.live == 1)
        stream, _ = running.open(started_at=2)
        await stream.abort()
        await asyncio.sleep(0.1)
    assert len(peer.sessions) == 1


async def test_hanging_up_before_any_audio_is_no_fault() -> None:
    """Soniox answers 400 «No audio received.»: harmless."""
    lexicon = Lexicon.of(load_conversations())
    async with SonioxStandIn(lexicon) as standin, serving(standin.url, api_key=SecretStr("demo")) as running:
        stream, ear = running.open()
        await until(lambda: ear.states)
        began = asyncio.get_running_loop().time()
        await stream.finish(2.5)
        assert asyncio.get_running_loop().time() - began < 0.5
        assert running.states == [ComponentState.UP]
        assert ear.states == [(LegState.LIVE, None)]
        assert [record.outcome for record in standin.sessions] == ["invalid_request"]


class Treacherous(SonioxDialect):
    """Fails where a leg's audio is carried."""

    def audio(self, audio: bytes) -> WireFrame:
        raise RuntimeError("ours")


class TreacherousService(SonioxService):
    """Betrays one call."""

    def dialect(self, spec: SpeechSpec) -> Dialect:
        made = Treacherous if spec.call_id == "bad" else SonioxDialect
        return made(StartOptions("m"), spec)

    async def examine(self) -> Account:
        raise RuntimeError("ours too")


async def test_a_fault_of_ours_ends_one_leg_and_says_so() -> None:
    said = conversation(14, 8)
    async with Peer() as peer:
        settings = SonioxSettings(url=peer.url, api_key=SecretStr("k"))
        service = TreacherousService(settings, SpeechContext(), FAST, None)
        streams = SpeechStreams(
            service,
            lambda *_: None,
            max_streams=9,
            requests_per_minute=99,
            ring_ms=60_000,
            timing=FAST,
            random=Random(1),
        )
        task = asyncio.create_task(streams.serve(), name="stt")
        bad, good = Ear(), Ear()
        broken = streams.open(spec(call_id="bad"), bad)
        stream = streams.open(spec(), good)
        await asyncio.gather(speak(broken, said.audio(), SPEED), speak(stream, said.audio(), SPEED))
        await asyncio.gather(broken.finish(1), stream.finish(2.5))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert bad.states[-1] == (LegState.STT_DOWN, OWN_FAULT)
    assert good.text == said.text()
    assert good.states == [(LegState.LIVE, None)]
