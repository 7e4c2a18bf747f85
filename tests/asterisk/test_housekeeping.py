from __future__ import annotations

import asyncio

import pytest

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.asterisk.housekeeping import (
    hand_back,
    list_all,
    parties_inside,
    release,
    remove_strays,
    with_linkedids,
)
from ari_bridge.asterisk.names import tap_names
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.demo.pbx import CallScript, VirtualCall, VirtualPbx
from ari_bridge.demo.pbx_faults import Fault
from ari_bridge.demo.pbx_script import Way
from tests.asterisk.conftest import settings_for
from tests.demo.pbx_ari import Ari

APP = "ari_bridge"


def inside(channel_id: str, app_name: str | None, app_data: str | None) -> ari.Channel:
    raw = {
        "id": channel_id,
        "name": f"PJSIP/mango-{channel_id}",
        "dialplan": {"app_name": app_name, "app_data": app_data},
    }
    return ari.parse_channel(raw)


def test_parties_inside_are_those_that_wait_in_our_application() -> None:
    channels = (
        inside("1", "Stasis", "ari_bridge"),
        inside("2", "Stasis", "ari_bridge,with,arguments"),
        inside("3", "Stasis", "ari_bridge_other"),
        inside("4", "Dial", "ari_bridge"),
        inside("5", None, None),
        inside(tap_names(APP, "1").snoop, "Stasis", "ari_bridge"),
    )
    assert [channel.id for channel in parties_inside(channels, APP)] == ["1", "2"]


async def strand(pbx: VirtualPbx, count: int) -> list[VirtualCall]:
    """Calls that wait in Stasis of a daemon that has died, and the left-overs of its taps."""
    async with Ari(pbx.url) as dead:
        log = await dead.listen(APP, subscribeAll="true")
        calls = [
            pbx.call(CallScript(client=f"7900000000{n}", way=Way.STASIS, ring_s=0.01, talk_s=1)) for n in range(count)
        ]
        await dead.do("POST", f"/bridges/{tap_names(APP, 'x').bridge}", type="mixing")
        await log.until(lambda e: e["type"] == "StasisStart" and e["channel"]["id"] == calls[-1].caller_channel)
    return calls


async def test_release_hands_back_every_party_and_removes_all_that_was_ours(pbx: VirtualPbx) -> None:
    calls = await strand(pbx, 3)
    assert await release(settings_for(pbx))
    for call in calls:
        await asyncio.wait_for(call.answered.wait(), 2)
    assert not any(one.startswith(APP) for one in pbx.holdings())


async def test_a_party_that_cannot_be_released_keeps_no_other_inside(pbx: VirtualPbx) -> None:
    calls = await strand(pbx, 3)
    pbx.faults.add(Fault(status=500, path=f"/channels/{calls[0].caller_channel}/continue"))
    assert not await release(settings_for(pbx)), "not everything could be done, which the exit code tells"
    for call in calls[1:]:
        await asyncio.wait_for(call.answered.wait(), 2)
    assert not any(one.startswith(APP) for one in pbx.holdings())


async def test_a_stray_that_cannot_be_removed_is_told(pbx: VirtualPbx) -> None:
    await strand(pbx, 1)
    pbx.faults.add(Fault(status=500, method="DELETE"))
    assert not await release(settings_for(pbx))


async def test_release_without_asterisk_says_so(pbx: VirtualPbx) -> None:
    assert not await release(settings_for(pbx, password="mistyped"))
    assert not await release(settings_for(pbx, url="http://127.0.0.1:9"))


@pytest.mark.parametrize(("status", "raised"), [(404, False), (409, False), (500, True), (403, True)])
async def test_a_party_that_is_not_there_any_more_is_fine(
    client: AriClient, pbx: VirtualPbx, status: int, raised: bool
) -> None:
    pbx.faults.add(Fault(status=status, path="/channels/*/continue"))
    if raised:
        with pytest.raises(AriError):
            await hand_back(client, "1")
    else:
        await hand_back(client, "1")


async def test_a_party_that_is_said_to_be_gone_and_is_not_is_not_believed_gone(
    client: AriClient, pbx: VirtualPbx
) -> None:
    [call] = await strand(pbx, 1)
    pbx.faults.add(Fault(status=404, path="/channels/*/continue"))
    with pytest.raises(AriError):
        await hand_back(client, call.caller_channel)
    pbx.faults.add(Fault(status=409, path="/channels/*/continue"))
    pbx.faults.add(Fault(status=500, path=f"/channels/{call.caller_channel}"))
    with pytest.raises(AriError):
        await hand_back(client, call.caller_channel)
    await hand_back(client, call.caller_channel)
    await asyncio.wait_for(call.answered.wait(), 2)


async def test_a_tap_that_begins_meanwhile_is_left_alone(client: AriClient, pbx: VirtualPbx) -> None:
    """The list is a moment old when the removal comes: whose channel it is shows then."""
    for channel_id in ("1", "2"):
        name = tap_names(APP, channel_id).bridge
        await client.call("bridges", "createWithId", bridgeId=name, type="mixing", name=name)
    listing = await list_all(client)
    assert await remove_strays(Tapper(client, APP, 1.0), listing, APP, lambda: frozenset({"2"}))
    assert pbx.holdings() == [tap_names(APP, "2").bridge]


async def test_who_is_being_dialled_says_for_which_call(client: AriClient, pbx: VirtualPbx) -> None:
    call = pbx.call(CallScript(client="79001234567", ringing=("1001", "1002"), ring_s=5.0))
    async with asyncio.timeout(5):
        while len(pbx.holdings()) < 3:
            await asyncio.sleep(0.01)
    listing = await with_linkedids(client, await list_all(client))
    assert {channel.id: channel.linkedid for channel in listing[0]} == {
        channel.id: None if channel.id == call.caller_channel else call.linkedid for channel in listing[0]
    }
    pbx.faults.add(Fault(status=500, path="/channels/*/variable", times=2))
    channels, _ = await with_linkedids(client, await list_all(client))
    assert [channel.linkedid for channel in channels] == [None, None, None], "not known, and no harm"


async def test_many_strays_are_removed_side_by_side(client: AriClient, pbx: VirtualPbx) -> None:
    for number in range(32):
        name = tap_names(APP, str(number)).bridge
        await client.call("bridges", "createWithId", bridgeId=name, type="mixing", name=name)
    pbx.faults.add(Fault(delay_s=0.3, method="DELETE", times=100))
    listing = await list_all(client)
    async with asyncio.timeout(2):
        assert await remove_strays(Tapper(client, APP, 1.0), listing, APP, frozenset)
    assert pbx.holdings() == []
