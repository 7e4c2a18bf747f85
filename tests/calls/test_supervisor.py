from __future__ import annotations

import asyncio
import gc
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from ari_bridge import events
from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.names import tap_names
from ari_bridge.calls.supervisor import REMEMBERED_NOTICES, mint_call_id
from ari_bridge.demo.pbx import CallScript, Drop, VirtualPbx
from ari_bridge.demo.pbx_faults import Fault
from ari_bridge.demo.pbx_script import Side, Way
from ari_bridge.events import Call, CallStatus, Direction, Event, Leg
from ari_bridge.history import CallRecord
from ari_bridge.interfaces import NoticeResult
from tests.calls.office import CLIENT_SAYS, OPERATOR_SAYS, NotingSpeech, Office, office, said_by
from tests.calls.says import NOON


def test_call_ids_are_ordered_by_time_and_unique() -> None:
    first = mint_call_id()
    time.sleep(0.002)
    later = [mint_call_id() for _ in range(1000)]
    assert len(set(later)) == 1000
    assert all(first < one for one in later)


@pytest.mark.parametrize("way", list(Way))
async def test_a_call_from_first_to_last(way: Way) -> None:
    async with office() as it:
        call = await it.talk(way=way)
        await it.until(lambda: len(said_by(it.speech.streams)) > 8000)
        assert len(it.supervisor.live_calls()) == 1
        assert len(it.supervisor.tapped_channels()) == 2
        call.hang_up(Side.OPERATOR)
        await it.until(lambda: it.of(events.CallEnded))
        await it.until_clean()
        assert it.statuses() == ["ringing", "answered", "ended"]
        [end] = it.of(events.CallEnded)
        assert end.reason == "Оператор положил трубку"
        assert it.published[0].type == "call_start"
        assert it.published[-1] is end
        assert {transcript.leg for transcript in it.of(events.Transcript)} == set(Leg)
        heard = {leg: said_by(it.speech.of(leg)) for leg in Leg}
        assert CLIENT_SAYS[:400] in heard[Leg.CLIENT]
        assert OPERATOR_SAYS[:400] in heard[Leg.OPERATOR]
        assert not set(CLIENT_SAYS) & set(heard[Leg.OPERATOR])
        assert it.supervisor.live_calls() == ()


# One call must not take down the others


async def test_a_fault_in_telling_of_one_call_concerns_no_other() -> None:
    def fail(event: Event) -> None:
        if isinstance(event, events.CallStarted | events.CallUpdated) and event.call.client_number == "+79000000001":
            raise RuntimeError("a programming fault")

    async with office(publish=fail) as it:
        it.pbx.call(CallScript(client="79000000001", ring_s=0.05, talk_s=0.5))
        await it.talk(client="79000000002", talk_s=1.0)
        await it.until(lambda: it.of(events.CallEnded))
        await it.until_clean()
        assert "answered" in it.statuses()


async def test_an_event_that_cannot_be_taken_does_not_end_the_following() -> None:
    async with office() as it:
        await it.talk(talk_s=0.3)
        it.supervisor.deliver(ari.ChannelSeen(None))  # type: ignore[arg-type] — a programming fault
        await it.until(lambda: it.of(events.CallEnded))
        await it.talk(talk_s=0.3)
        await it.until(lambda: len(it.of(events.CallEnded)) == 2)


async def test_a_fault_in_a_beat_concerns_no_other_call() -> None:
    beats: list[str] = []

    def fail(event: Event) -> None:
        if isinstance(event, events.Level):
            beats.append(event.call_id)
            if event.call_id == it.of(events.CallStarted)[0].call.id:
                raise RuntimeError("a programming fault")

    async with office(publish=fail) as it:
        await it.talk(client="79000000001")
        await it.talk(client="79000000002")
        await it.until(lambda: len(set(beats)) == 2)


# Stopping


