"""Which calls there are, derived from the picture of Asterisk. Pure.

The client is the trunk's channel in both directions of dialling, the first one of a conversation; the operator is whom
it is connected to (a later trunk channel too: a mobile, shown by its number). A call is keyed by its client's channel,
so that a call learnt of in two ways is one call. After every event each call that it can concern (see `world.py`) is
derived anew and compared with what was told last: a lost or repeated event cannot leave a call in a wrong state for
longer than the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk import names
from ari_bridge.calls.reasons import reason_of
from ari_bridge.calls.world import NO_NUMBERS, World
from ari_bridge.events import Call, CallStatus, Direction

MOST_NOTICED: Final = 2000


@dataclass(frozen=True, slots=True)
class Conversation:
    """A call and the channels that carry it.

    `operators` are connected with the client now; `expected` may be in a moment (rung, or dialling the client).
    `muted` channels hold the other party: what they carry is their own PBX's music; `unanswered` ones are dialled: what
    they carry is their provider's announcement. `call.legs` and `call.zero_at` keep their defaults: not known here.
    """

    call: Call
    client: str
    operators: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    muted: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Opened:
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class Changed:
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class Closed:
    conversation: Conversation
    cause: int | None
    reason: str


Change = Opened | Changed | Closed


class CallRegistry:
    """Folds telephony events into calls.

    `trunks` are endpoints (`PJSIP/mango`) whose channels are clients; `mint` gives a new call id. `remembered` are
    calls of an earlier run by their client's channel: where such a channel still exists, its call goes on.
    """

    def __init__(
        self, trunks: tuple[str, ...], mint: Callable[[], str], remembered: Mapping[str, Call] | None = None
    ) -> None:
        self._remembered = dict(remembered or {})
        self._trunks = frozenset(trunk.casefold() for trunk in trunks)
        self._mint = mint
        self.world = World()
        self._calls: dict[str, Conversation] = {}  # by the client's channel
        self._callers: dict[str, str | None] = {}  # noticed channels and the caller that the notice named
        self._hung_up: dict[str, str] = {}  # client's channel → the channel whose party hung up first
        self._merged: set[str] = set()  # clients of cards that went on in an older one: operators' side for good
        self._failures: dict[str, str] = {}  # client's channel → how the last attempt to reach somebody failed

    @property
    def conversations(self) -> tuple[Conversation, ...]:
        return tuple(self._calls.values())

    def apply(self, event: ari.TelephonyEvent, at: datetime) -> list[Change]:
        """What changed by this event; `at` is the time of day, for the stamps of a call."""
        if isinstance(event, ari.Noticed):
            self._note_caller(event.channel_id, event.caller)
        elif isinstance(event, ari.StasisEntered):
            self._note_caller(event.channel.id, None)
        concerned = self.world.apply(event)
        clients = sorted(concerned & self._calls.keys())
        if isinstance(event, ari.HangupRequested) and not event.soft:
            self._note_who_hung_up(event.channel.id, clients)
        cause = event.cause if isinstance(event, ari.ChannelGone) else None
        changes: list[Change] = [
            *self._close_ended(clients, cause),
            *self._close_merged(clients),
            *self._open_new(concerned, at),
        ]
        for client in self.world.oldest_first(concerned & self._calls.keys()):
            changes.extend(self._derive(client, at))
        self._forget_gone(event, concerned)
        return changes

    def knows(self, channel_id: str) -> bool:
        """Whether this channel is a live one in Asterisk, as far as events tell."""
        return channel_id in self.world.channels

    def _open_new(self, concerned: Set[str], at: datetime) -> list[Change]:
        changes: list[Change] = []
        engaged = {o for client in concerned & self._calls.keys() for o in self._calls[client].operators}
        strangers = (concerned & self.world.channels.keys()) - self._calls.keys() - engaged - self._merged
        for channel_id in self.world.oldest_first(strangers):
            if self.world.is_party(channel_id) and self._is_client(channel_id):
                self._calls[channel_id] = Conversation(self._new_call(channel_id, at), channel_id)
                changes.append(Opened(self._calls[channel_id]))
        return changes

    def _is_client(self, channel_id: str) -> bool:
        channel = self.world.channels[channel_id]
        others = self.world.connected(channel_id)
        if channel_id in self._merged or any(other in self._calls for other in others):
            return False
        if channel_id in self._remembered:
            return True
        dialler = self.world.dialled_by(channel_id)
        if dialler is not None:
            return self._is_outbound_client(channel, dialler)
        if not (self._is_trunk(channel) or self._is_noticed_client(channel)):
            return False
        if self.world.is_called(channel_id):
            # Dialled before we looked, or originated: whose it is shows when it is connected.
            return bool(others) and not any(self._precedes(other) for other in others)
        return True

    def _precedes(self, other: str) -> bool:
        """Whether a trunk channel that called us stands on the other side: then that one is the client."""
        first = self.world.channels[other]
        return self._is_trunk(first) and not self.world.is_called(first.id)

    def _is_outbound_client(self, channel: ari.Channel, dialler: str) -> bool:
        if dialler in self._calls or dialler not in self.world.channels:
            return False
        caller = self.world.channels[dialler]
        if self._is_trunk(caller):
            return False  # forwarded to a mobile: an operator's side
        noticed = dialler in self._callers and not names.is_extension(channel.resource)
        return self._is_trunk(channel) or noticed

    def _is_trunk(self, channel: ari.Channel) -> bool:
        return channel.endpoint.casefold() in self._trunks

    def _is_noticed_client(self, channel: ari.Channel) -> bool:
        """A dialplan told of it; an extension that dials out is the operator, the client is whom it dials.

        A telephone may be called `anna` and have the number 1001.
        """
        return channel.id in self._callers and not any(
            map(names.is_extension, (channel.resource, channel.caller_number or ""))
        )

    def _new_call(self, channel_id: str, at: datetime) -> Call:
        channel = self.world.channels[channel_id]
        if remembered := self._remembered.pop(channel_id, None):
            return replace(remembered, trunk=channel.endpoint)
        outbound = self.world.is_called(channel_id)
        if outbound:
            number = names.e164(names.dialled_number(self.world.dialstring(channel_id), channel.caller_number))
            caller, callee = self._operator_of(channel_id), number
        else:
            number = names.e164(channel.caller_number or self._callers.get(channel_id))
            caller, callee = number, names.e164(channel.exten if channel.exten not in NO_NUMBERS else None)
        return Call(
            id=self._mint(),
            client_number=number,
            caller=caller,
            callee=callee,
            direction=Direction.OUTBOUND if outbound else Direction.INBOUND,
            started_at=channel.created_at or at,
            operator=caller if outbound else None,
            linkedid=channel.linkedid,
            client_channel=channel_id,
            trunk=channel.endpoint,
        )

    def _operator_of(self, client: str) -> str | None:
        others = self.world.connected(client)
        dialler = others[0] if others else self.world.dialled_by(client)
        return self._shown(dialler) if dialler in self.world.channels else None

    def _shown(self, channel_id: str) -> str | None:
        """An operator as people know him: the extension, or the number of a party reached over the trunk."""
        channel = self.world.channels[channel_id]
        if self._is_trunk(channel):
            return names.e164(names.dialled_number(self.world.dialstring(channel.id), channel.caller_number))
        return channel.resource

    def _derive(self, client: str, at: datetime) -> list[Change]:
        old = self._calls[client]
        world, call = self.world, old.call
        operators = world.connected(client)
        ringing = () if operators else world.ringing_for(client)
        muted = frozenset(filter(world.is_holding, (client, *operators)))
        operator = self._operator_of(client) if operators or call.direction is Direction.OUTBOUND else None
        if operators:
            status = CallStatus.HELD if muted else CallStatus.ANSWERED
        elif call.answered_at is None or ringing:
            status = CallStatus.RINGING
        else:  # the operator has just left: the call ends in a moment, or somebody else is rung
            status, operator = call.status, call.operator
        number = call.client_number or names.e164(world.channels[client].caller_number)
        call = replace(
            call,
            status=status,
            ringing=tuple(dict.fromkeys(filter(None, map(self._shown, ringing)))),
            operator=operator,
            answered_at=call.answered_at or (at if operators else None),
            client_number=number,
            caller=call.caller or (number if call.direction is Direction.INBOUND else None),
            linkedid=world.channels[client].linkedid or call.linkedid,
        )
        if failure := world.failed_for(client):
            self._failures[client] = failure
        dialler = None if operators else world.dialled_by(client)
        expected = ringing or ((dialler,) if dialler and world.is_party(dialler) else ())
        if operators and operators != old.operators:
            self._hung_up.pop(client, None)  # whoever hung up before, the call goes on
        unanswered = frozenset(filter(world.is_unanswered, (client, *expected)))
        new = Conversation(call, client, operators, expected, muted, unanswered)
        self._calls[client] = new
        return [Changed(new)] if new != old else []

    def _close_ended(self, clients: Iterable[str], cause: int | None) -> list[Change]:
        """A call ends with its client's channel."""
        return [self._close(client, cause) for client in clients if client not in self.world.channels]

    def _close_merged(self, clients: Iterable[str]) -> list[Change]:
        """Two clients in one bridge (a transfer to an outside number): the older card stays."""
        changes: list[Change] = []
        for client in clients:
            for other in self.world.connected(client):
                if client in self._calls and other in self._calls:
                    younger = max(client, other, key=lambda c: (self._calls[c].call.started_at, c))
                    self._merged.add(younger)
                    changes.append(self._close(younger, None, "Переведён: разговор продолжается в другой карточке"))
        return changes

    def _close(self, client: str, cause: int | None, reason: str | None = None) -> Closed:
        conversation = self._calls.pop(client)
        ender, failure = self._hung_up.pop(client, None), self._failures.pop(client, None)
        call = conversation.call
        by_client = None if ender is None else ender == client
        ended = replace(call, status=CallStatus.ENDED, ringing=())
        return Closed(
            replace(conversation, call=ended, operators=(), expected=(), muted=frozenset(), unanswered=frozenset()),
            cause,
            reason or reason_of(call, cause, hung_up_by_client=by_client, failure=failure),
        )

    def _note_who_hung_up(self, channel_id: str, clients: Iterable[str]) -> None:
        for client in clients:
            if channel_id in (client, *self._calls[client].operators, self.world.dialled_by(client)):
                self._hung_up.setdefault(client, channel_id)

    def _note_caller(self, channel_id: str, caller: str | None) -> None:
        if self.world.is_gone(channel_id):
            return
        self._callers.setdefault(channel_id, caller)
        if len(self._callers) > MOST_NOTICED:
            del self._callers[next(iter(self._callers))]

    def _forget_gone(self, event: ari.TelephonyEvent, concerned: Set[str]) -> None:
        if not isinstance(event, ari.ChannelGone | ari.Snapshot):
            return
        for channel_id in concerned - self.world.channels.keys():
            self._callers.pop(channel_id, None)
            self._merged.discard(channel_id)
        if isinstance(event, ari.Snapshot):
            self._remembered.clear()  # whatever goes on has been found
