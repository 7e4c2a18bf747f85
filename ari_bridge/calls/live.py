"""One live call: its voices, its time line, and what is told of it.

The call's zero is the first audio of either leg that is heard. A fault in a voice ends the voice, never the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog

from ari_bridge import events
from ari_bridge.calls.account import Ending, account_for, note_health
from ari_bridge.calls.aside import Aside
from ari_bridge.calls.frames import FrameBook
from ari_bridge.calls.registry import Conversation
from ari_bridge.calls.solitude import Solitude
from ari_bridge.calls.voice import Voice, VoiceParts
from ari_bridge.events import Call, CallStatus, Leg, LegState, LegStatus
from ari_bridge.history import CallFrames, FrameAccount
from ari_bridge.interfaces import AudioEncoding, EventSink, SpeechSpec, SpeechStream, Utterance
from ari_bridge.switches import Service, switched_off
from media.framing import Slice

log = structlog.get_logger(__name__)

EXPECTED_AT_MOST: Final = 4  # rung operators that are tapped before one of them answers
GRACE_S: Final = 1.0  # a party that leaves a bridge may enter the next one at once (transfer, hold)
LEVEL_STEP: Final = 0.02
LEGS: Final = tuple(Leg)
CLOSED: Final = LegStatus(LegState.CLOSED)


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier run of the daemon knew of this call: it goes on where that stopped."""

    told: tuple[events.CallEvent, ...]
    """Final lines, gaps and cards, to be shown again but not decided on again; the checklist its `Suggester` tells."""

    last_utterance: Mapping[Leg, int]
    frames: tuple[FrameAccount, ...] = ()


