from __future__ import annotations

import asyncio
import time

import pytest

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.names import tap_names
from ari_bridge.demo.pbx import CallScript, Drop, VirtualPbx
from ari_bridge.demo.pbx_apps import EVERYTHING
from ari_bridge.demo.pbx_faults import Fault
from ari_bridge.demo.pbx_requests import DEFAULT_MODULES
from ari_bridge.demo.pbx_script import Way
from ari_bridge.events import ComponentState
from tests.asterisk.conftest import settings_for
from tests.asterisk.line import Line, line
from tests.demo.pbx_ari import Ari, RtpSocket

APP = "ari_bridge"
SHORT = CallScript(client="79001234567", ring_s=0.05, talk_s=0.2)


def connections(pbx: VirtualPbx) -> int:
    return sum(request.path == "/events" for request in pbx.faults.requests)


# What is delivered


async def test_a_snapshot_first_then_events_in_their_order(pbx: VirtualPbx) -> None:
    before = pbx.call(CallScript(client="79001234567", talk_s=5))
    await before.answered.wait()
    async with line(settings_for(pbx)) as heard:
        await heard.until(lambda: heard.events)
        [snapshot] = heard.of(ari.Snapshot)
        assert heard.events[0] is snapshot
        assert {channel.resource for channel in snapshot.channels} == {"mango", "1001"}
        assert [len(bridge.channels) for bridge in snapshot.bridges] == [2]
        await heard.until_up()
        call = pbx.call(SHORT)
        await call.ended.wait()
        await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 2)
        statuses = [event.status for event in heard.of(ari.Dialled)]
        assert statuses == ["", "RINGING", "ANSWER"]
        assert heard.listener.connected


async def test_what_happens_while_the_snapshot_is_made_comes_after_it(pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(delay_s=0.4, path="/bridges"))
    async with line(settings_for(pbx)) as heard:
        async with asyncio.timeout(2):
            while not any(request.path == "/bridges" for request in pbx.faults.requests):
                await asyncio.sleep(0.01)
        call = pbx.call(SHORT)
        await call.ended.wait()
        await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 2)
        assert isinstance(heard.events[0], ari.Snapshot)
        assert heard.events[0].channels == ()
        assert len(heard.of(ari.Dialled)) == 3


async def test_only_needed_events_are_asked_for(pbx: VirtualPbx) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        application = pbx.board.apps.get(APP)
        assert sorted(rule["type"] for rule in application.allowed) == sorted(ari.NEEDED)
        await pbx.call(SHORT).ended.wait()
        assert not heard.listener.unknown


async def test_without_filter_and_with_noise_all_goes_on(pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(status=405, path="/applications/*/eventFilter"))
    pbx.events.noise = True
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        pbx.events.inject(APP, "no json")
        pbx.events.inject(APP, '{"type": "ChannelCreated"}')
        pbx.events.inject(APP, '{"type": "ChannelCreated", "channel": 7}')
        await pbx.call(SHORT).ended.wait()
        await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 2)
        assert heard.listener.unknown["NobodyKnowsThis"] > 10
        assert heard.listener.unknown["ChannelVarset"] > 0
        assert (heard.listener.unknown[""], heard.listener.unknown["ChannelCreated"]) == (1, 2)
        assert heard.states[-1].state is ComponentState.UP


async def test_what_is_ours_is_told_to_the_tapper_and_not_delivered_as_a_party(pbx: VirtualPbx) -> None:
    call = pbx.call(CallScript(client="79001234567", talk_s=5))
    await call.answered.wait()
    async with line(settings_for(pbx), tapped=frozenset({call.caller_channel})) as heard:
        await heard.until_up()
        with RtpSocket() as rtp:
            await heard.tapper.create_media(call.caller_channel, "127.0.0.1", rtp.port, "alaw")
            await heard.tapper.create_snoop(call.caller_channel)
            await heard.tapper.release(call.caller_channel)
        await heard.until(lambda: heard.of(ari.StasisLeft))
        assert heard.of(ari.StasisEntered) == []


# Parties in Stasis


async def test_a_party_in_stasis_is_sent_on_at_once(pbx: VirtualPbx) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        started = time.monotonic()
        call = pbx.call(CallScript(client="79001234567", way=Way.STASIS, ring_s=0.01, talk_s=0.1))
        await asyncio.wait_for(call.answered.wait(), 2)
        assert time.monotonic() - started < 0.5
        assert [event.channel.id for event in heard.of(ari.StasisEntered)] == [call.caller_channel]
        await call.ended.wait()


