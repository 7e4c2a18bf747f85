from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ari_bridge.events import Call, Direction
from ari_bridge.switches import Service, Switch, switch, switched_off

CALL = Call("c1", "+79001234567", None, None, Direction.INBOUND, datetime(2026, 11, 27, tzinfo=UTC), operator="1001")
TRUNKED = replace(CALL, trunk="PJSIP/Mango")
STT = (Service.STT,)


@pytest.mark.parametrize(
    ("given", "applies"),
    [
        (switch(STT), True),
        (switch(STT, trunks=["pjsip/mango"]), True),
        (switch(STT, trunks=["PJSIP/beeline"]), False),
        (switch(STT, numbers=["8 (900) 123-45-67"]), True),
        (switch(STT, numbers=["9001234568"]), False),
        (switch(STT, operators=["1001", "1002"]), True),
        (switch(STT, operators=["1002"]), False),
        (switch(STT, trunks=["PJSIP/mango"], operators=["1002"]), False),
        (switch(STT, trunks=["PJSIP/mango"], numbers=["+79001234567"], operators=["1001"]), True),
    ],
)
def test_a_switch_wants_all_its_conditions(given: Switch, applies: bool) -> None:
    assert switched_off([given], TRUNKED) == (STT if applies else ())


def test_switches_add_up_in_one_order() -> None:
    given = [switch([Service.RECORDING, Service.LLM]), switch(STT, operators=["1001"])]
    assert switched_off(given, CALL) == (Service.STT, Service.LLM, Service.RECORDING)


def test_a_hidden_number_is_nobody_in_particular() -> None:
    assert switched_off([switch(STT, numbers=["9001234567"])], replace(CALL, client_number=None)) == ()
