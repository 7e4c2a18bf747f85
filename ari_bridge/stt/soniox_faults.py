"""Soniox's errors and what each asks of us: one table. Pure.

Branch on `error_type`; where it is absent, on the code. `error_message` may echo the request: it is looked at, never
kept.
"""

from __future__ import annotations

from ari_bridge.stt.dialect import LIMIT_REASON, Fault, Reaction

_KEY = "Проверьте ARI_BRIDGE_SONIOX__API_KEY: ключ и его регион"
_BUDGET = "Поднимите месячный лимит расходов в консоли Soniox"
_RIGHTS = "Проверьте права и срок ключа в консоли Soniox"
_CONFIG = "Проверьте ARI_BRIDGE_SONIOX__MODEL, __LANGUAGE_HINTS и подсказки распознаванию"

_Row = tuple[Reaction, str, str | None]

BY_TYPE: dict[str, _Row] = {
    "invalid_request": (Reaction.STOP, "Soniox не принимает настройки распознавания", _CONFIG),
    "model_not_available": (Reaction.STOP, "Модель распознавания недоступна", _CONFIG),
    "unauthenticated": (Reaction.STOP, "Soniox не принимает ключ", _KEY),
    "organization_balance_exhausted": (Reaction.STOP, "На счёте Soniox закончились деньги", "Пополните счёт Soniox"),
    "organization_monthly_budget_exhausted": (Reaction.STOP, "Исчерпан месячный бюджет организации в Soniox", _BUDGET),
    "project_monthly_budget_exhausted": (Reaction.STOP, "Исчерпан месячный бюджет проекта в Soniox", _BUDGET),
    "permission_denied": (Reaction.STOP, "Soniox запрещает доступ с этим ключом", _RIGHTS),
    "temp_api_key_session_expired": (Reaction.STOP, "Срок временного ключа Soniox истёк", _RIGHTS),
    "request_timeout": (Reaction.RESTART, "Soniox закрыл поток: долго не было звука", None),
    "max_duration_reached": (Reaction.RESTART, "Soniox закрыл поток: предельная длина", None),
    "limit_exceeded": (Reaction.BACK_OFF, LIMIT_REASON, None),
    "max_concurrent_connections_reached": (Reaction.BACK_OFF, LIMIT_REASON, None),
    "internal_error": (Reaction.RESTART, "Ошибка на стороне Soniox", None),
    "service_unavailable": (Reaction.RESTART, "Soniox временно недоступен", None),
}

BY_CODE: dict[int, str] = {
    400: "invalid_request",
    401: "unauthenticated",
    402: "organization_balance_exhausted",
    403: "permission_denied",
    404: "invalid_request",  # a handshake answered so: the address is wrong
    408: "request_timeout",
    413: "max_duration_reached",
    429: "max_concurrent_connections_reached",
    500: "internal_error",
    503: "service_unavailable",
}


def classify(code: int | None, kind: str | None, message: str | None, request_id: str | None) -> Fault:
    """The fault of an error frame, or of a handshake answered with status `code`."""
    if message is not None and "no audio received" in message.lower():
        return Fault("no_audio_received", Reaction.IGNORE, "Звука не было", None, request_id)
    name = kind if kind in BY_TYPE else _name(code)
    reaction, reason, action = BY_TYPE[name]
    of_request = name in ("invalid_request", "model_not_available")
    return Fault(f"{code or '-'}:{kind or name}", reaction, reason, action, request_id, of_request)


def _name(code: int | None) -> str:
    """An unknown code counts as its class: 4xx a fault of ours, all else a fault of theirs."""
    if code is None:
        return "internal_error"
    return BY_CODE.get(code, "invalid_request" if 400 <= code < 500 else "internal_error")
