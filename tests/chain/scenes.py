"""The shapes of call as scenes: who dials, rings, holds, transfers and says what, each with people of its own.

Played by test_shapes.py with the daemon and by record_shapes.py without.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tests.chain.town import Scene, Town, play
from tests.lab import sipp
from tests.lab.asterisk import inbound_number, outbound_number
from tests.lab.line import Line

ANSWERED = ("ringing", "answered", "ended")
HELD = ("ringing", "answered", "held", "answered", "ended")
TRANSFERRED = ("ringing", "answered", "ringing", "answered", "ended")

PHONES = tuple(str(number) for number in range(1001, 1090))
TALK_S = 4.2  # two pulses
RING_S = 0.3
MOBILE, OUTSIDE, CONSULTED = "89005550001", "89005550002", "89005550003"

DIALPLAN = f"""
[from-mango](+)
exten => busy,1,Dial(PJSIP/1003,60)
 same => n,Dial(PJSIP/1004,60)
 same => n,Hangup()
exten => away,1,Dial(PJSIP/1005,1)
 same => n,Dial(PJSIP/1006,60)
 same => n,Hangup()
exten => queue,1,Answer()
 same => n,Queue(sales)
exten => local,1,Dial(Local/1020@from-operators,60)
exten => localkept,1,Dial(Local/1021@from-operators/n,60)
exten => mobile,1,Dial(PJSIP/{MOBILE}@mango,60)
[from-operators](+)
exten => take,1,PickupChan(PJSIP/1012)
"""
QUEUES = """
[sales]
strategy = ringall
member => PJSIP/1014
member => PJSIP/1015
"""


def did(extension: str) -> str:
    return inbound_number("passive", extension)


def client_number(scene: str) -> str:
    """Each scene has a client of its own."""
    return f"7900{sorted(SCENES).index(scene):07d}"


def tones(scene: str) -> tuple[int, int, int, int]:
    """Tones of a scene: the client's and up to three others; no other scene has them."""
    first = sorted(SCENES).index(scene) * 4
    return first, first + 1, first + 2, first + 3


async def inbound(town: Town) -> None:
    client, anna, *_ = tones("inbound")
    await play(
        town.operator("1001", anna), town.client(did("1001"), client, number=client_number("inbound"), talk_s=TALK_S)
    )


async def outbound(town: Town) -> None:
    client, anna, *_ = tones("outbound")
    number = "8" + client_number("outbound")[1:]
    dials = sipp.operator_caller(
        town.asterisk, "1002", outbound_number("passive", number), town.audio(anna), talk_s=TALK_S
    )
    await asyncio.gather(play(dials), _answer_on_trunk(town, number, client))


async def _answer_on_trunk(town: Town, number: str, tone: int) -> None:
    line = await town.trunk.rung(number)
    await asyncio.sleep(RING_S)
    line.answer(town.voice(tone))
    await line.ended.wait()


async def busy_then_next(town: Town) -> None:
    client, away, there, _ = tones("busy_then_next")
    await play(
        sipp.operator_who_is_away(town.asterisk, "1003", town.audio(away), busy=True),
        town.operator("1004", there),
        town.client("busy", client, number=client_number("busy_then_next"), talk_s=TALK_S),
    )


async def no_answer_then_next(town: Town) -> None:
    client, away, there, _ = tones("no_answer_then_next")
    await play(
        sipp.operator_who_is_away(town.asterisk, "1005", town.audio(away)),
        town.operator("1006", there),
        town.client("away", client, number=client_number("no_answer_then_next"), talk_s=TALK_S),
    )


async def held_by_operator(town: Town) -> None:
    client, anna, *_ = tones("held_by_operator")
    await play(
        sipp.operator_who_holds(town.asterisk, "1007", town.audio(anna), talk_s=2.0, hold_s=2.0, ring_s=RING_S),
        town.client(did("1007"), client, number=client_number("held_by_operator"), talk_s=7.0),
    )


async def held_by_client(town: Town) -> None:
    """The client's company has a PBX of its own, which plays music over the trunk while it holds us."""
    client, anna, music, _ = tones("held_by_client")

    async def hold() -> None:
        telephone = await town.telephones.client(client_number("held_by_client"))
        line = await telephone.dial(did("1022"), town.voice(client))
        await asyncio.sleep(2.0)
        await line.hold(b"\xd5" * 160)
        await asyncio.sleep(0.2)  # until the far end's PBX begins to play
        line.say(town.voice(music))
        await asyncio.sleep(2.5)
        await line.resume(town.voice(client))
        await asyncio.sleep(2.5)
        await line.hang_up()

    await asyncio.gather(play(town.operator("1022", anna)), hold())


async def blind_transfer(town: Town) -> None:
    client, anna, boris, _ = tones("blind_transfer")
    await play(
        town.operator("1009", boris, ring_s=1.0),
        sipp.operator_who_transfers(town.asterisk, "1008", town.audio(anna), talk_s=2.5, target="1009", ring_s=RING_S),
        town.client(did("1008"), client, number=client_number("blind_transfer"), talk_s=7.5),
    )


