"""A cable between the browser and the hub that can be pulled: bytes are lost, connections neither end nor begin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Cable:
    """`plugged` false: whatever is sent is lost without a sign, as on a line that is half open."""

    def __init__(self, port: int) -> None:
        self.plugged = True
        self.base = ""
        self.port = port
        self.tasks: set[asyncio.Task[None]] = set()
        self.ends: set[asyncio.Transport] = set()


class _End(asyncio.Protocol):
    """One end of one connection. The browser's end makes the other one."""

    def __init__(self, cable: Cable, other: _End | None = None) -> None:
        self._cable = cable
        self._other = other
        self._early: list[bytes] = []  # what came before the other end was there
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._cable.ends.add(transport)
        if self._other is None:
            task = asyncio.create_task(self._reach_the_hub(), name="cable")
            self._cable.tasks.add(task)
            task.add_done_callback(self._cable.tasks.discard)

    async def _reach_the_hub(self) -> None:
        other = _End(self._cable, self)
        try:
            await asyncio.get_running_loop().create_connection(lambda: other, "127.0.0.1", self._cable.port)
        except OSError:
            self.close()
            return
        self._other = other
        for data in self._early:
            other.send(data)

    def data_received(self, data: bytes) -> None:
        if not self._cable.plugged:
            return
        if self._other is None:
            self._early.append(data)
        else:
            self._other.send(data)

    def connection_lost(self, fault: Exception | None) -> None:
        if self.transport is not None:
            self._cable.ends.discard(self.transport)
        if self._other is not None:
            self._other.close()

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


@asynccontextmanager
async def cable(port: int) -> AsyncIterator[Cable]:
    """In front of the hub at `port` of the loopback; `base` is where the page is then."""
    line = Cable(port)
    server = await asyncio.get_running_loop().create_server(lambda: _End(line), "127.0.0.1", 0)
    line.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        await asyncio.gather(*line.tasks, return_exceptions=True)
        for transport in list(line.ends):
            transport.abort()
        await asyncio.sleep(0)
