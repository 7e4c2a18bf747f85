"""The supervisor: folds telephony events into calls and runs each call in a task of its own.

Events come in by `deliver` and are taken in order by one task; nothing in it waits for Asterisk. Dialplan notices
(`/agi/*`) are answered from what is known already, whatever ARI does.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from string import ascii_lowercase
from typing import Final

import structlog

from ari_bridge import events
from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.names import UNIQUE_ID, tap_names, tapped_channel
from ari_bridge.calls.account import Ending
from ari_bridge.calls.live import LiveCall, Past
from ari_bridge.calls.registry import CallRegistry, Change, Changed, Closed, Conversation, Opened
from ari_bridge.calls.share import Share
from ari_bridge.calls.voice import VoiceParts
from ari_bridge.events import Call
from ari_bridge.history import CallFrames, CallRecord, FrameAccount
from ari_bridge.interfaces import EventSink, NoticeResult

log = structlog.get_logger(__name__)

BEAT_S: Final = 0.2
BEAT_PER_CALL_S: Final = 0.004  # with more than fifty calls nobody watches every meter: levels come less often
BEAT_MOST_S: Final = 0.5
NOTICE_PATIENCE_S: Final = 0.03  # a notice may overtake the event of its own channel
REMEMBERED_NOTICES: Final = 300
DRAIN_S: Final = 4.0


def mint_call_id(mark: str = "") -> str:
    """A call id: time-ordered, unique across PBXs and restarts. `mark` (see `share.mark_of`) tells who minted it.

    Its second half has no digits, so that no id looks like a telephone number (ops/masking.py would shorten it).
    """
    drawn = "".join(secrets.choice(ascii_lowercase) for _ in range(10 - len(mark)))
    return f"{time.time_ns() // 1_000_000:012x}-{mark}{drawn}"


class Supervisor:
    """All calls of one Asterisk. `run` once, `drain` before it is cancelled."""

    def __init__(
        self,
        *,
        app: str,
        trunks: tuple[str, ...],
        parts: VoiceParts,
        publish: EventSink,
        restore: EventSink,
        keep_frames: Callable[[CallFrames], None],
        connected: Callable[[], bool],
        share: Share = Share(),  # noqa: B008
        mark: str = "",
    ) -> None:
        self._app = app
        self._trunks = trunks
        self._share = share
        self._mint = partial(mint_call_id, mark)
        self._registry = CallRegistry(trunks, self._mint)
        self._past: dict[str, CallRecord] = {}  # by call id, until the first snapshot shows which of them go on
        self._parts = parts
        self._publish = publish
        self._restore = restore
        self._keep_frames = keep_frames
        self._connected = connected
        # Unbounded on purpose: an event lost is a call lost. It is drained without waiting for anybody.
        self._events: asyncio.Queue[ari.TelephonyEvent] = asyncio.Queue()
        self._calls: dict[str, LiveCall] = {}  # by the client's channel
        self._running: dict[LiveCall, asyncio.Task[None]] = {}  # until nothing is left of the call
        self._notices: OrderedDict[str, set[str]] = OrderedDict()  # channel id → notices taken; the oldest goes
        self._draining = False
        self._progress = asyncio.Condition()  # notified after every event taken

    def remember(self, records: Iterable[CallRecord]) -> None:
        """Calls that an earlier run left open. Before the first event; those that still exist go on.

        Of a store that several daemons have in common, only this one's.
        """
        self._past = {record.call.id: record for record in records if record.call.client_channel}
        calls = {record.call.client_channel or "": record.call for record in self._past.values()}
        self._registry = CallRegistry(self._trunks, self._mint, calls)

    def deliver(self, event: ari.TelephonyEvent) -> None:
        """Take one event, in order. Returns at once."""
        self._events.put_nowait(event)

    def live_calls(self) -> tuple[Call, ...]:
        return tuple(live.call for live in self._calls.values())

    def frames(self, call_id: str) -> tuple[FrameAccount, ...]:
        return next((live.frames for live in self._running if live.id == call_id), ())

    def tapped_channels(self) -> frozenset[str]:
        """Channels whose taps are ours and alive: whatever else carries our names is a left-over."""
        return frozenset(channel for live in self._running for channel in live.tapped)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat(), name="calls.beat")
            while True:
                event = await self._events.get()
                try:
                    self._take(event, tasks)
                except Exception:  # boundary: an event that cannot be taken must not end the following of all calls
                    log.exception("telephony_event_failed", type=type(event).__name__)
                async with self._progress:
                    self._progress.notify_all()
                await asyncio.sleep(0)  # a flood of events must not keep the audio waiting

    async def drain(self, timeout_s: float = DRAIN_S) -> None:
        """Before the daemon stops: last words final, Asterisk clean, within `timeout_s`. `run` must still be running.

        Calls that begin from now on are left to the next run.
        """
        self._draining = True
        for live in self._running:
            live.leave()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=timeout_s)

    # CallNotices

    async def call_start(self, channel_id: str, caller: str | None) -> NoticeResult:
        if UNIQUE_ID.fullmatch(channel_id) is None:
            return NoticeResult.UNKNOWN
        known = channel_id in self._notices  # a repeat is one also when the channel is gone by now
        if not known and self._connected() and not await self._shows_up(channel_id):
            return NoticeResult.UNKNOWN
        repeated = self._note(channel_id, "start")
        self.deliver(ari.Noticed(channel_id, caller))
        return NoticeResult.REPEATED if repeated else NoticeResult.ACCEPTED

    async def call_end(self, channel_id: str) -> NoticeResult:
        """A hint that needs no action: the channel's own end comes over ARI, and ARI decides."""
        if channel_id not in self._notices and not self._registry.knows(channel_id):
            return NoticeResult.UNKNOWN
        return NoticeResult.REPEATED if self._note(channel_id, "end") else NoticeResult.ACCEPTED

    def _note(self, channel_id: str, kind: str) -> bool:
        """Remember a notice; whether it had come before."""
        kinds = self._notices.setdefault(channel_id, set())
        self._notices.move_to_end(channel_id)
        if len(self._notices) > REMEMBERED_NOTICES:
            self._notices.popitem(last=False)
        repeated = kind in kinds
        kinds.add(kind)
        return repeated

    async def _shows_up(self, channel_id: str) -> bool:
        try:
            async with asyncio.timeout(NOTICE_PATIENCE_S), self._progress:
                await self._progress.wait_for(lambda: self._registry.knows(channel_id))
        except TimeoutError:
            return False
        return True

    def _take(self, event: ari.TelephonyEvent, tasks: asyncio.TaskGroup) -> None:
        if isinstance(event, ari.StasisLeft):
            if not self._parts.telephony.is_replaced(event.channel.id, event.channel.name):
                self._lose(tapped_channel(self._app, event.channel.id))
        elif isinstance(event, ari.Snapshot):
            self._lose_unlisted(event)
            event = replace(event, channels=tuple(c for c in event.channels if tapped_channel(self._app, c.id) is None))
        elif self._is_of_a_tap(event):
            return  # two thirds of all events, and nobody's call
        for change in self._registry.apply(event, datetime.now(UTC)):
            with self._contained(change.conversation.call.id):
                self._carry_out(change, tasks)
        if isinstance(event, ari.Snapshot):
            self._end_past()

    def _is_of_a_tap(self, event: ari.TelephonyEvent) -> bool:
        """Whether it tells of a channel or bridge that is our own, to the dialling of which Asterisk owns up too."""
        about = next((about for name in ("channel", "peer", "bridge") if (about := getattr(event, name, None))), None)
        return about is not None and tapped_channel(self._app, about.id) is not None

    def _carry_out(self, change: Change, tasks: asyncio.TaskGroup) -> None:
        client = change.conversation.client
        live = self._calls.get(client)
        match change:
            case Opened(conversation) if not self._draining and self._share.has(client):
                self._begin(conversation, tasks)
            case Changed(conversation) if live is not None:
                live.update(conversation)
            case Closed(conversation, cause, reason) if live is not None:
                del self._calls[client]
                live.close(conversation, Ending(cause, reason, datetime.now(UTC)))

    def _begin(self, conversation: Conversation, tasks: asyncio.TaskGroup) -> None:
        live = self._calls[conversation.client] = LiveCall(
            conversation,
            parts=self._parts,
            publish=self._publish,
            restore=self._restore,
            keep_frames=self._keep_frames,
            clock=asyncio.get_running_loop().time,
            alive=self._registry.knows,
            past=_past(self._past.pop(conversation.call.id, None)),
        )
        self._running[live] = tasks.create_task(self._keep(live), name=f"call[{live.id}]")
        live.begin()  # now, since its task may start after further events have changed the call

    @contextmanager
    def _contained(self, call_id: str) -> Iterator[None]:
        try:
            yield
        except Exception:  # boundary: one call must not take down the others
            log.exception("call_failed", call_id=call_id)

    def _end_past(self) -> None:
        """Calls that ended while nobody listened."""
        for record in self._past.values():
            reason = "Завершён, пока ari_bridge не работал"
            log.info("call_ended_unseen", call_id=record.call.id)
            self._publish(events.CallUpdated(replace(record.call, status=events.CallStatus.ENDED, ringing=())))
            self._publish(events.CallEnded(record.call.id, None, reason, _known_length_ms(record)))
        self._past.clear()

    async def _keep(self, live: LiveCall) -> None:
        try:
            with self._contained(live.id):
                await live.run()
        finally:
            del self._running[live]

    def _lose(self, channel_id: str | None) -> None:
        for live in self._running:
            if channel_id is not None and channel_id in live.tapped:
                live.tap_lost(channel_id)

    def _lose_unlisted(self, snapshot: ari.Snapshot) -> None:
        """Taps that did not survive while ARI was away are made anew; half a tap has not survived."""
        listed = {channel.id for channel in snapshot.channels}
        for channel_id in self.tapped_channels():
            names = tap_names(self._app, channel_id)
            if not {names.snoop, names.media} <= listed:
                self._lose(channel_id)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(min(max(BEAT_S, BEAT_PER_CALL_S * len(self._calls)), BEAT_MOST_S))
            self._beat_once()

    def _beat_once(self) -> None:
        for live in self._calls.values():
            with self._contained(live.id):
                live.beat()


def _past(record: CallRecord | None) -> Past | None:
    if record is None:
        return None
    return Past((*record.transcript, *record.gaps, *record.suggestions), record.last_utterance, record.frames)


def _known_length_ms(record: CallRecord) -> int:
    """From the answer to the last word that was written down."""
    call = record.call
    if call.answered_at is None or call.zero_at is None:
        return 0
    last_ms = max((line.end_ms for line in record.transcript), default=0)
    return max(0, last_ms - round((call.answered_at - call.zero_at).total_seconds() * 1000))
