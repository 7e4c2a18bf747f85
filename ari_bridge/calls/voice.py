"""One channel's voice: its tap, what it hears, and the recogniser that is fed with it.

Before the channel belongs to the conversation (while it rings) its audio is only kept for a moment (`preroll_ms`), so
that a first word spoken before the news of the answer reached us is not lost.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from ari_bridge.backoff import backoff
from ari_bridge.calls.health import AudioHealth
from ari_bridge.calls.tapping import ChannelTap, TapOutcome, Telephony, Turns
from ari_bridge.errors import BridgeError
from ari_bridge.events import Leg, LegState, LegStatus
from ari_bridge.interfaces import AudioEncoding, AudioSink, SpeechSpec, SpeechStream, SpeechToText, Utterance
from ari_bridge.switches import Switch
from media.codecs import Codec, l16_to_little_endian
from media.framing import Frame, Gap
from media.receiver import LegReport, Receiver, Slice

log = structlog.get_logger(__name__)

ENCODINGS: Final = {
    Codec.PCMA: AudioEncoding.ALAW,
    Codec.PCMU: AudioEncoding.MULAW,
    Codec.L16_8K: AudioEncoding.PCM_S16LE,
    Codec.L16_16K: AudioEncoding.PCM_S16LE,
}


CONNECTING: Final = LegStatus(LegState.CONNECTING)
LIVE: Final = LegStatus(LegState.LIVE)
SPEECH_FAILED: Final = LegStatus(LegState.STT_DOWN, "внутренняя ошибка распознавания, подробности в журнале")
NARROW: Final = frozenset({"alaw", "ulaw"})
FIRST_WAIT_S: Final = 0.2
LAST_WAIT_S: Final = 5.0
LOOK_EVERY_S: Final = 2.0
ON_ITS_WAY_S: Final = 0.1  # a sample may reach us this long after Asterisk got it
NEWS_WITHIN_S: Final = 0.5  # from the end of a snoop to the news that its channel has ended


class Conversing(Protocol):
    """What a voice needs of its call."""

    @property
    def id(self) -> str: ...

    @property
    def recorded(self) -> bool:
        """Whether the settings allow this call to be recorded."""

    def call_time_ms(self, moment: float) -> int:
        """Call time of a monotonic moment; the first call of all fixes the call's zero there."""

    def describe(self, leg: Leg, encoding: AudioEncoding, sample_rate: int) -> SpeechSpec: ...

    def next_utterance(self, leg: Leg) -> int:
        """The leg's next utterance number."""

    def on_utterance(self, leg: Leg, number: int, utterance: Utterance) -> None: ...

    def on_audio(self, leg: Leg, start_ms: int, slice: Slice) -> None:
        """The party was heard."""

    def on_loss(self, leg: Leg, start_ms: int, end_ms: int) -> None:
        """Packets of that span never came."""

    def on_gap(self, leg: Leg, start_ms: int, end_ms: int, reason: str) -> None:
        """That span never reached recognition."""

    def on_leg_status(self, leg: Leg) -> None: ...

    def finish_stream(self, leg: Leg, stream: SpeechStream) -> None:
        """This stream gets no more audio; its last words are waited for beside the call."""


@dataclass(frozen=True, slots=True)
class VoiceParts:
    """What every voice is made with."""

    telephony: Telephony
    receiver: Receiver
    speech: SpeechToText
    media_host: str  # where the RTP sockets are bound, as Asterisk is told
    preroll_ms: int
    drain_timeout_s: float
    open_at_ring: bool = False  # the client's stream is open before the answer, and billed
    turns: Turns = field(default_factory=Turns)
    tape: AudioSink | None = None  # records what is heard
    switches: tuple[Switch, ...] = ()  # what is left out for which calls


