"""Shapes of call that are rarer than those of scenes.py: features of the dialplan, of telephones and of panels.

Played by test_odd_shapes.py with the daemon and by record_shapes.py without.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from tests.chain.town import Scene, Town
from tests.lab import LabError
from tests.lab.line import Line
from tests.lab.sip import CallRefused
from tests.lab.telephone import Telephone

PHONES = tuple(str(number) for number in range(1101, 1190))
RING_S = 0.3
SECOND_TRUNK, SECOND_ADDRESS = "74951112233", "127.0.0.3"
TRUNKS = f'["PJSIP/mango", "PJSIP/{SECOND_TRUNK}"]'

GROUP = "&".join(f"PJSIP/{extension}" for extension in range(1110, 1120))

PJSIP = f"""
; a trunk that is called like a number, as many providers name their accounts
[{SECOND_TRUNK}](common)
context = from-mango
aors = {SECOND_TRUNK}

[{SECOND_TRUNK}]
type = aor
contact = sip:{SECOND_ADDRESS}:{{{{trunk_port}}}}

[{SECOND_TRUNK}]
type = identify
endpoint = {SECOND_TRUNK}
match = {SECOND_ADDRESS}

; one operator with two telephones
[1180](+)
aors = 1180,1181
"""

DIALPLAN = f"""
[from-mango](+)
exten => _7495011XXXX,1,Dial(PJSIP/${{EXTEN:7}},60)
 same => n,Hangup()
exten => _7495012XXXX,1,Dial(PJSIP/${{EXTEN:7}},60,Ttg)
 same => n,Wait(3)
 same => n,Hangup()
exten => voicemail,1,Dial(PJSIP/1101,1)
 same => n,Answer()
 same => n,Wait(3)
 same => n,Hangup()
exten => conference,1,ConfBridge(42)
exten => group,1,Dial({GROUP},60)
exten => gosub,1,Gosub(sub,s,1(1160))
exten => twolines,1,Dial(${{PJSIP_DIAL_CONTACTS(1180)}},60)
exten => ivr,1,Answer()
 same => n,Wait(1.5)
 same => n,Dial(PJSIP/1165,60)
exten => ontomobile,1,Dial(PJSIP/89005551101@{SECOND_TRUNK},60)
exten => stasis,1,Gosub(sub,stasis,1(1168))
[sub]
exten => s,1,Dial(Local/${{ARG1}}@from-operators/n,60)
 same => n,Return()
exten => stasis,1,Stasis(ari_bridge)
 same => n,Dial(PJSIP/${{ARG1}},60)
 same => n,Return()
[from-operators](+)
exten => 700,1,Park()
exten => _70[1-9],1,ParkedCall(default,${{EXTEN}})
exten => conference,1,ConfBridge(42)
exten => tosales,1,Queue(oddsales)
exten => _9XXXXXXXXXXX,1,Dial(PJSIP/${{EXTEN:1}}@{SECOND_TRUNK},60)
exten => _7X.,1,Dial(PJSIP/8${{EXTEN:1}}@mango,60)
exten => failover,1,Dial(PJSIP/89005551104@{SECOND_TRUNK},60)
 same => n,Dial(PJSIP/89005551104@mango,60)
exten => spy,1,ChanSpy(PJSIP/1167,qB)
"""
FEATURES = """
[general]
pickupexten = *8
[featuremap]
blindxfer => #1
atxfer => *2
"""
QUEUES = """
[oddsales]
strategy = ringall
member => Local/1135@from-operators/n
member => PJSIP/1136
"""
PARKING = """
[general]
[default]
parkext => 700
parkpos => 701-709
context => parkedcalls
"""


def client_number(scene: str) -> str:
    return f"7901{sorted(SCENES).index(scene):07d}"


def tones(scene: str) -> tuple[int, int, int, int]:
    """Numbers of the scene's tones; with more scenes than tones some share them, each in cards of their own."""
    first = sorted(SCENES).index(scene) * 4 % 120
    return first, first + 1, first + 2, first + 3


def did(extension: str, *, features: bool = False) -> str:
    return ("7495012" if features else "7495011") + extension


async def dials_in(
    town: Town, scene: str, dialled: str, *, seconds: float, address: str = "127.0.0.2", by_them: bool = False
) -> None:
    """The client's side: dials, speaks, and hangs up after so many seconds; `by_them`: waits for the other side's."""
    telephone = await town.telephones.client(client_number(scene), address)
    line = await telephone.dial(dialled, town.voice(tones(scene)[0]))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await line.ended.wait()
    if not by_them:
        await line.hang_up()


