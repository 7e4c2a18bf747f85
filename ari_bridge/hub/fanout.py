"""The hub's middle: events in, every entitled client's outbox out. `publish` never blocks and never awaits.

It runs on one event loop; its only effects are waking the clients' writers and reading the clocks it was given.

Alone, it numbers what it is told itself. One of several nodes is told by the bus instead (`interfaces.BusFollower`),
and all nodes number alike, so a client of one can go on at another.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from ari_bridge.events import CallEvent, CallStarted, CallUpdated, Event, Suggestion, SystemChanged
from ari_bridge.hub.access import Account, sees_live
from ari_bridge.hub.client import Client
from ari_bridge.hub.outbox import Outbox
from ari_bridge.hub.overseers import Overseers
from ari_bridge.hub.protocol import (
    CoalesceKey,
    Delivery,
    Message,
    MessageLog,
    encode,
    heartbeat,
    hidden,
    parse_cursor,
    resumed,
)
from ari_bridge.hub.state import HubState

log = structlog.get_logger(__name__)

SERVICE_RESTART = 1012  # RFC 6455 §7.4, IANA registry
SIGNED_OUT = 4401  # ours (RFC 6455 §7.4.2): the right to look has ended; the page asks over HTTP and shows the sign-in


@dataclass(slots=True)
class HubCounters:
    """What `/metrics` shows of the hub; names ending in `_total` only grow."""

    clients: int = field(default=0, metadata={"help": "Open WebSocket connections"})
    queued_bytes: int = field(default=0, metadata={"help": "Messages that wait for the slowest reader"})
    events_total: int = field(default=0, metadata={"help": "Events published"})
    impossible_total: int = field(default=0, metadata={"help": "Events of unknown calls, or that were told before"})
    unserialisable_total: int = field(default=0, metadata={"help": "Events that could not be written as JSON"})
    frames_sent_total: int = field(default=0, metadata={"help": "WebSocket frames sent to clients"})
    coalesced_total: int = field(default=0, metadata={"help": "Messages replaced by a newer one before they were sent"})
    overflows_total: int = field(default=0, metadata={"help": "Connections closed because their reader was too slow"})
    snapshots_total: int = field(default=0, metadata={"help": "Connections that began with a snapshot"})
    resumes_total: int = field(default=0, metadata={"help": "Connections that went on where the last one ended"})
    malformed_total: int = field(default=0, metadata={"help": "Client messages outside the contract, ignored"})
    refused_total: int = field(default=0, metadata={"help": "Requests refused (access, Origin)"})


class Hub:
    """Live state and its readers. `publish` is an `EventSink`."""

    def __init__(
        self,
        mode: str = "live",
        *,
        epoch: str | None = None,
        state: HubState | None = None,
        message_log: MessageLog | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,  # the event loop's clock
        make_outbox: Callable[..., Outbox] = Outbox,
        on_bus: bool = False,
    ) -> None:
        self.epoch = epoch or secrets.token_urlsafe(9)
        self.state = state or HubState(mode)
        self.counters = HubCounters()
        self._log = message_log or MessageLog()
        self._clock = clock
        self._monotonic = monotonic
        self._make_outbox = make_outbox
        self.on_bus = on_bus
        self._sequence = 0
        self._settled = True  # all that was shown has its number
        self._ahead = itertools.count(1)
        self._numbers = itertools.count(1)
        self._clients: set[Client] = set()
        self._locals: set[Client] = set()  # at this machine, without users: they see everything
        self.overseers = Overseers(monotonic)  # they see everything too, but fewer partials and levels of it
        self._watchers: dict[str, set[Client]] = {}  # call → the others who see it

    def publish(self, event: Event) -> None:
        if self._tell(event, self._sequence + 1, self._clock()):
            self._sequence += 1

    # interfaces.BusFollower

    def begin_at(self, epoch: str, position: int) -> None:
        """The bus numbers anew: whoever is here comes back and begins with a snapshot."""
        self.epoch, self._sequence = epoch, position
        self._log.begin(position)
        self.close_all(reason="the numbering begins anew")

    def tell(self, event: CallEvent, position: int, at: datetime, *, shown: bool) -> None:
        if shown:
            self._log.append(encode(event, position, at, self._monotonic()))
        else:
            self._tell(event, position, at)
        self._sequence = position

    def tell_ahead(self, event: CallEvent) -> None:
        self._settled = False
        self._tell(event, self._sequence, self._clock(), unnumbered=("ahead", str(next(self._ahead))))

    def tell_in_passing(self, event: Event) -> None:
        self._tell(event, self._sequence, self._clock(), unnumbered=("passing", event.type))

    def settle(self) -> None:
        self._settled = True

    def keep_only(self, call_ids: Collection[str]) -> None:
        for call_id in self.state.views.keys() - set(call_ids):
            self.state.drop(call_id)
            self._watchers.pop(call_id, None)

    def forget_at(self, call_id: str, position: int) -> None:
        self._sequence = position - 1
        self.forget(call_id)
        self._sequence = position

    def _tell(self, event: Event, sequence: int, at: datetime, *, unnumbered: CoalesceKey | None = None) -> bool:
        """False where it was no news."""
        now = self._monotonic()
        self._expire(now)
        try:
            message = encode(event, sequence, at, now, settled=self._settled, unnumbered=unnumbered)
        except (TypeError, ValueError) as error:
            self.counters.unserialisable_total += 1
            log.error("event_not_serialised", event_type=event.type, error=str(error))
            return False
        self.counters.events_total += 1
        if not self.state.fold(event, message, now):
            self.counters.impossible_total += 1
            return False
        if unnumbered is None or message.delivery is Delivery.PARTIAL:
            self._log.append(message)
        self._deliver(event, message, now, at)
        return True

    def connect(self, account: Account, epoch: str | None = None, cursor: str | None = None) -> Client:
        """A new reader: it goes on after `cursor` where that is possible, else it starts with a snapshot.

        An account that sees only some calls always gets a snapshot: it is small, and what the account may see can
        have changed meanwhile.
        """
        now, at = self._monotonic(), self._clock()
        self._expire(now)
        self.overseers.hand_out()  # what has gathered came before this snapshot
        outbox = self._make_outbox()
        views = self.state.visible(lambda call: sees_live(account, call))
        own_epoch = self.epoch if account.sees_everything else f"{self.epoch}~"  # rights may grow between two visits
        known = epoch == own_epoch and account.sees_everything and self._settled
        sequence = parse_cursor(cursor) if known else None
        missed = self._log.since(sequence) if sequence is not None and sequence <= self._sequence else None
        if sequence is not None and missed is not None:
            self.counters.resumes_total += 1
            first = resumed(self.epoch, str(sequence), at)
            outbox.begin(sequence, [*missed, *self._passed(at, now)], resumable=True)
        else:
            self.counters.snapshots_total += 1
            first, rest = self.state.snapshot(own_epoch, self._sequence, at, account, views, settled=self._settled)
            outbox.begin(self._sequence, rest, resumable=False, settled=self._settled)
        client = Client(next(self._numbers), account, outbox, first, {view.call.id for view in views})
        self._clients.add(client)
        if account.open:
            self._locals.add(client)
        elif client.overseer:
            self.overseers.add(client)
        else:
            for call_id in client.visible:
                self._watchers.setdefault(call_id, set()).add(client)
        self.counters.clients = len(self._clients)
        return client

    def read_counters(self) -> HubCounters:
        """The counters, with what waits now."""
        self.counters.queued_bytes = max((client.outbox.queued_bytes for client in self._clients), default=0)
        return self.counters

    def disconnect(self, client: Client) -> None:
        self._clients.discard(client)
        self._locals.discard(client)
        self.overseers.discard(client)
        for call_id in client.visible:
            self._watchers.get(call_id, set()).discard(client)
        self.counters.clients = len(self._clients)
        self.counters.coalesced_total += client.outbox.coalesced
        self.counters.overflows_total += client.outbox.overflowed

    def close_all(self, code: int = SERVICE_RESTART, reason: str = "the daemon stops") -> None:
        for client in self._clients:
            client.close(code, reason)

    def forget(self, call_id: str) -> None:
        """A call that is over was deleted: out of memory and off every page, also off those that come back."""
        if not self.state.forget(call_id):
            return
        self._log.forget(call_id)
        self._sequence += 1
        message = hidden(call_id, self._sequence, self._clock(), self._monotonic())
        self._log.append(message)
        self.overseers.tell(message)
        for client in self._locals | self._watchers.pop(call_id, set()):
            client.visible.discard(call_id)
            client.put(message)

    def heartbeat_for(self, client: Client) -> bytes:
        return heartbeat(client.outbox.cursor, self._clock())

    def card_seen_by(self, account: Account, suggestion_id: str) -> Suggestion | None:
        """The card of that id, where the account may see its call."""
        card = self.state.suggestion(suggestion_id)
        if card is None or not sees_live(account, self.state.views[card.call_id].call):
            return None
        return card

    def seconds_since_card(self, sequence: int) -> float | None:
        """Seconds since the card of that cursor was published; None where it is no card at hand."""
        message = self._log.find(sequence)
        if message is None or message.type != Suggestion.type:
            return None
        return self._monotonic() - message.published

    @property
    def cursor(self) -> int:
        """Sequence number of the newest message."""
        return self._sequence

    def _deliver(self, event: Event, message: Message, now: float, at: datetime) -> None:
        if isinstance(event, SystemChanged):
            self.overseers.tell(message)
            for client in self._clients - self.overseers.clients:
                client.put(message)
            return
        for client in self._locals:
            client.put(message)
        self.overseers.offer(message, now)
        if isinstance(event, CallStarted | CallUpdated):
            for client in self._clients - self._locals - self.overseers.clients:
                self._deliver_call(client, event, message, now, at)
        else:
            for client in self._watchers.get(event.call_id, ()):
                client.put(message)

    def _deliver_call(
        self, client: Client, event: CallStarted | CallUpdated, message: Message, now: float, at: datetime
    ) -> None:
        """The call's members changed: it may have become this client's, or have ceased to be."""
        was_visible = event.call_id in client.visible
        if sees_live(client.account, event.call):
            client.visible.add(event.call_id)
            self._watchers.setdefault(event.call_id, set()).add(client)
            if was_visible:
                client.put(message)
            else:
                client.outbox.show(self.state.replay(event.call_id, at))
                client.on_news(True)
        elif was_visible:
            client.visible.discard(event.call_id)
            self._watchers[event.call_id].discard(client)
            client.put(hidden(event.call_id, message.sequence, at, now, settled=message.settled))

    def _passed(self, at: datetime, now: float) -> list[Message]:
        """What has no number on a bus, and so is missed by whoever comes back."""
        if not self.on_bus:
            return []
        return [encode(SystemChanged(self.state.system), self._sequence, at, now, unnumbered=("passing", "system"))]

    def _expire(self, now: float) -> None:
        for call_id in self.state.expire(now):
            for client in self._watchers.pop(call_id, ()):
                client.visible.discard(call_id)
