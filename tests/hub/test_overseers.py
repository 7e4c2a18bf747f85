"""What those who look at all calls are handed, and when."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from ari_bridge.accounts import Account, Role
from ari_bridge.events import Component, ComponentState, ComponentStatus, SystemChanged
from ari_bridge.hub.client import Client
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.overseers import GATHER_S
from ari_bridge.hub.turns import INTERVAL_S
from tests.hub.calls import final, gap, level, partial, started

BOSS = Account("Ольга", Role.SUPERVISOR)
ADMIN = Account("Пётр", Role.ADMIN)
UP = SystemChanged(dict.fromkeys(Component, ComponentStatus(ComponentState.UP)))


def got(client: Client) -> list[Any]:
    frames = []
    while (frame := client.outbox.take()) is not None:
        frames.append(json.loads(frame))
    return frames


def types(client: Client) -> list[str]:
    return [frame["type"] for frame in got(client)]


async def test_all_are_handed_the_same_a_moment_later() -> None:
    hub = Hub()
    boss, admin = hub.connect(BOSS), hub.connect(ADMIN)
    news: list[str] = []
    boss.on_news = lambda urgent: news.append("boss")
    for event in (started(), gap(), final("Это дорого"), level(0.5)):
        hub.publish(event)
    assert (got(boss), got(admin), news) == ([], [], [])
    await asyncio.sleep(GATHER_S * 2)
    assert types(boss) == types(admin) == ["call_start", "gap", "transcript", "level"]
    assert news == ["boss"]


async def test_what_waits_for_its_turn_comes_by_itself() -> None:
    hub = Hub()
    boss = hub.connect(BOSS)
    hub.publish(started())
    for tail in (" а", " аб", " абв"):
        hub.publish(partial(tail))
    await asyncio.sleep(GATHER_S * 2)
    assert [frame.get("tail") for frame in got(boss)] == [None, " а"]
    await asyncio.sleep(INTERVAL_S)
    assert [frame["tail"] for frame in got(boss)] == [" абв"]


async def test_what_gathers_stays_in_order_and_out_of_the_next_snapshot() -> None:
    hub = Hub()
    boss = hub.connect(BOSS)
    hub.publish(started())
    hub.publish(UP)
    late = hub.connect(ADMIN)
    frames = got(boss)
    assert [(f["type"], f["prev"], f["cursor"]) for f in frames] == [("call_start", "0", "1"), ("system", "1", "2")]
    hub.publish(final("Это дорого"))
    hub.overseers.hand_out()
    assert json.loads(late.first)["cursor"] == "2"
    assert types(boss) == types(late) == ["transcript"]


async def test_the_last_one_leaves_nothing_behind() -> None:
    hub = Hub()
    boss = hub.connect(BOSS)
    hub.publish(started())
    for tail in (" а", " аб"):
        hub.publish(partial(tail))
    hub.disconnect(boss)
    hub.publish(final("абв"))
    another = hub.connect(BOSS)
    hub.publish(replace(gap(), start_ms=9000))
    hub.overseers.hand_out()
    assert types(another) == ["gap"]


async def test_one_that_does_not_read_is_let_go() -> None:
    hub = Hub()
    stuck = hub.connect(BOSS)
    hub.publish(started())
    for start_ms in range(2100):
        hub.publish(replace(gap(), start_ms=start_ms))
    hub.overseers.hand_out()
    assert stuck.closing.result() == (1013, "reader too slow")
    assert len(stuck.outbox) == 0