async def answers(town: Town, operator: str | Telephone, tone: int, *, ring_s: float = RING_S) -> Line:
    """The telephone of that extension rings, is answered, and speaks."""
    telephone = await town.telephones.operator(operator) if isinstance(operator, str) else operator
    line = await telephone.rung()
    await asyncio.sleep(ring_s)
    line.answer(town.voice(tone))
    return line


async def answers_on_trunk(town: Town, number: str, tone: int, *, ring_s: float = RING_S) -> Line:
    line = await town.trunk.rung(number)
    await asyncio.sleep(ring_s)
    line.answer(town.voice(tone))
    return line


async def numbered_trunk(town: Town) -> None:
    await asyncio.gather(
        answers(town, "1102", tones("numbered_trunk")[1]),
        dials_in(town, "numbered_trunk", did("1102"), seconds=3, address=SECOND_ADDRESS),
    )


async def out_over_numbered_trunk(town: Town) -> None:
    client, anna, *_ = tones("out_over_numbered_trunk")
    number = "8" + client_number("out_over_numbered_trunk")[1:]

    async def dial() -> None:
        line = await (await town.telephones.operator("1103")).dial("9" + number, town.voice(anna))
        await asyncio.sleep(3)
        await line.hang_up()

    async def answer() -> None:
        line = await second_trunk(town).rung(number)
        line.progress(town.voice(tones("out_over_numbered_trunk")[3]))
        await asyncio.sleep(1.0)
        line.answer(town.voice(client))
        await line.ended.wait()

    await asyncio.gather(dial(), answer())


def second_trunk(town: Town) -> Telephone:
    """What Asterisk sends to the second trunk rings here."""
    return town.telephones.trunks[SECOND_ADDRESS]


async def voicemail(town: Town) -> None:
    with contextlib.suppress(CallRefused):
        await dials_in(town, "voicemail", "voicemail", seconds=6, by_them=True)


async def conference(town: Town) -> None:
    _, anna, boris, _ = tones("conference")

    async def joins(extension: str, tone: int, after: float, stays: float) -> None:
        await asyncio.sleep(after)
        line = await (await town.telephones.operator(extension)).dial("conference", town.voice(tone))
        await asyncio.sleep(stays)
        await line.hang_up()

    await asyncio.gather(
        dials_in(town, "conference", "conference", seconds=8),
        joins("1104", anna, 1.0, 4.0),
        joins("1105", boris, 3.5, 6.0),
    )


async def parked(town: Town) -> None:
    _, anna, boris, _ = tones("parked")

    async def parks() -> None:
        line = await answers(town, "1106", anna)
        await asyncio.sleep(2.5)
        await line.refer(f"sip:700@127.0.0.1:{town.asterisk.sip_port}")
        await asyncio.sleep(2.5)
        other = await (await town.telephones.operator("1107")).dial("701", town.voice(boris))
        await other.ended.wait()

    await asyncio.gather(dials_in(town, "parked", did("1106"), seconds=9), parks())


def channel_of(town: Town, what: str) -> str:
    """The name of the channel of that number or endpoint."""
    for channel in town.asterisk.ari.get("/channels"):
        if channel["caller"]["number"] == what or channel["name"].startswith(what):
            return str(channel["name"])
    raise AssertionError(f"no channel of {what}")


async def redirected(town: Town) -> None:
    """A panel (AMI Redirect) sends the client to another operator."""
    _, anna, boris, _ = tones("redirected")

    async def first() -> None:
        await answers(town, "1108", anna)
        await asyncio.sleep(2.5)
        name = await asyncio.to_thread(channel_of, town, client_number("redirected"))
        await asyncio.to_thread(town.asterisk.cli, f"channel redirect {name} from-operators,1109,1")

    await asyncio.gather(
        dials_in(town, "redirected", did("1108"), seconds=6), first(), answers(town, "1109", boris, ring_s=0.8)
    )


