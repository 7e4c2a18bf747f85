from __future__ import annotations

import pytest

from ari_bridge.events import CallStatus
from ari_bridge.hub.access import LOCAL, NOBODY, Access, Account, Role, may, scope, sees, sees_live
from tests.hub.calls import call

ANNA = Account("Анна", Role.OPERATOR, ("1001",))
CARL = Account("1001", Role.OPERATOR)
BOSS = Account("Ольга", Role.SUPERVISOR)
ADMIN = Account("root", Role.ADMIN)


@pytest.mark.parametrize(
    ("changes", "seen_by_anna"),
    [
        ({"ringing": ("1001", "1002")}, True),
        ({"ringing": ("1002",)}, False),
        ({"ringing": (), "operator": "1001", "status": CallStatus.ANSWERED}, True),
        ({"ringing": (), "operator": "1001", "status": CallStatus.ENDED}, True),
        ({"ringing": (), "operator": "1002", "status": CallStatus.ANSWERED}, False),
        ({"ringing": (), "operator": "11001", "caller": "1001", "client_number": "1001"}, False),
        ({"ringing": ()}, False),
    ],
)
def test_an_operator_sees_a_call_while_his_extension_is_on_it(changes: dict[str, object], seen_by_anna: bool) -> None:
    one = call(**changes)
    assert sees_live(ANNA, one) is seen_by_anna
    assert sees_live(BOSS, one)
    assert sees_live(ADMIN, one)
    assert sees_live(LOCAL, one)
    assert not sees_live(CARL, one)


def test_one_decision_for_all_that_shows_a_call() -> None:
    assert scope(BOSS) is None
    assert scope(ADMIN) is None
    assert scope(ANNA) == ("1001",)
    assert scope(CARL) == scope(NOBODY) == ()
    assert sees(ANNA, ("1002", None, "1001"))
    assert not sees(ANNA, ("1002", None))
    assert not sees(CARL, (None, ""))


@pytest.mark.parametrize("access", list(Access))
def test_what_a_role_may_ask_for(access: Access) -> None:
    everybody = {Access.PUBLIC, Access.PAGE, Access.SIGNED_IN}
    overseers = {Access.METRICS, Access.SUPERVISOR}
    assert may(ANNA, access) is (access in everybody)
    assert may(BOSS, access) is (access in everybody | overseers)
    assert may(ADMIN, access) is (access in everybody | overseers | {Access.ADMIN})
