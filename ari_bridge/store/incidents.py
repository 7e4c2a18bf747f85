"""Which changes of state are faults worth keeping: their beginning and their end. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ari_bridge.events import (
    Call,
    CallEnded,
    CallStarted,
    CallUpdated,
    Component,
    ComponentState,
    Event,
    Leg,
    LegState,
    SystemChanged,
)
from ari_bridge.history import Incident

_FAULTY = frozenset({ComponentState.DEGRADED, ComponentState.DOWN})
_WELL = frozenset({ComponentState.UP, ComponentState.OFF})
_TROUBLED = frozenset({LegState.NO_AUDIO, LegState.STT_DOWN, LegState.STT_WAITING})
_HEARD = frozenset({LegState.LIVE, LegState.SILENT, LegState.CLOSED})


class IncidentWatch:
    """Fed with every event. Forgets a call at its end."""

    def __init__(self) -> None:
        self._components: dict[Component, tuple[str, str | None]] = {}
        self._legs: dict[tuple[str, Leg], tuple[str, str | None]] = {}

    def on_event(self, event: Event, at: datetime) -> tuple[Incident, ...]:
        match event:
            case SystemChanged():
                return tuple(self._system(event, at))
            case CallStarted(call=call) | CallUpdated(call=call):
                return tuple(self._call(call, at))
            case CallEnded():
                for leg in Leg:
                    self._legs.pop((event.call_id, leg), None)
        return ()

    def _system(self, event: SystemChanged, at: datetime) -> Iterator[Incident]:
        for component, status in event.components.items():
            known, new = self._components.get(component), (status.state.value, status.reason)
            if status.state in _FAULTY and known != new:
                self._components[component] = new
                yield Incident(at, status.state, status.reason, component=component)
            elif status.state in _WELL and known is not None:
                del self._components[component]
                yield Incident(at, status.state, status.reason, component=component)

    def _call(self, call: Call, at: datetime) -> Iterator[Incident]:
        for leg, status in call.legs.items():
            known, new = self._legs.get((call.id, leg)), (status.state.value, status.reason)
            if status.state in _TROUBLED and known != new:
                self._legs[call.id, leg] = new
                yield Incident(at, status.state, status.reason, call_id=call.id, leg=leg)
            elif status.state in _HEARD and known is not None:
                del self._legs[call.id, leg]
                yield Incident(at, status.state, status.reason, call_id=call.id, leg=leg)