async def redirected_outbound(town: Town) -> None:
    """The same for a client that was dialled: its channel has no dialplan of its own and is masqueraded."""
    client, anna, boris, _ = tones("redirected_outbound")
    number = "8" + client_number("redirected_outbound")[1:]

    async def dial() -> None:
        line = await (await town.telephones.operator("1120")).dial(number, town.voice(anna))
        await asyncio.sleep(2.5)
        name = await asyncio.to_thread(channel_of, town, number)
        await asyncio.to_thread(town.asterisk.cli, f"channel redirect {name} from-operators,1121,1")
        await line.ended.wait()

    async def answer() -> None:
        line = await answers_on_trunk(town, number, client)
        await asyncio.sleep(6.0)
        await line.hang_up()

    await asyncio.gather(dial(), answer(), answers(town, "1121", boris, ring_s=0.8))


async def two_telephones(town: Town) -> None:
    _, anna, *_ = tones("two_telephones")

    async def rings_only() -> None:
        await (await town.telephones.operator("1180")).rung()

    await asyncio.gather(
        rings_only(), answers(town, "1181", anna, ring_s=0.8), dials_in(town, "two_telephones", "twolines", seconds=4)
    )


async def ring_group(town: Town) -> None:
    _, anna, *_ = tones("ring_group")

    async def rings_only(extension: str) -> None:
        await (await town.telephones.operator(extension)).rung()

    await asyncio.gather(
        *(rings_only(str(extension)) for extension in range(1110, 1119)),
        answers(town, "1119", anna, ring_s=1.0),
        dials_in(town, "ring_group", "group", seconds=4),
    )


async def forwarded_by_telephone(town: Town) -> None:
    """The operator's telephone is set to forward to a mobile: 302."""
    _, mobile, *_ = tones("forwarded_by_telephone")

    async def forwards() -> None:
        line = await (await town.telephones.operator("1122")).rung()
        line.send_elsewhere(f"sip:89005551102@127.0.0.1:{town.asterisk.sip_port}")

    await asyncio.gather(
        forwards(),
        answers_on_trunk(town, "89005551102", mobile),
        dials_in(town, "forwarded_by_telephone", did("1122"), seconds=4),
    )


async def forwarded_to_colleague(town: Town) -> None:
    _, boris, *_ = tones("forwarded_to_colleague")

    async def forwards() -> None:
        line = await (await town.telephones.operator("1123")).rung()
        line.send_elsewhere(f"sip:1124@127.0.0.1:{town.asterisk.sip_port}")

    await asyncio.gather(
        forwards(),
        answers(town, "1124", boris, ring_s=0.8),
        dials_in(town, "forwarded_to_colleague", did("1123"), seconds=4),
    )


async def keys_blind_transfer(town: Town) -> None:
    """#1 and the extension, on the telephone's keys."""
    _, anna, boris, _ = tones("keys_blind_transfer")

    async def transfers() -> None:
        line = await answers(town, "1125", anna)
        await asyncio.sleep(2.5)
        await line.press("#1")
        await asyncio.sleep(0.5)
        await line.press("1126")
        await line.ended.wait()

    await asyncio.gather(
        transfers(),
        answers(town, "1126", boris, ring_s=0.8),
        dials_in(town, "keys_blind_transfer", did("1125", features=True), seconds=11),
    )


async def keys_attended_transfer(town: Town) -> None:
    """*2 and the extension; hanging up connects the two."""
    _, anna, boris, _ = tones("keys_attended_transfer")

    async def transfers() -> None:
        line = await answers(town, "1127", anna)
        await asyncio.sleep(2.5)
        await line.press("*2")
        await asyncio.sleep(0.5)
        await line.press("1128")
        await asyncio.sleep(6)
        await line.hang_up()

    await asyncio.gather(
        transfers(),
        answers(town, "1128", boris, ring_s=0.8),
        dials_in(town, "keys_attended_transfer", did("1127", features=True), seconds=15),
    )


async def survey(town: Town) -> None:
    """The operator hangs up, the client stays for a moment in the dialplan."""
    _, anna, *_ = tones("survey")

    async def leaves() -> None:
        line = await answers(town, "1129", anna)
        await asyncio.sleep(2.5)
        await line.hang_up()

    await asyncio.gather(leaves(), dials_in(town, "survey", did("1129", features=True), seconds=9, by_them=True))


