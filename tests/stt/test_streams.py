"""All streams together: places, faults that need a person, a service that is away."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from http import HTTPStatus

import pytest
from structlog.testing import capture_logs

from ari_bridge.events import ComponentState, Leg, LegState
from ari_bridge.interfaces import Utterance
from ari_bridge.stt.dialect import LIMIT_REASON
from tests.stt.byte_speech import conversation, silence
from tests.stt.leg import Ear, speak
from tests.stt.peer import Peer, Plan, Session
from tests.stt.serving import FAST, SPEED, serving, spec, until


@pytest.mark.parametrize("code", ["400", "401", "402", "403"])
async def test_a_fault_that_needs_a_person_is_one_state_for_all(code: str) -> None:
    with capture_logs() as logged:
        async with Peer(lambda session: Plan(code)) as peer, serving(peer.url) as running:
            ears = [running.open(Leg.CLIENT, f"c{number}")[1] for number in range(4)]
            await until(lambda: all(ear.states for ear in ears))
            await asyncio.sleep(0.3)
            assert len(peer.sessions) <= 5
        (status,) = running.statuses
        assert status.state is ComponentState.DOWN
        assert status.reason
        assert status.action
        assert all(ear.states == [(LegState.STT_DOWN, status.reason)] for ear in ears)
    # the state's own line is the status board's; here the models' API alone
    assert [line["event"] for line in logged if line["log_level"] != "info"] == ["stt_models_unreachable"]
    assert not [line for line in logged if "k-1" in str(line)]


async def test_a_cured_fault_is_found_by_the_slow_retry() -> None:
    cured = False
    said = conversation(2, 10)
    timing = replace(FAST, stop_probe_s=0.3)
    async with Peer(lambda session: Plan(None if cured else "401")) as peer, serving(peer.url, timing) as running:
        opened = [running.open(Leg.CLIENT, f"c{number}") for number in range(3)]
        await until(lambda: running.states == [ComponentState.DOWN])
        tried = len(peer.sessions)
        await asyncio.sleep(1.0)
        assert 2 <= len(peer.sessions) - tried <= 4
        cured = True
        await until(lambda: running.states == [ComponentState.DOWN, ComponentState.UP])
        await until(lambda: all(ear.states[-1][0] is LegState.LIVE for _, ear in opened))
        stream, ear = opened[2]
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
    assert ear.text == said.text()


async def test_one_leg_whose_request_is_refused_leaves_the_others_alone() -> None:
    def plan(session: Session) -> Plan:
        return Plan()

    async with Peer(plan) as peer, serving(peer.url) as running:
        _, good = running.open(Leg.CLIENT, "good")
        await until(lambda: good.states)
        peer.plan = lambda session: Plan("400")
        _, bad = running.open(Leg.CLIENT, "bad")
        await until(lambda: bad.states)
        peer.plan = plan
        _, later = running.open(Leg.CLIENT, "later")
        await until(lambda: later.states)
    assert bad.states[0][0] is LegState.STT_DOWN
    assert later.states == [(LegState.LIVE, None)]
    assert running.states == [ComponentState.UP]


async def test_places_go_to_clients_first_and_to_the_oldest_call() -> None:
    async with Peer() as peer, serving(peer.url, max_streams=3) as running:
        opened = {
            (number, leg): running.open(leg, f"c{number}", float(number))
            for number in (3, 1, 2)
            for leg in reversed(Leg)
        }
        await until(lambda: all(ear.states for _, ear in opened.values()))
        live = {place for place, (_, ear) in opened.items() if ear.states == [(LegState.LIVE, None)]}
        assert live == {(number, Leg.CLIENT) for number in (1, 2, 3)}
        waiting = [ear.states for place, (_, ear) in opened.items() if place not in live]
        assert waiting == [[(LegState.STT_WAITING, LIMIT_REASON)]] * 3
        assert running.states[-1] is ComponentState.DEGRADED
        await opened[2, Leg.CLIENT][0].finish(2.5)
        await until(lambda: opened[1, Leg.OPERATOR][1].states[-1] == (LegState.LIVE, None))
        assert opened[2, Leg.OPERATOR][1].states[-1][0] is LegState.STT_WAITING
        await until(lambda: (running.stt.counters.legs, running.stt.counters.legs_live) == (5, 3))
    assert peer.most_live <= 3


async def test_a_new_client_takes_the_place_of_the_youngest_operator() -> None:
    said = conversation(6, 20)
    async with Peer() as peer, serving(peer.url, max_streams=4) as running:
        opened = {(number, leg): running.open(leg, f"c{number}", float(number)) for number in (1, 2) for leg in Leg}
        await until(lambda: all(ear.states for _, ear in opened.values()))
        speaking = asyncio.create_task(speak(opened[2, Leg.OPERATOR][0], said.audio(), SPEED), name="speaker")
        await asyncio.sleep(0.3)
        third, ear = running.open(Leg.CLIENT, "c3", 3.0)
        await until(lambda: ear.states[-1:] == [(LegState.LIVE, None)])
        stream, lost = opened[2, Leg.OPERATOR]
        await until(lambda: lost.states[-1] == (LegState.STT_WAITING, LIMIT_REASON))
        await third.finish(2.5)
        await until(lambda: lost.states[-1] == (LegState.LIVE, None))
        await speaking
        await stream.finish(2.5)
        assert lost.text == said.text()
        assert lost.gaps == []
    assert peer.most_live <= 4


async def test_a_refusal_of_the_account_is_a_limit_that_is_felt_for_again() -> None:
    timing = replace(FAST, limit_probe_s=0.2, limit_probe_max_s=0.4)
    async with Peer(max_streams=2) as peer, serving(peer.url, timing) as running:
        opened = [running.open(Leg.CLIENT, f"c{number}", float(number)) for number in range(4)]
        await until(lambda: all(ear.states for _, ear in opened))
        await asyncio.sleep(0.6)
        assert Counter(ear.states[-1][0] for _, ear in opened) == {LegState.LIVE: 2, LegState.STT_WAITING: 2}
        assert len(peer.sessions) < 12
        peer.max_streams = 10
        await until(lambda: all(ear.states[-1][0] is LegState.LIVE for _, ear in opened))
        await until(lambda: running.states[-1] is ComponentState.UP)


async def test_no_more_requests_a_minute_than_allowed() -> None:
    timing = replace(FAST, minute_s=0.6, spacing_s=0.0)
    async with Peer(lambda session: Plan("503")) as peer, serving(peer.url, timing, requests_per_minute=5) as running:
        for number in range(20):
            running.open(Leg.CLIENT, f"c{number}", float(number))
        await asyncio.sleep(2.0)
        attempts = peer.attempts
    assert len(attempts) >= 6
    for first in attempts:
        assert sum(first <= moment < first + 0.55 for moment in attempts) <= 5


async def test_a_service_that_is_away_is_one_state_and_one_attempt_at_a_time() -> None:
    said = [conversation(20 + number, 20) for number in range(6)]
    with capture_logs() as logged:
        async with Peer() as peer, serving(peer.url) as running:
            opened = [running.open(Leg.CLIENT, f"c{number}", float(number)) for number in range(6)]
            await until(lambda: all(ear.states for _, ear in opened))
            async with asyncio.TaskGroup() as tasks:
                for (stream, _), script in zip(opened, said, strict=True):
                    tasks.create_task(speak(stream, script.audio(), SPEED), name="speaker")
                await asyncio.sleep(0.2)
                peer.lose_network()
                before = len(peer.attempts)
                await until(lambda: ComponentState.DOWN in running.states)
                assert len(peer.attempts) - before < 20
                peer.away = False
            for stream, _ in opened:
                await stream.finish(2.5)
    for (_, ear), script in zip(opened, said, strict=True):
        assert ear.text == script.text()
        assert ear.gaps == []
    assert running.states == [ComponentState.UP, ComponentState.DOWN, ComponentState.UP]
    assert {line["event"] for line in logged if line["log_level"] != "info"} <= {"stt_models_unreachable"}


async def test_a_handshake_refused_by_a_proxy_is_the_service_being_away() -> None:
    async with Peer() as peer, serving(peer.url) as running:
        peer.refuse = HTTPStatus.BAD_GATEWAY
        _, ear = running.open()
        await until(lambda: running.states == [ComponentState.DOWN])
        peer.refuse = None
        await until(lambda: ear.states[-1:] == [(LegState.LIVE, None)])


async def test_a_handshake_refused_for_the_key_needs_a_person() -> None:
    async with Peer() as peer, serving(peer.url) as running:
        peer.refuse = HTTPStatus.UNAUTHORIZED
        running.open()
        await until(lambda: running.states == [ComponentState.DOWN])
        assert running.statuses[0].action is not None


async def test_the_end_of_serving_ends_every_stream() -> None:
    async with Peer() as peer:
        async with serving(peer.url) as running:
            opened = [running.open(Leg.CLIENT, f"c{number}") for number in range(3)]
            await until(lambda: all(ear.states for _, ear in opened))
            for stream, _ in opened:
                stream.feed(silence(3000), 0)
        for stream, _ in opened:
            began = asyncio.get_running_loop().time()
            await stream.finish(2.0)
            assert asyncio.get_running_loop().time() - began < 0.1
        await until(lambda: peer.live == 0)


async def test_streams_opened_before_serving_are_served() -> None:
    said = conversation(30, 8)
    async with Peer() as peer, serving(peer.url) as running:
        stream, ear = running.open()  # the serving task has not run yet
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
    assert ear.text == said.text()


async def test_a_listener_that_fails_stops_neither_its_leg_nor_others() -> None:
    class Broken(Ear):
        def on_utterance(self, utterance: Utterance) -> None:
            super().on_utterance(utterance)
            raise RuntimeError("listener")

    said = conversation(31, 8)
    async with Peer() as peer, serving(peer.url) as running:
        broken = Broken()
        bad = running.stt.open(spec(call_id="bad"), broken)
        stream, ear = running.open()
        await asyncio.gather(speak(bad, said.audio(), SPEED), speak(stream, said.audio(), SPEED))
        await asyncio.gather(bad.finish(2.5), stream.finish(2.5))
    assert ear.text == broken.text == said.text()