async def transfer_of_outbound(town: Town) -> None:
    client, anna, boris, _ = tones("transfer_of_outbound")
    number = "8" + client_number("transfer_of_outbound")[1:]

    async def dial() -> None:
        line = await (await town.telephones.operator("1023")).dial(number, town.voice(anna))
        await asyncio.sleep(2.5)
        await line.refer(f"sip:1024@127.0.0.1:{town.asterisk.sip_port}")

    async def answer() -> None:
        line = await town.trunk.rung(number)
        await asyncio.sleep(RING_S)
        line.answer(town.voice(client))
        await asyncio.sleep(7.0)
        await line.hang_up()

    await asyncio.gather(play(town.operator("1024", boris)), dial(), answer())


async def attended_transfer(town: Town) -> None:
    client, anna, boris, _ = tones("attended_transfer")
    await asyncio.gather(
        play(
            town.operator("1011", boris),
            town.client(did("1010"), client, number=client_number("attended_transfer"), talk_s=9.0),
        ),
        _consult_and_transfer(town, "1010", "1011", anna),
    )


async def _consult_and_transfer(town: Town, extension: str, target: str, tone: int) -> None:
    """Talk, hold, ask the other party, connect the two."""
    telephone = await town.telephones.operator(extension)
    line: Line = await telephone.rung()
    await asyncio.sleep(RING_S)
    line.answer(town.voice(tone))
    await asyncio.sleep(2.5)
    await line.hold(town.voice(tone))
    second = await telephone.dial(target, town.voice(tone))
    await asyncio.sleep(1.5)
    await line.transfer_to(second)


async def attended_transfer_outside(town: Town) -> None:
    client, anna, mobile, _ = tones("attended_transfer_outside")
    await asyncio.gather(
        play(
            town.client(did("1025"), client, number=client_number("attended_transfer_outside"), talk_s=9.0),
        ),
        _consult_and_transfer(town, "1025", CONSULTED, anna),
        _answer_on_trunk(town, CONSULTED, mobile),
    )


async def transfer_outside(town: Town) -> None:
    client, anna, mobile, _ = tones("transfer_outside")
    await asyncio.gather(
        play(
            sipp.operator_who_transfers(
                town.asterisk, "1026", town.audio(anna), talk_s=2.5, target=OUTSIDE, ring_s=RING_S
            ),
            town.client(did("1026"), client, number=client_number("transfer_outside"), talk_s=7.5),
        ),
        _answer_on_trunk(town, OUTSIDE, mobile),
    )


async def forwarded_to_mobile(town: Town) -> None:
    client, mobile, *_ = tones("forwarded_to_mobile")
    await asyncio.gather(
        play(town.client("mobile", client, number=client_number("forwarded_to_mobile"), talk_s=TALK_S)),
        _answer_on_trunk(town, MOBILE, mobile),
    )


async def picked_up(town: Town) -> None:
    client, away, boris, _ = tones("picked_up")

    async def take() -> None:
        await asyncio.sleep(1.2)
        await play(sipp.operator_caller(town.asterisk, "1013", "take", town.audio(boris), talk_s=None))

    await asyncio.gather(
        play(
            sipp.operator_who_is_away(town.asterisk, "1012", town.audio(away)),
            town.client(did("1012"), client, number=client_number("picked_up"), talk_s=TALK_S),
        ),
        take(),
    )


async def through_queue(town: Town) -> None:
    client, away, there, _ = tones("through_queue")
    await play(
        sipp.operator_who_is_away(town.asterisk, "1014", town.audio(away)),
        town.operator("1015", there, ring_s=0.8),
        town.client("queue", client, number=client_number("through_queue"), talk_s=5.5),
    )


async def gives_up(town: Town) -> None:
    client, away, *_ = tones("gives_up")
    await play(
        sipp.operator_who_is_away(town.asterisk, "1016", town.audio(away)),
        town.client_who_gives_up(did("1016"), client, number=client_number("gives_up")),
    )


async def first_of_two(town: Town) -> None:
    """Two clients on two lines of one operator."""
    client, anna, *_ = tones("first_of_two")
    second, *_ = tones("second_of_two")
    await play(
        town.operator("1017", anna, calls=2),
        town.client(did("1017"), client, number=client_number("first_of_two"), talk_s=5.0),
        town.client(did("1017"), second, number=client_number("second_of_two"), talk_s=5.0),
    )


async def second_of_two(town: Town) -> None:
    """Played by `first_of_two`."""


async def internal(town: Town) -> None:
    boris, anna, *_ = tones("internal")
    await play(
        town.operator("1018", anna),
        sipp.operator_caller(town.asterisk, "1019", "1018", town.audio(boris), talk_s=2.0),
    )


async def local_channel(town: Town) -> None:
    client, anna, *_ = tones("local_channel")
    await play(
        town.operator("1020", anna), town.client("local", client, number=client_number("local_channel"), talk_s=TALK_S)
    )


async def local_channel_kept(town: Town) -> None:
    client, anna, *_ = tones("local_channel_kept")
    await play(
        town.operator("1021", anna),
        town.client("localkept", client, number=client_number("local_channel_kept"), talk_s=TALK_S),
    )


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        attended_transfer_outside,
        attended_transfer,
        held_by_operator,
        held_by_client,
        blind_transfer,
        transfer_of_outbound,
        transfer_outside,
        through_queue,
        inbound,
        outbound,
        busy_then_next,
        no_answer_then_next,
        forwarded_to_mobile,
        picked_up,
        gives_up,
        first_of_two,
        second_of_two,
        internal,
        local_channel,
        local_channel_kept,
    )
}


OPTIONS: Final[dict[str, Any]] = {"phones": PHONES, "extra_dialplan": DIALPLAN, "files": {"queues.conf": QUEUES}}