async def passed_on_twice(town: Town) -> None:
    _, anna, boris, vera = tones("passed_on_twice")

    async def passes(extension: str, tone: int, target: str) -> None:
        line = await answers(town, extension, tone)
        await asyncio.sleep(2.5)
        await line.hold(town.voice(tone))
        await asyncio.sleep(0.5)
        await line.refer(f"sip:{target}@127.0.0.1:{town.asterisk.sip_port}")

    await asyncio.gather(
        passes("1130", anna, "1131"),
        passes("1131", boris, "1132"),
        answers(town, "1132", vera),
        dials_in(town, "passed_on_twice", did("1130"), seconds=11),
    )


async def transferred_while_ringing(town: Town) -> None:
    """Half-attended: the operator transfers while the colleague's telephone still rings."""
    _, anna, boris, _ = tones("transferred_while_ringing")

    async def transfers() -> None:
        telephone = await town.telephones.operator("1133")
        line = await answers(town, telephone, anna)
        await asyncio.sleep(2.5)
        await line.hold(town.voice(anna))
        asking = asyncio.create_task(telephone.dial("1134", town.voice(anna)), name="consult")
        await asyncio.sleep(0.8)
        ringing = next(one for one in telephone.lines.values() if one is not line)
        with contextlib.suppress(CallRefused, LabError):
            await line.transfer_to(ringing)
        asking.cancel()

    await asyncio.gather(
        transfers(),
        answers(town, "1134", boris, ring_s=2.0),
        dials_in(town, "transferred_while_ringing", did("1133"), seconds=9),
    )


async def into_queue(town: Town) -> None:
    """Transferred into a queue, one of whose members stands behind a Local channel."""
    _, anna, boris, _ = tones("into_queue")

    async def transfers() -> None:
        line = await answers(town, "1137", anna)
        await asyncio.sleep(2.5)
        await line.refer(f"sip:tosales@127.0.0.1:{town.asterisk.sip_port}")

    async def rings_only() -> None:
        await (await town.telephones.operator("1136")).rung()

    await asyncio.gather(
        transfers(),
        rings_only(),
        answers(town, "1135", boris, ring_s=0.8),
        dials_in(town, "into_queue", did("1137"), seconds=8),
    )


async def colleague_asks_client_in(town: Town) -> None:
    """An internal call first: the one who was called dials a client and connects the two."""
    client, anna, boris, _ = tones("colleague_asks_client_in")
    number = "8" + client_number("colleague_asks_client_in")[1:]

    async def calls() -> None:
        line = await (await town.telephones.operator("1138")).dial("1139", town.voice(anna))
        await line.ended.wait()

    async def connects() -> None:
        telephone = await town.telephones.operator("1139")
        line = await answers(town, telephone, boris)
        await asyncio.sleep(1.0)
        await line.hold(town.voice(boris))
        second = await telephone.dial(number, town.voice(boris))
        await asyncio.sleep(2.5)
        await second.hold(town.voice(boris))
        await asyncio.sleep(0.3)
        await line.transfer_to(second)

    async def answer() -> None:
        line = await answers_on_trunk(town, number, client)
        await asyncio.sleep(7.0)
        await line.hang_up()

    await asyncio.gather(calls(), connects(), answer())


async def from_subroutine(town: Town) -> None:
    _, anna, *_ = tones("from_subroutine")
    await asyncio.gather(answers(town, "1160", anna), dials_in(town, "from_subroutine", "gosub", seconds=3.5))


async def stasis_in_subroutine(town: Town) -> None:
    _, anna, *_ = tones("stasis_in_subroutine")
    await asyncio.gather(answers(town, "1168", anna), dials_in(town, "stasis_in_subroutine", "stasis", seconds=3.5))


async def click_to_call(town: Town) -> None:
    """A CRM has Asterisk call the operator first, then the client."""
    client, anna, *_ = tones("click_to_call")
    number = "8" + client_number("click_to_call")[1:]

    async def click() -> None:
        await asyncio.to_thread(
            town.asterisk.cli, f"channel originate PJSIP/1161 extension {number}@from-operators", timeout_s=30
        )

    async def answer() -> None:
        line = await answers_on_trunk(town, number, client)
        await asyncio.sleep(3.5)
        await line.hang_up()

    await asyncio.gather(click(), answers(town, "1161", anna), answer())


