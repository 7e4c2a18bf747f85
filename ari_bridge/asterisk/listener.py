"""Keeps the line to ARI: connects, checks, lists, listens, and connects again.

What reaches `deliver` is in order: after every (re)connect one `Snapshot` of all that Asterisk has, then the events
that came since. A party that enters our Stasis application is sent on (`continue`) before anything else is done.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from itertools import count
from typing import Final

import structlog

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk import faults
from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.asterisk.housekeeping import Listing, hand_back, list_all, parties_inside, remove_strays, with_linkedids
from ari_bridge.asterisk.names import tapped_channel
from ari_bridge.asterisk.route import MODULE
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.backoff import backoff
from ari_bridge.events import Component, ComponentState, ComponentStatus
from ari_bridge.interfaces import StatusSink
from ari_bridge.settings import AriSettings

log = structlog.get_logger(__name__)

MODULES: Final = ("res_stasis_snoop.so", "chan_rtp.so", "res_ari_channels.so", "res_ari_bridges.so")
"""Without these no leg can be tapped (Asterisk `res_stasis_snoop`, `chan_rtp`)."""

RECHECK_S: Final = 5.0
ROUNDS_PER_SWEEP: Final = 2
FIRST_CHECK_S: Final = 1.0  # what a late end of the line before takes from this one, it takes soon
KNOWN_WITHIN_S: Final = 1.0
CONTINUE_WITHIN_S: Final = 0.5  # a party that waits in Stasis must not wait for a request that stalls


class Listener:
    """The line to one Asterisk. `run` once; it ends only by cancellation."""

    def __init__(
        self,
        *,
        settings: AriSettings,
        client: AriClient,
        tapper: Tapper,
        deliver: Callable[[ari.TelephonyEvent], None],
        report: StatusSink,
        tapped_channels: Callable[[], frozenset[str]],
        replaced: Callable[[], None] = lambda: None,
        recheck_s: float = RECHECK_S,
        known_within_s: float = KNOWN_WITHIN_S,
    ) -> None:
        self._settings = settings
        self._client = client
        self._tapper = tapper
        self._deliver = deliver
        self._report = report
        self._tapped_channels = tapped_channels
        self._replaced = replaced  # told when another connection took our application over
        self._recheck_s = recheck_s
        self._known_within_s = known_within_s
        self._fault: ComponentStatus | None = None  # what the last connection ended with
        # Events that came before the snapshot was complete. Unbounded: a few requests long, each with its deadline.
        self._held_back: list[ari.TelephonyEvent] | None = None
        self.unknown: Counter[str] = Counter()  # by type; Asterisk has some fifty types
        self.connected = False

    async def run(self) -> None:
        draw = random.Random()
        waits = backoff(0.5, self._settings.reconnect_max_s, draw)
        while True:
            # While a fault lasts it stays told: `connecting` is only for the first attempt.
            self._report(
                Component.ARI, self._fault or ComponentStatus(ComponentState.CONNECTING, "Подключение к Asterisk")
            )
            end = await self._connection()
            if self.connected and end.code != "ari_replaced":  # two daemons must not take turns as fast as they can
                waits = backoff(0.5, self._settings.reconnect_max_s, draw)
            if end.code == "ari_replaced":
                self._replaced()
            self.connected = False
            self._fault = faults.explain(end, self._settings)
            self._report(Component.ARI, self._fault)
            await asyncio.sleep(next(waits))

    async def _connection(self) -> AriError:
        """One connection, from its beginning to its end, and why it ended."""
        end = AriError("ari_internal", "a fault of ours")
        try:
            await self._listen()
        except* AriError as errors:
            end = next(e for e in _leaves(errors) if isinstance(e, AriError))
        except* Exception:  # boundary: a fault of ours in reading ARI ends this connection, never the daemon
            log.exception("ari_listener_failed")
        return end

    async def _listen(self) -> None:
        await self._client.connect()
        opened = asyncio.Event()
        self._held_back = []
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take_stock(opened, tasks), name="ari.stock")
            async with aclosing(self._client.events(opened)) as messages:
                async for message in messages:
                    self._take(message, tasks)
            raise AriError("ari_closed", "Asterisk closed the event WebSocket")

    async def _take_stock(self, opened: asyncio.Event, tasks: asyncio.TaskGroup) -> None:
        """After the line is up: hand back parties, remove left-overs, list all; then check, again and again."""
        await opened.wait()
        await self._until_subscribed()
        await self._set_filter()
        listing = await list_all(self._client)
        for channel in parties_inside(listing[0], self._settings.app):
            self._send_on(channel.id, tasks)
        await self._remove_strays(listing)
        self._deliver(ari.Snapshot(*await with_linkedids(self._client, listing)))
        held_back, self._held_back = self._held_back or [], None
        for event in held_back:
            self._deliver(event)
        self.connected, self._fault = True, None
        for turn in count(1):
            self._report(Component.ARI, await self._check())
            await asyncio.sleep(min(FIRST_CHECK_S, self._recheck_s) if turn == 1 else self._recheck_s)
            if turn % ROUNDS_PER_SWEEP == 0:
                await self._sweep()

    async def _until_subscribed(self) -> None:
        """Subscribe to all channels and bridges; Asterisk registers the application a moment after the handshake.

        Or not at all: the end of the line before, where it comes late, takes the application of this one with it, or
        leaves it there without any subscription (both seen on 22.10): the line stays up, and nothing is ever heard on
        it.
        """
        deadline = asyncio.get_running_loop().time() + self._known_within_s
        while not await self._is_subscribed():
            await self._subscribe()
            if asyncio.get_running_loop().time() > deadline:
                raise AriError("ari_deaf", f"Asterisk does not know the application {self._settings.app}")
            await asyncio.sleep(0.05)

    async def _subscribe(self) -> None:
        try:
            await self._client.subscribe()
        except AriError as error:
            if error.status not in (404, 422):  # not known yet
                raise

    async def _is_subscribed(self) -> bool:
        """Whether our application is there and subscribed to all channels and bridges."""
        try:
            known = await self._client.call("applications", "get", applicationName=self._settings.app)
        except AriError as error:
            if error.status != 404:
                raise
            return False
        return isinstance(known, dict) and bool(known.get("channel_ids")) and bool(known.get("bridge_ids"))

    async def _sweep(self) -> None:
        try:
            await self._remove_strays(await list_all(self._client))
        except AriError as error:
            log.info("ari_sweep_failed", error=str(error))  # the check that follows tells people

    async def _remove_strays(self, listing: Listing) -> None:
        await remove_strays(self._tapper, listing, self._settings.app, self._tapped_channels)

    async def _check(self) -> ComponentStatus:
        """What would keep us from tapping although the line is up. A request that fails does not end the line."""
        try:
            if not await self._is_subscribed():
                raise AriError("ari_deaf", f"Asterisk has forgotten the application {self._settings.app}")
            modules = await self._client.call("asterisk", "listModules")
            missing = faults.missing_modules(modules, MODULES)
            self._tapper.offer_websocket(isinstance(modules, list) and not faults.missing_modules(modules, [MODULE]))
            if missing:
                return faults.module_missing(missing)
            endpoints = await self._client.call("endpoints", "list")
            return faults.trunks_missing(endpoints, self._settings.trunks) or ComponentStatus(ComponentState.UP)
        except AriError as error:
            if error.code == "ari_deaf":
                raise
            return faults.explain(error, self._settings)

    async def _set_filter(self) -> None:
        """Ask for the needed event types alone; an Asterisk that cannot filter sends all, which only costs time."""
        try:
            await self._client.set_event_filter(ari.NEEDED)
        except AriError as error:
            if error.retryable:
                raise
            log.info("ari_event_filter_unavailable", error=str(error))

    def _take(self, message: object, tasks: asyncio.TaskGroup) -> None:
        event = ari.parse(message)
        if isinstance(event, ari.Unknown):
            self.unknown[event.type] += 1
            if event.malformed and self.unknown[event.type] == 1:
                log.warning("ari_event_malformed", type=event.type)
            return
        if isinstance(event, ari.Replaced):
            raise AriError("ari_replaced", "another connection took the Stasis application over")
        if isinstance(event, ari.StasisEntered):
            if not self._is_foreign(event.channel.id):
                self._tapper.on_stasis_start(event.channel.id, event.channel.name)
                return
            self._send_on(event.channel.id, tasks)
        if isinstance(event, ari.ChannelGone):
            self._tapper.on_gone(event.channel.id, event.channel.name)
        if self._held_back is not None:
            self._held_back.append(event)
        else:
            self._deliver(event)

    def _is_foreign(self, channel_id: str) -> bool:
        return tapped_channel(self._settings.app, channel_id) is None

    def _send_on(self, channel_id: str, tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(self._until_handed_back(channel_id), name=f"ari.continue[{channel_id}]")

    async def _until_handed_back(self, channel_id: str) -> None:
        """Back to the dialplan, whatever it takes: a party that waits in Stasis hears nothing."""
        waits = backoff(0.05, 1.0, random.Random())
        for attempt in count(1):
            try:
                async with asyncio.timeout(CONTINUE_WITHIN_S):
                    await hand_back(self._client, channel_id)
            except (AriError, TimeoutError) as error:
                if attempt == 1:
                    log.warning("stasis_continue_failed", channel=channel_id, error=str(error) or "no answer")
            else:
                if attempt > 1:
                    log.info("stasis_continued", channel=channel_id, attempts=attempt)
                return
            await asyncio.sleep(next(waits))


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
