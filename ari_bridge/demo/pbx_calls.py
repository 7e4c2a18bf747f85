"""Runs call scripts in real time: one task a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from ari_bridge.demo.pbx_dialplan import Stage, begin, play
from ari_bridge.demo.pbx_script import CallScript, Continue, HangUp, Notice, Side, Signal, Wait
from ari_bridge.demo.pbx_switch import Switchboard
from ari_bridge.demo.pbx_tasks import Tasks

NOTICE_TIMEOUT_S = 0.3
"""What the dialplan sets as CURLOPT(conntimeout) and CURLOPT(httptimeout)."""


class VirtualCall:
    """A call that a virtual PBX is playing. All members may be read while it runs and afterwards.

    `notices` holds the status with which each `/agi/*` notice was answered, None where it was not in time.
    """

    def __init__(self, stage: Stage) -> None:
        self.script = stage.script
        self.stage = stage
        self.linkedid = stage.caller.linkedid
        self.caller_channel = stage.caller.id
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.notices: list[int | None] = []
        # bound: a call has few signals; one that does not fit is a test's mistake and raises QueueFull
        self._signals: asyncio.Queue[Signal] = asyncio.Queue(maxsize=16)

    @property
    def client_channel(self) -> str | None:
        """The id of the trunk's channel, None before it exists."""
        return self.stage.client.id if self.stage.client else None

    @property
    def operator_channel(self) -> str | None:
        """The id of the answering operator's channel, None before the answer (for outbound calls the dialling one)."""
        return self.stage.operator.id if self.stage.operator else None

    def hang_up(self, side: Side = Side.CLIENT, cause: int = 16) -> None:
        """That party hangs up now."""
        channel = self.stage.client if side is Side.CLIENT else self.stage.operator
        self.signal(HangUp((channel or self.stage.caller).id, cause))

    def owns(self, channel_id: str) -> bool:
        return any(channel.id == channel_id for channel in self.stage.channels())

    def signal(self, signal: Signal) -> None:
        self._signals.put_nowait(signal)

    async def next_signal(self, seconds: float | None) -> Signal:
        """The next signal, None when `seconds` pass first."""
        try:
            async with asyncio.timeout(seconds):
                return await self._signals.get()
        except TimeoutError:
            return None


class CallDesk:
    """Starts calls and owns their tasks. `settle` is called after every change of the switchboard."""

    def __init__(self, board: Switchboard, trunk: str, settle: Callable[[], None], hub_url: str | None) -> None:
        self._board = board
        self._trunk = trunk
        self._settle = settle
        self.hub_url = hub_url
        self._tasks = Tasks()
        self._calls: set[VirtualCall] = set()
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._http = aiohttp.ClientSession()

    async def close(self) -> None:
        """All calls end at once, without events. Raises what a call raised."""
        try:
            await self._tasks.close()
        finally:
            if self._http is not None:
                await self._http.close()

    def start(self, script: CallScript) -> VirtualCall:
        """Begin a call now; its first channel exists when this returns."""
        self._settle()
        call = VirtualCall(begin(self._board, self._trunk, script))
        self._calls.add(call)
        self._settle()
        self._tasks.start(self._play(call), name=f"pbx.call[{call.caller_channel}]")
        return call

    def hang_up(self, channel_id: str, cause: int) -> bool:
        """ARI hangs a call's channel up; False where no call owns it."""
        owner = self._owner(channel_id)
        if owner is not None:
            owner.signal(HangUp(channel_id, cause, soft=True))
        return owner is not None

    def hand_back(self, channel_id: str) -> None:
        owner = self._owner(channel_id)
        if owner is not None:
            owner.signal(Continue())

    def _owner(self, channel_id: str) -> VirtualCall | None:
        return next((call for call in self._calls if call.owns(channel_id)), None)

    async def _play(self, call: VirtualCall) -> None:
        steps = play(self._board, call.stage)
        signal: Signal = None
        try:
            while True:
                self._settle()  # the time of day moves on before the step, its events go out after it
                try:
                    step = steps.send(signal)
                except StopIteration:
                    break
                finally:
                    self._settle()
                if call.stage.connected is not None:
                    call.answered.set()
                signal = await self._wait(call, step)
        finally:
            self._calls.discard(call)
            call.ended.set()

    async def _wait(self, call: VirtualCall, step: Wait | Notice) -> Signal:
        if isinstance(step, Wait):
            return await call.next_signal(step.seconds)
        call.notices.append(await self._notify(step))
        return None

    async def _notify(self, notice: Notice) -> int | None:
        """As the dialplan's CURL(): the answer's status, None where none came in time. Nothing of it stops the call."""
        if self.hub_url is None or self._http is None:
            return None
        url = f"{self.hub_url}/agi/call_{notice.kind}"
        timeout = aiohttp.ClientTimeout(total=NOTICE_TIMEOUT_S)
        try:
            async with self._http.get(url, params=notice.query, timeout=timeout) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None
