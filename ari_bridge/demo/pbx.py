"""A virtual PBX: speaks ARI as Asterisk 22 does, plays scripted calls, and sends their speech as real RTP.

    async with VirtualPbx(username="ari_bridge", password="demo", operators=("1001", "1002")) as pbx:
        call = pbx.call(CallScript(client="79001234567", client_audio=alaw, operator_audio=alaw))
        await call.ended.wait()

For `ari-bridge demo` and for the tests that run unchanged against a real Asterisk. Loopback only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from ari_bridge.demo.pbx_calls import CallDesk, VirtualCall
from ari_bridge.demo.pbx_events import Drop, EventLines
from ari_bridge.demo.pbx_faults import FaultBoard
from ari_bridge.demo.pbx_http import AriServer
from ari_bridge.demo.pbx_model import Channel, Json, MediaTarget
from ari_bridge.demo.pbx_requests import DEFAULT_MODULES, Requests
from ari_bridge.demo.pbx_rtp import RtpSender
from ari_bridge.demo.pbx_script import CallScript
from ari_bridge.demo.pbx_switch import Switchboard
from ari_bridge.demo.pbx_tasks import Tasks


class VirtualPbx:
    """One PBX. `trunk` and `operators` are PJSIP resources; `hub_url` is where the dialplan sends its notices.

    `channelvars` is ari.conf's option. A snoop or ExternalMedia channel comes to its application `stasis_delay_s` after
    the answer; bridging it earlier is a 422. `faults`, `events` and `rtp.impair` are for tests to spoil things with.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        username: str = "ari_bridge",
        password: str = "demo",
        trunk: str = "mango",
        operators: tuple[str, ...] = ("1001", "1002", "1003"),
        channelvars: tuple[str, ...] = (),
        modules: tuple[str, ...] = DEFAULT_MODULES,
        hub_url: str | None = None,
        stasis_delay_s: float = 0.002,
    ) -> None:
        self.faults = FaultBoard()
        self.events = EventLines()
        self.board = Switchboard([f"PJSIP/{name}" for name in (*operators, trunk)], datetime.now(UTC), channelvars)
        self.rtp = RtpSender(self.board, host)
        self._desk = CallDesk(self.board, f"PJSIP/{trunk}", self._settle, hub_url)
        self._server = AriServer(
            self.board, Requests(self.board, self, modules), self.events, self.faults, self._settle
        )
        self._server.allow(username, password)
        self._tasks = Tasks()
        self._host, self._port = host, port
        self._stasis_delay_s = stasis_delay_s

    @property
    def url(self) -> str:
        """What ARI clients connect to, without `/ari`."""
        return f"http://{self._host}:{self._port}"

    def call(self, script: CallScript) -> VirtualCall:
        """Begin a call now."""
        return self._desk.start(script)

    def send_notices_to(self, hub_url: str | None) -> None:
        """Where the dialplan of the notice way sends `/agi/*`."""
        self._desk.hub_url = hub_url

    def change_password(self, username: str, password: str) -> None:
        """From now on only this user may log in; open events lines stay, as in Asterisk."""
        self._server.allow(username, password)

    def holdings(self) -> list[str]:
        """The ids of all channels and bridges; empty means that nothing was left behind."""
        return [*self.board.channels, *self.board.bridges]

    async def drop_events(self, app: str, how: Drop = Drop.CLEAN) -> None:
        """The application's events WebSocket is lost."""
        await self.events.drop(app, how)

    async def go_offline(self) -> None:
        """HTTP is away; calls and RTP go on."""
        await self._server.stop()

    async def go_online(self) -> None:
        """HTTP is back, on the same port."""
        self._port = await self._server.start(self._host, self._port)

    async def restart(self, down_s: float = 0.0) -> None:
        """As when Asterisk is restarted: calls, bridges and applications are gone without a word."""
        await self._server.stop()
        await self._desk.close()
        self.board.reset()
        await asyncio.sleep(down_s)
        self.board.news.at(datetime.now(UTC))
        await self._desk.open()
        await self.go_online()

    async def __aenter__(self) -> Self:
        await self._desk.open()
        self._tasks.start(self.rtp.run(), name="pbx.rtp")
        await self.go_online()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._desk.close()
        finally:
            await self._server.stop()
            await self._tasks.close()

    # ---- what requests need of the shell (pbx_requests.Host)

    def open_media(self, target: MediaTarget) -> tuple[str, int]:
        return self.rtp.open(target)

    def start_media(self, channel: Channel) -> None:
        self.rtp.start(channel.id)

    def soon(self, action: Callable[[], None]) -> None:
        self._tasks.start(self._later(action), name="pbx.soon")

    def hang_up(self, channel_id: str, cause: int) -> bool:
        return self._desk.hang_up(channel_id, cause)

    def hand_back(self, channel_id: str) -> None:
        self._desk.hand_back(channel_id)

    async def _later(self, action: Callable[[], None]) -> None:
        await asyncio.sleep(self._stasis_delay_s)
        self._settle()
        action()
        self._settle()

    def _settle(self) -> None:
        """The time of day moves on; what happened goes out to whom it concerns."""
        self.board.news.at(datetime.now(UTC))
        self.events.deliver(self.board.news.take())


__all__ = ["CallScript", "Drop", "Json", "VirtualCall", "VirtualPbx"]