class Voice:
    """A `LegSink`. `run` keeps the channel tapped until `end`; `select` and `deselect` say whether it is heard."""

    def __init__(self, call: Conversing, leg: Leg, channel_id: str, parts: VoiceParts, now: float) -> None:
        self.leg = leg
        self.channel_id = channel_id
        self.reports: list[LegReport] = []
        self._call = call
        self._log = log.bind(call_id=call.id, leg=leg, channel=channel_id)
        self._parts = parts
        self._health = AudioHealth(now)
        self._preroll: deque[tuple[float, Slice]] = deque()  # with its moment; bounded by preroll_ms, the oldest goes
        self._latest: Slice | None = None
        self._selected = False
        self._muted = False
        self._heard_from = 0.0  # audio from before this moment is not the party's
        self._heard_until = 0.0  # audio from before this moment is, though the voice is not selected any more
        self._resting = LegStatus(LegState.CONNECTING)  # what is told while the channel is not heard
        self._wanted = True
        self._ended = asyncio.Event()
        self._tap: ChannelTap | None = None
        self._tap_fault: str | None = None
        self._logged_fault: str | None = None
        self._renewing = False
        self._stream: SpeechStream | None = None
        self._stream_codec: Codec | None = None
        self._speech_status: LegStatus | None = None
        self._speech_failed = False
        self._look_again_at = 0.0

    @property
    def level(self) -> float:
        """Loudness of the newest slice, 0 … 1; 0 while the channel is not heard."""
        return self._latest.level if self._selected and self._latest is not None else 0.0

    @property
    def selected(self) -> bool:
        return self._selected

    def first_kept_at(self) -> float | None:
        """Monotonic time of the oldest audio at hand, None where there is none yet."""
        return self._preroll[0][0] if self._preroll else None

    def answered(self, now: float) -> None:
        """The dialled party has picked up: what was kept is its provider's (a tone, an announcement) and goes."""
        self._heard_from = now  # and what is on its way is still older
        while self._preroll and self._preroll[0][0] < self._heard_from:
            self._preroll.popleft()

    def select(self, now: float) -> None:
        """From now on this channel is heard; what was kept from before is fed first."""
        if self._selected:
            return
        self._selected = True
        self._health.restart(now)
        if self._muted:
            self._muted = False
            self._heard_from = now + ON_ITS_WAY_S
        while self._preroll:
            self._feed(*self._preroll.popleft())

    def deselect(self, now: float) -> None:
        """No longer part of the conversation for now (held, or between two bridges)."""
        if self._selected:
            self._resting = self.status(now)
            self._heard_until = now + ON_ITS_WAY_S  # what was said before the news came, or nearly so
        self._selected = False

    def mute(self, now: float) -> None:
        """The party holds the other one: what comes is its PBX's music, and none of it is kept."""
        self.deselect(now)
        self._heard_until = now - ON_ITS_WAY_S
        self._muted = True
        self._preroll.clear()

    def status(self, now: float) -> LegStatus:
        if not self._selected:
            return self._resting
        if self._tap_fault is not None:
            return LegStatus(LegState.NO_AUDIO, f"не удалось снять голос: {self._tap_fault}")
        health = self._health.status(now)
        if health is not None and health.state is LegState.NO_AUDIO:
            return health
        if self._speech_status is not None and self._speech_status.state is not LegState.LIVE:
            return self._speech_status
        if self._stream is None:
            return CONNECTING
        return health or LIVE

    def should_look_into(self, now: float) -> bool:
        """Whether it is time to ask Asterisk why only zeros come."""
        due = self._selected and now >= self._look_again_at and self._health.should_ask(now)
        if due:
            self._look_again_at = now + LOOK_EVERY_S
        return due

    async def look_into(self) -> None:
        try:
            self._health.received(await self._parts.telephony.received_packets(self.channel_id))
        except BridgeError:
            return  # not known: nothing is claimed

    async def run(self) -> None:
        """Tap, and tap again after a fault, as long as the channel is wanted."""
        waits = backoff(FIRST_WAIT_S, LAST_WAIT_S, random.Random())
        while self._wanted:
            self._renewing = False
            async with self._parts.turns.of(self.channel_id):
                outcome = await self._tap_once()
            if outcome is None:
                break
            if outcome.report is not None:
                self.reports.append(outcome.report)
            if self._renewing:
                continue
            if outcome.was_live:
                waits = backoff(FIRST_WAIT_S, LAST_WAIT_S, random.Random())
            pause = next(waits)
            if await self._ended_within(pause if outcome.fault else max(pause, NEWS_WITHIN_S)):
                break
            self._tell_fault(outcome.fault or "связь с каналом прервалась")

    def _tell_fault(self, fault: str) -> None:
        if fault != self._logged_fault:  # one line for a fault that lasts
            self._log.warning("tap_failed", error=fault)
        self._tap_fault = self._logged_fault = fault
        self._call.on_leg_status(self.leg)

    def fail(self) -> None:
        """A fault of ours ended `run`."""
        self._tell_fault("внутренняя ошибка, подробности в журнале")

    async def _tap_once(self) -> TapOutcome | None:
        """None where the tap was no longer wanted when its turn came."""
        if not self._wanted:
            return None
        parts = self._parts
        self._tap = ChannelTap(self.channel_id, parts.telephony, parts.receiver, parts.media_host, self)
        try:
            return await self._tap.run()
        finally:
            self._tap = None

    async def _ended_within(self, seconds: float) -> bool:
        """A snoop ends a moment before the news that its channel did: that is no fault."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def lost(self) -> None:
        """Asterisk says that our snoop on this channel ended."""
        if self._tap is not None:
            self._tap.lost()

    async def renew_if_codec_changed(self) -> None:
        """What was negotiated at the answer may differ from what was offered at the ring.

        The tap is made anew for a wider codec alone: that costs a tenth of a second of the very first words, and of two
        narrow ones Asterisk makes the other without loss that anybody hears.
        """
        tap = self._tap
        if tap is None or tap.audio_format not in NARROW:
            return
        try:
            agreed = await self._parts.telephony.format_of(self.channel_id)
        except BridgeError:
            return
        if agreed not in NARROW and self._tap is tap:
            self._log.info("tap_renewed", was=tap.audio_format, now=agreed)
            self._renewing = True
            tap.stop()

    def end(self) -> None:
        """The channel is gone or no longer wanted: take what is left of its audio."""
        self._wanted = False
        self._ended.set()
        if self._tap is not None:
            self._tap.stop()

    async def finish(self) -> None:
        """Get the last words. Call after `end`."""
        self._selected = False
        stream, self._stream, self._stream_codec = self._stream, None, None
        if stream is not None:
            await stream.finish(self._parts.drain_timeout_s)

    # LegSink

    def on_slice(self, slice: Slice, /) -> None:
        self._tap_fault = None
        self._health.feed(slice.received_at, all_zero=slice.all_zero, speech=slice.speech)
        moment = self._moment(slice.start_ms)
        self._latest = slice
        heard = moment >= self._heard_from if self._selected else moment < self._heard_until
        if heard:
            self._feed(moment, slice)
        if heard or self._selected or self._muted or moment < self._heard_from:
            return
        self._preroll.append((moment, slice))
        while moment - self._preroll[0][0] > self._parts.preroll_ms / 1000:
            self._preroll.popleft()
        if self._parts.open_at_ring and self._stream is None and self.leg is Leg.CLIENT and not self._speech_failed:
            self._open_early(slice.codec)

    def on_frame(self, frame: Frame, /) -> None:
        """The tap's own frames are counted in its report; the call's are made of its slices."""

    def on_gap(self, gap: Gap, /) -> None:
        if not self._selected:
            return
        start_ms = self._call.call_time_ms(self._moment(gap.start_ms))
        if start_ms + gap.duration_ms > 0:  # after the call's zero
            self._call.on_loss(self.leg, start_ms, start_ms + gap.duration_ms)

    def on_codec(self, codec: Codec, /) -> None:
        self._log.info("leg_codec_changed", codec=codec.name)

    def on_speech_status(self, status: LegStatus) -> None:
        self._speech_status = status
        self._call.on_leg_status(self.leg)

    def _moment(self, start_ms: int) -> float:
        """Monotonic time of a place on the tap's line."""
        assert self._tap is not None, "audio comes from a tap"
        first = self._tap.first_packet_at
        assert first is not None, "and a tap that has audio has had a first packet"
        return first + start_ms / 1000

    def _feed(self, moment: float, slice: Slice) -> None:
        start_ms = self._call.call_time_ms(moment)
        if start_ms < 0:  # from before the call's zero
            return
        self._call.on_audio(self.leg, start_ms, slice)
        if self._parts.tape is not None and self._call.recorded:
            self._parts.tape.take(self._call.id, self.leg, start_ms, slice.payload, slice.codec)
        if self._speech_failed:
            return
        try:
            stream = self._stream_for(slice.codec)
            wide = slice.codec is Codec.L16_16K or slice.codec is Codec.L16_8K
            stream.feed(l16_to_little_endian(slice.payload) if wide else slice.payload, start_ms)
        except Exception:  # boundary: a fault in STT ends the text of this leg, never its audio
            self._fail_speech()

    def _open_early(self, codec: Codec) -> None:
        """So that the first word after the answer waits for no connection."""
        try:
            self._stream_for(codec)
        except Exception:  # boundary: as above
            self._fail_speech()

    def _fail_speech(self) -> None:
        self._log.exception("speech_failed")
        self._speech_failed = True
        self.on_speech_status(SPEECH_FAILED)

    def reopen_speech(self) -> None:
        """The settings decide otherwise now: what is fed next opens a stream anew."""
        stream, self._stream, self._stream_codec = self._stream, None, None
        if stream is not None:
            self._speech_status = None
            self._call.finish_stream(self.leg, stream)

    def _stream_for(self, codec: Codec) -> SpeechStream:
        if self._stream is None or self._stream_codec is not codec:
            if self._stream is not None:
                self._call.finish_stream(self.leg, self._stream)  # its place and its bill end now
            spec = self._call.describe(self.leg, ENCODINGS[codec], codec.rate)
            self._stream = self._parts.speech.open(spec, _Heard(self._call, self))
            self._stream_codec = codec
        return self._stream


class _Heard:
    """What one stream's recogniser tells. Each stream numbers from 1; the leg's numbers go on over all its streams."""

    def __init__(self, call: Conversing, voice: Voice) -> None:
        self._call = call
        self._voice = voice
        self._numbers: dict[int, int] = {}  # the stream's number → the leg's

    def on_utterance(self, utterance: Utterance) -> None:
        leg = self._voice.leg
        number = self._numbers.get(utterance.number)
        if number is None:
            number = self._numbers[utterance.number] = self._call.next_utterance(leg)
        self._call.on_utterance(leg, number, utterance)

    def on_speech_gap(self, start_ms: int, end_ms: int, reason: str) -> None:
        self._call.on_gap(self._voice.leg, start_ms, end_ms, reason)

    def on_speech_state(self, state: LegState, reason: str | None) -> None:
        self._voice.on_speech_status(LegStatus(state, reason))
