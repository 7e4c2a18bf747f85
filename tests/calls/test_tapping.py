from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from ari_bridge.asterisk.route import Router, Transport
from ari_bridge.calls.leg import State
from ari_bridge.calls.tapping import ChannelTap, TapOutcome, Turns
from ari_bridge.demo.pbx import CallScript
from ari_bridge.demo.pbx_faults import Fault
from media.codecs import Codec
from media.framing import Frame, Gap
from media.receiver import Receiver, Slice
from tests.calls.office import CLIENT_SAYS, Office, office

STEPS = ("/channels/externalMedia", "/channels/*/snoop/*", "/bridges/*", "/bridges/*/addChannel")


@dataclass
class Sink:
    audio: bytearray = field(default_factory=bytearray)

    def on_slice(self, slice: Slice, /) -> None:
        self.audio += slice.payload

    def on_frame(self, frame: Frame, /) -> None: ...

    def on_gap(self, gap: Gap, /) -> None: ...

    def on_codec(self, codec: Codec, /) -> None: ...


class Offered(Router):
    """As if the virtual PBX had the module."""

    def offer(self, offered: bool) -> None:
        super().offer(True)


@dataclass
class Tapping:
    """One tap under way on the client's channel of a call that the daemon knows nothing of."""

    it: Office
    tap: ChannelTap
    sink: Sink
    running: asyncio.Task[TapOutcome]

    async def until(self, state: State) -> None:
        await self.it.until(lambda: self.tap.state is state)

    def open_sockets(self) -> int:
        return len(vars(self.it.receiver)["_turn_of"])


@asynccontextmanager
async def tapping(
    *, receiver: Receiver | None = None, fault: Fault | None = None, host: str = "127.0.0.1", another_way: bool = False
) -> AsyncIterator[Tapping]:
    async with office(trunks=(), recheck_s=60) as it:
        if another_way:
            vars(it.tapper)["_router"] = Offered("auto", it.pbx.url, "127.0.0.1")
            it.tapper.offer_websocket(True)
        call = it.pbx.call(_script())
        await call.answered.wait()
        if fault is not None:
            it.pbx.faults.add(fault)
        sink = Sink()
        tap = ChannelTap(call.caller_channel, it.tapper, receiver or it.receiver, host, sink)
        running = asyncio.create_task(tap.run(), name="tap")
        yield Tapping(it, tap, sink, running)
        if not running.done():
            running.cancel()
            await asyncio.wait([running])


def _script() -> CallScript:
    return CallScript(client="79001234567", ring_s=0.01, talk_s=20, client_audio=CLIENT_SAYS)


async def test_a_tap_delivers_what_the_party_says_until_it_is_stopped() -> None:
    async with tapping() as t:
        await t.until(State.LIVE)
        assert len(t.it.ours()) == 3
        await t.it.until(lambda: len(t.sink.audio) > 4000)
        assert t.tap.first_packet_at is not None
        t.tap.stop()
        outcome = await t.running
        assert (outcome.was_live, outcome.fault) == (True, None)
        assert outcome.report is not None
        assert outcome.report.audio_ms * 8 == len(t.sink.audio)
        assert CLIENT_SAYS[:400] in t.sink.audio
        assert t.it.ours() == []
        assert t.open_sockets() == 0


async def test_a_tap_whose_audio_finds_no_way_is_given_up_for_another() -> None:
    async with tapping(host="127.0.0.9", another_way=True) as t:  # where Asterisk sends, and nobody is
        began = time.monotonic()
        outcome = await asyncio.wait_for(t.running, 3)
        assert 0.5 < time.monotonic() - began < 1.5
        assert outcome.was_live
        assert "no RTP packet arrives at 127.0.0.9" in (outcome.fault or "")
        assert vars(t.it.tapper)["_router"].route.transport is Transport.WEBSOCKET
        assert t.it.ours() == []


async def test_a_tap_whose_audio_arrives_is_kept_though_there_is_another_way() -> None:
    async with tapping(another_way=True) as t:
        await t.it.until(lambda: len(t.sink.audio) > 8000)
        assert t.tap.state is State.LIVE
        await t.it.until(lambda: t.it.tapper.first_packet_s is None)  # it has arrived: nothing to look for any more
        t.tap.stop()
        assert (await t.running).fault is None


async def test_a_tap_that_is_waited_for_is_stopped_at_once() -> None:
    async with tapping(host="127.0.0.9", another_way=True) as t:
        await t.until(State.LIVE)
        began = time.monotonic()
        t.tap.stop()
        assert (await t.running).fault is None
        assert time.monotonic() - began < 0.3
        assert vars(t.it.tapper)["_router"].route.transport is Transport.RTP


@pytest.mark.parametrize("state", list(State))
async def test_a_stop_at_any_moment_leaves_nothing(state: State) -> None:
    """A stop comes as soon as the tap is in that state, or right away where it has been passed already."""
    async with tapping(fault=Fault(delay_s=0.05, method="POST", times=100)) as t:
        deadline = time.monotonic() + 1
        while t.tap.state is not state and time.monotonic() < deadline and not t.running.done():
            await asyncio.sleep(0)
            if state in (State.RELEASING, State.CLOSED) and t.tap.state is State.JOINING:
                t.tap.stop()
        t.tap.stop()
        t.tap.stop()
        await asyncio.wait_for(t.running, 3)
        assert t.it.ours() == []
        assert t.open_sockets() == 0