async def click_over_local(town: Town) -> None:
    """The same over a Local channel."""
    client, anna, *_ = tones("click_over_local")
    number = "8" + client_number("click_over_local")[1:]

    async def click() -> None:
        command = f"channel originate Local/1163@from-operators extension {number}@from-operators"
        await asyncio.to_thread(town.asterisk.cli, command, timeout_s=30)

    async def answer() -> None:
        line = await answers_on_trunk(town, number, client, ring_s=1.0)
        await asyncio.sleep(3.5)
        await line.hang_up()

    await asyncio.gather(click(), answers(town, "1163", anna), answer())


async def click_client_first(town: Town) -> None:
    client, anna, *_ = tones("click_client_first")
    number = "8" + client_number("click_client_first")[1:]

    async def click() -> None:
        await asyncio.to_thread(
            town.asterisk.cli, f"channel originate PJSIP/{number}@mango extension 1162@from-operators", timeout_s=30
        )

    async def answer() -> None:
        line = await answers_on_trunk(town, number, client)
        await asyncio.sleep(5)
        await line.hang_up()

    await asyncio.gather(click(), answers(town, "1162", anna, ring_s=1.0), answer())


async def spied_on(town: Town) -> None:
    """A supervisor listens in and speaks to both (ChanSpy with barge)."""
    _, anna, boss, _ = tones("spied_on")

    async def listens() -> None:
        await asyncio.sleep(2.0)
        line = await (await town.telephones.operator("1166")).dial("spy", town.voice(boss))
        await asyncio.sleep(2.5)
        await line.hang_up()

    await asyncio.gather(answers(town, "1167", anna), listens(), dials_in(town, "spied_on", did("1167"), seconds=6))


async def through_ivr(town: Town) -> None:
    _, anna, *_ = tones("through_ivr")
    await asyncio.gather(answers(town, "1165", anna, ring_s=1.0), dials_in(town, "through_ivr", "ivr", seconds=7))


async def onto_mobile_over_other_trunk(town: Town) -> None:
    _, mobile, *_ = tones("onto_mobile_over_other_trunk")

    async def answer() -> None:
        line = await second_trunk(town).rung("89005551101")
        await asyncio.sleep(0.5)
        line.answer(town.voice(mobile))

    await asyncio.gather(answer(), dials_in(town, "onto_mobile_over_other_trunk", "ontomobile", seconds=4))


async def operator_holds_then_client_leaves(town: Town) -> None:
    _, anna, *_ = tones("operator_holds_then_client_leaves")

    async def holds() -> None:
        line = await answers(town, "1169", anna)
        await asyncio.sleep(2.5)
        await line.hold(town.voice(anna))

    await asyncio.gather(holds(), dials_in(town, "operator_holds_then_client_leaves", did("1169"), seconds=5))


async def transfer_fails(town: Town) -> None:
    """A blind transfer to a telephone that is busy: the client is put down by the dialplan."""
    _, anna, *_ = tones("transfer_fails")

    async def transfers() -> None:
        line = await answers(town, "1170", anna)
        await asyncio.sleep(2.5)
        with contextlib.suppress(CallRefused, LabError):
            await line.refer(f"sip:1171@127.0.0.1:{town.asterisk.sip_port}")

    async def refuses() -> None:
        (await (await town.telephones.operator("1171")).rung()).refuse()

    await asyncio.gather(transfers(), refuses(), dials_in(town, "transfer_fails", did("1170"), seconds=9, by_them=True))


async def second_trunk_takes_over(town: Town) -> None:
    """The first trunk refuses, the dialplan tries the next."""
    client, anna, *_ = tones("second_trunk_takes_over")

    async def dial() -> None:
        line = await (await town.telephones.operator("1172")).dial("failover", town.voice(anna))
        await asyncio.sleep(3)
        await line.hang_up()

    async def refuse() -> None:
        (await second_trunk(town).rung("89005551104")).refuse("503 Service Unavailable")

    await asyncio.gather(dial(), refuse(), answers_on_trunk(town, "89005551104", client))


SCENES: dict[str, Scene] = {
    name: value
    for name, value in dict(globals()).items()
    if asyncio.iscoroutinefunction(value)
    and value.__module__ == __name__
    and name not in ("dials_in", "answers", "answers_on_trunk")
}

OPTIONS: Final[dict[str, Any]] = {
    "phones": PHONES,
    "extra_pjsip": PJSIP,
    "extra_dialplan": DIALPLAN,
    "files": {
        "queues.conf": QUEUES,
        "features.conf": FEATURES,
        "res_parking.conf": PARKING,
    },
}
