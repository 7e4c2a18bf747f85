"""Who gets what, decided at publication; no sockets here."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ari_bridge.events import Component, ComponentState, ComponentStatus, SystemChanged
from ari_bridge.hub.access import LOCAL, Account, Role
from ari_bridge.hub.client import Client
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.outbox import Outbox
from ari_bridge.hub.protocol import MessageLog
from ari_bridge.hub.state import LINGER_S
from tests.hub.calls import STARTED, answered, card, ended, final, gap, hung_up, level, partial, started

ANNA = Account("Анна", Role.OPERATOR, ("1001",))
BORIS = Account("Борис", Role.OPERATOR, ("1002",))
BOSS = Account("Ольга", Role.SUPERVISOR)


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return STARTED


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(clock: Clock) -> Hub:
    return Hub(epoch="e1", clock=clock.wall, monotonic=clock.monotonic)


def got(client: Client) -> list[Any]:
    frames = []
    while (frame := client.outbox.take()) is not None:
        frames.append(json.loads(frame))
    return frames


def types(client: Client) -> list[str]:
    return [frame["type"] for frame in got(client)]


async def test_operators_see_their_own_calls_only(hub: Hub) -> None:
    anna, boris, boss = hub.connect(ANNA), hub.connect(BORIS), hub.connect(BOSS)
    hub.publish(started(ringing=("1001", "1002")))
    hub.publish(answered(operator="1001"))
    hub.publish(final("секрет"))
    hub.publish(card())
    hub.overseers.hand_out()
    assert types(anna) == ["call_start", "call_update", "transcript", "suggestion"]
    assert types(boris) == ["call_start", "call_hidden"]
    assert types(boss) == ["call_start", "call_update", "transcript", "suggestion"]


async def test_a_transfer_shows_the_call_with_all_that_was_said(hub: Hub) -> None:
    anna, boris = hub.connect(ANNA), hub.connect(BORIS)
    hub.publish(started(ringing=("1001",)))
    hub.publish(answered(operator="1001"))
    hub.publish(final("Это дорого"))
    hub.publish(card())
    assert got(boris) == []
    got(anna)
    hub.publish(answered(operator="1002"))
    hub.publish(final("Соединяю", 2))
    assert [f["type"] for f in got(anna)] == ["call_hidden"]
    frames = got(boris)
    assert [f["type"] for f in frames] == ["call_start", "transcript", "suggestion", "transcript"]
    assert frames[0]["call"]["operator"] == "1002"
    prevs = [f["prev"] for f in frames]
    assert prevs == ["0", *(f["cursor"] for f in frames[:-1])]


async def test_an_operator_keeps_his_call_to_its_end(hub: Hub) -> None:
    hub.publish(started(ringing=("1001",)))
    hub.publish(answered(operator="1001"))
    anna = hub.connect(ANNA)
    hub.publish(hung_up(operator="1001"))
    hub.publish(final("Всего доброго"))
    hub.publish(ended())
    assert types(anna) == ["call_update", "transcript", "call_end"]


async def test_snapshots_hold_what_the_account_may_see(hub: Hub) -> None:
    hub.publish(started("c1", ringing=("1001",)))
    hub.publish(started("c2", ringing=("1002",)))
    for account, ids in ((ANNA, ["c1"]), (BORIS, ["c2"]), (BOSS, ["c1", "c2"]), (LOCAL, ["c1", "c2"])):
        snapshot = json.loads(hub.connect(account).first)
        assert [c["id"] for c in snapshot["calls"]] == ids


async def test_only_who_sees_everything_resumes(hub: Hub) -> None:
    hub.publish(started("c1", ringing=("1002",)))
    hub.publish(final("чужое", call_id="c1"))
    assert json.loads(hub.connect(BOSS, "e1", "1").first)["type"] == "resumed"
    anna = hub.connect(ANNA, "e1", "0")
    assert json.loads(anna.first)["type"] == "snapshot"
    assert got(anna) == []


async def test_system_states_are_for_everybody(hub: Hub) -> None:
    anna = hub.connect(ANNA)
    hub.publish(SystemChanged(dict.fromkeys(Component, ComponentStatus(ComponentState.UP))))
    assert types(anna) == ["system"]


async def test_supervisors_get_fewer_partials_than_a_lone_operator(hub: Hub, clock: Clock) -> None:
    local, boss, anna = hub.connect(LOCAL), hub.connect(BOSS), hub.connect(ANNA)
    hub.publish(started(ringing=("1001",)))
    counts = {"local": 0, "boss": 0, "anna": 0}
    for tick in range(20):
        clock.now = 1000 + tick / 10
        hub.publish(partial(f" {tick}"))
        hub.overseers.hand_out()
        for name, client in (("local", local), ("boss", boss), ("anna", anna)):
            counts[name] += sum(f["type"] == "transcript" for f in got(client))
    assert counts == {"local": 20, "boss": 4, "anna": 20}


async def test_a_reader_that_does_not_read_is_let_go_and_holds_nothing(hub: Hub) -> None:
    stuck, well = hub.connect(LOCAL), hub.connect(LOCAL)
    hub.publish(started())
    got(well)
    for number in range(5000):
        hub.publish(partial(f" {number}", number))
        hub.publish(level(number / 5000))
        if number % 3 == 0:
            hub.publish(card(f"s{number}"))
        got(well)
    assert stuck.closing.done()
    assert stuck.closing.result() == (1013, "reader too slow")
    assert len(stuck.outbox) == 0
    assert not well.closing.done()
    hub.disconnect(stuck)
    assert hub.counters.overflows_total == 1
    assert hub.counters.clients == 1


async def test_an_event_that_is_no_json_is_our_fault_and_nobody_elses(hub: Hub) -> None:
    client = hub.connect(LOCAL)
    hub.publish(started())
    hub.publish(level(float("nan")))
    hub.publish(gap())
    assert types(client) == ["call_start", "gap"]
    assert hub.counters.unserialisable_total == 1


async def test_events_of_unknown_calls_reach_nobody(hub: Hub) -> None:
    client = hub.connect(LOCAL)
    hub.publish(gap("nope"))
    assert got(client) == []
    assert hub.counters.impossible_total == 1


async def test_an_ended_call_leaves_with_time(hub: Hub, clock: Clock) -> None:
    client = hub.connect(ANNA)
    for event in (started(ringing=("1001",)), hung_up(), ended()):
        hub.publish(event)
    assert client.visible == {"c1"}
    clock.now += LINGER_S
    assert json.loads(hub.connect(LOCAL).first)["calls"] == []
    assert client.visible == set()


async def test_cards_are_shown_to_those_who_see_the_call(hub: Hub) -> None:
    hub.publish(started(ringing=("1001",)))
    hub.publish(card())
    assert hub.card_seen_by(ANNA, "s1") == card()
    assert hub.card_seen_by(BORIS, "s1") is None
    assert hub.card_seen_by(LOCAL, "nope") is None


async def test_the_time_a_card_took(hub: Hub, clock: Clock) -> None:
    hub.publish(started())
    hub.publish(card())
    clock.now += 0.25
    assert hub.seconds_since_card(hub.cursor) == 0.25
    assert hub.seconds_since_card(1) is None
    assert hub.seconds_since_card(99) is None


async def test_a_log_that_has_forgotten_gives_a_snapshot() -> None:
    hub = Hub(epoch="e1", message_log=MessageLog(max_messages=2), make_outbox=Outbox)
    for event in (started(), *(replace(gap(), start_ms=start_ms) for start_ms in (8000, 8100, 8200))):
        hub.publish(event)
    assert json.loads(hub.connect(LOCAL, "e1", "1").first)["type"] == "snapshot"
    assert json.loads(hub.connect(LOCAL, "e1", "2").first)["type"] == "resumed"
