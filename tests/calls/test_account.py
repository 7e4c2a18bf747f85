from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from ari_bridge.calls.account import Ending, account_for
from ari_bridge.events import Call, Direction, Leg
from media.receiver import LegReport
from tests.calls.says import NOON


@dataclass
class Ended:
    leg: Leg
    channel_id: str
    reports: list[LegReport] = field(default_factory=list)


CALL = Call("7", "+79001234567", "+79001234567", None, Direction.INBOUND, NOON, operator="1001", answered_at=NOON)


@pytest.fixture
def logs() -> Any:
    with capture_logs() as entries:
        yield entries


def test_one_line_for_each_tap_and_one_for_the_call(logs: list[dict[str, Any]]) -> None:
    client = Ended(Leg.CLIENT, "1.1", [LegReport(packets=50, lost_packets=2, jitter_ms=1.234), LegReport(packets=7)])
    account_for(CALL, [client, Ended(Leg.OPERATOR, "1.2")], {Leg.CLIENT: 3, Leg.OPERATOR: 0}, Ending(16, "why", NOON))
    assert [line["event"] for line in logs] == ["leg_finished", "leg_finished", "call_finished"]
    assert (logs[0]["packets"], logs[0]["lost"], logs[0]["jitter_ms"], logs[0]["leg"]) == (50, 2, 1.23, Leg.CLIENT)
    assert logs[2]["utterances"] == {"client": 3, "operator": 0}
    assert (logs[2]["cause"], logs[2]["reason"], logs[2]["answered"]) == (16, "why", True)
    assert not any("9001234567" in str(line) for line in logs)


def test_a_call_that_outlives_the_daemon(logs: list[dict[str, Any]]) -> None:
    account_for(CALL, [], {}, None)
    assert (logs[0]["cause"], logs[0]["reason"]) == (None, "daemon stopped")
