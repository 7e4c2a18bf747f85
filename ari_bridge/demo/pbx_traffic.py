"""A small call centre's day, endless: the recorded conversations as calls that come, overlap and go."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ari_bridge.demo.pbx_calls import VirtualCall
from ari_bridge.demo.pbx_script import CallScript, Side, Unanswered
from ari_bridge.demo.samples import Conversation

FIRST_RING_S: Final = 1.2
STAGGER_S: Final = 9.0
"""Between the first calls of two operators."""
PAUSE_S: Final = (3.0, 8.0)
"""Between two calls of one operator, from and to."""
OUTBOUND_EVERY: Final = 4
MISSED_EVERY: Final = 7


@dataclass(frozen=True, slots=True)
class ScheduledCall:
    """A call that begins `at_s` seconds after the start of the day."""

    at_s: float
    script: CallScript


@dataclass(slots=True)
class _Lane:
    """One operator's calls, one after the other."""

    operator: str
    next_at_s: float
    busy_until_s: float = 0.0


def schedule(conversations: Sequence[Conversation], operators: Sequence[str], seed: int = 1) -> Iterator[ScheduledCall]:
    """Calls without end, in order of time. Pure: the same seed gives the same day.

    The first call rings at once; nobody has two calls at once; some calls are dialled out, some are never answered.
    """
    chance = random.Random(seed)
    lanes = [_Lane(operator, index * STAGGER_S) for index, operator in enumerate(operators)]
    for number, conversation in enumerate(itertools.cycle(conversations)):
        lane = min(lanes, key=lambda one: one.next_at_s)
        at_s, ring_s = lane.next_at_s, FIRST_RING_S if number == 0 else chance.uniform(2.0, 5.0)
        idle = [
            other.operator
            for other in lanes
            if other is not lane and other.busy_until_s <= at_s and other.next_at_s > at_s + ring_s
        ]
        script = _script(number, conversation, lane.operator, idle, ring_s)
        lane.busy_until_s = at_s + ring_s + (0.0 if script.unanswered else script.talking_s)
        lane.next_at_s = lane.busy_until_s + chance.uniform(*PAUSE_S)
        yield ScheduledCall(at_s, script)


def _script(number: int, conversation: Conversation, operator: str, idle: list[str], ring_s: float) -> CallScript:
    outbound = number % OUTBOUND_EVERY == OUTBOUND_EVERY - 1
    missed = number % MISSED_EVERY == MISSED_EVERY - 1
    return CallScript(
        client=conversation.client_number,
        ringing=(operator,) if outbound else (operator, *idle),
        answered_by=operator,
        outbound=outbound,
        unanswered=(Unanswered.BUSY if outbound else Unanswered.CANCEL) if missed else None,
        ring_s=ring_s,
        client_audio=conversation.client.alaw,
        operator_audio=conversation.operator.alaw,
        hangup_by=Side.OPERATOR if number % 3 == 2 else Side.CLIENT,
    )


class CallMaker(Protocol):
    """What can place calls: a `VirtualPbx`."""

    def call(self, script: CallScript) -> VirtualCall: ...


class DemoTraffic:
    """Plays a schedule on a PBX."""

    def __init__(self, pbx: CallMaker, calls: Iterator[ScheduledCall]) -> None:
        self._pbx = pbx
        self._calls = calls

    async def run(self) -> None:
        """Until cancelled, or until the schedule ends. The calls belong to the PBX and end with it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for scheduled in self._calls:
            await asyncio.sleep(began + scheduled.at_s - loop.time())
            self._pbx.call(scheduled.script)
