from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.hub.throttle import (
    ACCOUNT_LEAK_S,
    ACCOUNT_TRIES,
    ADDRESS_LEAK_S,
    ADDRESS_TRIES,
    MOST_BUCKETS,
    Throttle,
)


def tries(throttle: Throttle, count: int, account: str = "anna", address: str = "192.0.2.1", now: float = 0.0) -> int:
    """How many of so many tries are let through."""
    return sum(throttle.take(account, address, now) == 0 for _ in range(count))


def test_an_account_is_tried_a_few_times_wherever_from() -> None:
    throttle = Throttle()
    assert sum(tries(throttle, 1, address=f"192.0.2.{n}") for n in range(100)) == ACCOUNT_TRIES
    assert throttle.take("anna", "198.51.100.1", 1.0) == pytest.approx(ACCOUNT_LEAK_S - 1)
    assert tries(throttle, 10, address="198.51.100.1", now=ACCOUNT_LEAK_S) == 1
    assert tries(throttle, 1, account="boris", address="192.0.2.1") == 1


def test_an_address_tries_a_few_accounts() -> None:
    throttle = Throttle()
    assert sum(tries(throttle, 1, account=f"user{n}") for n in range(200)) == ADDRESS_TRIES
    assert throttle.take("another", "192.0.2.1", 0.0) == ADDRESS_LEAK_S
    assert tries(throttle, 1, account="another", address="192.0.2.2") == 1


def test_what_is_refused_is_not_counted() -> None:
    throttle = Throttle()
    tries(throttle, 1000)
    assert throttle.take("anna", "192.0.2.1", ACCOUNT_LEAK_S) == 0


def test_right_passwords_are_not_counted() -> None:
    throttle = Throttle()
    for _ in range(1000):
        assert throttle.take("anna", "192.0.2.1", 0.0) == 0
        throttle.succeeded("anna", "192.0.2.1")


def test_a_stranger_cannot_lock_the_owner_out() -> None:
    throttle = Throttle()
    throttle.take("anna", "192.0.2.1", 0.0)
    throttle.succeeded("anna", "192.0.2.1")
    assert tries(throttle, 100, address="203.0.113.66") == ACCOUNT_TRIES
    assert tries(throttle, 100, address="192.0.2.1") == ACCOUNT_TRIES


def test_it_forgets_rather_than_grows() -> None:
    throttle = Throttle()
    for n in range(MOST_BUCKETS):
        throttle.take(f"user{n}", f"address{n}", 0.0)
    assert len(throttle._buckets) == MOST_BUCKETS


@given(st.lists(st.floats(0, 10), max_size=300))
def test_in_the_long_run_an_account_is_tried_at_the_rate_of_the_leak(pauses: list[float]) -> None:
    throttle, now, made = Throttle(), 0.0, 0
    for pause in pauses:
        now += pause
        made += throttle.take("anna", "192.0.2.1", now) == 0
    assert made <= ACCOUNT_TRIES + now / ACCOUNT_LEAK_S
