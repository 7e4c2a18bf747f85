"""The only composition root: who is made of whom, in which order all starts and stops.

The page comes up first, so that whatever goes wrong afterwards can be seen on it; the line to Asterisk comes last. On a
stop the last words are taken and Asterisk is cleaned before anything else goes down.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

import ari_bridge
from ari_bridge.asterisk.client import AriClient
from ari_bridge.asterisk.listener import Listener
from ari_bridge.asterisk.media_socket import MediaSockets
from ari_bridge.calls.share import Share, mark_of, own
from ari_bridge.calls.supervisor import Supervisor
from ari_bridge.errors import BridgeError
from ari_bridge.events import Component, ComponentState, ComponentStatus, Event
from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.masking import PersonalData
from ari_bridge.hints.playbook_desk import FileDesk
from ari_bridge.hints.playbook_file import PlaybookWatch, playbook_path
from ari_bridge.hints.questions import SERVICE as LLM_SERVICE
from ari_bridge.history import Cost
from ari_bridge.hub.desk import LocalDesk
from ari_bridge.hub.discretion import Veil
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.server import HubServer
from ari_bridge.interfaces import CallDesk, CallNotices
from ari_bridge.making import (
    make_bare_door,
    make_budgets,
    make_door,
    make_hints,
    make_lease,
    make_node,
    make_speech,
    make_webhook,
    read_playbook_in_force,
    shared,
)
from ari_bridge.making_voices import make_receiver, make_tapper, make_voice_parts
from ari_bridge.ops.health import LoopProbe
from ari_bridge.ops.meter import CallMeter, by_leg_state, by_status
from ari_bridge.ops.metrics import Metrics
from ari_bridge.ops.sdnotify import ServiceManager, feed_watchdog
from ari_bridge.ops.status import StatusBoard
from ari_bridge.places import share
from ari_bridge.report import ReportQuery
from ari_bridge.settings import Settings, notify_socket, watchdog_s
from ari_bridge.store.opening import database_file, open_recordings, open_store
from ari_bridge.store.recorder import Recorder
from ari_bridge.store.tape import Tape
from ari_bridge.store.upkeep import Upkeep
from ari_bridge.stt.absent import SwitchedSpeechToText

log = structlog.get_logger(__name__)

NO_CURSOR = -1  # on a bus an event has its number later
LONGEST_CALL = timedelta(hours=12)
STANDBY = {
    "waiting": ComponentStatus(ComponentState.DEGRADED, "резерв: звонки ведёт другой ari_bridge"),
    "store_away": ComponentStatus(
        ComponentState.DEGRADED,
        "резерв: Redis не отвечает, и неизвестно, ведёт ли звонки другой ari_bridge",
        "проверьте Redis (ARI_BRIDGE_STANDBY__REDIS)",
    ),
}


def _spare_the_collector() -> None:
    """What there is now stays, so no full collection need walk it; and what a call leaves behind is freed by its
    reference counts (closed sockets apart), so the collector may look more seldom than after every 700 objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 10, 20)


