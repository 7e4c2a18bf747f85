"""Soniox and OpenRouter: the key, the model, what is left of quota and credit. A provider that is away is a warning."""

from __future__ import annotations

import ssl
from typing import Final

from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.settings import Settings
from ari_bridge.stt.http_json import get_json
from ari_bridge.stt.soniox_limits import read_limits
from ari_bridge.stt.soniox_models import read_models

TIMEOUT_S: Final = 8.0
LEGS_A_CALL: Final = 2
LOW_CREDIT_USD: Final = 10.0
"""OpenRouter checks a nearly empty account more often, which makes its answers later."""


def tls_for(url: str) -> ssl.SSLContext | None:
    return ssl.create_default_context() if url.startswith(("https:", "wss:")) else None


async def check_speech(settings: Settings) -> list[Finding]:
    if settings.vosk.url is not None:
        return [Finding("speech", Grade.OK, f"свой сервер Vosk, {settings.vosk.url} (облака нет)")]
    soniox = settings.soniox
    if soniox.api_key is None:
        return [
            Finding(
                "soniox", Grade.WARNING, "ключ не задан: звонки видны без текста", "задайте ARI_BRIDGE_SONIOX__API_KEY"
            )
        ]
    key, tls = soniox.api_key.get_secret_value(), tls_for(soniox.api_url)
    try:
        status, document = await get_json(f"{soniox.api_url}/models", key, TIMEOUT_S, tls)
        facts = read_models(status, document, soniox.model)
        if facts is None:
            return [_away("soniox", soniox.api_url, f"ответ {status}")]
        if facts.fault is not None:
            return [Finding("soniox", Grade.FAULT, facts.fault.reason, facts.fault.action or "")]
        quota = await get_json(f"{soniox.api_url}/concurrency-limits", key, TIMEOUT_S, tls)
    except OSError as error:
        return [_away("soniox", soniox.api_url, type(error).__name__)]
    left_out = f"; без {', '.join(sorted(facts.unsupported))}" if facts.unsupported else ""
    return [
        Finding("soniox", Grade.OK, f"ключ принят, модель {soniox.model}{left_out}"),
        _quota(*quota, soniox.max_streams),
    ]


def _quota(status: int, document: object, wanted: int | None) -> Finding:
    """`wanted`: `soniox.max_streams`, None for as many as the account has."""
    allowed = read_limits(status, document)
    if wanted is None:
        known = f"{allowed} потоков: {allowed // LEGS_A_CALL} звонков сразу" if allowed else "лимит потоков неизвестен"
        return Finding("quota", Grade.OK, known)
    if allowed is None:
        return Finding("quota", Grade.OK, f"лимит потоков Soniox неизвестен; настроено {wanted}")
    if allowed < wanted:
        return Finding(
            "quota",
            Grade.WARNING,
            f"Soniox разрешает {allowed} потоков ({allowed // LEGS_A_CALL} звонков сразу), а настроено {wanted}",
            "попросите Soniox поднять лимит или уменьшите ARI_BRIDGE_SONIOX__MAX_STREAMS",
        )
    return Finding("quota", Grade.OK, f"{wanted} потоков: {wanted // LEGS_A_CALL} звонков сразу (Soniox: {allowed})")


async def check_model(settings: Settings) -> list[Finding]:
    router = settings.openrouter
    if router.api_key is None:
        return [
            Finding(
                "openrouter",
                Grade.WARNING,
                "ключ не задан: подсказки только из плейбука",
                "задайте ARI_BRIDGE_OPENROUTER__API_KEY",
            )
        ]
    key, tls = router.api_key.get_secret_value(), tls_for(router.url)
    try:
        status, account = await get_json(f"{router.url}/key", key, TIMEOUT_S, tls)
        if status in (401, 403):
            cure = "новый ключ: openrouter.ai/settings/keys → ARI_BRIDGE_OPENROUTER__API_KEY"
            return [
                Finding("openrouter", Grade.WARNING, f"ключ не принят ({status}): карточки только из плейбука", cure)
            ]
        listed = await get_json(f"{router.url}/models?supported_parameters=structured_outputs", key, TIMEOUT_S, tls)
    except OSError as error:
        return [_away("openrouter", router.url, type(error).__name__)]
    if status != 200:
        return [_away("openrouter", router.url, f"ответ {status}")]
    return [_credit(account), _models(*listed, router.models)]


def _credit(document: object) -> Finding:
    data = document.get("data") if isinstance(document, dict) else None
    left = data.get("limit_remaining") if isinstance(data, dict) else None
    if not isinstance(left, int | float):
        return Finding("openrouter", Grade.OK, "ключ принят, своего лимита у ключа нет")
    if left <= 0:
        return Finding(
            "openrouter",
            Grade.WARNING,
            "на ключе не осталось средств: карточки только из плейбука",
            "пополните: openrouter.ai/credits",
        )
    grade = Grade.OK if left >= LOW_CREDIT_USD else Grade.WARNING
    cure = "" if grade is Grade.OK else f"держите не меньше ${LOW_CREDIT_USD:g}: openrouter.ai/credits"
    return Finding("openrouter", grade, f"ключ принят, осталось ${left:.2f}", cure)


def _models(status: int, document: object, wanted: tuple[str, ...]) -> Finding:
    entries = document.get("data") if isinstance(document, dict) else None
    if status != 200 or not isinstance(entries, list):
        return Finding("models", Grade.OK, f"{', '.join(wanted)} (список моделей недоступен, не сверено)")
    known = {str(entry.get("id")) for entry in entries if isinstance(entry, dict)}
    unknown = [name for name in wanted if name not in known and not name.startswith("~")]  # aliases are not all listed
    if unknown:
        return Finding(
            "models",
            Grade.WARNING,
            f"нет таких моделей со структурным ответом: {', '.join(unknown)}",
            "исправьте ARI_BRIDGE_OPENROUTER__MODELS; список: openrouter.ai/models (structured outputs)",
        )
    return Finding("models", Grade.OK, ", ".join(wanted))


def _away(name: str, url: str, why: str) -> Finding:
    return Finding(
        name, Grade.WARNING, f"{url} не отвечает ({why}): ключ и модель не проверены", "откройте исходящий HTTPS к нему"
    )
