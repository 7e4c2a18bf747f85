"""When frames are written, and by whom, over a line whose room the test decides on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ari_bridge.hub.access import LOCAL, Account, Role
from ari_bridge.hub.client import Client
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.overseers import GATHER_S
from ari_bridge.hub.turns import INTERVAL_S
from ari_bridge.hub.writer import BATCH_BYTES, LEVEL_WAIT_S, PageWriter
from tests.hub.calls import answered, card, gap, level, partial, started

BOSS = Account("Ольга", Role.SUPERVISOR)


@dataclass
class Pipe:
    """A line. `writes` holds the frames of each write; without `room` what is sent waits."""

    room: asyncio.Event = field(default_factory=asyncio.Event)
    writes: list[list[Any]] = field(default_factory=list)
    sends: list[list[Any]] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        return self.room.is_set()

    def write(self, frames: Sequence[bytes]) -> None:
        self.writes.append([json.loads(frame) for frame in frames])

    async def send(self, frames: Sequence[bytes]) -> None:
        self.sends.append([json.loads(frame) for frame in frames])
        await self.room.wait()

    @property
    def types(self) -> list[str]:
        return [frame["type"] for batch in self.writes for frame in batch]


@dataclass
class Desk:
    hub: Hub
    client: Client
    pipe: Pipe


@asynccontextmanager
async def writing(account: Account = LOCAL, heartbeat_s: float = 10.0) -> AsyncIterator[Desk]:
    hub, pipe = Hub(), Pipe()
    pipe.room.set()
    hub.publish(started())
    client = hub.connect(account)
    task = asyncio.create_task(PageWriter(hub, client, pipe, heartbeat_s).run(), name="writer")
    await asyncio.sleep(0)
    yield Desk(hub, client, pipe)
    task.cancel()
    await asyncio.wait([task])


async def test_the_snapshot_is_sent_first() -> None:
    async with writing() as desk:
        assert [frame["type"] for batch in desk.pipe.sends for frame in batch] == ["snapshot"]
        assert desk.pipe.writes == []


async def test_what_is_published_in_one_turn_is_one_write_in_the_next() -> None:
    async with writing() as desk:
        for event in (answered(), gap(), card()):
            desk.hub.publish(event)
        assert desk.pipe.writes == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [[frame["type"] for frame in batch] for batch in desk.pipe.writes] == [
            ["call_update", "gap", "suggestion"]
        ]
        assert desk.hub.counters.frames_sent_total == 4


async def test_who_sees_all_calls_gets_what_gathers() -> None:
    async with writing(BOSS) as desk:
        desk.hub.publish(gap())
        await asyncio.sleep(GATHER_S / 4)
        desk.hub.publish(card())
        assert desk.pipe.writes == []
        await asyncio.sleep(GATHER_S * 2)
        assert [[frame["type"] for frame in batch] for batch in desk.pipe.writes] == [["gap", "suggestion"]]


async def test_a_held_partial_goes_at_its_turn_without_any_news() -> None:
    async with writing(BOSS) as desk:
        for tail in (" а", " аб", " абв"):
            desk.hub.publish(partial(tail))
            await asyncio.sleep(GATHER_S * 2)
        assert [frame["tail"] for batch in desk.pipe.writes for frame in batch] == [" а"]
        await asyncio.sleep(INTERVAL_S)
        assert [frame["tail"] for batch in desk.pipe.writes for frame in batch] == [" а", " абв"]


async def test_a_level_goes_with_the_next_words_or_soon_by_itself() -> None:
    async with writing() as desk:
        desk.hub.publish(level(0.1))
        await asyncio.sleep(LEVEL_WAIT_S / 4)
        assert desk.pipe.writes == []
        desk.hub.publish(partial(" а"))
        await asyncio.sleep(LEVEL_WAIT_S / 4)
        assert [[frame["type"] for frame in batch] for batch in desk.pipe.writes] == [["level", "transcript"]]
        desk.hub.publish(level(0.2))
        await asyncio.sleep(LEVEL_WAIT_S * 1.5)
        assert desk.pipe.types == ["level", "transcript", "level"]


async def test_without_room_the_task_sends_and_the_rest_coalesces() -> None:
    async with writing() as desk:
        desk.pipe.room.clear()
        desk.hub.publish(gap())
        await asyncio.sleep(0.01)
        for loudness in (0.1, 0.2, 0.3):
            desk.hub.publish(level(loudness))
            await asyncio.sleep(0.01)
        assert desk.pipe.writes == []
        assert [frame["type"] for frame in desk.pipe.sends[1]] == ["gap"]
        desk.pipe.room.set()
        await asyncio.sleep(0.01)
        assert [(f["type"], f["client"]) for f in desk.pipe.sends[2]] == [("level", 0.3)]
        desk.hub.publish(card())
        await asyncio.sleep(0.01)
        assert desk.pipe.types == ["suggestion"]


async def test_a_long_backlog_takes_several_turns() -> None:
    async with writing() as desk:
        cards = [card(f"s{number}", content="х" * 1000) for number in range(100)]
        for event in cards:
            desk.hub.publish(event)
        await asyncio.sleep(0.05)
        assert [frame["id"] for batch in desk.pipe.writes for frame in batch] == [event.id for event in cards]
        assert len(desk.pipe.writes) > 100 * 2000 // BATCH_BYTES
        assert all(len(batch) <= BATCH_BYTES // 2000 + 1 for batch in desk.pipe.writes)


async def test_heartbeats_go_on_beside_the_news() -> None:
    async with writing(heartbeat_s=0.02) as desk:
        for second in range(5):
            desk.hub.publish(replace(gap(), start_ms=second * 1000))
            await asyncio.sleep(0.02)
        beats = [frame for batch in desk.pipe.sends for frame in batch if frame["type"] == "heartbeat"]
        assert len(beats) >= 3
        assert all(beat["cursor"] == beat["prev"] for beat in beats)
        assert desk.pipe.types == ["gap"] * 5


async def test_nothing_is_written_after_the_end() -> None:
    async with writing(BOSS) as desk:
        desk.hub.publish(gap())
    desk.hub.publish(card())
    await asyncio.sleep(GATHER_S * 2)
    assert desk.pipe.writes == []