class App:
    """The daemon. `mode` is `live` or `demo`. Without `pages` it is a bridge: other nodes have the pages."""

    def __init__(self, settings: Settings, mode: str = "live", *, pages: bool = True) -> None:
        self._settings = settings
        self._pages = pages
        if not pages:
            shared(settings)
        self._driving = settings.standby.redis is None
        self.hub = Hub(mode, on_bus=pages and settings.hub.bus is not None)
        self._node = make_node(settings.hub, follower=self.hub if pages else None, follows=lambda: self._driving)
        self.board = StatusBoard(self.publish)
        self._recordings = open_recordings(settings.store, settings.recording)
        self._tape = Tape(self._recordings, settings.media.frame_ms) if settings.recording.enabled else None
        self._store = open_store(settings.store, self._recordings, settings.recording.days)
        self._recorder = Recorder(self._store, self.board.report)
        self.metrics = Metrics()
        self._meter = CallMeter(self.metrics, lambda: datetime.now(UTC))
        self._probe = LoopProbe()
        self._systemd = ServiceManager(notify_socket())
        self._webhook = make_webhook(settings.hints)
        self._playbook_path = playbook_path(settings.hints.playbook, database_file(settings.store.url))
        playbook = read_playbook_in_force(settings.hints, self._playbook_path)
        # What may refuse the start comes before what holds connections: nothing is left open behind it.
        self._lease = make_lease(settings.standby)
        self._door = make_door(settings) if pages else make_bare_door(settings)
        self._playbook_watch = PlaybookWatch(self._playbook_path) if self._playbook_path else None
        self._budgets = make_budgets(settings.hub, self._set_spent)
        self._hints = make_hints(
            settings,
            playbook,
            publish=self.publish,
            report=self.board.report,
            pay=self._pay,
            reload=self._playbook_watch.changed if self._playbook_watch else None,
        )
        self._speech = SwitchedSpeechToText(
            # it may publish already: that there is no key
            make_speech(settings, playbook, report=self.board.report, pay=self._recorder.on_cost, quota=self._budgets),
            "распознавание выключено настройкой policy.switches",
        )
        self._receiver = make_receiver(settings.media)
        self._ari = AriClient(settings.ari)
        self._media_sockets = MediaSockets(settings.ari)
        self._tapper = make_tapper(settings, self._ari, self._media_sockets)
        part = Share.read(settings.ari.share)
        self._mark = mark_of(settings.ari.pbx or settings.ari.url, part)
        self._supervisor = Supervisor(
            app=settings.ari.app,
            trunks=settings.ari.trunks,
            parts=make_voice_parts(settings, self._tapper, self._receiver, self._speech, self._tape),
            publish=self.publish,
            restore=self._show,
            keep_frames=self._recorder.on_frames,
            connected=lambda: self._listener.connected,
            share=part,
            mark=self._mark,
        )
        self._listener = Listener(
            settings=settings.ari,
            client=self._ari,
            tapper=self._tapper,
            deliver=self._supervisor.deliver,
            report=self.board.report,
            tapped_channels=self._supervisor.tapped_channels,
            replaced=lambda: self._lease.doubt() if self._lease is not None else None,
        )
        desk: CallDesk = LocalDesk(self.hub, self.publish, self._hints, self._supervisor)
        notices: CallNotices = self._supervisor
        if self._node is not None:
            desk = notices = self._node.open_desk(desk, notices)
        self._server = HubServer(
            settings.hub,
            settings.agi,
            self.hub,
            notices=notices,
            desk=desk,
            pages=pages,
            webui=share("webui"),
            metrics=self.metrics,
            observe_painted=self._meter.painted,
            door=self._door,
            history=self._store,
            recordings=self._recordings,
            veil=Veil(settings.store.mask_history, PersonalData()),
            playbooks=FileDesk(self._playbook_path, self._store, self._adopt_playbook),
        )
        self._show_metrics()

    def publish(self, event: Event) -> None:
        """One event to all who take them: a final line once it is written, the others at once, a call's in order."""
        self._recorder.publish_after(event, self._tell)

    def _show(self, event: Event) -> None:
        """To the pages, wherever they are."""
        if self._node is None or not self._pages:
            self.hub.publish(event)
        if self._node is not None:
            self._node.publish(event)

    def _tell(self, event: Event) -> None:
        """The hub first, so that a card never overtakes its line."""
        self._show(event)
        self._meter.on_event(event, self.hub.cursor if self._node is None else NO_CURSOR)
        self._hints.on_event(event)
        if self._webhook is not None:
            self._webhook.on_event(event)
        if self._tape is not None:
            self._tape.on_event(event)

    async def run(self, stop: asyncio.Event, ready: Callable[[str, int], None] = lambda host, port: None) -> None:
        """Run until `stop` is set. `ready` is told where the page is. Raises `ConfigError` where it cannot start."""
        started = time.monotonic()
        try:
            host, port = await self._server.start()
            ready(host, port)
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(run, name=name) for name, run in self._services()]
                log.info("started", version=ari_bridge.__version__, seconds=round(time.monotonic() - started, 2))
                _spare_the_collector()
                self._systemd.ready(f"http://{host}:{port}")
                await stop.wait()
                log.info("stopping")
                self._systemd.stopping()
                await self._supervisor.drain()
                for task in running:
                    task.cancel()
            if self._lease is not None:
                await self._lease.release()
        finally:
            await self._recorder.close()
            if self._node is not None:
                await self._node.close()
            await self._server.stop()
            await self._ari.close()
            await self._door.close()
            if self._tape is not None:
                await self._tape.close()
            await self._store.close()
            self._recordings.close()
        log.info("stopped")

    def _services(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        webhook = [("hints.webhook", self._webhook.serve())] if self._webhook is not None else []
        bus = [("bus.node", self._node.serve())] if self._node is not None else []
        if self._budgets is not None:
            bus.append(("bus.budgets", self._budgets.serve()))
        return [
            *webhook,
            *bus,
            ("media.receiver", self._receiver.run()),
            ("media.sockets", self._media_sockets.serve()),
            ("stt.streams", self._speech.serve()),
            ("hints.engine", self._hints.serve()),
            ("store.recorder", self._recorder.serve()),
            ("store.upkeep", Upkeep(self._store, busy=lambda: bool(self._supervisor.live_calls())).serve()),
            ("hub.door", self._door.serve()),
            ("calls", self._drive()),
            ("ops.loop", self._probe.serve()),
            ("ops.watchdog", feed_watchdog(self._systemd, watchdog_s())),
        ]

    async def _drive(self) -> None:
        """Follow the PBX's calls: at once, or when no other daemon does any more."""
        lease = self._lease
        if lease is not None:
            await lease.acquire(lambda state: self.board.report(Component.ARI, STANDBY[state]))
        self._driving = True
        await self._remember()
        await self._remember_spent()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._supervisor.run(), name="calls.supervisor")
            tasks.create_task(self._listener.run(), name="ari.listener")
            if lease is not None:
                await lease.keep()
                # Not by an exception: what stands in Asterisk is the other's now, and no task may tidy it away.
                os._exit(os.EX_TEMPFAIL)

    async def _remember(self) -> None:
        """Calls that an earlier run left open, to go on with."""
        try:
            records = await self._store.unfinished_calls(datetime.now(UTC) - LONGEST_CALL)
        except BridgeError as error:
            log.warning("unfinished_calls_unknown", error=str(error))
            return
        if self._node is not None:
            records = tuple(own(records, self._mark))  # others have theirs in the same store
        self._hints.remember(records)  # it tells the checklist, as it stood, when the call is told of again
        self._supervisor.remember(records)

    async def _remember_spent(self) -> None:
        """What the model cost since local midnight: a restart must not begin the day's budget anew."""
        now = datetime.now().astimezone()
        try:
            today = await self._store.report(ReportQuery(now.replace(hour=0, minute=0, second=0, microsecond=0), now))
        except BridgeError as error:
            log.warning("spent_today_unknown", error=str(error))
            return
        spent = sum(cost.usd or 0.0 for cost in today.costs if cost.service == LLM_SERVICE)
        self._hints.remember_spent(spent)
        if self._budgets is not None:
            self._budgets.remember(spent)

    def _set_spent(self, usd: float) -> None:
        self._hints.set_spent(usd)

    def _pay(self, cost: Cost) -> None:
        """The model's."""
        self._recorder.on_cost(cost)
        if self._budgets is not None:
            self._budgets.spend(cost.usd or 0.0)

    def _show_metrics(self) -> None:
        """Everything that `/metrics` tells, in the order of a call's way through the daemon."""
        metrics, meter, hints = self.metrics, self._meter, self._hints
        metrics.watch("event_loop", lambda: self._probe.health)
        metrics.watch("media", lambda: self._receiver.totals)
        metrics.watch("stt", lambda: self._speech.counters)
        metrics.watch("llm", lambda: hints.questions)
        metrics.watch("store", lambda: self._recorder.counters)
        if (tape := self._tape) is not None:
            metrics.watch("recording", lambda: tape.counters)
        metrics.watch("hub", self.hub.read_counters)
        if self._node is not None:
            metrics.watch("bus", self._node.read_counters)
        hints.observe_answers(metrics.latency("llm_answer", "Question to the model's whole answer"))
        labelled: tuple[tuple[str, str, str, Callable[[], Mapping[str, float]]], ...] = (
            ("component_up", "1 where a dependency works, 0 where it is down or off", "component", self.board.working),
            (
                "ari_unknown_events_total",
                "ARI events that nothing is decided on",
                "type",
                lambda: self._listener.unknown,
            ),
            ("calls", "Live calls", "status", lambda: by_status(self._supervisor.live_calls())),
            ("legs", "Legs of live calls", "state", lambda: by_leg_state(self._supervisor.live_calls())),
            ("calls_started_total", "Calls seen", "direction", lambda: meter.started),
            ("calls_ended_total", "Calls that are over", "outcome", lambda: meter.ended),
            ("gaps_total", "Gaps in what was heard or recognised", "leg", lambda: meter.gaps),
            ("cards_total", "Cards shown", "source", lambda: meter.cards),
            ("hint_decisions_total", "What the hints decided", "what", lambda: hints.decisions),
            ("hints_suppressed_total", "Why nothing was asked or shown", "why", lambda: hints.suppressed),
        )
        for name, help_text, label, values in labelled:
            metrics.watch_labelled(name, help_text, label, values)

    def _adopt_playbook(self, compiled: Compiled) -> None:
        """One that was saved on the page; the watch over the file need not read it again."""
        if self._playbook_watch is not None:
            self._playbook_watch.skip()
        self._hints.adopt(compiled)
