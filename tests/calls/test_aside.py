from __future__ import annotations

import asyncio

from ari_bridge.calls.aside import Aside
from ari_bridge.events import Leg


async def test_work_runs_in_the_calls_task_group_under_its_name() -> None:
    aside, names = Aside("7"), []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        names.append(task.get_name())

    async with asyncio.TaskGroup() as tasks:
        aside.open(tasks)
        aside.start(work(), Leg.CLIENT, "codec")
    assert names == ["call[7].client.codec"]


async def test_a_fault_in_it_is_no_fault_of_the_call() -> None:
    aside, done = Aside("7"), asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("a programming fault")

    async def work() -> None:
        await asyncio.sleep(0.01)
        done.set()

    async with asyncio.TaskGroup() as tasks:
        aside.open(tasks)
        aside.start(fail(), Leg.CLIENT, "look")
        aside.start(work(), Leg.CLIENT, "look")
    assert done.is_set()


async def test_what_is_awaited_is_waited_for_and_nothing_else() -> None:
    aside, done = Aside("7"), []

    async def work(seconds: float) -> None:
        await asyncio.sleep(seconds)
        done.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        aside.open(tasks)
        await aside.until_done()
        aside.start(work(0.05), Leg.CLIENT, "finish", awaited=True)
        aside.start(work(0.2), Leg.CLIENT, "look")
        await aside.until_done()
        assert done == [0.05]


async def test_outside_of_the_task_group_nothing_is_begun() -> None:
    aside, begun = Aside("7"), []

    async def work() -> None:
        begun.append(1)

    aside.start(work(), Leg.CLIENT, "codec")
    async with asyncio.TaskGroup() as tasks:
        aside.open(tasks)
        assert aside.is_open
    aside.close()
    aside.start(work(), Leg.CLIENT, "codec", awaited=True)
    await aside.until_done()
    assert begun == []
