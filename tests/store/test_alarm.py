from __future__ import annotations

import pytest

from ari_bridge.events import ComponentState
from ari_bridge.store.alarm import OVERFLOW, alarm
from ari_bridge.store.repository import Fault


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_its_reason_and_its_cure(fault: Fault) -> None:
    status = alarm(fault, "/var/lib/x/calls.db")
    assert status.state is (ComponentState.DEGRADED if fault is Fault.SLOW else ComponentState.DOWN)
    assert status.reason
    assert "в памяти" in status.reason
    assert status.action
    assert "/var/lib/x/calls.db" in status.action


def test_reasons_tell_faults_apart() -> None:
    assert len({alarm(fault, "x") for fault in Fault} | {OVERFLOW}) == len(Fault) + 1
