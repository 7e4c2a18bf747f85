"""Two PBXs behind one face: the demo's virtual one and a real Asterisk with SIPp as trunk and operators."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.demo.pbx_script import CallScript, Side, Unanswered, Way
from ari_bridge.demo.samples import Conversation
from tests.lab import asterisk_root, sipp
from tests.lab.asterisk import Asterisk, Options, inbound_number, outbound_number
from tests.lab.sipp import Audio

RING_S = 0.6
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One call that a test wants: who, how the daemon learns of it, what is said, who hangs up."""

    conversation: Conversation
    way: Way = Way.PASSIVE
    extension: str = "1001"
    number: str = "79001234567"
    outbound: bool = False
    hangup_by: Side = Side.CLIENT
    seconds: float | None = None  # from the answer; None: all that is said, and a second

    @property
    def talk_s(self) -> float:
        return self.seconds if self.seconds is not None else self.conversation.duration_ms / 1000 + SETTLE_S


class Pbx(Protocol):
    variables: Mapping[str, str]

    async def play(self, plan: Plan) -> None:
        """The whole call, from the first ring to the hang-up; raises where the parties did not get through."""

    async def give_up(self, number: str, extension: str) -> None:
        """A client who hangs up while the operator's telephone rings."""

    def holdings(self) -> list[str]:
        """Ids of every channel and bridge that exists."""


class RealPbx:
    """Asterisk 22 with SIPp. Outbound plans dial the plan's number with 8 in front."""

    def __init__(self, asterisk: Asterisk, home: Path) -> None:
        self.asterisk = asterisk
        self.variables = {
            "ARI__URL": asterisk.ari_url,
            "ARI__USERNAME": asterisk.options.ari_user,
            "ARI__PASSWORD": asterisk.options.ari_password,
        }
        self._home = home

    def audio(self, conversation: Conversation) -> tuple[Audio, Audio]:
        """What the client's and the operator's SIPp play."""
        files = []
        for leg, recorded in (("client", conversation.client), ("operator", conversation.operator)):
            file = self._home / f"{conversation.id}.{leg}.alaw"
            file.write_bytes(recorded.alaw)
            files.append(Audio(file=file))
        return files[0], files[1]

    def parties(self, plan: Plan) -> tuple[sipp.Party, sipp.Party]:
        """Caller and callee of this plan, not yet started."""
        client, operator = self.audio(plan.conversation)
        ends = {side: plan.talk_s if plan.hangup_by is side else None for side in (Side.CLIENT, Side.OPERATOR)}
        if plan.outbound:
            dialled = outbound_number(plan.way.value, "8" + plan.number[1:])
            return (
                sipp.operator_caller(self.asterisk, plan.extension, dialled, operator, talk_s=ends[Side.OPERATOR]),
                sipp.trunk_callee(self.asterisk, client, ring_s=RING_S, talk_s=ends[Side.CLIENT]),
            )
        did = inbound_number(plan.way.value, plan.extension)
        return (
            sipp.trunk_caller(self.asterisk, did, client, number=plan.number, talk_s=ends[Side.CLIENT]),
            sipp.operator(self.asterisk, plan.extension, operator, ring_s=RING_S, talk_s=ends[Side.OPERATOR]),
        )

    async def play(self, plan: Plan) -> None:
        caller, callee = self.parties(plan)
        with contextlib.ExitStack() as stack:
            for party in (callee, caller):
                party.timeout_s = max(party.timeout_s, plan.talk_s + 30)
                await asyncio.to_thread(stack.enter_context, party)
            for party in (caller, callee):
                stats = await asyncio.to_thread(party.wait)
                assert stats == sipp.Stats(successful=1, failed=0)

    async def give_up(self, number: str, extension: str) -> None:
        raise NotImplementedError

    def holdings(self) -> list[str]:
        return self.asterisk.ari.holdings()


class DemoPbx:
    """The demo's virtual PBX."""

    def __init__(self, pbx: VirtualPbx) -> None:
        self.pbx = pbx
        self.variables = {"ARI__URL": pbx.url, "ARI__USERNAME": "ari_bridge", "ARI__PASSWORD": "demo"}

    async def play(self, plan: Plan) -> None:
        call = self.pbx.call(
            CallScript(
                client=plan.number,
                did="74950010000",
                ringing=(plan.extension,),
                outbound=plan.outbound,
                way=plan.way,
                ring_s=RING_S,
                talk_s=plan.talk_s,
                client_audio=plan.conversation.client.alaw,
                operator_audio=plan.conversation.operator.alaw,
                hangup_by=plan.hangup_by,
            )
        )
        await call.ended.wait()

    async def give_up(self, number: str, extension: str) -> None:
        call = self.pbx.call(
            CallScript(client=number, ringing=(extension,), unanswered=Unanswered.CANCEL, ring_s=RING_S)
        )
        await call.ended.wait()

    def holdings(self) -> list[str]:
        return self.pbx.holdings()


@contextlib.asynccontextmanager
async def real_pbx(hub_port: int, release: str = "22", **options: object) -> AsyncIterator[RealPbx]:
    """A real Asterisk of its own whose dialplan sends its notices to `hub_port`; `release`: `22` or `16`.

    It and its telephones run in real time, the daemon does not: a busy machine is no reason why a word is lost.
    """
    with tempfile.TemporaryDirectory(prefix="ari-bridge-audio-") as home:
        chosen = {"phones": ("1001", "1002", "1003"), "realtime": True, **options}
        asterisk = Asterisk(Options(hub_port=hub_port, **chosen), root=asterisk_root(release))  # type: ignore[arg-type]
        with asterisk:
            yield RealPbx(asterisk, Path(home))


@contextlib.asynccontextmanager
async def demo_pbx(hub_port: int) -> AsyncIterator[DemoPbx]:
    async with VirtualPbx(hub_url=f"http://127.0.0.1:{hub_port}") as pbx:
        yield DemoPbx(pbx)