class LiveCall:
    """`run` once, in a task of its own; all other methods return at once."""

    def __init__(
        self,
        conversation: Conversation,
        *,
        parts: VoiceParts,
        publish: EventSink,
        restore: EventSink,
        keep_frames: Callable[[CallFrames], None],
        clock: Callable[[], float],
        alive: Callable[[str], bool],
        past: Past | None = None,
    ) -> None:
        self._conversation = conversation
        self._off = switched_off(parts.switches, conversation.call)
        self._parts = parts
        self._publish = publish
        self._restore = restore
        self._keep_frames = keep_frames
        self._clock = clock
        self._alive = alive  # whether a channel still exists, as far as Asterisk told
        self._started_at = clock()
        self._zero: float | None = None
        self._zero_at: datetime | None = None
        self._voices: dict[str, Voice] = {}  # by channel, as long as its tap is wanted
        self._past: list[Voice] = []  # ended ones, for the account
        self._kept: set[Voice] = set()  # those of which something may stand in Asterisk
        self._aside = Aside(conversation.call.id)
        self._frames = FrameBook(parts.receiver.frame_ms, past.frames if past else ())
        self._solitude = Solitude(GRACE_S)
        self._leaving: dict[str, float] = {}  # channels out of the conversation, since when
        self._past_run = past
        self._numbers = dict.fromkeys(Leg, 0) | dict(past.last_utterance if past else {})
        self._told: Call | None = None
        self._told_of: Conversation | None = None  # what `_told` was made of
        self._levels = (0.0, 0.0)
        self._answered: float | None = None  # by our own clock, which nobody sets
        self._ending: Ending | None = None
        self._ended = 0.0
        self._end_told = False
        self._over = asyncio.Event()

    @property
    def id(self) -> str:
        return self._conversation.call.id

    @property
    def tapped(self) -> frozenset[str]:
        """Channels on which something of ours stands in Asterisk, or is about to."""
        return frozenset(voice.channel_id for voice in self._kept)

    @property
    def frames(self) -> tuple[FrameAccount, ...]:
        """What was heard so far."""
        return self._frames.accounts()

    @property
    def call(self) -> Call:
        """The call as it is told: what Asterisk says of it, and the health of its legs."""
        now = self._clock()
        legs = {leg: self._leg_status(leg, now) for leg in Leg}
        call = self._solitude.tell(self._conversation.call, now, self._alive)
        return replace(call, zero_at=self._zero_at, legs=MappingProxyType(legs), off=self._off)

    @property
    def recorded(self) -> bool:
        """See `Conversing.recorded`."""
        return Service.RECORDING not in self._off

    async def run(self) -> None:
        """From the first sight of the call to its `call_end`; returns when nothing of it is left in Asterisk."""
        self.begin()
        if self._past_run is not None:
            self._resume(self._past_run)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._aside.open(tasks)
                self._arrange()
                await self._over.wait()
                await self._conclude()
        finally:
            self._aside.close()
            self._over.set()
            self._tell_end()
            if self._ending is None:  # it goes on without us
                self._keep_frames(CallFrames(self.id, self.frames))
            account_for(self._conversation.call, self._past, self._numbers, self._ending)
            self._past.clear()  # they know us, and the audio that they keep should go at once

    def begin(self) -> None:
        """Tell of the call at its first sight; `run` sees to it where nobody did."""
        if self._told is None:
            self._told = self.call
            self._publish(events.CallStarted(self._told))

    def update(self, conversation: Conversation) -> None:
        """Asterisk's side of the call changed."""
        answered = not self._conversation.operators and bool(conversation.operators)
        if answered and self._answered is None and self._past_run is None:
            self._answered = self._clock()
        for channel_id in self._conversation.unanswered - conversation.unanswered:
            if voice := self._voices.get(channel_id):
                voice.answered(self._clock())
        self._conversation = conversation
        self._solitude.note(conversation, self._clock())
        self._switch()
        self._arrange()
        if answered:
            for voice in self._voices.values():
                self._aside.start(voice.renew_if_codec_changed(), voice.leg, "codec")
        self.tell()

    def _switch(self) -> None:
        """What the settings leave out may depend on who speaks now."""
        before, self._off = self._off, switched_off(self._parts.switches, self._conversation.call)
        if (Service.STT in before) is not (Service.STT in self._off):
            for voice in self._voices.values():
                voice.reopen_speech()

    def close(self, conversation: Conversation, ending: Ending) -> None:
        """The client's channel is gone: no more audio; the last words are on their way."""
        self._conversation = conversation
        self._solitude.note(conversation, self._clock())
        self._ending, self._ended = ending, self._clock()
        if self._over.is_set() and not self._aside.is_open:
            self._tell_end()  # its task is through already: we are leaving, or it failed
        self._over.set()

    def leave(self) -> None:
        """The daemon stops: take the last words, remove the taps; the call itself goes on without us."""
        self._over.set()

    def tap_lost(self, channel_id: str) -> None:
        """Our tap of this channel ended without our doing."""
        if voice := self._voices.get(channel_id):
            voice.lost()

    def beat(self) -> None:
        """Some five times a second: levels, health, and parties whose time of grace is over."""
        now = self._clock()
        for channel_id, since in list(self._leaving.items()):
            if now - since >= GRACE_S or not self._alive(channel_id):
                self._end_voice(channel_id)
        for voice in self._voices.values():
            if not self._over.is_set() and voice.should_look_into(now):
                self._aside.start(voice.look_into(), voice.leg, "look")
        self._tell_levels()
        self.tell()

    def tell(self) -> None:
        """Publish the call if anything about it changed since it was told last."""
        told, now = self._told, self._clock()
        if told is None or (
            self._told_of is self._conversation  # nearly always, and much cheaper than to compare all members
            and not self._solitude.begun
            and told.zero_at == self._zero_at
            and all(told.legs[leg] == self._leg_status(leg, now) for leg in LEGS)
        ):
            return
        self._told_of, call = self._conversation, self.call
        if call != told:
            note_health(told, call)
            self._told = call
            self._publish(events.CallUpdated(call))

    # Conversing: what voices ask and tell

    def call_time_ms(self, moment: float) -> int:
        if self._zero is None:
            kept = [at for voice in self._voices.values() if voice.selected and (at := voice.first_kept_at())]
            self._zero = min([moment, *kept])
            self._zero_at = datetime.now(UTC) - timedelta(seconds=self._clock() - self._zero)
        return round((moment - self._zero) * 1000)

    def describe(self, leg: Leg, encoding: AudioEncoding, sample_rate: int) -> SpeechSpec:
        call = self._conversation.call
        return SpeechSpec(
            call_id=self.id,
            leg=leg,
            encoding=encoding,
            sample_rate=sample_rate,
            started_at=self._started_at,
            operator_name=call.operator,
            direction=call.direction.value,
            switched_off=Service.STT in self._off,
        )

    def next_utterance(self, leg: Leg) -> int:
        self._numbers[leg] += 1
        return self._numbers[leg]

    def on_utterance(self, leg: Leg, number: int, utterance: Utterance) -> None:
        self._publish(
            events.Transcript(
                self.id,
                leg,
                number,
                utterance.text,
                utterance.tail,
                utterance.final,
                utterance.start_ms,
                utterance.end_ms,
            )
        )

    def on_audio(self, leg: Leg, start_ms: int, slice: Slice) -> None:
        self._frames.hear(leg, start_ms, slice.duration_ms, slice.power, slice.speech)

    def on_loss(self, leg: Leg, start_ms: int, end_ms: int) -> None:
        self._frames.lose(leg, start_ms, end_ms)
        self.on_gap(leg, start_ms, end_ms, "потеряны пакеты RTP")

    def on_gap(self, leg: Leg, start_ms: int, end_ms: int, reason: str) -> None:
        numbers = self._frames.numbers(start_ms, end_ms)
        self._publish(events.Gap(self.id, leg, max(start_ms, 0), end_ms, numbers, reason))

    def on_leg_status(self, leg: Leg) -> None:
        self.tell()

    def finish_stream(self, leg: Leg, stream: SpeechStream) -> None:
        self._aside.start(stream.finish(self._parts.drain_timeout_s), leg, "finish", awaited=True)

    # Going on after a restart

    def _resume(self, past: Past) -> None:
        """Show again what was known, put the time line back, mark what nobody heard."""
        for event in past.told:
            self._restore(event)
        zero_at = self._conversation.call.zero_at
        if zero_at is None:
            return
        away = (datetime.now(UTC) - zero_at).total_seconds()
        self._zero, self._zero_at = self._clock() - away, zero_at
        for leg in Leg:
            heard_ms = max(
                (e.end_ms for e in past.told if isinstance(e, events.Transcript) and e.leg is leg), default=0
            )
            self.on_gap(leg, heard_ms, round(away * 1000), "ari_bridge перезапускался")

    # Deciding who is heard

    def _arrange(self) -> None:
        """Bring the voices in line with the conversation."""
        if not self._aside.is_open or self._over.is_set():
            return
        conversation, now = self._conversation, self._clock()
        wanted = {conversation.client: Leg.CLIENT}
        wanted |= dict.fromkeys(conversation.expected[:EXPECTED_AT_MOST], Leg.OPERATOR)
        wanted |= dict.fromkeys(conversation.operators, Leg.OPERATOR)
        for channel_id, leg in wanted.items():
            self._leaving.pop(channel_id, None)
            if channel_id not in self._voices:
                self._start_voice(channel_id, leg, now)
        for channel_id in self._voices.keys() - wanted.keys():
            self._leaving.setdefault(channel_id, now)
        heard = {*conversation.operators, conversation.client} if conversation.operators else set()
        for channel_id in self._voices.keys() - heard:
            self._voices[channel_id].deselect(now)
        for channel_id in conversation.muted & self._voices.keys():
            self._voices[channel_id].mute(now)
        speaking = [self._voices[c] for c in self._voices if c in heard - conversation.muted]
        self._fix_zero(speaking)
        for voice in speaking:
            voice.select(now)

    def _fix_zero(self, speaking: list[Voice]) -> None:
        """The call's zero, where audio of either leg is at hand already."""
        kept = [moment for voice in speaking if (moment := voice.first_kept_at()) is not None]
        if kept and self._zero is None:
            self.call_time_ms(min(kept))

    def _start_voice(self, channel_id: str, leg: Leg, now: float) -> None:
        voice = self._voices[channel_id] = Voice(self, leg, channel_id, self._parts, now)
        self._aside.start(self._keep(voice), leg, f"tap[{channel_id}]")

    async def _keep(self, voice: Voice) -> None:
        self._kept.add(voice)
        try:
            await voice.run()
        except Exception:  # boundary: a fault in a leg ends the leg, as the page is told; `Aside` writes the log
            voice.fail()
            raise
        finally:
            self._kept.discard(voice)

    def _end_voice(self, channel_id: str) -> None:
        """A party has left the conversation for good: its last words, then its place is free."""
        self._leaving.pop(channel_id, None)
        voice = self._voices.pop(channel_id, None)
        if voice is None:
            return
        self._past.append(voice)
        voice.end()
        self._aside.start(voice.finish(), voice.leg, "finish", awaited=True)

    async def _conclude(self) -> None:
        if self._ending is not None:
            self.tell()
        for channel_id in list(self._voices):
            self._end_voice(channel_id)
        await self._aside.until_done()  # the last words come before the news of the end
        self._tell_end()

    def _tell_end(self) -> None:
        """Once; nothing where the call goes on without us."""
        ending = self._ending
        if ending is None or self._end_told:
            return
        self._end_told = True
        self.tell()
        self._keep_frames(CallFrames(self.id, self.frames))
        self._publish(events.CallEnded(self.id, ending.cause, ending.reason, self._duration_ms(ending.at)))

    def _duration_ms(self, now: datetime) -> int:
        if self._answered is not None:
            return round((self._ended - self._answered) * 1000)
        answered_at = self._conversation.call.answered_at  # in an earlier run
        return max(0, round((now - answered_at).total_seconds() * 1000)) if answered_at else 0

    def _leg_status(self, leg: Leg, now: float) -> LegStatus:
        if self._conversation.call.status is CallStatus.ENDED:
            return CLOSED
        last = None
        for voice in self._voices.values():
            if voice.leg is leg and (last is None or voice.selected or not last.selected):
                last = voice
        return last.status(now) if last is not None else LegStatus()

    def _tell_levels(self) -> None:
        client, operator = (
            max((v.level for v in self._voices.values() if v.leg is leg and v.selected), default=0.0)
            for leg in (Leg.CLIENT, Leg.OPERATOR)
        )
        if abs(client - self._levels[0]) >= LEVEL_STEP or abs(operator - self._levels[1]) >= LEVEL_STEP:
            self._levels = (client, operator)
            self._publish(events.Level(self.id, client, operator))
