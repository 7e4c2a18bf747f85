from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import cast

import pytest

from ari_bridge.demo.pbx_calls import VirtualCall
from ari_bridge.demo.pbx_script import CallScript
from ari_bridge.demo.pbx_traffic import DemoTraffic, ScheduledCall, schedule
from ari_bridge.demo.samples import load_conversations

OPERATORS = ("1001", "1002", "1003")


def day(calls: int, seed: int = 1) -> list[ScheduledCall]:
    return list(itertools.islice(schedule(load_conversations(), OPERATORS, seed), calls))


def span(call: ScheduledCall) -> tuple[float, float]:
    talking = 0.0 if call.script.unanswered else call.script.talking_s
    return call.at_s, call.at_s + call.script.ring_s + talking


def test_the_first_call_rings_at_once_and_is_soon_answered() -> None:
    first = day(1)[0]
    assert first.at_s == 0.0
    assert first.script.ring_s < 2.0
    assert first.script.unanswered is None


@pytest.mark.parametrize("seed", range(5))
def test_calls_come_in_order_and_nobody_has_two_at_once(seed: int) -> None:
    calls = day(60, seed)
    assert [call.at_s for call in calls] == sorted(call.at_s for call in calls)
    for operator in OPERATORS:
        own = [span(call) for call in calls if call.script.operator == operator]
        assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(own))


def test_who_rings_along_is_free() -> None:
    for call in day(60):
        for operator in call.script.ringing[1:]:
            busy = [span(other) for other in day(60) if other.script.operator == operator]
            assert not any(began <= call.at_s < ended for began, ended in busy)


def test_calls_overlap_and_no_client_is_on_two() -> None:
    calls = day(60)
    running = [[other for other in calls if span(other)[0] <= call.at_s < span(other)[1]] for call in calls]
    assert max(map(len, running)) >= 2
    assert all(len({other.script.client for other in group}) == len(group) for group in running)


def test_all_kinds_of_calls_occur() -> None:
    scripts = [call.script for call in day(60)]
    assert {script.outbound for script in scripts} == {True, False}
    assert len({script.hangup_by for script in scripts}) == 2
    assert len({script.unanswered for script in scripts}) == 3
    assert len({script.client for script in scripts}) == len(load_conversations())


def test_the_same_seed_is_the_same_day() -> None:
    assert day(20, 3) == day(20, 3)
    assert day(20, 3) != day(20, 4)


class Book:
    """Notes the calls that it is asked to make."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, CallScript]] = []

    def call(self, script: CallScript) -> VirtualCall:
        self.calls.append((asyncio.get_running_loop().time(), script))
        return cast(VirtualCall, None)


async def test_the_schedule_is_played_in_real_time() -> None:
    book = Book()
    wanted = [replace(call, at_s=index * 0.05) for index, call in enumerate(day(3))]
    await DemoTraffic(book, iter(wanted)).run()
    assert [script for _, script in book.calls] == [call.script for call in wanted]
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(book.calls)]
    assert all(0.04 < gap < 0.2 for gap in gaps)
