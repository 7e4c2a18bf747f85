from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.repository import Store
from ari_bridge.store.upkeep import Upkeep, has_jumped, is_due
from tests.store.talk import AT, Diary, ringing


@pytest.mark.parametrize(
    ("hours_late", "busy", "due"),
    [(-1, False, False), (0, False, True), (0, True, False), (11, True, False), (12, True, True)],
)
def test_not_while_people_talk_unless_they_always_do(hours_late: int, busy: bool, due: bool) -> None:
    assert is_due(AT + hours_late * timedelta(hours=1), AT, busy) is due


async def test_it_deletes_what_is_too_old(store: Store) -> None:
    await store.append(Diary().conversation(ringing("old", at=AT - timedelta(days=91)), "Алло"))
    await store.append(Diary().conversation(ringing("young", at=AT - timedelta(days=89)), "Алло"))
    upkeep = Upkeep(store, busy=lambda: False, clock=lambda: AT, look_every_s=0.01)
    task = asyncio.create_task(upkeep.serve(), name="upkeep")
    async with asyncio.timeout(5):
        while await store.call("old") is not None:
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert await store.call("young") is not None


@pytest.mark.parametrize(
    ("passed", "passed_s", "jumped"),
    [
        (timedelta(seconds=600), 600.0, False),
        (timedelta(seconds=660), 600.0, False),  # set right by a minute
        (timedelta(days=365), 600.0, True),
        (timedelta(days=-365), 600.0, True),
        (timedelta(0), 3600.0, True),
    ],
)
def test_two_clocks_that_disagree(passed: timedelta, passed_s: float, jumped: bool) -> None:
    assert has_jumped(passed, passed_s) is jumped


async def test_a_clock_that_was_set_wrong_deletes_nothing(store: Store) -> None:
    """The clock says 2036 from the third look on: all calls would be too old."""
    await store.append(Diary().conversation(ringing("young", at=AT), "Алло"))
    looks = 0

    def clock() -> datetime:
        nonlocal looks
        looks += 1
        return AT if looks < 4 else AT + timedelta(days=3650)

    upkeep = Upkeep(store, busy=lambda: False, clock=clock, look_every_s=0.005)
    task = asyncio.create_task(upkeep.serve(), name="upkeep")
    async with asyncio.timeout(5):
        while looks < 10:
            await asyncio.sleep(0.005)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert await store.call("young") is not None


async def test_a_store_that_cannot_is_asked_again(path: Path) -> None:
    store = open_store(StoreSettings(url=f"sqlite:///{path}"))
    await store.close()
    upkeep = Upkeep(store, busy=lambda: False, look_every_s=0.01)
    task = asyncio.create_task(upkeep.serve(), name="upkeep")
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
