"""Whether the model may be asked at all: budgets, and a breaker after repeated failures.

Pure. One governor for the daemon. The breaker is a table:

    CLOSED ──failures──▶ OPEN ──pause over──▶ PROBING ──success──▶ CLOSED
                          ▲──────failure─────────┘ (the pause doubles)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ari_bridge.events import ComponentState, ComponentStatus
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.llm import Usage


class Mode(StrEnum):
    """What the operator gets, best first; each mode contains the ones after it."""

    FULL = "full"
    PLAYBOOK = "playbook"
    TEXT = "text"


class Breaker(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Signal(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"  # the failure that is one too many
    PAUSED = "paused"  # the pause is over


TABLE: Mapping[Breaker, Mapping[Signal, Breaker]] = MappingProxyType(
    {
        Breaker.CLOSED: {Signal.SUCCESS: Breaker.CLOSED, Signal.FAILURE: Breaker.OPEN},
        Breaker.OPEN: {Signal.SUCCESS: Breaker.CLOSED, Signal.FAILURE: Breaker.OPEN, Signal.PAUSED: Breaker.PROBING},
        Breaker.PROBING: {Signal.SUCCESS: Breaker.CLOSED, Signal.FAILURE: Breaker.OPEN},
    }
)

UP = ComponentStatus(ComponentState.UP)
OFF = ComponentStatus(
    ComponentState.OFF,
    "Ключ OpenRouter не задан: работают только карточки плейбука",
    "Задайте ARI_BRIDGE_OPENROUTER__API_KEY",
)
SWITCHED_OFF = ComponentStatus(ComponentState.OFF, "ИИ-подсказки выключены в настройках", "ARI_BRIDGE_HINTS__MODE=full")
_CURES = {
    "llm_unauthorized": ("OpenRouter не принял ключ", "Проверьте ARI_BRIDGE_OPENROUTER__API_KEY"),
    "llm_no_credit": ("На счёте OpenRouter кончились деньги", "Пополните счёт на openrouter.ai/settings/credits"),
    "llm_forbidden": ("OpenRouter отказал в доступе", "Проверьте права ключа и настройки приватности OpenRouter"),
    "llm_no_model": (
        "Ни одна модель из списка не подходит",
        "Проверьте ARI_BRIDGE_OPENROUTER__MODELS и настройки приватности OpenRouter",
    ),
    "llm_invalid_request": ("OpenRouter не понял запрос", "Проверьте ARI_BRIDGE_OPENROUTER__MODELS"),
    "llm_rate_limited": ("OpenRouter ограничил частоту запросов", "Подождите или повысьте лимит ключа"),
    "llm_unreachable": ("OpenRouter недоступен", "Проверьте сеть и ARI_BRIDGE_OPENROUTER__URL"),
    "llm_timeout": ("OpenRouter отвечает слишком медленно", "Подождите или смените ARI_BRIDGE_OPENROUTER__MODELS"),
}
_UNKNOWN_CURE = ("OpenRouter отвечает с ошибками", "Подождите: подсказки вернутся сами")
HOPELESS = frozenset({"llm_unauthorized", "llm_no_credit", "llm_forbidden", "llm_no_model", "llm_invalid_request"})


@dataclass(slots=True)
class Governor:
    """`ceiling` is the best mode that the settings allow; `has_model`: there is a key."""

    limits: Limits
    ceiling: Mode = Mode.FULL
    has_model: bool = True
    breaker: Breaker = Breaker.CLOSED
    spent_today_usd: float = 0.0
    answers: int = 0
    tokens: int = 0
    _day: int = 0
    _failures: int = 0
    _pause_s: float = 0.0
    _open_until: float = 0.0
    _probe: bool = False
    _cause: str = ""
    _average_usd: float = 0.0

    def mode(self, spent_on_call_usd: float, now: float) -> tuple[Mode, str]:
        """The mode and, where it is not the ceiling, why."""
        if self.ceiling is not Mode.FULL:
            return self.ceiling, "settings"
        if not self.has_model:
            return Mode.PLAYBOOK, "no_key"
        if self.spent_today_usd >= self.limits.day_budget_usd:
            return Mode.PLAYBOOK, "day_budget"
        if spent_on_call_usd >= self.limits.call_budget_usd:
            return Mode.PLAYBOOK, "call_budget"
        if self.breaker is Breaker.OPEN and now >= self._open_until:
            self._step(Signal.PAUSED)
            self._probe = False
        if self.breaker is Breaker.OPEN or (self.breaker is Breaker.PROBING and self._probe):
            return Mode.PLAYBOOK, "breaker"
        return Mode.FULL, ""

    def turn_day(self, day: int) -> bool:
        """`day` is a number that changes at midnight, when the day's budget begins anew; whether it just did."""
        if day == self._day:
            return False
        self._day, self.spent_today_usd = day, 0.0
        return True

    def asked(self) -> None:
        """A request goes out; while probing it is the only one."""
        self._probe = self.breaker is Breaker.PROBING

    def dropped(self) -> None:
        """A request was cancelled by us: it tells nothing, and another may probe."""
        self._probe = False

    def succeeded(self) -> None:
        self._step(Signal.SUCCESS)
        self._failures, self._pause_s, self._cause, self._probe = 0, 0.0, "", False

    def failed(self, code: str, now: float) -> None:
        self._failures += 1
        self._cause = code
        enough = self._failures >= self.limits.breaker_failures or code in HOPELESS
        if enough or self.breaker is Breaker.PROBING:
            self._pause_s = min(max(2 * self._pause_s, self.limits.breaker_open_s), self.limits.breaker_open_max_s)
            self._open_until = now + self._pause_s
            self._step(Signal.FAILURE)
        self._probe = False

    def charge(self, usage: Usage | None) -> float:
        """What a request cost, in US dollars: as told, or guessed where nobody told. Returns it."""
        told = usage.cost_usd if usage else None
        cost = told if told is not None else (self._average_usd or self.limits.guessed_cost_usd)
        if told is not None:
            self._average_usd = told if not self._average_usd else 0.8 * self._average_usd + 0.2 * told
        if usage is not None:
            self.answers += 1
            self.tokens += usage.prompt_tokens + usage.completion_tokens
        self.spent_today_usd += cost
        return cost

    def status(self) -> ComponentStatus:
        """The state for the page, with reason and cure."""
        if self.ceiling is not Mode.FULL:
            return SWITCHED_OFF
        if not self.has_model:
            return OFF
        if self.spent_today_usd >= self.limits.day_budget_usd:
            return ComponentStatus(
                ComponentState.DEGRADED,
                "Дневной бюджет ИИ исчерпан: до полуночи работают карточки плейбука",
                "Поднимите ARI_BRIDGE_HINTS__BUDGET_PER_DAY_USD",
            )
        if not self._cause:
            return UP
        reason, action = _CURES.get(self._cause, _UNKNOWN_CURE)
        state = ComponentState.DEGRADED if self.breaker is Breaker.CLOSED else ComponentState.DOWN
        return ComponentStatus(state, f"{reason}; карточки плейбука работают", action)

    def _step(self, signal: Signal) -> None:
        self.breaker = TABLE[self.breaker][signal]
