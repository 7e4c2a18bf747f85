from __future__ import annotations

import asyncio

import pytest

from ari_bridge.demo.pbx_tasks import Tasks


async def test_closing_cancels_and_awaits() -> None:
    tasks, ended = Tasks(), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    task = tasks.start(work(), name="work")
    await asyncio.sleep(0)
    await tasks.close()
    assert task.done()
    assert ended == [True]


async def test_an_error_is_raised_at_the_close() -> None:
    tasks = Tasks()

    async def fail() -> None:
        raise ValueError("broken")

    tasks.start(fail(), name="fail")
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="broken"):
        await tasks.close()


async def test_what_ended_well_is_forgotten() -> None:
    tasks = Tasks()
    await tasks.start(asyncio.sleep(0), name="sleep")
    await tasks.close()
