"""Records the traces: real calls on a real Asterisk, listened to exactly as the daemon does.

    python -m tests.asterisk.traces.record [NAME …]

One file a call, one message a line, in order of arrival. `asterisk_id` and `application` are left out; a notice of the
dialplan stands where it came, as `{"type": "notice", "kind", "id", "caller"}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from ari_bridge.asterisk.events import NEEDED
from tests.asterisk.traces import HERE
from tests.lab import sipp, speech
from tests.lab.asterisk import Asterisk, Options, inbound_number, outbound_number
from tests.lab.party import Party

APP = "ari_bridge"
TALK_S = 0.8
RING_S = 0.3

DIALPLAN = """
[from-mango](+)
exten => next,1,Dial(PJSIP/1001,60)
 same => n,Dial(PJSIP/1002,60)
 same => n,Hangup()
exten => all,1,Dial(PJSIP/1001&PJSIP/1002,60)
exten => local,1,Dial(Local/1001@from-operators,60)
exten => localkept,1,Dial(Local/1001@from-operators/n,60)
exten => queue,1,Answer()
 same => n,Queue(sales)
exten => queuelocal,1,Answer()
 same => n,Queue(desks)
exten => mobile,1,Dial(PJSIP/89005554433@mango,60)
exten => atxfer,1,Dial(PJSIP/1001,60,t)
[from-operators](+)
exten => take,1,PickupChan(PJSIP/1001,p)
"""
QUEUES = """
[sales]
strategy = ringall
member => PJSIP/1001
member => PJSIP/1002
[desks]
strategy = ringall
member => Local/1001@from-operators/n
"""
FEATURES = """
[general]
pickupexten = *8
[featuremap]
atxfer = *2
[applicationmap]
"""
MANAGER = """
[general]
enabled = yes
bindaddr = 127.0.0.1
port = {port}
[lab]
secret = lab
write = all
read = call
"""


@dataclass
class Studio:
    """The laboratory, and what each party says: nothing of interest."""

    asterisk: Asterisk
    manager_port: int

    def __post_init__(self) -> None:
        self.audio = sipp.Audio(file=speech.speak("раз два три"), loop=True)

    def client(self, did: str, talk_s: float | None = TALK_S) -> Party:
        return sipp.trunk_caller(self.asterisk, did, self.audio, name="Иван", talk_s=talk_s)

    def operator(self, extension: str, talk_s: float | None = None, ring_s: float = RING_S) -> Party:
        return sipp.operator(self.asterisk, extension, self.audio, ring_s=ring_s, talk_s=talk_s)

    def busy(self, extension: str) -> Party:
        return sipp.operator_who_is_away(self.asterisk, extension, self.audio, busy=True)

    def away(self, extension: str) -> Party:
        return sipp.operator_who_is_away(self.asterisk, extension, self.audio)

    def dials(self, extension: str, number: str, talk_s: float | None = TALK_S) -> Party:
        return sipp.operator_caller(self.asterisk, extension, number, self.audio, talk_s=talk_s)

    def trunk(self, talk_s: float | None = None) -> Party:
        return sipp.trunk_callee(self.asterisk, self.audio, ring_s=RING_S, talk_s=talk_s)

    def trunk_busy(self) -> Party:
        listens = (sipp.TRUNK_ADDRESS, self.asterisk.trunk_port)
        return Party(scenario="uas_busy", address=listens[0], sip_port=listens[1], audio=self.audio, values=NO_PAUSES)

    async def transfer_attended(self, extension: str, target: str) -> None:
        """As the operator would with the telephone's keys: ask the target, then leave the two alone."""
        channels = self.asterisk.ari.channels()
        [channel] = [c["name"] for c in channels if c["name"].startswith(f"PJSIP/{extension}-")]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.manager_port)
        for fields in (
            {"Action": "Login", "Username": "lab", "Secret": "lab"},
            {"Action": "Atxfer", "Channel": channel, "Exten": target, "Context": "from-operators"},
        ):
            writer.write("".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode() + b"\r\n")
        await asyncio.sleep(1.0)
        assert b"Atxfer successfully queued" in await reader.read(4096)
        writer.close()


NO_PAUSES = {"ring_ms": "0", "talk_ms": "0"}
Scene = Callable[[Studio], Sequence[Party]]


def _inbound(way: str) -> Scene:
    return lambda s: (s.operator("1001"), s.client(inbound_number(way)))


def _outbound(way: str) -> Scene:
    return lambda s: (s.trunk(), s.dials("1001", outbound_number(way)))


