"""The bench's helpers as processes: asked over a pipe, watched from outside."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import platform
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

POLL_S = 0.02
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


async def answers(pipe: Connection) -> AsyncIterator[Any]:
    """The requests that come over `pipe`, `end` as the last one. Ends also when the other side is gone."""
    while True:
        while not pipe.poll():
            await asyncio.sleep(POLL_S)
        try:
            request = pipe.recv()
        except EOFError:
            return
        yield request
        if request == "end":
            return


class Helper:
    """A process that runs `main(pipe, *arguments)`. `ask` sends it a request and waits for the answer."""

    def __init__(self, name: str, main: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=main, args=(theirs, *arguments), name=name, daemon=True)
        self._process.start()
        theirs.close()
        self.name = name

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    async def told(self, timeout_s: float = 60.0) -> Any:
        """The next thing that it says."""
        async with asyncio.timeout(timeout_s):
            while not self._pipe.poll():
                if not self._process.is_alive():
                    raise RuntimeError(f"{self.name} died")
                await asyncio.sleep(POLL_S)
            return self._pipe.recv()

    async def ask(self, request: object, timeout_s: float = 60.0) -> Any:
        self._pipe.send(request)
        return await self.told(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(2.0)
        if self._process.is_alive():
            self._process.terminate()


def cpu_seconds(pid: int) -> tuple[float, float]:
    """CPU time of a process so far: its own, and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) / TICKS_PER_S, int(fields[12]) / TICKS_PER_S


def busy_seconds() -> float:
    """CPU time of the whole machine so far."""
    fields = [int(field) for field in Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS_PER_S


def pin(pid: int, cpus: set[int]) -> None:
    """Let all threads of a process run on these CPUs alone; those it starts later too."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cpus)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def machine() -> str:
    """What the absolute figures belong to."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return (
        f"{os.cpu_count()} CPUs ({model}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load before: {load}"
    )
