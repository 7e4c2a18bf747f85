"""Every number of the policy, in one place. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, counts and US dollars.

    An operator reads few and sharp hints: prompts every 15–30 s are ignored within weeks, so calm talk gets at most one
    new card in `spacing_s`, three are live at once, and what comes later than `stale_s` after the words is dropped.
    """

    settle_s: float = 0.4
    debounce_s: float = 0.25
    retry_after_s: float = 0.4
    first_token_s: float = 4.0
    total_s: float = 8.0
    summary_s: float = 9.0
    stale_s: float = 8.0
    spacing_s: float = 12.0
    repeat_s: float = 90.0
    live_s: float = 60.0
    live_cards: int = 3
    similarity: float = 0.7
    unanswered_s: float = 5.0
    call_budget_usd: float = 0.20
    day_budget_usd: float = 20.0
    breaker_failures: int = 3
    breaker_open_s: float = 30.0
    breaker_open_max_s: float = 600.0
    guessed_cost_usd: float = 0.002