SCENES: dict[str, Scene] = {
    **{f"{way}_in": _inbound(way) for way in ("passive", "stasis", "notice")},
    **{f"{way}_out": _outbound(way) for way in ("passive", "stasis", "notice")},
    **{
        f"{way}_in_busy": lambda s, way=way: (s.busy("1001"), s.client(inbound_number(way)))  # type: ignore[misc]
        for way in ("passive", "stasis", "notice")
    },
    **{
        f"{way}_out_busy": lambda s, way=way: (s.trunk_busy(), s.dials("1001", outbound_number(way)))  # type: ignore[misc]
        for way in ("passive", "stasis", "notice")
    },
    "operator_ends": lambda s: (s.operator("1001", TALK_S), s.client(inbound_number("passive"), None)),
    "gives_up": lambda s: (
        s.away("1001"),
        sipp.trunk_caller_who_gives_up(s.asterisk, inbound_number("passive"), s.audio, after_s=0.5),
    ),
    "next_operator": lambda s: (s.busy("1001"), s.operator("1002"), s.client("next")),
    "ring_all": lambda s: (s.away("1001"), s.operator("1002"), s.client("all")),
    "local": lambda s: (s.operator("1001"), s.client("local")),
    "local_kept": lambda s: (s.operator("1001"), s.client("localkept")),
    "queue": lambda s: (s.away("1001"), s.operator("1002"), s.client("queue", 2.0)),
    "queue_local": lambda s: (s.operator("1001"), s.client("queuelocal", 2.0)),
    "mobile": lambda s: (s.trunk(), s.client("mobile")),
    "internal": lambda s: (s.operator("1001"), s.dials("1002", "1001")),
    "hold": lambda s: (
        sipp.operator_who_holds(s.asterisk, "1001", s.audio, talk_s=0.3, hold_s=0.3),
        s.client(inbound_number("passive"), 1.5),
    ),
    "transfer": lambda s: (
        s.operator("1002"),
        sipp.operator_who_transfers(s.asterisk, "1001", s.audio, talk_s=0.3, target="1002"),
        s.client(inbound_number("passive"), 2.0),
    ),
    "transfer_outside": lambda s: (
        s.trunk(),
        sipp.operator_who_transfers(s.asterisk, "1001", s.audio, talk_s=0.3, target="89005554433"),
        s.client(inbound_number("passive"), 2.0),
    ),
    "pickup": lambda s: (s.away("1001"), s.client(inbound_number("passive"), 2.0), s.dials("1002", "take", None)),
    "transfer_attended": lambda s: (
        s.operator("1002"),
        s.operator("1001", 3.0),
        s.client("atxfer", 5.0),
    ),
    "transfer_attended_outside": lambda s: (s.trunk(), s.operator("1001", 3.0), s.client("atxfer", 5.0)),
}
ATTENDED = {"transfer_attended": "1002", "transfer_attended_outside": "89005554433"}


class Recorder:
    def __init__(self, asterisk: Asterisk) -> None:
        self._asterisk = asterisk
        self.messages: list[dict[str, Any]] = []

    async def notice(self, request: web.Request) -> web.Response:
        kind = request.path.rpartition("_")[2]
        self.messages.append({"type": "notice", "kind": kind, **request.query})
        return web.json_response({})

    async def listen(self, http: aiohttp.ClientSession, ready: asyncio.Event) -> None:
        url = f"{self._asterisk.ari_url}/ari"
        allowed = {"allowed": [{"type": name} for name in NEEDED]}
        while True:
            async with http.ws_connect(f"{url}/events", params={"app": APP, "subscribeAll": "true"}) as socket:
                await asyncio.sleep(0.2)
                async with http.put(f"{url}/applications/{APP}/eventFilter", json=allowed) as answer:
                    if answer.status == 404:  # the end of the line before has taken the application with it
                        continue
                ready.set()
                await self._take_all(http, url, socket)

    async def _take_all(self, http: aiohttp.ClientSession, url: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            event = json.loads(message.data)
            if event["type"] == "StasisStart":
                async with http.post(f"{url}/channels/{event['channel']['id']}/continue") as answer:
                    assert answer.status == 204
            self.messages.append({k: v for k, v in event.items() if k not in ("asterisk_id", "application")})


async def play(studio: Studio, name: str) -> None:
    with contextlib.ExitStack() as stack:
        parties = []
        for party in SCENES[name](studio):
            parties.append(stack.enter_context(party))
            await asyncio.sleep(0.3 if name == "pickup" else 0)
        if name in ATTENDED:
            await asyncio.sleep(1.2)
            await studio.transfer_attended("1001", ATTENDED[name])
        for party in parties:
            print(name, party.scenario, await asyncio.to_thread(party.wait), file=sys.stderr)
    await asyncio.to_thread(studio.asterisk.wait_idle)
    await asyncio.sleep(0.3)


async def main(names: list[str]) -> None:
    files = {"queues.conf": QUEUES, "features.conf": FEATURES}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    files["manager.conf"] = MANAGER.format(port=port)
    options = Options(app=APP, extra_dialplan=DIALPLAN, files=files)
    with Asterisk(options) as asterisk:
        login = {"Authorization": aiohttp.encode_basic_auth(options.ari_user, options.ari_password)}
        async with aiohttp.ClientSession(headers=login) as http:
            for name in names:
                recorder = Recorder(asterisk)
                app = web.Application()
                app.router.add_get("/agi/call_start", recorder.notice)
                app.router.add_get("/agi/call_end", recorder.notice)
                runner = web.AppRunner(app)
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", asterisk.hub_port, reuse_address=True).start()
                ready = asyncio.Event()
                listening = asyncio.create_task(recorder.listen(http, ready), name="listen")
                await ready.wait()
                with contextlib.suppress(sipp.CallFailed):  # SIPp calls it a failure that a telephone was busy
                    async with asyncio.timeout(40):
                        await play(Studio(asterisk, port), name)
                listening.cancel()
                await asyncio.wait([listening])
                await runner.cleanup()
                text = "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in recorder.messages)
                (HERE / f"{name}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(SCENES)))
