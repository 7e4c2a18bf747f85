"""Telephones in Python, for what a SIPp process cannot: two dialogs at once, music while holding, fifty voices.

One UDP socket per telephone (SIP over UDP, no authentication), one per line for RTP. Each line plays raw A-law in a
loop from its answer on; what it is sent is not read.

    async with Telephones(asterisk) as phones:
        anna = await phones.operator("1001")
        line = await anna.rung()
        line.answer(audio)
        second = await anna.dial("1002", audio)
        await line.transfer_to(second)
"""

from __future__ import annotations

import asyncio
import secrets
import time
from types import TracebackType
from typing import Final, Self, cast

from tests.lab.asterisk import Asterisk
from tests.lab.line import PATIENCE_S, Line
from tests.lab.sip import Message

PHONE_ADDRESS: Final = "127.0.0.1"
TRUNK_ADDRESS: Final = "127.0.0.2"


class Telephones:
    """All telephones of a test; on leaving, every line hangs up and every socket is closed."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._asterisk = asterisk
        self._telephones: list[Telephone] = []
        self.trunks: dict[str, Telephone] = {}  # those that were opened, by their address
        self._pump: asyncio.Task[None] | None = None

    async def operator(self, extension: str) -> Telephone:
        """The telephone of that extension."""
        return await self._open(extension, (PHONE_ADDRESS, self._asterisk.phone_ports[extension]))

    async def client(self, number: str, address: str = TRUNK_ADDRESS) -> Telephone:
        """A client who dials in over the trunk; the trunk's far end is `trunk`."""
        return await self._open(number, (address, 0))

    async def trunk(self, address: str = TRUNK_ADDRESS) -> Telephone:
        """Where everything that Asterisk sends to the trunk arrives; `rung(number)` tells the numbers apart."""
        self.trunks[address] = await self._open("trunk", (address, self._asterisk.trunk_port))
        return self.trunks[address]

    async def _open(self, user: str, address: tuple[str, int]) -> Telephone:
        telephone = Telephone(user, (PHONE_ADDRESS, self._asterisk.sip_port))
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: telephone, local_addr=address)
        self._telephones.append(telephone)
        return telephone

    async def __aenter__(self) -> Self:
        self._pump = asyncio.create_task(self._speak(), name="telephones.pump")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        for telephone in self._telephones:
            telephone.close()

    async def _speak(self) -> None:
        """A block of 20 ms from every line, on time however long a round takes."""
        due = time.monotonic()
        while True:
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            for telephone in self._telephones:
                for line in telephone.lines.values():
                    line.speak()


class Telephone(asyncio.DatagramProtocol):
    """One SIP address. `lines` are its dialogs by Call-ID."""

    def __init__(self, user: str, server: tuple[str, int]) -> None:
        self.user = user
        self.server = server
        self.lines: dict[str, Line] = {}
        self._rung: list[Line] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> tuple[str, int]:
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")
        return str(host), int(port)

    async def dial(self, number: str, audio: bytes) -> Line:
        """Call and wait for the answer; CallRefused where there is none."""
        line = self._line(f"{secrets.token_hex(8)}@{self.address[0]}", number)
        line.remote_uri = line.target = f"sip:{number}@{self.server[0]}:{self.server[1]}"
        answer = await line.invite()
        line.start_speaking(audio, answer)
        return line

    async def rung(self, number: str | None = None) -> Line:
        """The next call that rings here (for `number`, where it matters), not yet answered."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            while True:
                for line in self._rung:
                    if number is None or line.called == number:
                        self._rung.remove(line)
                        return line
                await self._news.wait()

    def send(self, text: str) -> None:
        assert self._transport is not None
        self._transport.sendto(text.encode(), self.server)

    def close(self) -> None:
        for line in self.lines.values():
            line.drop()
        for task in self._tasks:
            task.cancel()
        if self._transport is not None:
            self._transport.close()

    # DatagramProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transport is no DatagramTransport before Python 3.13
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        if not data.strip():
            return
        message = Message.parse(data.decode(errors="replace"))
        line = self.lines.get(message.header("call-id"))
        if line is None and message.method == "INVITE" and not message.status:
            line = self._line(message.header("call-id"), message.called)
            line.ring(message)
            task = asyncio.create_task(self._tell(line), name=f"telephone[{self.user}].rung")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif line is not None:
            line.take(message)

    async def _tell(self, line: Line) -> None:
        async with self._news:
            self._rung.append(line)
            self._news.notify_all()

    def _line(self, call_id: str, called: str) -> Line:
        line = self.lines[call_id] = Line(self, call_id, called)
        return line
