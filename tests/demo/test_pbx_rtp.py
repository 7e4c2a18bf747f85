from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterable

import pytest

from ari_bridge.demo.pbx import CallScript, VirtualPbx
from ari_bridge.demo.pbx_calls import VirtualCall
from ari_bridge.demo.pbx_media import FORMATS
from tests.demo.pbx_ari import Ari, Packet, RtpSocket

CLIENT = random.Random(1).randbytes(160 * 200)
OPERATOR = random.Random(2).randbytes(160 * 200)


async def ringing(pbx: VirtualPbx, **script: object) -> VirtualCall:
    defaults = {"client_audio": CLIENT, "operator_audio": OPERATOR}
    return pbx.call(CallScript(client="79001234567", **{"ring_s": 0.4, "talk_s": 1.0} | defaults | script))  # type: ignore[arg-type]


def payloads(packets: Iterable[Packet]) -> bytes:
    return b"".join(packet.payload for packet in packets)


async def test_silence_until_the_answer_then_what_the_party_says(pbx: VirtualPbx, ari: Ari, rtp: RtpSocket) -> None:
    await ari.listen()
    call = await ringing(pbx)
    assert call.client_channel
    await ari.tap(call.client_channel, rtp.port)
    await asyncio.wait_for(call.ended.wait(), 5)
    packets = rtp.drain()
    heard = payloads(packets)
    said = CLIENT[: 160 * 45]
    start = heard.find(said)
    assert start > 0
    assert set(heard[:start]) == {0xD5}
    assert start % 160 == 0
    assert start <= 21 * 160  # it was tapped within the ring of 400 ms
    assert {packet.payload_type for packet in packets} == {8}


def packets_in(seconds: float) -> int:
    """As many as that time holds at most: one each 20 ms, and one at either end."""
    return int(seconds * 50) + 2


async def test_one_source_counting_evenly(pbx: VirtualPbx, ari: Ari, rtp: RtpSocket) -> None:
    await ari.listen()
    began = time.monotonic()
    call = await ringing(pbx)
    assert call.client_channel
    await ari.tap(call.client_channel, rtp.port)
    await asyncio.wait_for(call.ended.wait(), 5)
    packets = rtp.drain()
    assert 50 <= len(packets) <= packets_in(time.monotonic() - began)
    assert len({packet.ssrc for packet in packets}) == 1
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)
    for earlier, later in itertools.pairwise(packets):
        assert (later.sequence_number - earlier.sequence_number) & 0xFFFF == 1
        assert (later.timestamp - earlier.timestamp) & 0xFFFFFFFF == 160


async def test_it_comes_from_the_address_that_was_told(pbx: VirtualPbx, ari: Ari, rtp: RtpSocket) -> None:
    await ari.listen()
    query = {"app": "ari_bridge", "external_host": f"127.0.0.1:{rtp.port}", "format": "alaw"}
    media = await ari.do("POST", "/channels/externalMedia", **query)
    told = media["channelvars"]
    own = next(iter(pbx.rtp._sockets.values()))[0].getsockname()
    assert own == (told["UNICASTRTP_LOCAL_ADDRESS"], int(told["UNICASTRTP_LOCAL_PORT"]))


async def test_each_leg_hears_its_own_party(pbx: VirtualPbx, ari: Ari) -> None:
    await ari.listen()
    call = await ringing(pbx, ring_s=0.05)
    await asyncio.wait_for(call.answered.wait(), 2)
    with RtpSocket() as client_port, RtpSocket() as operator_port:
        for channel, port in ((call.client_channel, client_port), (call.operator_channel, operator_port)):
            assert channel
            await ari.tap(channel, port.port)
        await asyncio.wait_for(call.ended.wait(), 8)
        middle = slice(160 * 20, 160 * 40)
        assert CLIENT[middle] in payloads(client_port.drain())
        assert OPERATOR[middle] in payloads(operator_port.drain())


@pytest.mark.parametrize(("name", "size"), [("ulaw", 160), ("slin", 320), ("slin16", 640)])
async def test_other_formats(pbx: VirtualPbx, ari: Ari, rtp: RtpSocket, name: str, size: int) -> None:
    await ari.listen()
    call = await ringing(pbx, ring_s=0.2, talk_s=0.6)
    assert call.client_channel
    await ari.tap(call.client_channel, rtp.port, name)
    await asyncio.wait_for(call.ended.wait(), 5)
    packets = rtp.drain()
    assert {len(packet.payload) for packet in packets} == {size}
    assert {packet.payload_type for packet in packets} == {FORMATS[name].payload_type}
    said = b"".join(FORMATS[name].encode(CLIENT[at : at + 160]) for at in range(0, 160 * 20, 160))
    assert said in payloads(packets)


async def test_it_stops_with_the_snoop(pbx: VirtualPbx, ari: Ari, rtp: RtpSocket) -> None:
    await ari.listen()
    call = await ringing(pbx, ring_s=0.1, talk_s=0.3)
    assert call.client_channel
    await ari.tap(call.client_channel, rtp.port)
    await asyncio.wait_for(call.ended.wait(), 5)
    count = len(rtp.drain())
    await asyncio.sleep(0.2)
    assert len(rtp.drain()) == count > 10
    assert pbx.holdings() == [f"e-{call.client_channel}", f"b-{call.client_channel}"]
    await ari.untap(call.client_channel)
    assert pbx.holdings() == []


async def test_a_stalled_loop_catches_up_in_order(pbx: VirtualPbx, ari: Ari, rtp: RtpSocket) -> None:
    await ari.listen()
    began = time.monotonic()
    call = await ringing(pbx, talk_s=1.5)
    assert call.client_channel
    await ari.tap(call.client_channel, rtp.port)
    await asyncio.wait_for(call.answered.wait(), 5)
    time.sleep(0.5)  # the whole loop stands still
    await asyncio.wait_for(call.ended.wait(), 5)
    packets = rtp.drain()
    assert 75 <= len(packets) <= packets_in(time.monotonic() - began)
    assert CLIENT[: 160 * 70] in payloads(packets)


async def test_impairment_sees_every_packet(pbx: VirtualPbx, ari: Ari, rtp: RtpSocket) -> None:
    seen = itertools.count()
    pbx.rtp.impair = lambda packet: () if next(seen) % 2 else (packet, packet)
    await ari.listen()
    call = await ringing(pbx, ring_s=0.1, talk_s=0.5)
    assert call.client_channel
    await ari.tap(call.client_channel, rtp.port)
    await asyncio.wait_for(call.ended.wait(), 5)
    numbers = [packet.sequence_number for packet in rtp.drain()]
    assert all(first == second for first, second in zip(numbers[::2], numbers[1::2], strict=True))
    assert (numbers[2] - numbers[0]) & 0xFFFF == 2


async def test_nobody_listening_harms_nothing(pbx: VirtualPbx, ari: Ari) -> None:
    with RtpSocket() as closed:
        port = closed.port
    await ari.listen()
    call = await ringing(pbx, ring_s=0.1, talk_s=0.3)
    assert call.client_channel
    await ari.tap(call.client_channel, port)
    await asyncio.wait_for(call.ended.wait(), 5)
