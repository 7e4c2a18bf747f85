from __future__ import annotations

from dataclasses import replace

from ari_bridge.events import (
    CallEnded,
    CallUpdated,
    Component,
    ComponentState,
    ComponentStatus,
    Leg,
    LegState,
    LegStatus,
    SystemChanged,
)
from ari_bridge.history import Incident
from ari_bridge.store.incidents import IncidentWatch
from tests.store.talk import AT, answered, ringing


def system(state: ComponentState, reason: str | None = None) -> SystemChanged:
    others = {component: ComponentStatus(ComponentState.UP) for component in Component}
    return SystemChanged(others | {Component.STT: ComponentStatus(state, reason)})


def call(state: LegState, reason: str | None = None) -> CallUpdated:
    legs = {Leg.CLIENT: LegStatus(state, reason), Leg.OPERATOR: LegStatus(LegState.LIVE)}
    return CallUpdated(replace(answered(ringing()), legs=legs))


def test_of_a_dependency_the_fault_and_its_end_are_kept_once() -> None:
    watch = IncidentWatch()
    told = [
        watch.on_event(event, AT)
        for event in (
            system(ComponentState.CONNECTING),
            system(ComponentState.UP),
            system(ComponentState.DOWN, "нет связи"),
            system(ComponentState.CONNECTING),
            system(ComponentState.DOWN, "нет связи"),
            system(ComponentState.DEGRADED, "медленно"),
            system(ComponentState.UP),
            system(ComponentState.UP),
        )
    ]
    assert [incident for some in told for incident in some] == [
        Incident(AT, "down", "нет связи", component=Component.STT),
        Incident(AT, "degraded", "медленно", component=Component.STT),
        Incident(AT, "up", None, component=Component.STT),
    ]


def test_of_a_leg_the_trouble_and_its_end_are_kept_once() -> None:
    watch = IncidentWatch()
    states = (
        (LegState.CONNECTING, None),
        (LegState.NO_AUDIO, "нет RTP"),
        (LegState.NO_AUDIO, "нет RTP"),
        (LegState.CONNECTING, None),
        (LegState.SILENT, None),
        (LegState.LIVE, None),
    )
    told = [incident for state, reason in states for incident in watch.on_event(call(state, reason), AT)]
    assert told == [
        Incident(AT, "no_audio", "нет RTP", call_id="c1", leg=Leg.CLIENT),
        Incident(AT, "silent", None, call_id="c1", leg=Leg.CLIENT),
    ]


def test_an_ended_call_is_forgotten() -> None:
    watch = IncidentWatch()
    watch.on_event(call(LegState.NO_AUDIO), AT)
    assert watch.on_event(CallEnded("c1", 16, "", 0), AT) == ()
    assert watch.on_event(call(LegState.LIVE), AT) == ()