async def test_draining_takes_the_last_words_and_cleans_asterisk_while_the_call_goes_on() -> None:
    async with office(speech=NotingSpeech(last_word_s=0.3)) as it:
        call = await it.talk()
        await it.until(lambda: len(said_by(it.speech.streams)) > 4000)
        started = time.monotonic()
        await it.supervisor.drain()
        assert 0.25 < time.monotonic() - started < 2
        assert all(stream.finished for stream in it.speech.streams)
        assert len(it.of(events.Transcript)) == 2
        assert it.ours() == []
        assert it.of(events.CallEnded) == [], "it has not ended"
        assert len(it.pbx.board.channels) == 2
        call.hang_up()
        await it.until(lambda: it.of(events.CallEnded))


async def test_a_call_that_begins_while_we_stop_is_left_alone() -> None:
    async with office() as it:
        await it.supervisor.drain()
        call = it.pbx.call(CallScript(client="79001234567", ring_s=0.05, talk_s=0.3))
        await call.ended.wait()
        await asyncio.sleep(0.1)
        assert it.published == []
        assert it.ours() == []


async def test_draining_does_not_last_however_slow_asterisk_is() -> None:
    async with office() as it:
        await it.talk()
        it.pbx.faults.add(Fault(delay_s=20, method="DELETE", times=100))
        started = time.monotonic()
        await it.supervisor.drain(0.5)
        assert time.monotonic() - started < 1


async def test_draining_without_calls_is_quick() -> None:
    async with office() as it:
        await asyncio.wait_for(it.supervisor.drain(), 0.5)


# ARI comes and goes


@pytest.mark.parametrize("how", list(Drop))
async def test_audio_goes_on_while_the_line_is_away_and_the_taps_are_kept(how: Drop) -> None:
    async with office() as it:
        await it.talk()
        taps = set(it.ours())
        await it.pbx.drop_events("ari_bridge", how)
        before = len(said_by(it.speech.streams))
        await it.until(lambda: len(said_by(it.speech.streams)) > before + 8000)
        await it.until(it.line_up, 8)
        assert set(it.ours()) == taps
        assert len(it.speech.streams) == 2, "the same streams go on"


async def test_a_call_that_ends_while_the_line_is_away_is_closed_at_the_next_list() -> None:
    async with office() as it:
        call = await it.talk()
        await it.pbx.go_offline()
        call.hang_up()
        await call.ended.wait()
        assert it.of(events.CallEnded) == []
        await it.pbx.go_online()
        [end] = await it.until(lambda: it.of(events.CallEnded))
        assert end.reason == "Звонок завершён"
        await it.until_clean()


@pytest.mark.parametrize("kind", ["snoop", "media"])
async def test_half_a_tap_after_a_reconnect_is_made_anew(kind: str) -> None:
    async with office() as it:
        call = await it.talk()
        names = tap_names("ari_bridge", call.caller_channel)
        await it.pbx.drop_events("ari_bridge", Drop.CLEAN)
        it.pbx.board.destroy(it.pbx.board.channels[getattr(names, kind)], 16)
        it.pbx.soon(lambda: None)
        before = len(said_by(it.speech.of(Leg.CLIENT)))
        await it.until(it.line_up)
        await it.until(lambda: getattr(names, kind) in it.pbx.board.channels)
        await it.until(lambda: len(said_by(it.speech.of(Leg.CLIENT))) > before + 4000)


async def test_a_snoop_that_somebody_ends_is_made_anew() -> None:
    async with office() as it:
        call = await it.talk()
        names = tap_names("ari_bridge", call.caller_channel)
        for _ in range(2):
            await it.client.call("channels", "hangup", channelId=names.snoop)
            before = len(said_by(it.speech.of(Leg.CLIENT)))
            await it.until(lambda before=before: len(said_by(it.speech.of(Leg.CLIENT))) > before + 4000)  # type: ignore[misc]
        assert names.snoop in it.pbx.board.channels
        assert len(it.speech.of(Leg.CLIENT)) == 1, "the same stream goes on"