async def test_a_party_is_sent_on_however_often_asterisk_refuses(pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(status=500, path="/channels/*/continue", times=3))
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        call = pbx.call(CallScript(client="79001234567", way=Way.STASIS, ring_s=0.01, talk_s=0.1))
        await asyncio.wait_for(call.answered.wait(), 3)


@pytest.mark.parametrize(("status", "delay_s"), [(404, 0.0), (None, 10.0)])
async def test_a_party_said_to_be_gone_or_not_answered_for_is_sent_on(
    pbx: VirtualPbx, status: int | None, delay_s: float
) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        pbx.faults.add(Fault(status=status, delay_s=delay_s, path="/channels/*/continue"))
        call = pbx.call(CallScript(client="79001234567", way=Way.STASIS, ring_s=0.01, talk_s=0.1))
        await asyncio.wait_for(call.answered.wait(), 2)


async def test_a_party_does_not_wait_for_a_request_that_stalls(pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(delay_s=20, path="/channels/*/continue"))
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        started = time.monotonic()
        call = pbx.call(CallScript(client="79001234567", way=Way.STASIS, ring_s=0.01, talk_s=0.1))
        await asyncio.wait_for(call.answered.wait(), 3)
        assert time.monotonic() - started < 1.5


async def test_parties_left_in_stasis_are_handed_back_before_anything_else(pbx: VirtualPbx) -> None:
    async with Ari(pbx.url) as dead:
        log = await dead.listen(APP, subscribeAll="true")
        calls = [pbx.call(CallScript(client=f"7900000000{n}", way=Way.STASIS, ring_s=0.01, talk_s=1)) for n in range(3)]
        await log.until(lambda e: e["type"] == "StasisStart")
    pbx.faults.add(Fault(status=500, path=f"/channels/{calls[0].caller_channel}/continue", times=1000))
    async with line(settings_for(pbx)) as heard:
        for call in calls[1:]:
            await asyncio.wait_for(call.answered.wait(), 3)
        await heard.until_up()
        pbx.faults.clear()
        await asyncio.wait_for(calls[0].answered.wait(), 3)


async def test_a_line_that_is_closed_while_a_party_waits_is_opened_again(pbx: VirtualPbx) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        pbx.faults.add(Fault(status=500, path="/channels/*/continue", times=10_000))
        call = pbx.call(CallScript(client="79001234567", way=Way.STASIS, ring_s=0.01, talk_s=0.1))
        await heard.until(lambda: heard.of(ari.StasisEntered))
        await pbx.drop_events(APP, Drop.CLEAN)
        await heard.until(lambda: len(heard.of(ari.Snapshot)) == 2)
        pbx.faults.clear()
        await asyncio.wait_for(call.answered.wait(), 3)


# The line comes and goes


@pytest.mark.parametrize("how", list(Drop))
async def test_a_line_that_is_lost_is_opened_again(pbx: VirtualPbx, how: Drop) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        await pbx.drop_events(APP, how)
        down = await heard.until_state(ComponentState.DOWN)
        assert down.reason
        assert not heard.listener.connected
        await heard.until_up()
        await heard.until(lambda: len(heard.of(ari.Snapshot)) == 2)
        assert heard.listener.connected


async def test_asterisk_away_and_back(pbx: VirtualPbx) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        await pbx.go_offline()
        await heard.until(lambda: "не отвечает по адресу" in (heard.states[-1].reason or ""))
        await asyncio.sleep(0.3)
        assert heard.states[-1].state is ComponentState.DOWN, "while the fault lasts it stays told"
        await pbx.go_online()
        await heard.until_up()


async def test_another_process_takes_the_application_over(pbx: VirtualPbx) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        async with Ari(pbx.url) as other:
            await other.listen(APP, subscribeAll="true")
            await heard.until(lambda: any("занял другой процесс" in (s.reason or "") for s in heard.states))
            await heard.until_up()


async def test_two_daemons_do_not_take_turns_as_fast_as_they_can(pbx: VirtualPbx) -> None:
    settings = settings_for(pbx, reconnect_max_s=2.0)
    async with line(settings) as one, line(settings) as two:
        await one.until(lambda: any("занял" in (s.reason or "") for s in (*one.states, *two.states)))
        before = connections(pbx)
        await asyncio.sleep(3)
        assert connections(pbx) - before <= 6


