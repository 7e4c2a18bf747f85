from __future__ import annotations

from dataclasses import replace

from ari_bridge.calls.registry import Conversation
from ari_bridge.calls.solitude import Solitude
from ari_bridge.events import Call, CallStatus, Direction
from tests.calls.says import NOON

CALL = Call("c", None, None, None, Direction.INBOUND, NOON, operator="1001", status=CallStatus.ANSWERED)
TOGETHER = Conversation(CALL, "mango.1", operators=("1001.2",))
ALONE = replace(TOGETHER, operators=())


def left_at(moment: float) -> Solitude:
    solitude = Solitude(1.0)
    solitude.note(TOGETHER, 0.0)
    solitude.note(ALONE, moment)
    return solitude


def test_a_moment_between_two_bridges_is_nothing() -> None:
    solitude = left_at(5.0)
    assert solitude.begun
    assert solitude.tell(CALL, 5.9, lambda _: True) is CALL
    solitude.note(TOGETHER, 5.9)
    assert not solitude.begun
    assert solitude.tell(CALL, 60.0, lambda _: True) is CALL


def test_who_is_left_alone_is_held_by_whom_is_still_there() -> None:
    solitude = left_at(5.0)
    solitude.note(ALONE, 5.8)  # other news do not begin the moment anew
    told = solitude.tell(CALL, 6.0, lambda channel: channel == "1001.2")
    assert (told.status, told.operator) == (CallStatus.HELD, "1001")
    told = solitude.tell(CALL, 6.0, lambda _: False)
    assert (told.status, told.operator) == (CallStatus.HELD, None), "nobody's any more: parked"


def test_ringing_and_the_end_are_no_solitude() -> None:
    for status in (CallStatus.RINGING, CallStatus.HELD, CallStatus.ENDED):
        solitude = left_at(5.0)
        call = replace(CALL, status=status)
        solitude.note(replace(ALONE, call=call), 5.1)
        assert not solitude.begun
        assert solitude.tell(call, 60.0, lambda _: True) is call
