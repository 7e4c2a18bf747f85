"""The composition root of a node with the role hub: pages, accounts and history, of calls that other nodes follow."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

import ari_bridge
from ari_bridge.events import Component, ComponentState, Event, SystemChanged
from ari_bridge.hints.masking import PersonalData
from ari_bridge.hub.desk import LocalDesk
from ari_bridge.hub.discretion import Veil
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.server import HubServer
from ari_bridge.making import make_door, make_node, shared
from ari_bridge.ops.health import LoopProbe
from ari_bridge.ops.metrics import Metrics
from ari_bridge.ops.sdnotify import ServiceManager, feed_watchdog
from ari_bridge.ops.status import StatusBoard
from ari_bridge.places import share
from ari_bridge.settings import Settings, notify_socket, watchdog_s
from ari_bridge.store.opening import open_recordings, open_store
from ari_bridge.store.recorder import Recorder

log = structlog.get_logger(__name__)


class HubApp:
    """Raises `ConfigError` where the settings name no bus, or a store that other machines cannot share."""

    def __init__(self, settings: Settings) -> None:
        shared(settings)
        self.hub = Hub(on_bus=True)
        node = make_node(settings.hub, follower=self.hub)
        assert node is not None
        self._node = node
        self.board = StatusBoard(self._tell)
        self._recordings = open_recordings(settings.store, settings.recording)
        self._store = open_store(settings.store, self._recordings, settings.recording.days)
        self._recorder = Recorder(self._store, self.board.report)
        self._metrics = Metrics()
        self._probe = LoopProbe()
        self._systemd = ServiceManager(notify_socket())
        self._door = make_door(settings)
        painted = self._metrics.latency("card_painted", "Card sent to card on the operator's screen")
        desk = node.open_desk(LocalDesk(self.hub, self._publish))
        self._server = HubServer(
            settings.hub,
            settings.agi,
            self.hub,
            notices=desk,
            desk=desk,
            webui=share("webui"),
            metrics=self._metrics,
            observe_painted=lambda cursor, seconds: painted(seconds),
            door=self._door,
            history=self._store,
            recordings=self._recordings,
            veil=Veil(settings.store.mask_history, PersonalData()),
            ready_when=(ComponentState.UP, ComponentState.DEGRADED),  # one PBX of several may be away
        )
        self._metrics.watch("event_loop", lambda: self._probe.health)
        self._metrics.watch("store", lambda: self._recorder.counters)
        self._metrics.watch("hub", self.hub.read_counters)
        self._metrics.watch("bus", node.read_counters)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Raises `ConfigError` where it cannot start."""
        try:
            host, port = await self._server.start()
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(run, name=name) for name, run in self._services()]
                log.info("started", version=ari_bridge.__version__, seconds=0.0)
                self._systemd.ready(f"http://{host}:{port}")
                await stop.wait()
                log.info("stopping")
                self._systemd.stopping()
                for task in running:
                    task.cancel()
        finally:
            await self._recorder.close()
            await self._node.close()
            await self._server.stop()
            await self._door.close()
            await self._store.close()
            self._recordings.close()
        log.info("stopped")

    def _services(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        return [
            ("bus.node", self._node.serve()),
            ("store.recorder", self._recorder.serve()),
            ("hub.door", self._door.serve()),
            ("ops.loop", self._probe.serve()),
            ("ops.watchdog", feed_watchdog(self._systemd, watchdog_s())),
        ]

    def _publish(self, event: Event) -> None:
        """What people here add to a call that no node follows any more."""
        self._recorder.publish_after(event, self._node.publish)

    def _tell(self, event: Event) -> None:
        """Of the dependencies only the store is this node's own."""
        if isinstance(event, SystemChanged):
            self._recorder.on_event(event)
            event = SystemChanged({Component.STORE: event.components[Component.STORE]})
        self._node.publish(event)