async def test_late_news_of_an_earlier_snoop_do_not_end_this_one() -> None:
    """Events are taken after they came: when a tap was made anew meanwhile, both snoops had one id."""
    async with office() as it:
        call = await it.talk()
        names = tap_names("ari_bridge", call.caller_channel)
        first = it.pbx.board.channels[names.snoop].name
        await it.client.call("channels", "hangup", channelId=names.snoop)
        before = len(said_by(it.speech.of(Leg.CLIENT)))
        await it.until(lambda: len(said_by(it.speech.of(Leg.CLIENT))) > before + 4000)
        second = it.pbx.board.channels[names.snoop].name
        late = {"type": "StasisEnd", "channel": {"id": names.snoop, "name": first}}
        it.pbx.events.inject("ari_bridge", json.dumps(late))
        await asyncio.sleep(0.3)
        assert it.pbx.board.channels[names.snoop].name == second != first


# Notices


async def test_notices() -> None:
    async with office(trunks=()) as it:
        assert await it.supervisor.call_start("bad id!", None) is NoticeResult.UNKNOWN
        assert await it.supervisor.call_start("1.2", None) is NoticeResult.UNKNOWN
        assert await it.supervisor.call_end("1.2") is NoticeResult.UNKNOWN
        call = it.pbx.call(CallScript(client="79001234567", ring_s=0.3, talk_s=0.3))
        assert await it.supervisor.call_start(call.caller_channel, "79001234567") is NoticeResult.ACCEPTED
        assert await it.supervisor.call_start(call.caller_channel, "79001234567") is NoticeResult.REPEATED
        assert await it.supervisor.call_end(call.caller_channel) is NoticeResult.ACCEPTED
        assert await it.supervisor.call_end(call.caller_channel) is NoticeResult.REPEATED
        await it.until(lambda: it.of(events.CallEnded))
        assert len(it.of(events.CallStarted)) == 1
        await call.ended.wait()
        assert await it.supervisor.call_start(call.caller_channel, "79001234567") is NoticeResult.REPEATED


async def test_a_notice_is_answered_within_30_ms_whatever_ari_does() -> None:
    async with office() as it:
        it.pbx.faults.add(Fault(delay_s=20, times=10_000))
        for channel_id in ("nobody.1", "nobody.2"):
            started = time.monotonic()
            assert await it.supervisor.call_start(channel_id, None) is NoticeResult.UNKNOWN
            assert time.monotonic() - started < 0.1
        await it.pbx.go_offline()
        await it.until(lambda: not it.listener.connected)
        assert await it.supervisor.call_start("somebody.1", None) is NoticeResult.ACCEPTED, "nobody can tell"


async def test_remembered_notices_are_bounded() -> None:
    async with office() as it:
        await it.pbx.go_offline()
        await it.until(lambda: not it.listener.connected)
        for number in range(REMEMBERED_NOTICES + 5):
            await it.supervisor.call_start(f"somebody.{number}", None)
        assert await it.supervisor.call_end("somebody.0") is NoticeResult.UNKNOWN
        assert await it.supervisor.call_end("somebody.5") is NoticeResult.ACCEPTED


# After a restart


def record(client_channel: str, **members: Any) -> CallRecord:
    call = Call("old", "+79001234567", "+79001234567", None, Direction.INBOUND, NOON, client_channel=client_channel)
    line = events.Transcript("old", Leg.CLIENT, 7, "Дорого", "", True, 1000, 2000)
    return CallRecord(replace(call, **members), transcript=(line,), last_utterance={Leg.CLIENT: 7})


async def test_a_remembered_call_goes_on_with_its_words_and_numbers() -> None:
    async with VirtualPbx() as pbx:
        call = pbx.call(CallScript(client="79001234567", ring_s=0.01, talk_s=10, client_audio=CLIENT_SAYS))
        await call.answered.wait()
        past = record(call.caller_channel, answered_at=NOON, zero_at=NOON, status=CallStatus.ANSWERED)

        class _Same:
            """The PBX of before: the office must not end it."""

            async def __aenter__(self) -> VirtualPbx:
                return pbx

            async def __aexit__(self, *_: object) -> None:
                return

        async with office(pbx=_Same(), remember=lambda supervisor: supervisor.remember([past])) as it:  # type: ignore[arg-type]
            await it.until(lambda: len(it.speech.streams) == 2)
            assert it.of(events.CallStarted)[0].call.id == "old"
            assert it.restored == [past.transcript[0]]
            [client_gap] = [gap for gap in it.of(events.Gap) if gap.leg is Leg.CLIENT]
            assert (client_gap.start_ms, client_gap.reason) == (2000, "ari_bridge перезапускался")
            call.hang_up()
            await it.until(lambda: it.of(events.CallEnded))
            numbers = {line.leg: line.utterance for line in it.of(events.Transcript)}
            assert numbers == {Leg.CLIENT: 8, Leg.OPERATOR: 1}
            assert it.speech.of(Leg.CLIENT)[0].starts[0] > 2000, "the time line goes on"


