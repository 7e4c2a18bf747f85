from __future__ import annotations

import pytest

from ari_bridge.calls.reasons import reason_of
from ari_bridge.events import Call, Direction
from tests.calls.says import NOON


def call(direction: Direction, *, answered: bool) -> Call:
    return Call("c", None, None, None, direction, NOON, answered_at=NOON if answered else None)


@pytest.mark.parametrize(
    ("direction", "answered", "by_client", "failure", "cause", "reason"),
    [
        (Direction.INBOUND, True, True, None, 16, "Клиент положил трубку"),
        (Direction.OUTBOUND, True, False, None, 16, "Оператор положил трубку"),
        (Direction.INBOUND, True, None, "BUSY", None, "Звонок завершён"),
        (Direction.INBOUND, False, True, "BUSY", 127, "Клиент не дождался ответа"),
        (Direction.INBOUND, False, None, "BUSY", 17, "Оператор занят"),
        (Direction.INBOUND, False, None, "NOANSWER", 16, "Оператор не ответил"),
        (Direction.INBOUND, False, None, None, 21, "Оператор отклонил вызов"),
        (Direction.INBOUND, False, None, None, None, "Клиент не дождался ответа"),
        (Direction.OUTBOUND, False, False, "CANCEL", 127, "Вызов отменён до ответа"),
        (Direction.OUTBOUND, False, True, "BUSY", 17, "Клиент занят"),
        (Direction.OUTBOUND, False, None, "CONGESTION", 34, "Клиент недоступен"),
        (Direction.OUTBOUND, False, None, None, 27, "Клиент недоступен"),
        (Direction.OUTBOUND, False, None, None, 31, "Вызов отменён до ответа"),
        (Direction.OUTBOUND, False, True, None, 34, "Клиент недоступен"),
        (Direction.OUTBOUND, False, None, None, 1, "Клиент недоступен"),
        (Direction.INBOUND, False, None, None, 20, "Оператор недоступен"),
    ],
)
def test_the_reason_names_who_or_what_ended_it(
    *, direction: Direction, answered: bool, by_client: bool | None, failure: str | None, cause: int | None, reason: str
) -> None:
    told = reason_of(call(direction, answered=answered), cause, hung_up_by_client=by_client, failure=failure)
    assert told == reason
