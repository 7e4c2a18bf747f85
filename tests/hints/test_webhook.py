from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime

from ari_bridge.events import Call, CallEnded, CallStarted, CallStatus, CallUpdated, Direction, Summary
from ari_bridge.hints.webhook import MAX_CALLS, RETRY_AFTER_S, Delivery, Reports, headers, retry_after
from tests.hints.test_refinement import BASE

CALL = Call("c1", "+79001234567", None, None, Direction.INBOUND, datetime(2026, 11, 22, tzinfo=UTC))
END = CallEnded("c1", 16, "Клиент положил трубку", 61_230)
SUMMARY = Summary("c1", "Окна", "Подумает", ("Перезвонить",))


def test_the_report_holds_the_call_its_end_its_summary_and_its_cards() -> None:
    reports = Reports()
    assert reports.hear(CallStarted(CALL)) is None
    reports.hear(BASE)
    reports.hear(CallUpdated(replace(CALL, status=CallStatus.ENDED, operator="1001")))
    assert reports.hear(END) == "c1"
    delivery = reports.finish("c1", SUMMARY)
    assert delivery is not None
    body = json.loads(delivery.body)
    assert body["call"]["operator"] == "1001"
    assert body["end"]["duration_ms"] == 61_230
    assert body["summary"]["outcome"] == "Подумает"
    assert body["suggestions"] == [{"kind": "objection", "title": "Возражение: дорого", "verdicts": []}]
    assert reports.finish("c1", None) is None, "told once"


def test_calls_that_nobody_began_are_not_reported() -> None:
    reports = Reports()
    assert reports.hear(END) is None
    reports.hear(CallStarted(CALL))
    assert reports.finish("c1", None) is None


def test_the_oldest_calls_are_forgotten() -> None:
    reports = Reports()
    for number in range(MAX_CALLS + 1):
        reports.hear(CallStarted(replace(CALL, id=f"c{number}")))
    assert reports.hear(replace(END, call_id="c0")) is None
    assert reports.hear(replace(END, call_id=f"c{MAX_CALLS}")) is not None


def test_the_signature_can_be_checked_by_the_receiver() -> None:
    delivery = Delivery("c1", b'{"a":1}')
    signature = headers(delivery, "secret", 1700)["X-Ari-Bridge-Signature"]
    expected = hmac.new(b"secret", b'1700.{"a":1}', hashlib.sha256).hexdigest()
    assert signature == f"t=1700,v1={expected}"
    assert "X-Ari-Bridge-Signature" not in headers(delivery, None, 1700)


def test_what_may_pass_is_tried_again_and_what_cannot_is_not() -> None:
    for status in (None, 408, 429, 500, 503):
        assert retry_after(Delivery("c1", b""), status) == RETRY_AFTER_S[0]
    for status in (301, 400, 401, 404, 410):
        assert retry_after(Delivery("c1", b""), status) is None
    assert retry_after(Delivery("c1", b"", attempt=len(RETRY_AFTER_S)), 500) is None