@pytest.mark.parametrize("later", [False, True])
async def test_a_line_whose_application_is_unknown_is_given_up(pbx: VirtualPbx, later: bool) -> None:
    """Asterisk forgets the application when the end of the line before comes late; the line itself stays up."""
    if not later:
        pbx.faults.add(Fault(status=404, path=f"/applications/{APP}", times=20))
    async with line(settings_for(pbx)) as heard:
        if later:
            await heard.until_up()
            pbx.faults.add(Fault(status=404, path=f"/applications/{APP}", times=20))
        await heard.until(lambda: any("не знает приложения" in (s.reason or "") for s in heard.states))
        await heard.until_up()
        assert connections(pbx) >= 2


async def test_the_line_is_subscribed_to_channels_and_bridges_alone(pbx: VirtualPbx) -> None:
    """Asterisk locks up where a line that is subscribed to device states ends: asterisk/asterisk#2170."""
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        shown = pbx.board.apps.get(APP).to_json()
        assert (shown["channel_ids"], shown["bridge_ids"]) == ([EVERYTHING["channel"]], [EVERYTHING["bridge"]])
        assert (shown["endpoint_ids"], shown["device_names"]) == ([], [])


async def test_an_application_that_is_there_without_subscriptions_is_subscribed(pbx: VirtualPbx) -> None:
    async with Ari(pbx.url) as other:
        await other.listen(APP)
        async with line(settings_for(pbx)) as heard:
            await heard.until_up()
            call = pbx.call(SHORT)
            await call.ended.wait()
            await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 2)
            assert connections(pbx) == 2, "the other one's and ours"


async def test_a_line_that_has_lost_its_subscriptions_is_given_up(pbx: VirtualPbx) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        pbx.board.apps.get(APP).interest.clear()
        await heard.until(lambda: any("не знает приложения" in (s.reason or "") for s in heard.states))
        await heard.until_up()
        assert connections(pbx) == 2


async def test_an_application_that_comes_a_moment_late_is_waited_for(pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(status=404, path=f"/applications/{APP}", times=2))
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        assert connections(pbx) == 1


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"password": "mistyped"}, "401"),
        ({"url": "http://127.0.0.1:9"}, "не отвечает"),
        ({"username": None}, "не заданы"),
    ],
)
async def test_wrong_settings_are_told_and_tried_again(pbx: VirtualPbx, wrong: dict[str, object], cause: str) -> None:
    async with line(settings_for(pbx, **wrong)) as heard:
        down = await heard.until_state(ComponentState.DOWN)
        assert cause in (down.reason or "")
        assert down.action
        await asyncio.sleep(0.3)
        assert heard.states[-1] == down


async def test_asterisk_that_still_loads(pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(status=503, times=5))
    async with line(settings_for(pbx)) as heard:
        down = await heard.until_state(ComponentState.DOWN)
        assert "загружается" in (down.reason or "")
        await heard.until_up()


@pytest.mark.parametrize("path", ["/channels", "/bridges", f"/applications/{APP}/eventFilter", f"/applications/{APP}"])
@pytest.mark.parametrize("fault", [Fault(status=500), Fault(delay_s=5.0)])
async def test_a_fault_at_any_step_of_the_beginning_is_tried_again(pbx: VirtualPbx, path: str, fault: Fault) -> None:
    pbx.faults.add(Fault(status=fault.status, delay_s=fault.delay_s, path=path))
    async with line(settings_for(pbx, request_timeout_s=0.3)) as heard:
        await heard.until_up()
        assert [state.state for state in heard.states][-1] is ComponentState.UP
        await pbx.call(SHORT).ended.wait()
        await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 2)


# What would keep us from tapping


async def test_a_missing_module_is_told_until_it_is_there() -> None:
    modules = tuple(name for name in DEFAULT_MODULES if name != "chan_rtp.so")
    async with VirtualPbx(modules=modules) as pbx, line(settings_for(pbx)) as heard:
        down = await heard.until_state(ComponentState.DOWN)
        assert "chan_rtp.so" in (down.reason or "")


async def test_a_trunk_that_does_not_exist_is_told(pbx: VirtualPbx) -> None:
    async with line(settings_for(pbx, trunks=["PJSIP/beeline"])) as heard:
        degraded = await heard.until_state(ComponentState.DEGRADED)
        assert "PJSIP/mango" in (degraded.reason or "")


