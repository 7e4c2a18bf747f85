"""All streams of one recogniser: admission, the one pump that sends, housekeeping, and the state the page shows."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import suppress
from datetime import UTC, datetime
from random import Random

import structlog

from ari_bridge.events import Component, ComponentState, ComponentStatus
from ari_bridge.history import Cost, CostSink
from ari_bridge.interfaces import PlaceQuota, SpeechListener, SpeechSpec, StatusSink
from ari_bridge.stt.admission import Admission, Place, Wait
from ari_bridge.stt.backoff import Backoff
from ari_bridge.stt.counters import SttCounters
from ari_bridge.stt.dialect import Fault, Reaction
from ari_bridge.stt.leg_stream import LegStream
from ari_bridge.stt.service import NO_CONNECTION, Account, End, Ending, Service
from ari_bridge.stt.timing import Timing

log = structlog.get_logger(__name__)

SPARE = 2  # places that a daemon holds beyond those it uses, where there are several
PUSHES_PER_TURN = 16  # streams served before other tasks get their turn
UP = ComponentStatus(ComponentState.UP)
AWAY = ComponentStatus(
    ComponentState.DOWN, "Нет связи с сервисом распознавания", "Проверьте сеть; соединение восстановится само"
)
FULL_REASON = "Достигнут лимит потоков распознавания: часть разговоров без текста"


class SpeechStreams:
    """A `SpeechToText` over any `Service`."""

    def __init__(
        self,
        service: Service,
        report: StatusSink,
        *,
        pay: CostSink = lambda cost: None,
        max_streams: int,
        learn_limit: bool = False,
        requests_per_minute: int,
        ring_ms: int,
        timing: Timing,
        random: Random,
        quota: PlaceQuota | None = None,
    ) -> None:
        self.service = service
        self.timing = timing
        self.counters = SttCounters()
        self._full = ComponentStatus(ComponentState.DEGRADED, FULL_REASON, service.more_streams)
        self._report = report
        self._pay = pay
        self._ring_ms = ring_ms
        self._random = random
        self._admission = Admission(max_streams, requests_per_minute, timing, random)
        self._quota = quota
        self._places = max_streams  # of the account
        self._learn_limit = learn_limit  # what the account allows counts in place of `max_streams`
        self._examined = asyncio.Event()
        self._serials = itertools.count()
        self._streams: dict[Place, LegStream] = {}
        self._unsent: dict[LegStream, None] = {}  # a set in order; bounded by the number of streams
        self._wake_pump = asyncio.Event()
        self._wake_desk = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._status: ComponentStatus | None = None
        self._refusal: Fault | None = None  # why no session can be had until a person acts
        self._away_since: float | None = None
        self._limited = False  # legs wait for a place
        self._proven = False  # a session was answered

    def now(self) -> float:
        """The loop's clock, without asking which loop runs: that is a system call on Python 3.11."""
        return time.monotonic()

    def open(self, spec: SpeechSpec, listener: SpeechListener) -> LegStream:
        place = Place(spec.leg, spec.started_at, next(self._serials))
        backoff = Backoff(self.timing.retry_first_s, self.timing.retry_max_s, self._random)
        stream = LegStream(self, spec, listener, place=place, backoff=backoff, ring_ms=self._ring_ms)
        self._streams[place] = stream
        self._start(stream)
        self.wanted(stream)
        return stream

    async def serve(self) -> None:
        """Own all streams until cancelled; then every stream tells its last words and is over."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for stream in self._streams.values():
                    self._start(stream)
                self._tasks.create_task(self._pump(), name="stt.pump")
                self._tasks.create_task(self._keep_house(), name="stt.house")
                self._tasks.create_task(self._examine(), name="stt.examine")
                with suppress(TimeoutError):  # a field that the model does not take must not cost the first words
                    async with asyncio.timeout(self.timing.examine_first_s):
                        await self._examined.wait()
                await self._admit()
        finally:
            self._tasks = None

    def _start(self, stream: LegStream) -> None:
        if self._tasks is not None:
            self._tasks.create_task(stream.run(), name=f"stt[{stream.spec.call_id}.{stream.spec.leg.value}]")

    # What a stream says: Desk

    def fed(self, stream: LegStream) -> None:
        self._unsent[stream] = None
        self._wake_pump.set()

    def wanted(self, stream: LegStream) -> None:
        self._admission.ask(stream.place, self.now())
        self._wake_desk.set()

    def hurry(self, stream: LegStream) -> None:
        self._admission.hurry(stream.place, self.now())
        self.fed(stream)
        self._wake_desk.set()

    def answered(self, stream: LegStream) -> None:
        self._admission.accepted(stream.place)
        self._proven = True
        if not self._admission.gate_closed:
            self._refusal = self._away_since = None
        self._wake_desk.set()

    def ended(self, stream: LegStream, ending: Ending) -> None:
        now, place = self.now(), stream.place
        if ending.end is End.IDLE:
            self._admission.leave(place)
        elif ending.ours:
            self._admission.ask(place, now)
        else:
            if ending.answered and ending.lasted_s >= self.timing.retry_max_s:
                stream.backoff.reset()
            wait_s = stream.backoff.next_s()
            self._admission.ask(place, now + (min(wait_s, self.timing.retry_first_s) if place.finishing else wait_s))
            self._note(stream, ending, now)
        self._wake_desk.set()

    def gone(self, stream: LegStream) -> None:
        tariff, spec, seconds = self.service.tariff, stream.spec, stream.billed_s
        if tariff is not None and seconds:
            usd = tariff.of(seconds)
            self._pay(
                Cost(datetime.now(UTC), tariff.service, tariff.model, "seconds", seconds, usd, spec.call_id, spec.leg)
            )
        self._admission.leave(stream.place)
        self._streams.pop(stream.place, None)
        self._unsent.pop(stream, None)
        self._wake_desk.set()

    def _note(self, stream: LegStream, ending: Ending, now: float) -> None:
        """What one session's end says of all others."""
        if ending.reaction is Reaction.STOP and ending.fault is not None:
            self._admission.stopped(stream.place, now, alone=ending.fault.of_request)
            stream.show_down(ending.fault.reason)
            if self._admission.gate_closed:
                self._refuse(ending.fault)
        elif ending.reaction is Reaction.BACK_OFF:
            self._admission.full(stream.place, now)
        elif not ending.answered:
            self._admission.unreachable(now)
            self._away_since = self._away_since or now

    def _refuse(self, fault: Fault) -> None:
        self._refusal = fault
        self._show(self.now())

    # Tasks

    async def _admit(self) -> None:
        """Grant places as the admission decides."""
        while True:
            self._wake_desk.clear()
            now = self.now()
            decision = self._admission.decide(now)
            for place in decision.evict:
                self._streams[place].leave(End.EVICTED)
            for place in decision.start:
                self._streams[place].grant()
            for place, wait in decision.waiting:
                self._tell_waiting(self._streams[place], wait)
            self._limited = any(wait is Wait.LIMIT for _, wait in decision.waiting)
            self._show(now)
            self._want()
            try:
                async with asyncio.timeout_at(decision.wake_at):
                    await self._wake_desk.wait()
            except TimeoutError:
                continue

    def _tell_waiting(self, stream: LegStream, wait: Wait) -> None:
        if wait is Wait.GATE and self._refusal is not None:
            stream.show_down(self._refusal.reason)
        else:
            stream.wait_for(wait, NO_CONNECTION)

    async def _pump(self) -> None:
        """The only sender: one wake-up serves all streams that were fed in the same tick."""
        while True:
            await self._wake_pump.wait()
            self._wake_pump.clear()
            batch, self._unsent = self._unsent, {}
            for count, stream in enumerate(batch, 1):
                stream.push()
                if count % PUSHES_PER_TURN == 0:
                    await asyncio.sleep(0)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(self.timing.tick_s)
            now = self.now()
            for stream in list(self._streams.values()):
                stream.tick(now)
            self._show(now)
            self.counters.legs, self.counters.legs_live = len(self._streams), self._admission.live
            self.counters.lag_seconds = max((s.lag_ms for s in self._streams.values()), default=0) / 1000

    async def _examine(self) -> None:
        while True:
            try:
                self._learn(await self.service.examine())
            except Exception:  # boundary: a look at the account must not end the streams
                log.exception("stt_examine_failed")
            self._examined.set()
            await asyncio.sleep(self.timing.examine_s)

    def _learn(self, account: Account) -> None:
        if account.fault is not None and not self._proven:
            self._refuse(account.fault)
        if account.max_streams is not None and self._learn_limit:
            self._places = account.max_streams
            if self._quota is None:
                self._admission.allow(account.max_streams)
            self._wake_desk.set()

    def _want(self) -> None:
        """Of the places that several daemons share; one more than is needed, for the next leg not to wait."""
        if self._quota is not None:
            wanted = min(self._admission.wanted + SPARE, self._places)
            self._quota.want(self._places, wanted, self._admission.used, self._allow)

    def _allow(self, places: int) -> None:
        self._admission.allow(places)
        self._wake_desk.set()

    def _show(self, now: float) -> None:
        """Report the service's state where it changed."""
        status = self._state(now)
        if status is not None and status != self._status:
            self._status = status
            self._report(Component.STT, status)

    def _state(self, now: float) -> ComponentStatus | None:
        """What the page should show; None: nothing is known yet."""
        if self._refusal is not None:
            return ComponentStatus(ComponentState.DOWN, self._refusal.reason, self._refusal.action)
        if self._away_since is not None and self._admission.gate_closed:
            lasting = now - self._away_since >= self.timing.show_down_s
            return AWAY if lasting else self._status
        if self._limited:
            return self._full
        return UP if self._proven else None
