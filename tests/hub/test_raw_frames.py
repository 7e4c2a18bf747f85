"""What really goes over the wire to operator 1001: never a byte of a call that is not his at that moment or later."""

from __future__ import annotations

import asyncio
import base64
import random
from dataclasses import replace
from pathlib import Path

import pytest

from ari_bridge.events import CallStatus, CallUpdated
from tests.hub.calls import call, card, ended, final, gap, hung_up, level, partial, started
from tests.hub.running import Running, running, until
from tests.hub.team import cookie_of, enlist

OPERATORS = ("1001", "1002", "1003")
CALLS = 60
STEPS = 12


class Wire:
    """A WebSocket as bare bytes: neither compressed nor masked, so every word can be found."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken = bytearray()
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, room: Running, headers: dict[str, str]) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", room.port)
        asked = {
            "Host": f"127.0.0.1:{room.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
            "Sec-WebSocket-Extensions": "permessage-deflate",
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in asked.items())
        writer.write(f"GET /ws HTTP/1.1\r\n{lines}\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer
        assert b"deflate" not in answer
        return cls(reader, writer)

    async def read(self) -> None:
        while data := await self._reader.read(65536):
            self.taken += data

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@pytest.mark.parametrize("seed", range(3))
async def test_an_operator_is_sent_his_own_calls_alone(tmp_path: Path, seed: int) -> None:
    async with running(tmp_path) as room:
        await enlist(room.accounts, "anna", "boris")
        headers = await cookie_of(room.accounts, "anna")
        async with asyncio.timeout(10):
            while (await room.get("/api/me", **headers))[1].get("open", True):  # the users are not known yet
                await asyncio.sleep(0.01)
        wire = await Wire.open(room, headers)
        await until(lambda: room.hub.counters.clients == 1)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(wire.read(), name="wire")
            due, forbidden = await play(room, random.Random(seed))
            room.publish(started("the-last", ringing=("1001",)))
            await until(lambda: b"the-last" in wire.taken, 10)
            reading.cancel()
        await wire.close()
    assert len(due) > 50
    assert len(forbidden) > 50
    assert [word for word in due if word.encode() not in wire.taken] == []
    assert [word for word in forbidden if word.encode() in wire.taken] == []


async def play(room: Running, chance: random.Random) -> tuple[set[str], set[str]]:
    """Many calls at once, answered, transferred and hung up; the words that Anna must get, and those she must not.

    A word that was said before a call became hers is hers as well: she is shown the call whole.
    """
    due: set[str] = set()
    forbidden: set[str] = set()
    pending: dict[str, set[str]] = {}
    hers: dict[str, bool] = {}
    outboxes = [client.outbox for client in room.hub._clients]

    def tell(call_id: str, *events: object, word: str) -> None:
        for event in events:
            room.publish(event)  # type: ignore[arg-type]
        if hers[call_id]:
            due.update(pending.pop(call_id, set()) | {word})
        else:
            pending.setdefault(call_id, set()).add(word)

    for number in range(CALLS):
        call_id = f"call-{number:03}"
        ringing = tuple(chance.sample(OPERATORS, chance.randint(1, 2)))
        hers[call_id] = "1001" in ringing
        tell(call_id, started(call_id, ringing=ringing, caller=f"caller-{number:03}"), word=f"caller-{number:03}")
        tell(call_id, word=call_id)
    for step in range(STEPS):
        for number in range(CALLS):
            call_id, word = f"call-{number:03}", f"word-{number:03}-{step:02}"
            if step == 0 or chance.random() < 0.2:
                operator = chance.choice(OPERATORS)
                hers[call_id] = operator == "1001"
                talking = call(call_id, operator=operator, ringing=(), caller=f"caller-{number:03}")
                room.publish(CallUpdated(replace(talking, status=CallStatus.ANSWERED)))
                if hers[call_id]:
                    due |= pending.pop(call_id, set())
            said = (partial(f"tail-{word}", step + 1, call_id), final(word, step + 1, call_id), gap(call_id))
            tell(call_id, *said, card(f"card-{word}", call_id), level(0.5, call_id), word=word)
        await until(lambda: not any(map(len, outboxes)), 10)  # as fast as the reader reads
    for number in range(CALLS):
        call_id = f"call-{number:03}"
        if not hers[call_id]:
            room.publish(hung_up(call_id, "1002"))
            room.publish(ended(call_id))
    for words in pending.values():
        forbidden |= words
    return due, forbidden
