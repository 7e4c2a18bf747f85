"""Carries out the tap's state machine for one channel: the shell around `leg.py`.

One `ChannelTap` opens the leg's UDP socket, makes the tap, and keeps it until it is stopped or lost. All of its
requests run in its own task group; a fault of Asterisk ends the tap, never the call.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol
from weakref import WeakValueDictionary

import structlog

from ari_bridge.calls.leg import Command, Input, State, advance
from ari_bridge.errors import BridgeError
from media.codecs import Codec
from media.receiver import Leg, LegReport, LegSink, Receiver

log = structlog.get_logger(__name__)

LOOKS: Final = 10  # for the first packet, while there is another way
CODECS: Final = {"alaw": Codec.PCMA, "ulaw": Codec.PCMU, "slin16": Codec.L16_16K}


class Telephony(Protocol):
    """What a tap needs of the PBX. Each raises `BridgeError` and nothing else."""

    async def format_of(self, channel_id: str) -> str: ...

    async def create_media(self, channel_id: str, host: str, port: int, audio_format: str) -> tuple[str, int]: ...

    @property
    def first_packet_s(self) -> float | None:
        """How long to wait for a fresh tap's first packet before another way is tried; None: there is none."""

    def note_first_packet(self, *, arrived: bool) -> None:
        """Whether one came in that time."""

    async def create_snoop(self, channel_id: str) -> None: ...

    async def join(self, channel_id: str) -> None: ...

    async def release(self, channel_id: str) -> None: ...

    async def received_packets(self, channel_id: str) -> int: ...

    def is_replaced(self, made_id: str, name: str) -> bool:
        """Whether a younger channel of ours has the id of the one of that name: the older one's news are old.

        Taps of one channel have the same ids, and events are taken some time after they came.
        """


class Turns:
    """One tap at a time on a channel, whichever call it is for: all taps of a channel carry the same ids.

    Two calls want the same channel one after the other when a consultation is merged into an older call.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # as many as taps

    def of(self, channel_id: str) -> asyncio.Lock:
        """To be held as long as anything of a tap stands in Asterisk."""
        return self._locks.setdefault(channel_id, asyncio.Lock())


@dataclass(frozen=True, slots=True)
class TapOutcome:
    """How a tap ended: `fault` is the first thing that went wrong, None after an orderly end."""

    was_live: bool
    fault: str | None
    report: LegReport | None


class ChannelTap:
    """One channel's tap. `run` once; `stop` and `lost` at any time."""

    def __init__(self, channel_id: str, telephony: Telephony, receiver: Receiver, host: str, sink: LegSink) -> None:
        self.channel_id = channel_id
        self.audio_format: str | None = None
        self._telephony = telephony
        self._receiver = receiver
        self._host = host
        self._sink = sink
        self._state = State.IDLE
        self._inputs: asyncio.Queue[Input] = asyncio.Queue()  # bounded by the table: a few inputs in a tap's life
        self._making: set[asyncio.Task[None]] = set()
        self._leg: Leg | None = None
        self._fault: str | None = None
        self._ending = asyncio.Event()

    @property
    def state(self) -> State:
        return self._state

    @property
    def first_packet_at(self) -> float | None:
        """Monotonic time of the leg's first packet, None before it."""
        return self._leg.first_packet_at if self._leg is not None else None

    def stop(self) -> None:
        """Nobody wants the tap any more: its last audio is taken off the socket now, the rest is released in `run`."""
        if self._leg is not None:
            self._leg.stop()
        self._inputs.put_nowait(Input.STOP)

    def lost(self) -> None:
        """Asterisk says that the snoop is gone."""
        self._inputs.put_nowait(Input.LOST)

    async def run(self) -> TapOutcome:
        """Make the tap and keep it until it ends; everything made is removed before this returns.

        When cancelled, what was made stays for the sweep (`housekeeping.remove_strays`): a cancelled task must not
        wait.
        """
        was_live = False
        try:
            self.audio_format = await self._telephony.format_of(self.channel_id)
            self._leg = self._receiver.open(codec=CODECS[self.audio_format], sink=self._sink)
        except (BridgeError, OSError) as error:  # the socket: no free port, no such address, too many open files
            return TapOutcome(False, str(error), None)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._inputs.put_nowait(Input.START)
                while self._state is not State.CLOSED:
                    given = await self._inputs.get()
                    self._state, commands = advance(self._state, given)
                    was_live = was_live or self._state is State.LIVE
                    if self._state is State.RELEASING:
                        self._ending.set()
                        self._leg.stop()
                    for command in commands:
                        self._start(tasks, command)
        finally:
            report = self._leg.stop()
        return TapOutcome(was_live, self._fault, report)

    def _start(self, tasks: asyncio.TaskGroup, command: Command) -> None:
        task = tasks.create_task(self._do(command), name=f"tap[{self.channel_id}].{command.name.lower()}")
        if command is not Command.RELEASE:
            self._making.add(task)

    async def _do(self, command: Command) -> None:
        try:
            match command:
                case Command.CREATE_MEDIA:
                    assert self._leg is not None
                    assert self.audio_format is not None
                    port = self._leg.port
                    source = await self._telephony.create_media(self.channel_id, self._host, port, self.audio_format)
                    self._leg.connect(*source)
                    self._inputs.put_nowait(Input.MEDIA_UP)
                case Command.CREATE_SNOOP:
                    await self._telephony.create_snoop(self.channel_id)
                    self._inputs.put_nowait(Input.SNOOP_UP)
                case Command.JOIN:
                    await self._telephony.join(self.channel_id)
                    self._inputs.put_nowait(Input.JOINED)
                    await self._await_audio()
                case Command.RELEASE:
                    await self._release()
        except (BridgeError, OSError) as error:
            self._fault = self._fault or f"{command.name.lower()}: {error}"
            self._inputs.put_nowait(Input.RELEASED if command is Command.RELEASE else Input.FAILED)

    async def _await_audio(self) -> None:
        """A tap whose audio finds no way to us is given up: the next one takes another."""
        patience_s = self._telephony.first_packet_s
        if patience_s is None or self._leg is None:
            return
        for _ in range(LOOKS):
            if await self._ending_within(patience_s / LOOKS):
                return
            if self._leg.first_packet_at is not None:
                self._telephony.note_first_packet(arrived=True)
                return
        self._telephony.note_first_packet(arrived=False)
        self._fault = self._fault or f"no RTP packet arrives at {self._host}:{self._leg.port}"
        self._inputs.put_nowait(Input.LOST)

    async def _ending_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return False
        return True

    async def _release(self) -> None:
        """Remove all, after requests that are still under way: one that comes last must not leave anything behind."""
        if self._making:
            await asyncio.wait(self._making)  # each has its own deadline
        try:
            await self._telephony.release(self.channel_id)
        except BridgeError as error:  # the sweep will try again
            log.warning("tap_release_failed", channel=self.channel_id, error=str(error))
        self._inputs.put_nowait(Input.RELEASED)
