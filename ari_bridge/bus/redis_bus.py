"""The bus in Redis: what one node tells, all nodes show, numbered alike. A shell over `outlet.py` and `scripts.py`.

A node's own events come back from Redis like anybody's, and are shown then. While Redis is away a node shows its own
ahead; what it could not send is sent when Redis is back, and the other nodes catch up from the streams. Numbers have no
holes, so whoever misses one notices and reads the streams again.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from ari_bridge.backoff import backoff
from ari_bridge.bus.outlet import Outlet
from ari_bridge.bus.requests import Answerer, Requests
from ari_bridge.bus.scripts import CATCH_UP, ENDED_S, JOIN, LIVE_S, PUBLISH
from ari_bridge.bus.wire import Forgotten, Told, may_be_lost, pack, unpack
from ari_bridge.errors import BridgeError
from ari_bridge.events import CallEvent
from ari_bridge.interfaces import BusFollower
from ari_bridge.redis_link import RedisLink, Subscription

log = structlog.get_logger(__name__)

BEAT_S: Final = 1.0
SILENCE_S: Final = 2.5  # our own beat has not come back: the line is dead
MOST_AT_ONCE: Final = 500
RETRY_FIRST_S: Final = 0.1
RETRY_MOST_S: Final = 2.0
MOST_OWNERS: Final = 20_000
MOST_ORIGINS: Final = 1_000

Presence = Callable[[], Mapping[str, Any]]
OnPresence = Callable[[str, Mapping[str, Any]], None]


@dataclass(slots=True)
class BusCounters:
    """What `/metrics` shows of the bus."""

    up: int = field(default=0, metadata={"help": "1 while Redis takes what is told and tells it back"})
    unsent: int = field(default=0, metadata={"help": "Events that Redis has not got yet"})
    sent_total: int = field(default=0, metadata={"help": "Events sent"})
    received_total: int = field(default=0, metadata={"help": "Events of all nodes that were received"})
    ahead_total: int = field(default=0, metadata={"help": "Own events shown before the bus had numbered them"})
    caught_up_total: int = field(default=0, metadata={"help": "Times that the streams were read to catch up"})
    malformed_total: int = field(default=0, metadata={"help": "Messages that no node of ours has sent, ignored"})


class RedisBus:
    """`publish` is an `EventSink` for all but `system`; `serve` while the daemon runs, then `close`.

    `follower` shows what all nodes tell; without one the node only tells. `presence` is told to all once a second,
    others' goes to `on_presence`. `answer` takes other nodes' questions.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        node: str,
        *,
        follower: BusFollower | None = None,
        presence: Presence = dict,
        on_presence: OnPresence = lambda node, members: None,
        answer: Answerer | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.node = node
        self.counters = BusCounters()
        self._url = url
        self._prefix = prefix
        self._link = RedisLink(url)
        self._posting = RedisLink(url)
        self._outlet = Outlet(node, secrets.token_hex(6))
        self._follower = follower
        self._presence = presence
        self._on_presence = on_presence
        self._requests = Requests(node, self._outlet.origin, self._post, answer)
        self._clock = clock
        self._owners: OrderedDict[str, str] = OrderedDict()  # call → the node that follows it
        self._seen: OrderedDict[str, int] = OrderedDict()  # origin → its last number
        self._epoch = ""  # in which we send; empty where that must be asked
        self._joined = ""  # the last one in which we sent
        self._followed_epoch = ""
        self._position = 0
        self._sending = self._receiving = False  # well
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def up(self) -> bool:
        return self._sending and self._receiving

    def read_counters(self) -> BusCounters:
        self.counters.up, self.counters.unsent = int(self.up), self._outlet.unsent
        return self.counters

    def publish(self, event: CallEvent) -> None:
        self._put(event)

    def forget(self, call_id: str) -> None:
        self._outlet.forget(call_id)
        self._put(Forgotten(call_id))

    def owner(self, call_id: str) -> str | None:
        """The node that follows the call, as far as is known."""
        return self._owners.get(call_id)

    async def ask(self, node: str, verb: str, arguments: Mapping[str, Any], **options: float) -> Any:
        """See `requests.Requests.ask`."""
        return await self._requests.ask(node, verb, arguments, **options)

    async def serve(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._send(), name="bus.sender")
            tasks.create_task(self._receive(), name="bus.receiver")
            tasks.create_task(self._beat(), name="bus.beat")

    async def _post(self, node: str, text: str) -> int:
        return int(await self._posting.ask("PUBLISH", f"{self._prefix}node:{node}", text))

    async def close(self) -> None:
        """Send the rest, where that goes at once."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            while self._outlet.unsent:
                await self._send_batch()
        except BridgeError as error:
            log.warning("bus_backlog_lost", events=self._outlet.unsent, error=str(error))
        await self._link.close()
        await self._posting.close()

    # Telling

    def _put(self, event: CallEvent | Forgotten) -> None:
        if not self.up and may_be_lost(event):
            self._pass(event)  # for those who are here now, and for nobody later
            return
        awaited = self._follower is not None
        self._outlet.put(event, self._clock(), asyncio.get_running_loop().time(), awaited=awaited)
        self._owners.setdefault(event.call_id, self.node)
        if awaited:
            self._show_overdue()
        self._wake.set()

    def _pass(self, event: CallEvent | Forgotten) -> None:
        if self._follower is not None and not isinstance(event, Forgotten):
            self._follower.tell_in_passing(event)

    def _show_overdue(self) -> None:
        """Tell our own what the bus does not tell back, and look again when the next is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        assert self._follower is not None
        loop = asyncio.get_running_loop()
        for told in self._outlet.overdue(loop.time(), away=not self.up):
            self.counters.ahead_total += 1
            if not isinstance(told.event, Forgotten):
                self._follower.tell_ahead(told.event)
        deadline = self._outlet.deadline()
        if deadline is not None:
            self._timer = loop.call_at(deadline, self._show_overdue)

    async def _send(self) -> None:
        waits = _new_waits()
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._outlet.unsent or not self._epoch:
                    await self._send_batch()
            except BridgeError as error:
                self._epoch = ""  # it may be another Redis that answers next
                self._outlet.drop_losable()
                self._note(sending=False, error=str(error))
                self._wake.set()
                await asyncio.sleep(next(waits))
                continue
            self._note(sending=True)
            waits = _new_waits()

    async def _send_batch(self) -> None:
        if not self._epoch:
            await self._join()
        batch = self._outlet.batch(MOST_AT_ONCE)
        arguments = [argument for told in batch for argument in self._argued(told)]
        position = await self._link.run(PUBLISH, self._prefix, self._epoch, self._outlet.origin, *arguments)
        if position < 0:
            await self._join()
            return
        self._outlet.sent(len(batch))
        self.counters.sent_total += len(batch)

    async def _join(self) -> None:
        epoch, _ = await self._link.run(JOIN, self._prefix, secrets.token_hex(3))
        if epoch.decode() != self._joined:
            self._outlet.send_all_again()
        self._epoch = self._joined = epoch.decode()

    def _argued(self, told: Told) -> tuple[str | int, ...]:
        call_id = told.event.call_id
        keep = ENDED_S if self._outlet.is_over(call_id) else LIVE_S
        return told.number, call_id, -keep if isinstance(told.event, Forgotten) else keep, pack(told)

    async def _beat(self) -> None:
        while True:
            self._wake.set()  # it finds out where Redis lost what it knew
            beat = json.dumps({"node": self.node, **self._presence()})
            try:
                await self._posting.ask("PUBLISH", f"{self._prefix}beats", beat)
            except BridgeError as error:
                self._note(sending=False, error=str(error))
                self._epoch = ""
            await asyncio.sleep(BEAT_S)

    # Being told

    async def _receive(self) -> None:
        channels = ["beats", f"node:{self.node}", *(["live"] if self._follower is not None else [])]
        waits = _new_waits()
        while True:
            try:
                async with Subscription.of(self._url, *(self._prefix + channel for channel in channels)) as coming:
                    if self._follower is not None:
                        await self._catch_up()
                    self._note(receiving=True)
                    waits = _new_waits()
                    while True:
                        channel, text = await coming.next(SILENCE_S)
                        await self._take(channel.removeprefix(self._prefix), text)
            except BridgeError as error:
                self._note(receiving=False, error=str(error))
                await asyncio.sleep(next(waits))

    async def _take(self, channel: str, text: str) -> None:
        try:
            if channel == "live":
                if not self._take_lines(text):
                    await self._catch_up()
            elif channel == "beats":
                members = json.loads(text)
                self._on_presence(members["node"], members)
            else:
                assert self._tasks is not None
                self._tasks.create_task(self._take_request(text), name="bus.request")
        except (ValueError, KeyError, TypeError) as fault:
            self.counters.malformed_total += 1
            log.debug("bus_message_malformed", channel=channel, error=str(fault))

    async def _take_request(self, text: str) -> None:
        try:
            await self._requests.take(text)
        except BridgeError as error:
            log.debug("bus_answer_lost", error=str(error))
        except (ValueError, KeyError, TypeError) as fault:
            self.counters.malformed_total += 1
            log.debug("bus_message_malformed", channel="node", error=str(fault))

    def _take_lines(self, text: str) -> bool:
        """False where something before it is missing."""
        epoch, *lines = text.split("\n")
        if epoch != self._followed_epoch:
            return False
        assert self._follower is not None
        for line in lines:
            if line.startswith("~"):
                self.counters.received_total += 1
                self._pass(unpack(line[1:]).event)
                continue
            number, _, packed = line[1:].partition(" ")
            position = int(number)
            if position <= self._position:
                continue
            if position != self._position + 1:
                return False
            self._follow(position, packed)
        return True

    def _follow(self, position: int, packed: str) -> None:
        assert self._follower is not None
        self._position = position
        self.counters.received_total += 1
        try:
            told = unpack(packed)
        except (ValueError, KeyError, TypeError) as fault:
            self.counters.malformed_total += 1
            log.debug("bus_message_malformed", channel="live", error=str(fault))
            return
        shown = told.number <= self._seen.get(told.origin, 0)
        self._seen[told.origin] = max(told.number, self._seen.get(told.origin, 0))
        self._seen.move_to_end(told.origin)
        if len(self._seen) > MOST_ORIGINS:
            self._seen.popitem(last=False)
        if told.origin == self._outlet.origin:
            shown = self._outlet.came_back(told) or shown
        self._owners[told.event.call_id] = told.node
        if len(self._owners) > MOST_OWNERS:
            self._owners.popitem(last=False)
        if isinstance(told.event, Forgotten):
            self._follower.forget_at(told.event.call_id, position)
        else:
            self._follower.tell(told.event, position, told.at, shown=shown)
        if not self._outlet.is_ahead:
            self._follower.settle()

    async def _catch_up(self) -> None:
        """Tell what the streams have and we have not, in order; begin anew where Redis did."""
        assert self._follower is not None
        await self._link.run(JOIN, self._prefix, secrets.token_hex(3))
        since = self._position + 1
        epoch, newest, told, listed = await self._link.run(CATCH_UP, self._prefix, since)
        anew = epoch.decode() != self._followed_epoch
        if anew:
            epoch, newest, told, listed = await self._link.run(CATCH_UP, self._prefix, 0)
        told.sort(key=lambda entry: _number(entry[0]))
        for entry, packed in told:
            self._follow(_number(entry), packed.decode())
        if anew or len(told) != newest + 1 - since:  # some of it is there no longer
            if not anew:
                self._follower.keep_only({call_id.decode() for call_id in listed})
            self._follower.begin_at(epoch.decode(), newest)
        self._followed_epoch, self._position = epoch.decode(), newest
        self.counters.caught_up_total += 1
        log.info("bus_caught_up", events=len(told), position=newest)

    def _note(self, *, sending: bool | None = None, receiving: bool | None = None, error: str = "") -> None:
        was = self.up
        self._sending = self._sending if sending is None else sending
        self._receiving = self._receiving if receiving is None else receiving
        if self.up and not was:
            log.info("bus_up", unsent=self._outlet.unsent)
        if was and not self.up:
            log.warning("bus_away", error=error)
            if self._follower is not None:
                self._show_overdue()


def _number(entry: bytes) -> int:
    return int(entry.partition(b"-")[0])


def _new_waits() -> Iterator[float]:
    return backoff(RETRY_FIRST_S, RETRY_MOST_S, random.Random())
