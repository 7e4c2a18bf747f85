"""What the composition root makes of the settings, part by part: each takes its slice and returns what was chosen."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

from ari_bridge.errors import ConfigError
from ari_bridge.events import Component, ComponentState, ComponentStatus
from ari_bridge.hints.engine import HintEngine
from ari_bridge.hints.governor import Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.llm import Llm
from ari_bridge.hints.openrouter import OpenRouter
from ari_bridge.hints.playbook import Playbook, PlaybookError
from ari_bridge.hints.playbook_file import in_force, read_playbook
from ari_bridge.hints.webhook_sender import WebhookSender
from ari_bridge.history import CostSink
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.gate import Rules
from ari_bridge.interfaces import BusFollower, EventSink, PlaceQuota, SpeechToText, StatusSink
from ari_bridge.ops.lease import Lease
from ari_bridge.settings import HintsSettings, HubSettings, Settings, StandbySettings
from ari_bridge.store.opening import database_file, open_accounts
from ari_bridge.stt.absent import NoSpeechToText
from ari_bridge.stt.soniox import SonioxSpeechToText
from ari_bridge.stt.soniox_protocol import SpeechContext
from ari_bridge.stt.vosk import VoskSpeechToText

if TYPE_CHECKING:  # its driver need not be there
    from ari_bridge.bus.budgets import SharedBudgets
    from ari_bridge.bus.node import BusNode


def make_lease(standby: StandbySettings) -> Lease | None:
    """None where no other daemon is expected. Raises `ConfigError` where the driver is missing."""
    if standby.redis is None:
        return None
    try:
        from ari_bridge.ops.redis_lease import RedisLease
    except ImportError:
        raise ConfigError("standby.redis: needs its driver: pip install 'ari-bridge[standby]'") from None
    return Lease(RedisLease(standby.redis, standby.key), secrets.token_hex(8), standby.ttl_s)


def shared(settings: Settings) -> None:
    """Raises `ConfigError` where one half of a daemon would not meet the other."""
    if settings.hub.bus is None:
        raise ConfigError("hub.bus: --only needs it, e.g. ARI_BRIDGE_HUB__BUS='redis://127.0.0.1:6379/0'")
    if database_file(settings.store.url) is not None:
        raise ConfigError(
            "store.url: --only needs a store that all nodes share, e.g. "
            "ARI_BRIDGE_STORE__URL='postgresql://ari_bridge:…@127.0.0.1/ari_bridge'"
        )


def make_node(
    settings: HubSettings, *, follower: BusFollower | None, follows: Callable[[], bool] = lambda: False
) -> BusNode | None:
    """None where this daemon is alone. Raises `ConfigError` where the driver is missing."""
    if settings.bus is None:
        return None
    try:
        from ari_bridge.bus.node import BusNode
    except ImportError:
        raise ConfigError("hub.bus: needs its driver: pip install 'ari-bridge[standby]'") from None
    return BusNode(settings.bus, settings.bus_prefix, _node_name(settings), follower=follower, follows=follows)


def _node_name(settings: HubSettings) -> str:
    """Two nodes of one machine have ports of their own."""
    return settings.node or f"{gethostname()}-{settings.port}"


def make_door(settings: Settings) -> Doorkeeper:
    hub = settings.hub
    return Doorkeeper(
        open_accounts(settings.store, patient=True),
        Rules(
            origins=hub.origins,
            trusted_proxies=hub.trusted_proxies,
            plain_http=hub.plain_http,
            notices_from=settings.agi.allow,
        ),
        session=timedelta(days=hub.session_days),
        audit=timedelta(days=settings.store.audit_days),
    )


def make_bare_door(settings: Settings) -> Doorkeeper:
    """For a daemon without pages: programs on this machine look at its health, the dialplan tells of calls."""
    return Doorkeeper(rules=Rules(notices_from=settings.agi.allow))


def make_budgets(settings: HubSettings, on_spent: Callable[[float], None]) -> SharedBudgets | None:
    """None where this daemon is alone; `make_node` comes first."""
    if settings.bus is None:
        return None
    from ari_bridge.bus.budgets import SharedBudgets

    return SharedBudgets(settings.bus, settings.bus_prefix, _node_name(settings), on_spent)


def make_speech(
    settings: Settings,
    playbook: Playbook,
    *,
    report: StatusSink,
    pay: CostSink,
    quota: PlaceQuota | None = None,
) -> SpeechToText:
    """The recogniser that is set; without any, one that says why there is no text."""
    soniox, vosk = settings.soniox, settings.vosk
    if vosk.url is not None:
        return VoskSpeechToText(vosk.url, report, max_streams=vosk.max_streams, ring_s=soniox.ring_s)
    if soniox.api_key is None:
        reason = "нет распознавания: не задан ключ Soniox"
        report(Component.STT, ComponentStatus(ComponentState.OFF, reason, "задайте ARI_BRIDGE_SONIOX__API_KEY"))
        return NoSpeechToText(reason)
    return SonioxSpeechToText(soniox, report, pay=pay, context=speech_context(playbook), quota=quota)


def speech_context(playbook: Playbook) -> SpeechContext:
    """What the playbook knows helps recognition: whom we are, what we sell, how it is called."""
    terms = (playbook.company, *(product.name for product in playbook.products), *playbook.terms)
    return SpeechContext((("organization", playbook.company),), playbook.about, tuple(dict.fromkeys(terms)))


def make_hints(
    settings: Settings,
    playbook: Playbook,
    *,
    publish: EventSink,
    report: StatusSink,
    pay: CostSink,
    reload: Callable[[], Playbook | None] | None,
) -> HintEngine:
    """With the model where there is a key for it."""
    router, hints = settings.openrouter, settings.hints
    llm: Llm | None = None
    if router.api_key is not None:
        llm = OpenRouter(router.url, router.api_key.get_secret_value(), router.models)
    return HintEngine(
        publish,
        report,
        playbook,
        llm,
        limits=Limits(
            first_token_s=router.first_token_timeout_s,
            total_s=router.total_timeout_s,
            call_budget_usd=hints.budget_per_call_usd,
            day_budget_usd=hints.budget_per_day_usd,
        ),
        ceiling=Mode(hints.mode),
        reload=reload,
        pay=pay,
    )


def make_webhook(hints: HintsSettings) -> WebhookSender | None:
    if hints.webhook_url is None:
        return None
    return WebhookSender(hints.webhook_url, hints.webhook_secret.get_secret_value() if hints.webhook_secret else None)


def read_playbook_in_force(hints: HintsSettings, saved: Path | None) -> Playbook:
    """The one that is set, the one that a page has `saved`, or the bundled one. Raises `ConfigError` for a bad one."""
    path = in_force(hints.playbook, saved)
    try:
        return read_playbook(path)
    except PlaybookError as error:
        where = path or "the bundled playbook"
        raise ConfigError(f"hints.playbook: {where}: {error}; check it with `ari-bridge check`") from None
