from __future__ import annotations

import json

from ari_bridge.demo.soniox_faults import Fault, FaultKind, FaultPlan, error_fault


def test_planned_faults_come_once_in_order_then_the_usual_ones() -> None:
    reset, close = Fault(FaultKind.RESET), Fault(FaultKind.CLOSE)
    plan = FaultPlan()
    assert plan.take() == ()
    plan.every(close)
    plan.next(reset, close)
    plan.next()
    assert [plan.take() for _ in range(3)] == [(reset, close), (), (close,)]
    plan.every()
    assert plan.take() == ()


def test_an_error_may_come_without_its_type() -> None:
    assert json.loads(error_fault("request_timeout").error.to_json())["error_type"] == "request_timeout"
    old = json.loads(error_fault("request_timeout", typed=False).error.to_json())
    assert old["error_code"] == 408
    assert "error_type" not in old
