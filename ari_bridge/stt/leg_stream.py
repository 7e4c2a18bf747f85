"""One leg's stream: carries frames between its `LegRecognition` and a wire, and says what became of each session."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from ari_bridge.interfaces import SpeechListener, SpeechSpec
from ari_bridge.stt.admission import Place, Wait
from ari_bridge.stt.backoff import Backoff
from ari_bridge.stt.desk import Desk
from ari_bridge.stt.dialect import LIMIT_REASON, Reaction, WireFrame
from ari_bridge.stt.recognition import LegRecognition
from ari_bridge.stt.service import End, Ending
from ari_bridge.stt.teller import Teller
from ari_bridge.stt.wire import Wire, WireClosed, WireFailed, WireRefused

log = structlog.get_logger(__name__)

OWN_FAULT = "внутренняя ошибка распознавания, подробности в журнале"


class LegStream:
    """A `SpeechStream`. `run` is owned by the desk; all else is called by the leg's owner or by the desk."""

    def __init__(
        self, desk: Desk, spec: SpeechSpec, listener: SpeechListener, *, place: Place, backoff: Backoff, ring_ms: int
    ) -> None:
        self.spec = spec
        self.place = place
        self.backoff = backoff
        self.billed_s = 0.0  # of sessions that are over
        self._desk = desk
        self._core = LegRecognition(spec, ring_ms, desk.timing)
        self._log = log.bind(call_id=spec.call_id, leg=spec.leg.value)
        self._tell = Teller(listener, self._log)
        self._granted = asyncio.Event()
        self._over = asyncio.Event()
        self._wire: Wire | None = None
        self._opened_at = 0.0
        self._reading: asyncio.Timeout | None = None
        self._leaving: End | None = None

    # The leg's side: SpeechStream

    def feed(self, audio: bytes, start_ms: int) -> None:
        if self._over.is_set():
            return
        slept = self._core.dormant
        self._core.feed(audio, start_ms, self._desk.now())
        if self._wire is not None:
            self._desk.fed(self)
        elif slept and not self._core.dormant:
            self._desk.wanted(self)

    async def finish(self, timeout_s: float) -> None:
        if not self._over.is_set():
            if self._core.fell_silent(self._desk.now()):
                self.leave(End.STALLED)
            self._core.finish()
            if self._wire is None and self._core.complete:
                self._conclude("finished")
            else:
                self._desk.hurry(self)
        try:
            async with asyncio.timeout(timeout_s):
                while not self._over.is_set():
                    await self._wait_for_last_words()
        except TimeoutError:
            self._conclude("timeout")

    async def _wait_for_last_words(self) -> None:
        """For a moment; a line that gives no sign of life in it is left for a new one: it may have died unnoticed just
        before the end, and nothing else finds that in time.
        """
        wire, answered = self._wire, None
        if wire is not None:
            with suppress(WireClosed):  # the reader sees it too
                answered = await wire.ping()
        try:
            async with asyncio.timeout(self._desk.timing.probe_s):
                await self._over.wait()
        except TimeoutError:
            if answered is not None and not answered() and wire is self._wire:
                self.leave(End.STALLED)

    async def abort(self) -> None:
        self._conclude("aborted")

    # The desk's side

    def grant(self) -> None:
        """A connection may be made now."""
        self._granted.set()

    def leave(self, end: End) -> None:
        """Give up the open session; what is not confirmed is kept and heard again by the next one."""
        if self._reading is not None and self._leaving is None:
            self._leaving = end
            self._reading.reschedule(self._desk.now())

    def wait_for(self, wait: Wait, reason: str) -> None:
        """The leg has no session for now: tell its listener, of a service that is away only if that lasts."""
        if wait is Wait.GATE:
            self._tell.interrupted(self._desk.now(), reason)
        else:
            self._tell.waiting(LIMIT_REASON)

    def show_down(self, reason: str) -> None:
        """Nothing will come until a person acts: said at once."""
        if self._wire is None:
            self._tell.down(reason)

    @property
    def lag_ms(self) -> int:
        """Audio sent to the recogniser and not processed yet."""
        return self._core.lag_ms

    def tick(self, now: float) -> None:
        """Housekeeping, every `Timing.tick_s`."""
        try:
            self._look_after(now)
        except Exception:  # boundary: one leg's recognition must not take down the others
            self._fail()

    def _look_after(self, now: float) -> None:
        if self._wire is None:
            self._tell.lasting(now, self._desk.timing.show_down_s)
        elif self._core.stalled(now):
            self.leave(End.STALLED)
        elif not self._core.finishing and self._core.due_for_roll_over(now):
            self.leave(End.ROLL_OVER)
        elif not self._core.finishing and self._core.due_for_sleep(now):
            self.leave(End.IDLE)
        elif self._core.due(now):
            self._desk.fed(self)
        if self._wire is not None and not self._core.answered and now - self._opened_at > self._desk.timing.answer_s:
            self._core.presume_answered()  # it has no audio to answer, and did not refuse
            self._answered()

    def push(self) -> None:
        """Send what may be sent now, as far as the peer reads."""
        now = self._desk.now()
        try:
            while (wire := self._wire) is not None and wire.writable:
                frame = self._core.next_frame(now)
                if frame is None:
                    return
                wire.send(frame)
                if not self._core.has_more:
                    return
        except WireClosed:
            return  # the reader sees it too, and says why
        except Exception:  # boundary: one leg's recognition must not take down the others
            self._fail()

    async def run(self) -> None:
        """Sessions, one after the other, until the leg is over."""
        try:
            while not self._over.is_set():
                await self._granted.wait()
                self._granted.clear()
                if self._over.is_set():
                    return
                ending = await self._session()
                if self._core.finishing and self._core.complete:
                    self._conclude("finished")
                if not self._over.is_set():
                    self._after(ending)
        except Exception:  # boundary: one leg's recognition must not take down the others
            self._fail()
        finally:
            self._conclude("aborted")

    async def _session(self) -> Ending:
        """Connect, converse, hang up."""
        try:
            wire = await self._desk.service.connect()
        except WireRefused as refused:
            return Ending(End.FAULT, fault=self._desk.service.refused(refused.status))
        except WireFailed as failed:
            return Ending(End.UNREACHABLE, detail=str(failed))
        if self._over.is_set():
            wire.abort()
            return Ending(End.CLOSED)
        self._opened_at = self._desk.now()
        self._core.open(self._desk.service.dialect(self.spec), self._opened_at)
        self._wire = wire
        self._desk.fed(self)
        try:
            return await self._listen(wire)
        finally:
            self._hang_up()
            await wire.close()

    async def _listen(self, wire: Wire) -> Ending:
        """Read until the session is over."""
        try:
            async with asyncio.timeout(None) as self._reading:
                while True:
                    ending = self._take(await wire.receive())
                    if ending is not None:
                        return ending
        except TimeoutError:
            end, self._leaving = self._leaving or End.CLOSED, None
            if end is End.STALLED:
                wire.abort()  # it would not answer a goodbye
            return self._ending(end)
        except WireClosed as closed:
            return self._ending(End.CLOSED, str(closed.code or "no_code"))
        finally:
            self._reading = None

    def _take(self, frame: WireFrame) -> Ending | None:
        """One message of the peer; the session's end if it is one."""
        answered = self._core.answered
        heard, told = self._core.hear(frame, self._desk.now())
        self._tell.words(told)
        if heard is None:
            return None
        if self._core.answered and not answered:
            self._answered()
        if heard.fault is not None:
            if heard.fault.reaction is Reaction.IGNORE and self._core.finishing:
                self._conclude("finished")
            return Ending(End.FAULT, answered, heard.fault, lasted_s=self._lasted_s())
        if heard.finished:
            if self._core.finished:
                self._conclude("finished")
            return self._ending(End.FINISHED)
        return None

    def _ending(self, end: End, detail: str | None = None) -> Ending:
        return Ending(end, self._core.answered, detail=detail, lasted_s=self._lasted_s())

    def _lasted_s(self) -> float:
        return self._desk.now() - self._opened_at

    def _answered(self) -> None:
        self._tell.live()
        self._desk.counters.sessions_total += 1
        self._desk.counters.replayed_seconds_total += self._core.replay_ms / 1000
        self._log.info("stt_connected", session=self._core.sessions, replay_ms=self._core.replay_ms)
        self._desk.answered(self)

    def _after(self, ending: Ending) -> None:
        """Note why the leg has no session now; said to people only if it lasts."""
        if ending.end is End.IDLE:
            self._core.sleep()
        elif ending.reaction is Reaction.BACK_OFF:
            self._tell.waiting(ending.reason)
        elif not ending.ours:
            self._tell.interrupted(self._desk.now(), ending.reason)
        if ending.answered:
            self._desk.counters.drops_total += not ending.ours
            request_id = ending.fault.request_id if ending.fault else None
            self._log.info("stt_dropped", reason=ending.code, lasted_s=round(ending.lasted_s, 1), request_id=request_id)
        self._desk.ended(self, ending)

    def _hang_up(self) -> None:
        """The session is over: count its time, keep what must be heard again."""
        if self._wire is not None:
            self.billed_s += self._lasted_s()
            self._desk.counters.billed_seconds_total += self._lasted_s()
            self._wire = None
        self._core.drop()

    def _fail(self) -> None:
        self._log.exception("stt_failed")
        self._tell.down(OWN_FAULT)
        self._conclude("failed")

    def _conclude(self, how: str) -> None:
        """Tell the last words and be over; the first call counts."""
        if self._over.is_set():
            return
        self._over.set()
        wire = self._wire
        self._hang_up()
        if how != "failed":
            self._tell.words(self._core.conclude())
        self._account(how)
        if wire is not None and how != "finished":
            wire.abort()
        self._granted.set()
        self._desk.gone(self)

    def _account(self, how: str) -> None:
        """The leg's canonical line, and its share of the counters."""
        core, counters = self._core, self._desk.counters
        counters.audio_seconds_total += core.audio_ms / 1000
        counters.gap_seconds_total += core.gap_ms / 1000
        counters.unintelligible_total += core.unintelligible
        self._log.info(
            "stt_finished",
            how=how,
            audio_s=round(core.audio_ms / 1000, 1),
            billed_s=round(self.billed_s, 1),
            sessions=core.sessions,
            utterances=core.next_number - self.spec.first_utterance,
            gap_s=round(core.gap_ms / 1000, 1),
            unintelligible=core.unintelligible,
        )
