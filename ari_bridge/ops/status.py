"""The states of the daemon's dependencies: told to the page and to the log once per change."""

from __future__ import annotations

from types import MappingProxyType

import structlog

from ari_bridge.events import Component, ComponentState, ComponentStatus, SystemChanged
from ari_bridge.interfaces import EventSink

log = structlog.get_logger(__name__)

_UNKNOWN = ComponentStatus(ComponentState.CONNECTING)


class StatusBoard:
    """`report` is a `StatusSink`. Saying the same twice is told to nobody.

    `connecting` after a fault is the next attempt, not news: the page sees it, the log does not, nor the same fault
    after it. So a dependency that stays away costs one line, however often it is tried.
    """

    def __init__(self, publish: EventSink) -> None:
        self._publish = publish
        self._components = dict.fromkeys(Component, _UNKNOWN)
        self._logged = dict.fromkeys(Component, _UNKNOWN)

    def report(self, component: Component, status: ComponentStatus) -> None:
        if self._components[component] == status:
            return
        self._components[component] = status
        self._log(component, status)
        self._publish(SystemChanged(self.snapshot()))

    def snapshot(self) -> MappingProxyType[Component, ComponentStatus]:
        return MappingProxyType(dict(self._components))

    def working(self) -> dict[str, float]:
        """1.0 for a dependency that is up or degraded, by its name; else 0.0."""
        usable = (ComponentState.UP, ComponentState.DEGRADED)
        return {component.value: float(status.state in usable) for component, status in self._components.items()}

    def _log(self, component: Component, status: ComponentStatus) -> None:
        if status.state is ComponentState.CONNECTING or self._logged[component] == status:
            return
        self._logged[component] = status
        (log.info if status.state is ComponentState.UP else log.warning)(
            "component_state",
            component=component.value,
            state=status.state.value,
            reason=status.reason,
            action=status.action,
        )
