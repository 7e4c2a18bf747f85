from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from ari_bridge.asterisk.tap import Tapper
from ari_bridge.calls.voice import Voice, VoiceParts
from ari_bridge.demo.pbx import CallScript
from ari_bridge.demo.pbx_faults import Fault
from ari_bridge.events import Leg, LegState
from ari_bridge.interfaces import AudioEncoding, SpeechSpec, SpeechStream, Utterance
from media.framing import Slice
from tests.calls.office import CLIENT_SAYS, NotingSpeech, Office, office, said_by


@dataclass
class Call:
    """What a voice needs of its call; its zero is the moment of its making."""

    zero: float
    lines: list[tuple[int, str]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    losses: list[tuple[int, int]] = field(default_factory=list)
    heard_ms: int = 0
    told: int = 0
    finishing: list[SpeechStream] = field(default_factory=list)

    id = "c1"

    def call_time_ms(self, moment: float) -> int:
        return round((moment - self.zero) * 1000)

    def describe(self, leg: Leg, encoding: AudioEncoding, sample_rate: int) -> SpeechSpec:
        return SpeechSpec("7", leg, encoding, sample_rate)

    def next_utterance(self, leg: Leg) -> int:
        return 40 + len(self.lines)

    def on_utterance(self, leg: Leg, number: int, utterance: Utterance) -> None:
        self.lines.append((number, utterance.text))

    def on_audio(self, leg: Leg, start_ms: int, slice: Slice) -> None:
        self.heard_ms += slice.duration_ms

    def on_loss(self, leg: Leg, start_ms: int, end_ms: int) -> None:
        self.losses.append((start_ms, end_ms))

    def on_gap(self, leg: Leg, start_ms: int, end_ms: int, reason: str) -> None:
        self.gaps.append((start_ms, end_ms))

    def on_leg_status(self, leg: Leg) -> None:
        self.told += 1

    def finish_stream(self, leg: Leg, stream: SpeechStream) -> None:
        self.finishing.append(stream)


class Formats:
    """A tapper whose channel's codec is what the test says."""

    def __init__(self, tapper: Tapper) -> None:
        self._tapper = tapper
        self.format = "alaw"
        self.create_media = tapper.create_media
        self.create_snoop = tapper.create_snoop
        self.join = tapper.join
        self.release = tapper.release
        self.received_packets = tapper.received_packets
        self.first_packet_s = tapper.first_packet_s
        self.note_first_packet = tapper.note_first_packet

    async def format_of(self, channel_id: str) -> str:
        await self._tapper.format_of(channel_id)
        return self.format


@dataclass
class Speaking:
    """A voice at work on the client's channel."""

    it: Office
    call: Call
    voice: Voice
    formats: Formats
    running: asyncio.Task[None]

    @property
    def heard(self) -> bytes:
        return said_by(self.it.speech.streams)

    def state(self) -> LegState:
        return self.voice.status(time.monotonic()).state

    async def until_tapped(self) -> None:
        await self.it.until(lambda: self.voice.first_kept_at() is not None)

    async def until_heard(self, count: int = 4000) -> None:
        wanted = len(self.heard) + count
        await self.it.until(lambda: len(self.heard) >= wanted)


@asynccontextmanager
async def speaking(
    *,
    speech: NotingSpeech | None = None,
    audio: bytes | None = CLIENT_SAYS,
    fault: Fault | None = None,
    open_at_ring: bool = False,
) -> AsyncIterator[Speaking]:
    async with office(trunks=(), speech=speech, recheck_s=60) as it:
        call = it.pbx.call(CallScript(client="79001234567", ring_s=0.01, talk_s=30, client_audio=audio))
        await call.answered.wait()
        if fault is not None:
            it.pbx.faults.add(fault)
        formats = Formats(it.tapper)
        parts = VoiceParts(
            telephony=formats,
            receiver=it.receiver,
            speech=it.speech,
            media_host="127.0.0.1",
            preroll_ms=400,
            drain_timeout_s=1.0,
            open_at_ring=open_at_ring,
        )
        zero = time.monotonic()
        noted = Call(zero)
        voice = Voice(noted, Leg.CLIENT, call.caller_channel, parts, zero)
        running = asyncio.create_task(voice.run(), name="voice")
        yield Speaking(it, noted, voice, formats, running)
        voice.end()
        await asyncio.wait_for(running, 5)
        await voice.finish()
        assert it.ours() == []


async def test_what_is_said_before_the_answer_is_kept_for_a_moment() -> None:
    async with speaking() as s:
        await s.until_tapped()
        await asyncio.sleep(0.8)
        assert s.it.speech.streams == []
        assert s.state() is LegState.CONNECTING
        kept = time.monotonic() - (s.voice.first_kept_at() or 0)
        assert 0.3 < kept < 2, "400 ms, and up to a slice that is being filled"
        s.voice.select(time.monotonic())
        assert 2400 <= len(s.heard) <= 8000
        await s.until_heard()
        assert s.state() is LegState.LIVE
        [stream] = s.it.speech.streams
        assert stream.spec.encoding is AudioEncoding.ALAW
        lengths = [b - a for a, b in zip(stream.starts, stream.starts[1:], strict=False)]
        assert all(length > 0 for length in lengths), "call time goes forward"


async def test_a_stream_may_be_open_before_the_answer_and_is_fed_after_it() -> None:
    async with speaking(open_at_ring=True) as s:
        await s.until_tapped()
        await s.it.until(lambda: s.it.speech.streams)
        await asyncio.sleep(0.2)
        assert s.heard == b""
        assert s.state() is LegState.CONNECTING
        s.voice.select(time.monotonic())
        await s.until_heard()
        assert len(s.it.speech.streams) == 1


async def test_a_recogniser_that_fails_at_the_ring_fails_once() -> None:
    with capture_logs() as logs:
        async with speaking(open_at_ring=True, speech=NotingSpeech(open_fails=True)) as s:
            await s.until_tapped()
            s.voice.select(time.monotonic())
            await s.it.until(lambda: s.state() is LegState.STT_DOWN)
    assert [line["event"] for line in logs].count("speech_failed") == 1


async def test_who_is_not_heard_is_kept_only_and_who_is_muted_is_not_even_kept() -> None:
    async with speaking() as s:
        await s.until_tapped()
        s.voice.select(time.monotonic())
        s.voice.select(time.monotonic())
        await s.until_heard()
        assert s.voice.level > 0
        s.voice.deselect(time.monotonic())
        await asyncio.sleep(0.3)
        before = len(s.heard)
        await asyncio.sleep(0.2)
        assert len(s.heard) == before
        assert (s.voice.level, s.state()) == (0.0, LegState.LIVE)
        assert s.voice.first_kept_at() is not None
        s.voice.mute(time.monotonic())
        await asyncio.sleep(0.2)
        assert s.voice.first_kept_at() is None
        assert len(s.heard) == before
        s.voice.select(time.monotonic())
        await s.until_heard()
        assert len(s.it.speech.streams) == 1


async def test_a_tap_is_made_again_after_every_fault() -> None:
    async with speaking(fault=Fault(status=500, method="POST", path="/channels/*/snoop/*", times=2)) as s:
        s.voice.select(time.monotonic())
        await s.it.until(lambda: s.call.told)
        assert s.state() is LegState.NO_AUDIO
        assert "не удалось снять голос: create_snoop" in (s.voice.status(time.monotonic()).reason or "")
        await s.until_heard()
        assert s.state() is LegState.LIVE


async def test_a_fault_that_lasts_costs_one_line_in_the_log() -> None:
    with capture_logs() as logs:
        async with speaking(fault=Fault(status=500, method="POST", path="/channels/*/snoop/*", times=3)) as s:
            s.voice.select(time.monotonic())
            await s.until_heard()
    assert [line["event"] for line in logs].count("tap_failed") == 1


async def test_a_wider_codec_is_tapped_anew_at_once_and_is_no_fault() -> None:
    async with speaking() as s:
        await s.until_tapped()
        s.voice.select(time.monotonic())
        await s.until_heard()
        s.formats.format = "slin16"
        started = time.monotonic()
        await s.voice.renew_if_codec_changed()
        await s.it.until(lambda: len(s.it.speech.streams) == 2)
        assert time.monotonic() - started < 1.5
        narrow, wide = s.it.speech.streams
        assert s.call.finishing == [narrow]
        assert (wide.spec.encoding, wide.spec.sample_rate) == (AudioEncoding.PCM_S16LE, 16000)
        assert s.call.told == 2, "that each stream is recognised, and no fault"
        assert s.state() is LegState.LIVE
        assert wide.starts[0] > narrow.starts[-1]
        assert len(s.voice.reports) == 1


async def test_another_narrow_codec_is_no_reason_to_tap_anew() -> None:
    async with speaking() as s:
        await s.until_tapped()
        s.formats.format = "ulaw"
        await s.voice.renew_if_codec_changed()
        s.it.pbx.faults.add(Fault(status=500, path="/channels/*/variable"))
        await s.voice.renew_if_codec_changed()
        await asyncio.sleep(0.2)
        assert s.voice.reports == []


async def test_a_telephone_that_sends_nothing_is_told() -> None:
    async with speaking(audio=None) as s:
        await s.until_tapped()
        s.voice.select(time.monotonic() - 4)
        await asyncio.sleep(0.2)  # zeros go on to come
        assert s.voice.should_look_into(time.monotonic())
        assert not s.voice.should_look_into(time.monotonic()), "not more often than every two seconds"
        await s.voice.look_into()
        assert "телефон не присылает звук" in (s.voice.status(time.monotonic()).reason or "")
        s.it.pbx.faults.add(Fault(status=500, path="/channels/*/rtp_statistics"))
        await s.voice.look_into()


async def test_no_rtp_is_told() -> None:
    async with speaking() as s:
        await s.until_tapped()
        s.it.pbx.rtp.impair = lambda packet: ()
        await asyncio.sleep(0.2)
        s.voice.select(time.monotonic())
        reason = s.voice.status(time.monotonic() + 3.5).reason or ""
        assert "нет RTP от Asterisk" in reason


async def test_lost_packets_are_a_gap() -> None:
    async with speaking() as s:
        await s.until_tapped()
        s.voice.select(time.monotonic())
        await s.until_heard()
        counter = iter(range(10_000))
        s.it.pbx.rtp.impair = lambda packet: () if next(counter) < 10 else (packet,)
        await s.it.until(lambda: s.call.losses)
        [(start_ms, end_ms)] = s.call.losses
        assert 0 < start_ms < end_ms
        assert abs(end_ms - start_ms - 200) <= 40


async def test_the_last_words_come_from_what_was_on_its_way() -> None:
    async with speaking() as s:
        await s.until_tapped()
        s.voice.select(time.monotonic())
        await s.until_heard()
        s.voice.end()
        await s.running
        await s.voice.finish()
        assert s.it.speech.streams[0].finished
        assert s.call.heard_ms == len(s.heard) / 8
        assert s.call.lines == [(40, f"{len(s.heard)} bytes")], "the leg's number, not the stream's"
        await s.voice.finish()


async def test_a_fault_of_the_recogniser_ends_the_text_and_not_the_audio() -> None:
    for speech in (NotingSpeech(feed_fails=True), NotingSpeech(open_fails=True)):
        async with speaking(speech=speech) as s:
            await s.until_tapped()
            s.voice.select(time.monotonic())
            await s.it.until(lambda s=s: s.state() is LegState.STT_DOWN)  # type: ignore[misc]
            await asyncio.sleep(0.2)
            assert s.voice.level > 0
            assert len(speech.streams) <= 1, "it is not tried with every slice"
            for stream in speech.streams:
                stream.starts.append(0)


async def test_a_fault_of_ours_is_told() -> None:
    async with speaking() as s:
        s.voice.select(time.monotonic())
        s.voice.fail()
        assert "внутренняя ошибка" in (s.voice.status(time.monotonic()).reason or "")


async def test_what_is_no_longer_wanted_is_not_tapped_when_its_turn_comes() -> None:
    async with speaking() as s:
        await s.until_tapped()
        parts = vars(s.voice)["_parts"]
        second = Voice(s.call, Leg.OPERATOR, s.voice.channel_id, parts, time.monotonic())
        waiting = asyncio.create_task(second.run())
        await asyncio.sleep(0.1)
        second.lost()
        second.end()
        assert not waiting.done()
        s.voice.end()
        await asyncio.wait_for(waiting, 3)
        assert second.reports == []
