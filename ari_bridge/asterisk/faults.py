"""What is wrong with Asterisk or our access to it, and the cure, in words for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ari_bridge.asterisk.client import AriError
from ari_bridge.events import ComponentState, ComponentStatus
from ari_bridge.settings import AriSettings

MOST_LISTED = 20


def explain(error: AriError, settings: AriSettings) -> ComponentStatus:
    """The state that follows from a failed request."""
    reason, action = _texts(error, settings)
    return ComponentStatus(ComponentState.DOWN, reason, action)


def _texts(error: AriError, settings: AriSettings) -> tuple[str, str]:
    match error.code:
        case "ari_unauthorized" if settings.username is None:
            return (
                "ARI требует имя и пароль, а они не заданы",
                "задайте ARI_BRIDGE_ARI__USERNAME и ARI_BRIDGE_ARI__PASSWORD (пользователь из ari.conf)",
            )
        case "ari_unauthorized":
            return (
                f"ARI отверг имя или пароль пользователя «{settings.username}» (401)",
                "сверьте ARI_BRIDGE_ARI__USERNAME и ARI_BRIDGE_ARI__PASSWORD с ari.conf, затем "
                "asterisk -rx 'ari show users'",
            )
        case "ari_forbidden":
            return (
                f"пользователю ARI «{settings.username}» не хватает прав (403)",
                "в ari.conf уберите read_only=yes у этого пользователя и проверьте его acl",
            )
        case "ari_unreachable":
            return (
                f"Asterisk не отвечает по адресу {settings.url}",
                "проверьте, что Asterisk запущен, в http.conf enabled=yes, а ARI_BRIDGE_ARI__URL указывает на его "
                "bindaddr и bindport",
            )
        case "ari_timeout":
            return (
                f"Asterisk по адресу {settings.url} не ответил за {settings.request_timeout_s:g} с",
                "проверьте нагрузку Asterisk: asterisk -rx 'core show taskprocessors'",
            )
        case "ari_unavailable":
            return "Asterisk ещё загружается (503)", "ничего: подключимся сами, как только он будет готов"
        case "ari_not_found":
            return (
                f"по адресу {settings.url} нет ARI (404)",
                "загрузите модули: asterisk -rx 'module load res_ari.so'; в ari.conf enabled=yes; "
                "ARI_BRIDGE_ARI__URL пишется без /ari",
            )
        case "ari_malformed":
            return (
                f"по адресу {settings.url} отвечает не ARI",
                "ARI_BRIDGE_ARI__URL должен указывать на HTTP-сервер Asterisk (http.conf), без /ari на конце",
            )
        case "ari_replaced":
            return (
                f"приложение Stasis «{settings.app}» занял другой процесс",
                "оставьте один ari-bridge на одно приложение или задайте другое имя в ARI_BRIDGE_ARI__APP",
            )
        case "ari_deaf":
            return (
                f"Asterisk не знает приложения Stasis «{settings.app}»: события не приходят",
                "ничего: подключимся заново сами",
            )
        case "ari_internal":
            return "ошибка ari_bridge при чтении ARI", "подключимся заново сами; подробности в журнале ari-bridge"
        case _:
            return f"связь с ARI прервалась: {error}", "подключимся сами; если повторяется, смотрите журнал Asterisk"


def missing_modules(listing: object, needed: Iterable[str]) -> list[str]:
    """Which of the needed modules do not run; none where the listing cannot be read."""
    if not isinstance(listing, list):
        return []
    running = {
        m.get("name") for m in listing if isinstance(m, dict) and str(m.get("status", "Running")).lower() == "running"
    }
    return [module for module in needed if module not in running]


def module_missing(missing: list[str]) -> ComponentStatus:
    loads = "; ".join(f"asterisk -rx 'module load {module}'" for module in missing)
    return ComponentStatus(
        ComponentState.DOWN,
        f"в Asterisk не загружено: {', '.join(missing)}; без этого голос не снять",
        f"{loads}; и уберите noload из modules.conf",
    )


def trunks_missing(listing: object, trunks: tuple[str, ...]) -> ComponentStatus | None:
    """None where every trunk exists; else a state that lists the endpoints which do."""
    if not isinstance(listing, list):
        return None
    there = sorted(
        f"{e.get('technology')}/{e.get('resource')}" for e in listing if isinstance(e, dict) and e.get("resource")
    )
    known = {name.casefold() for name in there}
    absent = [trunk for trunk in trunks if trunk.casefold() not in known]
    if not absent:
        return None
    listed = ", ".join(there[:MOST_LISTED]) + (" …" if len(there) > MOST_LISTED else "") if there else "ни одного"
    return ComponentStatus(
        ComponentState.DEGRADED,
        f"в Asterisk нет транка {', '.join(absent)}; есть: {listed}",
        "исправьте ARI_BRIDGE_ARI__TRUNKS, например '[\"PJSIP/mango\"]', или добавьте endpoint в pjsip.conf",
    )
