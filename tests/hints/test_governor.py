from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import ComponentState
from ari_bridge.hints.governor import TABLE, Breaker, Governor, Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.llm import Usage

LIMITS = Limits(breaker_failures=3, breaker_open_s=30, breaker_open_max_s=100, call_budget_usd=0.2, day_budget_usd=1.0)


def test_budgets_degrade_to_the_playbook_and_say_so() -> None:
    governor = Governor(LIMITS)
    assert governor.mode(0.19, 0.0) == (Mode.FULL, "")
    assert governor.mode(0.2, 0.0) == (Mode.PLAYBOOK, "call_budget")
    assert governor.turn_day(1)
    governor.charge(Usage(cost_usd=1.0))
    assert governor.mode(0.0, 0.0) == (Mode.PLAYBOOK, "day_budget")
    assert governor.status().state is ComponentState.DEGRADED
    assert not governor.turn_day(1)
    assert governor.turn_day(2), "midnight cures it, though nothing is asked meanwhile"
    assert governor.mode(0.0, 0.0) == (Mode.FULL, "")


def test_settings_and_a_missing_key_are_ceilings() -> None:
    assert Governor(LIMITS, Mode.TEXT).mode(0.0, 0.0) == (Mode.TEXT, "settings")
    assert Governor(LIMITS, Mode.PLAYBOOK).mode(0.0, 0.0) == (Mode.PLAYBOOK, "settings")
    keyless = Governor(LIMITS, has_model=False)
    assert keyless.mode(0.0, 0.0) == (Mode.PLAYBOOK, "no_key")
    assert keyless.status().state is ComponentState.OFF
    assert "ARI_BRIDGE_OPENROUTER__API_KEY" in str(keyless.status().action)


def test_repeated_failures_open_the_breaker_and_a_single_probe_closes_it() -> None:
    governor = Governor(LIMITS)
    for _ in range(2):
        governor.failed("llm_unavailable", 100.0)
    assert governor.mode(0.0, 100.0)[0] is Mode.FULL
    assert governor.status().state is ComponentState.DEGRADED
    governor.failed("llm_unavailable", 100.0)
    assert governor.mode(0.0, 129.9) == (Mode.PLAYBOOK, "breaker")
    assert governor.status().state is ComponentState.DOWN
    assert governor.mode(0.0, 130.0)[0] is Mode.FULL
    governor.asked()
    assert governor.mode(0.0, 130.0) == (Mode.PLAYBOOK, "breaker"), "one probe at a time"
    governor.dropped()
    assert governor.mode(0.0, 130.0)[0] is Mode.FULL
    governor.asked()
    governor.succeeded()
    assert governor.mode(0.0, 130.0)[0] is Mode.FULL
    assert governor.status().state is ComponentState.UP


def test_the_pause_doubles_up_to_its_limit() -> None:
    governor, now, pauses = Governor(LIMITS), 0.0, []
    for _ in range(4):
        while governor.mode(0.0, now)[0] is Mode.FULL:
            governor.asked()
            governor.failed("llm_timeout", now)
        opened = now
        while governor.mode(0.0, now)[0] is not Mode.FULL:
            now += 1
        pauses.append(now - opened)
    assert pauses == [30, 60, 100, 100]


def test_what_no_waiting_cures_opens_at_once_with_its_cure() -> None:
    for code, word in (("llm_unauthorized", "API_KEY"), ("llm_no_credit", "счёт"), ("llm_no_model", "MODELS")):
        governor = Governor(LIMITS)
        governor.failed(code, 0.0)
        assert governor.mode(0.0, 1.0)[0] is Mode.PLAYBOOK
        assert word in str(governor.status().action)


def test_what_nobody_told_is_guessed_from_what_was_told() -> None:
    governor = Governor(LIMITS)
    assert governor.charge(None) == LIMITS.guessed_cost_usd
    assert governor.charge(Usage(100, 10, 0, 0.01)) == 0.01
    assert governor.charge(Usage(100, 10, 0, None)) == 0.01
    assert governor.answers == 2
    assert governor.tokens == 220


def test_the_table_is_total_where_signals_can_come() -> None:
    assert set(TABLE) == set(Breaker)
    assert all(set(row.values()) <= set(Breaker) for row in TABLE.values())


@given(st.lists(st.sampled_from(["fail", "succeed", "ask", "drop", "wait"])))
def test_it_always_recovers(events: list[str]) -> None:
    governor, now = Governor(LIMITS), 0.0
    for event in events:
        match event:
            case "fail":
                governor.failed("llm_timeout", now)
            case "succeed":
                governor.succeeded()
            case "ask":
                if governor.mode(0.0, now)[0] is Mode.FULL:
                    governor.asked()
            case "drop":
                governor.dropped()
            case "wait":
                now += 17
    governor.dropped()
    assert governor.mode(0.0, now + 101)[0] is Mode.FULL