@pytest.mark.parametrize("status", [500, 404, 403])
@pytest.mark.parametrize(
    "path", ["/channels/externalMedia", "/channels/*/snoop/*", "/bridges/*", "/bridges/*/addChannel"]
)
async def test_a_refusal_at_any_step_leaves_nothing(path: str, status: int) -> None:
    async with tapping(fault=Fault(status=status, method="POST", path=path)) as t:
        outcome = await asyncio.wait_for(t.running, 3)
        assert not outcome.was_live
        assert str(status) in (outcome.fault or "")
        assert t.it.ours() == []


@pytest.mark.parametrize(
    "path", ["/channels/externalMedia", "/channels/*/snoop/*", "/bridges/*", "/bridges/*/addChannel"]
)
async def test_a_request_that_is_carried_out_too_late_leaves_nothing(path: str) -> None:
    """The answer does not come within the deadline, but what was asked for is done."""
    async with tapping(fault=Fault(delay_s=1.3, method="POST", path=path, carried_out=True)) as t:
        outcome = await asyncio.wait_for(t.running, 6)
        assert outcome.fault
        assert t.it.ours() == []


async def test_a_channel_that_is_gone_is_a_fault() -> None:
    async with tapping() as t:
        gone = ChannelTap("nobody.1", t.it.tapper, t.it.receiver, "127.0.0.1", t.sink)
        outcome = await gone.run()
        assert (outcome.was_live, outcome.report) == (False, None)
        assert "404" in (outcome.fault or "")


async def test_the_end_of_the_channel_ends_the_tap() -> None:
    async with tapping() as t:
        await t.until(State.LIVE)
        t.tap.lost()
        outcome = await t.running
        assert (outcome.was_live, outcome.fault) == (True, None)
        assert t.it.ours() == []


async def test_news_of_a_former_snoop_do_not_end_a_tap_that_begins() -> None:
    async with tapping(fault=Fault(delay_s=0.1, method="*", times=100)) as t:
        await asyncio.sleep(0)
        t.tap.lost()  # while the format is asked for
        await t.until(State.CREATING)
        t.tap.lost()
        await t.until(State.LIVE)


async def test_what_cannot_be_removed_does_not_keep_the_tap() -> None:
    async with tapping() as t:
        await t.until(State.LIVE)
        t.it.pbx.faults.add(Fault(status=500, method="DELETE", times=3))
        t.tap.stop()
        outcome = await asyncio.wait_for(t.running, 3)
        assert outcome.was_live
        assert len(t.it.ours()) == 3, "for the sweep"
        assert t.open_sockets() == 0


@pytest.mark.parametrize("ports", [range(20_000, 20_000), None])
async def test_without_a_socket_the_tap_fails_with_the_reason(ports: range | None) -> None:
    if ports is None:  # an address that is not this machine's
        receiver, reason = Receiver("192.0.2.1", range(20_000, 20_010)), "Cannot assign"
    else:
        receiver, reason = Receiver("127.0.0.1", ports), "even ports"
    async with tapping(receiver=receiver) as t:
        outcome = await asyncio.wait_for(t.running, 2)
        assert reason in (outcome.fault or "")
        assert t.it.ours() == []


async def test_only_the_announced_source_is_heard() -> None:
    async with tapping() as t:
        await t.until(State.LIVE)
        [leg] = vars(t.it.receiver)["_turn_of"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(100):
                header = bytes([0x80, 8]) + number.to_bytes(2, "big") + bytes(4) + b"evil"
                stranger.sendto(header + b"\x77" * 160, ("127.0.0.1", leg.port))
        await t.it.until(lambda: len(t.sink.audio) > 4000)
        assert b"\x77" * 160 not in t.sink.audio


async def test_a_tap_that_is_cancelled_does_not_wait() -> None:
    async with tapping() as t:
        await t.until(State.LIVE)
        t.it.pbx.faults.add(Fault(delay_s=20, times=100))
        started = time.monotonic()
        t.running.cancel()
        await asyncio.wait([t.running])
        assert time.monotonic() - started < 0.3
        assert t.open_sockets() == 0


async def test_turns_are_taken_one_after_the_other_and_forgotten() -> None:
    turns, order = Turns(), []

    async def take(name: str, channel_id: str) -> None:
        async with turns.of(channel_id):
            order.append(name)
            await asyncio.sleep(0.01)
            order.append(name)

    await asyncio.gather(take("a", "1"), take("b", "1"))
    assert order in (["a", "a", "b", "b"], ["b", "b", "a", "a"])
    order.clear()
    await asyncio.gather(take("a", "1"), take("b", "2"))
    assert order[:2] == ["a", "b"]
    assert len(vars(turns)["_locks"]) == 0