@pytest.mark.parametrize(
    "fault", [Fault(status=500, times=3), Fault(status=403, times=3), Fault(delay_s=5.0), Fault(status=401, times=3)]
)
@pytest.mark.parametrize("path", ["/asterisk/modules", "/endpoints", "/channels"])
async def test_a_request_that_fails_later_does_not_cut_the_line(pbx: VirtualPbx, path: str, fault: Fault) -> None:
    async with line(settings_for(pbx, request_timeout_s=0.3)) as heard:
        await heard.until_up()
        pbx.faults.add(Fault(status=fault.status, delay_s=fault.delay_s, times=fault.times, path=path))
        if path != "/channels":
            await heard.until_state(ComponentState.DOWN)
        await asyncio.sleep(0.5)
        await pbx.call(SHORT).ended.wait()
        await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 2)
        await heard.until_up()
        assert connections(pbx) == 1
        assert len(heard.of(ari.Snapshot)) == 1


# Left-overs


async def leave_behind(pbx: VirtualPbx, *channels: str) -> None:
    """What a daemon that was killed leaves: media and bridge of these channels, by our names."""
    async with Ari(pbx.url) as dead:
        log = await dead.listen(APP, subscribeAll="true")
        for channel_id in channels:
            names = tap_names(APP, channel_id)
            query = {"app": APP, "external_host": "127.0.0.1:40000", "format": "alaw", "channelId": names.media}
            await dead.do("POST", "/channels/externalMedia", **query)
            await dead.do("POST", f"/bridges/{names.bridge}", type="mixing")
            await log.until(lambda e, one=names.media: e["type"] == "StasisStart" and e["channel"]["id"] == one)  # type: ignore[misc]


async def test_what_a_killed_daemon_left_is_removed_and_nothing_else(pbx: VirtualPbx) -> None:
    call = pbx.call(CallScript(client="79001234567", talk_s=5))
    await call.answered.wait()
    await leave_behind(pbx, call.caller_channel, "long.gone")
    async with Ari(pbx.url) as other:
        await other.do("POST", "/bridges/somebody-elses", type="mixing")
    parties = set(pbx.board.channels) - {tap_names(APP, c).media for c in (call.caller_channel, "long.gone")}
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        await heard.until(lambda: not any(one.startswith(APP) for one in pbx.holdings()))
        assert set(pbx.board.channels) == parties
        assert "somebody-elses" in pbx.board.bridges


async def test_the_taps_that_live_are_left_alone(pbx: VirtualPbx) -> None:
    await leave_behind(pbx, "alive.1", "dead.1")
    async with line(settings_for(pbx), tapped=frozenset({"alive.1"})) as heard:
        await heard.until_up()
        await asyncio.sleep(0.5)
        assert {one for one in pbx.holdings() if one.startswith(APP)} == {
            tap_names(APP, "alive.1").media,
            tap_names(APP, "alive.1").bridge,
        }


async def test_what_comes_late_is_swept(pbx: VirtualPbx) -> None:
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        await heard.client.call("bridges", "createWithId", bridgeId=tap_names(APP, "1").bridge, type="mixing", name="x")
        await heard.until(lambda: not pbx.holdings())


async def test_what_cannot_be_removed_is_tried_again(pbx: VirtualPbx) -> None:
    await leave_behind(pbx, "dead.1")
    pbx.faults.add(Fault(status=500, method="DELETE", times=2))
    async with line(settings_for(pbx)) as heard:
        await heard.until(lambda: not pbx.holdings())


# Our own faults


async def test_a_fault_of_ours_costs_a_connection_and_never_the_daemon(pbx: VirtualPbx) -> None:
    def fail(event: ari.TelephonyEvent) -> None:
        if isinstance(event, ari.Dialled):
            raise RuntimeError("a programming fault")

    async with line(settings_for(pbx), deliver=fail) as heard:
        await heard.until_up()
        pbx.call(SHORT)
        await heard.until(lambda: any("ошибка ari_bridge" in (s.reason or "") for s in heard.states))
        await heard.until_up()


async def test_a_reader_is_not_needed_while_events_pour_in(pbx: VirtualPbx) -> None:
    """300 calls within a second: none is lost, and the line is not cut for a slow reader."""
    heard: Line
    async with line(settings_for(pbx)) as heard:
        await heard.until_up()
        calls = [pbx.call(CallScript(client=f"79{n:09}", ring_s=0.2, talk_s=0.2)) for n in range(300)]
        for call in calls:
            await call.ended.wait()
        await heard.until(lambda: len(heard.of(ari.ChannelGone)) == 600, 20)
        assert connections(pbx) == 1
