"""Which nodes there are, and the state of the whole: what each one tells of its own dependencies. Pure: time is an
argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ari_bridge.events import Component, ComponentState, ComponentStatus

GONE_S: Final = 5.0
FORGOTTEN_S: Final = 600.0  # a node that was taken out of service is no fault for ever

_WORST_FIRST: Final = (
    ComponentState.DOWN,
    ComponentState.DEGRADED,
    ComponentState.CONNECTING,
    ComponentState.OFF,
    ComponentState.UP,
)
NO_BRIDGE: Final = ComponentStatus(
    ComponentState.DOWN, "ни один узел с ролью bridge не отвечает", "запустите `ari-bridge run --only bridge`"
)

Components = Mapping[Component, ComponentStatus]


@dataclass(slots=True)
class _Node:
    heard_at: float
    components: Components
    follows: bool  # calls; False: it only shows them, or waits to take over


class Roster:
    """`note` whoever is heard of; `state` is what the page shows."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def note(self, node: str, components: Components, now: float, *, follows: bool) -> None:
        self._nodes[node] = _Node(now, components, follows)

    def following(self, now: float) -> list[str]:
        """The nodes that follow calls and are there."""
        return [name for name, node in self._nodes.items() if node.follows and now - node.heard_at < GONE_S]

    def state(self, now: float) -> dict[Component, ComponentStatus]:
        """Each dependency as the nodes tell it; a node that has gone silent is without its PBX."""
        self._nodes = {name: node for name, node in self._nodes.items() if now - node.heard_at < FORGOTTEN_S}
        return {component: self._of(component, now) for component in Component}

    def _of(self, component: Component, now: float) -> ComponentStatus:
        told = {
            name: self._told_by(name, node, component, now)
            for name, node in self._nodes.items()
            if component in node.components and (node.follows or component is Component.STORE)
        }
        if not told:
            return NO_BRIDGE if component is Component.ARI else ComponentStatus(ComponentState.CONNECTING)
        name, worst = min(told.items(), key=lambda one: _WORST_FIRST.index(one[1].state))
        if len(set(told.values())) == 1:
            return worst
        some_work = any(status.state is ComponentState.UP for status in told.values())
        state = ComponentState.DEGRADED if some_work and worst.state is ComponentState.DOWN else worst.state
        return ComponentStatus(state, f"{name}: {worst.reason}" if worst.reason else name, worst.action)

    def _told_by(self, name: str, node: _Node, component: Component, now: float) -> ComponentStatus:
        if now - node.heard_at < GONE_S:
            return node.components[component]
        if component is not Component.ARI:
            return ComponentStatus(ComponentState.UP)
        return ComponentStatus(ComponentState.DOWN, "узел не отвечает", f"проверьте узел {name} и его связь с Redis")
