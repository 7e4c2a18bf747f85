"""Why a call ended, in words for people. Pure."""

from __future__ import annotations

from typing import Final

from ari_bridge.events import Call, Direction

_FAILED: Final = {"BUSY": "занят", "NOANSWER": "не ответил", "CONGESTION": "недоступен", "CHANUNAVAIL": "недоступен"}
_FAILED_BY_CAUSE: Final = {
    **dict.fromkeys((1, 3, 20, 27, 28, 34, 38, 41, 42, 44), "недоступен"),
    17: "занят",
    18: "не ответил",
    19: "не ответил",
    21: "отклонил вызов",
}


def reason_of(call: Call, cause: int | None, *, hung_up_by_client: bool | None, failure: str | None) -> str:
    """`cause` is Q.850's; `hung_up_by_client` is None where nobody is known to have hung up.

    `failure` is how the last attempt to reach the other party failed, in Asterisk's DIALSTATUS words.
    """
    if call.answered_at is not None:
        if hung_up_by_client is None:
            return "Звонок завершён"
        return "Клиент положил трубку" if hung_up_by_client else "Оператор положил трубку"
    outbound = call.direction is Direction.OUTBOUND
    gave_up = "Вызов отменён до ответа" if outbound else "Клиент не дождался ответа"
    if hung_up_by_client is not None and hung_up_by_client is not outbound:
        return gave_up
    failed = _FAILED.get(failure or "") or _FAILED_BY_CAUSE.get(cause or 0)
    return f"{'Клиент' if outbound else 'Оператор'} {failed}" if failed else gave_up
