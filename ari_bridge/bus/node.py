"""This node on the bus: what it tells of itself, what it shows of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from ari_bridge.bus.desk import BusClerk, BusDesk
from ari_bridge.bus.reading import components_of
from ari_bridge.bus.redis_bus import BusCounters, RedisBus
from ari_bridge.bus.roster import Components, Roster
from ari_bridge.events import Component, ComponentStatus, Event, SystemChanged
from ari_bridge.interfaces import BusFollower, CallDesk, CallNotices

LOOK_EVERY_S: Final = 1.0


class BusNode:
    """`publish` is an `EventSink`; `serve` while the daemon runs, then `close`.

    `follower`: the hub of a node that has pages. `follows`: whether calls are followed here now; `desk` and `notices`
    take what other nodes' people do to these.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        name: str,
        *,
        follower: BusFollower | None = None,
        follows: Callable[[], bool] = lambda: False,
    ) -> None:
        self._follower = follower
        self._follows = follows
        self._components: Components = {}
        self._roster = Roster()
        self._shown: Mapping[Component, ComponentStatus] = {}
        self._clerk: BusClerk | None = None
        self._bus = RedisBus(
            url,
            prefix,
            name,
            follower=follower,
            presence=self._presence,
            on_presence=self._take_presence,
            answer=self._answer,
        )

    def publish(self, event: Event) -> None:
        if isinstance(event, SystemChanged):
            self._components = event.components
            self._note_self()
        else:
            self._bus.publish(event)

    def read_counters(self) -> BusCounters:
        return self._bus.read_counters()

    def open_desk(self, local: CallDesk, notices: CallNotices | None = None) -> BusDesk:
        """What the pages here use; `notices`: of the calls that are followed here."""
        if notices is not None:
            self._clerk = BusClerk(local, notices)
        return BusDesk(self._bus, local, lambda: self._roster.following(_now()), notices)

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bus.serve(), name="bus")
            tasks.create_task(self._look(), name="bus.roster")

    async def close(self) -> None:
        await self._bus.close()

    def _presence(self) -> Mapping[str, Any]:
        told = {component.value: status.to_json() for component, status in self._components.items()}
        return {"follows": self._follows(), "system": told}

    def _take_presence(self, node: str, members: Mapping[str, Any]) -> None:
        if node != self._bus.node:
            self._roster.note(node, components_of(members["system"]), _now(), follows=bool(members["follows"]))
            self._show()

    async def _answer(self, verb: str, arguments: Mapping[str, Any]) -> Any:
        assert self._clerk is not None, "nobody asks a node that follows no calls"
        return await self._clerk(verb, arguments)

    async def _look(self) -> None:
        """Who has gone silent does not say so."""
        while True:
            self._note_self()
            await asyncio.sleep(LOOK_EVERY_S)

    def _note_self(self) -> None:
        self._roster.note(self._bus.node, self._components, _now(), follows=self._follows())
        self._show()

    def _show(self) -> None:
        if self._follower is None:
            return
        state = self._roster.state(_now())
        if state != self._shown:
            self._shown = state
            self._follower.tell_in_passing(SystemChanged(state))


def _now() -> float:
    return asyncio.get_running_loop().time()