async def test_a_remembered_call_that_has_ended_is_closed_once() -> None:
    past = record("long.gone", answered_at=NOON, zero_at=NOON)
    async with office(remember=lambda supervisor: supervisor.remember([past])) as it:
        [end] = await it.until(lambda: it.of(events.CallEnded))
        assert (end.call_id, end.duration_ms) == ("old", 2000)
        await it.pbx.drop_events("ari_bridge", Drop.CLEAN)
        await it.until(lambda: not it.line_up())
        await it.until(it.line_up)
        assert it.of(events.CallEnded) == [end]


async def test_what_is_our_own_is_no_part_of_the_picture() -> None:
    """Neither while it comes and goes, nor where a list shows it: it would stay there for ever."""
    async with office() as it:
        call = await it.talk()
        await it.until(lambda: len(it.ours()) == 6)  # two taps of three
        picture = vars(it.supervisor)["_registry"].world
        assert set(picture.channels) == {call.client_channel, call.operator_channel}
        await it.pbx.drop_events("ari_bridge", Drop.CLEAN)
        await it.until(lambda: not it.listener.connected)
        await it.until(lambda: it.listener.connected)
        await it.until(lambda: set(picture.channels) == {call.client_channel, call.operator_channel})
        call.hang_up()
        await it.until_clean()
        assert not picture.channels
        assert len(vars(picture)["_gone"]) == 2


# Many


async def until_all(it: Office, count: int) -> None:
    await it.until(lambda: len(it.of(events.CallEnded)) == count, 30)
    await it.until_clean(15)


async def test_many_short_calls_leave_nothing_behind() -> None:
    async with office() as it:
        for wave in range(5):
            for n in range(20):
                it.pbx.call(CallScript(client=f"79{wave:04}{n:05}", ring_s=0.05 * (n % 4), talk_s=0.1 * (n % 3)))
            await until_all(it, 20 * (wave + 1))
        kept = {name: value for name, value in vars(it.supervisor).items() if hasattr(value, "__len__")}
        assert {name: len(value) for name, value in kept.items() if len(value)} == {"_app": 10, "_trunks": 1}
        assert len(it.of(events.CallStarted)) == 100
        tasks = {task.get_name() for task in asyncio.all_tasks()}
        assert not any(name.startswith(("call[", "tap[")) for name in tasks)


async def test_an_ended_call_is_freed_at_once_and_waits_for_no_collector() -> None:
    """What hangs in a ring of references keeps its audio until the collector comes round, which is made to be rare."""
    async with office() as it:
        before = {id(one) for one in gc.get_objects()}
        gc.disable()
        try:
            await it.talk(talk_s=0.3)
            await it.until(lambda: it.of(events.CallEnded))
            await it.until_clean()
            it.speech.streams.clear()  # the test's own notes know who listens
            left = [type(one).__name__ for one in gc.get_objects() if id(one) not in before]
        finally:
            gc.enable()
        assert not {"LiveCall", "Voice", "ChannelTap", "FrameBook", "AudioHealth"} & set(left)


async def test_a_flood_of_events_does_not_keep_others_waiting() -> None:
    async with office() as it:
        stranger = ari.parse_channel({"id": "1", "name": "PJSIP/9-1"})
        for _ in range(20_000):
            it.supervisor.deliver(ari.ChannelSeen(stranger))
        longest, before = 0.0, time.monotonic()
        for _ in range(20):
            await asyncio.sleep(0.001)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        assert longest < 0.2
