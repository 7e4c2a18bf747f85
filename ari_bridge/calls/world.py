"""What Asterisk is doing, as far as its events tell: channels, bridges, dialling, holds. Pure.

A fold: `apply` takes one event and changes the picture; questions are answered from the picture alone. So the order in
which two events come matters little, and a snapshot after a reconnect simply replaces what stood before.

Channels are related where they share a bridge, are halves of one Local channel, or one dialled the other. Whatever is
asked about a channel is answered from its relatives, so an event can change the answers for those alone, whom `apply`
returns: what an event costs does not grow with the number of calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace
from typing import Final

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk import names
from ari_bridge.calls.dialling import STILL_RINGING, Dialler
from ari_bridge.calls.membership import Membership

NO_PARTIES: Final = frozenset(
    {
        *("Snoop", "UnicastRTP", "MulticastRTP", "WebSocket", "AudioSocket", "Message", "Surrogate"),
        *("Recorder", "Announcer", "CBRec", "CBAnn"),
    }
)
"""Technologies behind which nobody speaks: taps and helpers, ours and others'."""

NO_NUMBERS: Final = frozenset({None, "s", "h", "i", "t"})
"""Extensions of the dialplan that nobody dials."""

ZOMBIE: Final = "<ZOMBIE>"

MOST_GONE: Final = 1000
LONGEST_CHAIN: Final = 20


class World:
    """The picture. Bounded by what Asterisk itself holds: a channel that is gone is forgotten.

    The ids of those that went last are kept a while (`MOST_GONE`): a channel's events and those of its bridge or its
    caller come in no fixed order, and a late one must not raise it from the dead. Asterisk gives no id twice.
    """

    def __init__(self) -> None:
        self.channels: dict[str, ari.Channel] = {}
        self._by_name: dict[str, str] = {}
        self._gone: dict[str, None] = {}  # as an ordered set
        self._bridges = Membership()
        self._dialler = Dialler()
        self._holding: dict[str, str | None] = {}  # channel → the bridge in which it put the others on hold
        self._failures: dict[str, str] = {}  # channel → how the last attempt to dial somebody for it failed

    def apply(self, event: ari.TelephonyEvent) -> Set[str]:
        """Change the picture; the channels, gone ones included, about which anything may be different now."""
        if isinstance(event, ari.Snapshot):
            known = set(self.channels)
            self._replace(event.channels, event.bridges)
            return known | self.channels.keys()
        named = self._named_in(event)
        before = self._relatives(named)
        self._change(event)
        return before | self._relatives(named)

    def is_gone(self, channel_id: str) -> bool:
        """Whether this channel is known to have ended, not long ago."""
        return channel_id in self._gone

    def is_party(self, channel_id: str) -> bool:
        """Whether a person may speak on this channel: it lives, and is neither a helper nor half of a Local channel."""
        channel = self.channels.get(channel_id)
        return (
            channel is not None
            and not names.is_local(channel.name)
            and channel.name.partition("/")[0] not in NO_PARTIES
        )

    def is_holding(self, channel_id: str) -> bool:
        """Whether this party has put the others on hold."""
        return channel_id in self._holding

    def connected(self, channel_id: str) -> tuple[str, ...]:
        """The parties that hear this channel: its bridge, and what lies behind Local channels in it; oldest first."""
        found: list[str] = []
        seen = {channel_id}
        todo = [channel_id]
        while todo:
            for member in self._bridges.beside(todo.pop()):
                if member in seen:
                    continue
                seen.add(member)
                if self.is_party(member):
                    found.append(member)
                elif half := self._other_half(member):
                    seen.add(half)
                    todo.append(half)
        return self.oldest_first(found)

    def dialled_by(self, channel_id: str) -> str | None:
        """Who dialled this channel, Local channels in between skipped; None where nobody did or it is not known."""
        dialling = self._dialler.of(channel_id)
        return self._behind(dialling.caller_id) if dialling else None

    def is_called(self, channel_id: str) -> bool:
        """Whether Asterisk called this party (rather than having been called by it)."""
        channel = self.channels.get(channel_id)
        return self._dialler.of(channel_id) is not None or (
            channel is not None and (channel.app_name in ari.DIALLED_APPS or channel.state in ari.DIALLED_STATES)
        )

    def is_unanswered(self, channel_id: str) -> bool:
        """Whether Asterisk called this party, which has not answered."""
        return self.channels[channel_id].state != "Up" and self.is_called(channel_id)

    def ringing_for(self, channel_id: str) -> tuple[str, ...]:
        """Parties that are dialled on behalf of this channel and have not been connected yet; oldest first.

        By itself, or by what stands behind a Local channel in its bridge: so it is after a transfer while it rang.
        """
        found: set[str] = set()
        halves = (self._other_half(member) for member in self._bridges.beside(channel_id))
        todo = [channel_id, *filter(None, halves)]
        asked = set(todo)
        while todo:
            for peer in self._dialler.peers(todo.pop()):
                dialling = self._dialler.of(peer)
                if self.is_party(peer):
                    if dialling is not None and dialling.rings:
                        found.add(peer)
                elif (half := self._other_half(peer)) and half not in asked:
                    asked.add(half)
                    todo.append(half)
        return self.oldest_first(found)

    def failed_for(self, channel_id: str) -> str | None:
        """How the last attempt to dial this channel, or somebody for it, failed (`BUSY` …), None where none did."""
        return self._failures.get(channel_id)

    def dialstring(self, channel_id: str) -> str:
        dialling = self._dialler.of(channel_id)
        return dialling.dialstring if dialling else ""

    def oldest_first(self, ids: Iterable[str]) -> tuple[str, ...]:
        """These channels, all alive, by their age."""

        def age(channel_id: str) -> tuple[float, str]:
            created = self.channels[channel_id].created_at
            return (created.timestamp() if created else 0.0, channel_id)

        return tuple(sorted(ids, key=age))

    # Who is concerned

    def _named_in(self, event: ari.TelephonyEvent) -> set[str]:
        match event:
            case ari.Dialled(caller, peer):
                return {peer.id} if caller is None else {caller.id, peer.id}
            case ari.TookOver(channel, place):
                return {channel.id, place.id}
            case ari.BridgeGone(bridge):
                return {*bridge.channels, *self._bridges.members(bridge.id)}
            case ari.BridgesMerged(bridge, gone):
                return {*bridge.channels, *self._bridges.members(bridge.id), *self._bridges.members(gone.id)}
            case ari.BridgeEntered(channel, bridge) | ari.BridgeLeft(channel, bridge):
                return {channel.id, *bridge.channels, *self._bridges.members(bridge.id)}
            case ari.Noticed(channel_id):
                return {channel_id}
            case ari.Replaced() | ari.Snapshot():
                return set()
            case _:
                return {event.channel.id}

    def _relatives(self, ids: Set[str]) -> Set[str]:
        """These channels, their relatives, the relatives of those, and so on."""
        found = set(ids)
        todo = list(ids)
        while todo:
            new = self._next_of_kin(todo.pop()) - found
            found |= new
            todo.extend(new)
        return found

    def _next_of_kin(self, channel_id: str) -> set[str]:
        kin = {*self._dialler.peers(channel_id), *self._bridges.members(self._bridges.bridge_of(channel_id))}
        dialling = self._dialler.of(channel_id)
        if dialling is not None and dialling.caller_id is not None:
            kin.add(dialling.caller_id)
        if half := self._other_half(channel_id):
            kin.add(half)
        return kin

    # How the picture changes

    def _change(self, event: ari.TelephonyEvent) -> None:
        match event:
            case ari.ChannelSeen(channel) | ari.HangupRequested(channel) | ari.StasisEntered(channel):
                self._see(channel)
            case ari.ChannelGone(channel):
                self._bury(channel)
            case ari.HoldChanged(channel, held):
                self._hold(channel, held)
            case ari.BridgeEntered(channel, bridge):
                self._see(channel)
                if self._holding.get(channel.id) not in (None, bridge.id):
                    del self._holding[channel.id]  # who holds a client to ask a colleague speaks to the colleague
                self._place(bridge.id, {*bridge.channels, channel.id}, moving={channel.id})
            case ari.BridgeLeft(channel, bridge):
                self._see(channel)
                self._place(bridge.id, set(bridge.channels) - {channel.id})
            case ari.BridgeGone(bridge):
                self._place(bridge.id, set())
            case ari.BridgesMerged(bridge, gone):
                members = {*bridge.channels, *self._bridges.members(bridge.id), *self._bridges.members(gone.id)}
                self._place(bridge.id, members, moving=members)
            case ari.TookOver(channel, place):
                self._take_over(channel, place)
            case ari.Dialled(caller, peer, status, dialstring):
                self._dial(caller, peer, status, dialstring)
            case _:
                pass

    def _see(self, channel: ari.Channel) -> bool:
        """Take the freshest view of a channel; False where it is gone already."""
        if channel.id in self._gone:
            return False
        old = self.channels.get(channel.id)
        if old is not None and old.name != channel.name:
            self._free_name(old)
            self._unmask(channel.name, old.name)
        if old is not None and old.exten not in NO_NUMBERS and old.exten != channel.exten:
            channel = replace(channel, exten=old.exten)  # as dialled: the dialplan moves on, into subroutines too
        self.channels[channel.id] = channel
        self._by_name[channel.name] = channel.id
        return True

    def _hold(self, channel: ari.Channel, held: bool) -> None:
        if self._see(channel) and held:
            self._holding[channel.id] = self._bridges.bridge_of(channel.id)
        else:
            self._holding.pop(channel.id, None)

    def _take_over(self, channel: ari.Channel, place: ari.Channel) -> None:
        self._see(channel)
        for peer in list(self._dialler.peers(place.id)):
            self._dialler.hand_over(peer, channel.id)

    def _bury(self, channel: ari.Channel) -> None:
        if channel.id in self.channels:
            self._see(channel)  # its last name tells who took its place
        self._forget(channel.id)

    def _dial(self, caller: ari.Channel | None, peer: ari.Channel, status: str, dialstring: str) -> None:
        if caller is not None:
            self._see(caller)
        if self._see(peer):
            self._dialler.note(peer.id, caller.id if caller else None, dialstring, status)
        root = self.dialled_by(peer.id) or (self._behind(caller.id) if caller else None)
        for concerned in (root, peer.id):
            if concerned in self.channels and status not in STILL_RINGING:
                self._failures[concerned] = status

    def _place(self, bridge_id: str, channels: Set[str], moving: Set[str] = frozenset()) -> None:
        self._bridges.place(bridge_id, channels - self._gone.keys(), moving - self._gone.keys())
        together = self._bridges.members(bridge_id)
        if len(together) > 1:
            for channel_id in together:
                self._dialler.note_connected(channel_id)

    def _forget(self, channel_id: str) -> None:
        self._gone[channel_id] = None
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]
        channel = self.channels.pop(channel_id, None)
        if channel is not None:
            self._free_name(channel)
        self._bridges.remove(channel_id)
        self._dialler.forget(channel_id)
        self._holding.pop(channel_id, None)
        self._failures.pop(channel_id, None)

    def _free_name(self, channel: ari.Channel) -> None:
        if self._by_name.get(channel.name) == channel.id:
            del self._by_name[channel.name]

    def _unmask(self, name: str, old_name: str) -> None:
        """A channel renamed to `…<ZOMBIE>` died in a masquerade: who had that name has the dead one's (Asterisk
        `ast_do_masquerade`), and goes on in its place. Of that Asterisk tells nobody."""
        taker = self.channels.get(self._by_name.get(name.removesuffix(ZOMBIE), ""))
        if name.endswith(ZOMBIE) and taker is not None:
            self._free_name(taker)
            self.channels[taker.id] = replace(taker, name=old_name)
            self._by_name[old_name] = taker.id

    def _replace(self, channels: Iterable[ari.Channel], bridges: Iterable[ari.Bridge]) -> None:
        listed = {channel.id: channel for channel in channels}
        for channel_id in list(self.channels):
            if channel_id not in listed:
                self._forget(channel_id)
        self._gone.clear()
        for channel in listed.values():
            self._see(channel)
        for channel in listed.values():
            self._guess_dialler(channel)
        self._bridges.clear()
        for bridge in bridges:
            self._place(bridge.id, set(bridge.channels) & listed.keys())

    def _guess_dialler(self, channel: ari.Channel) -> None:
        """Who rings while we look for the first time was dialled unseen: for whom the call began with, if he is there.

        Until two are bridged, whoever is dialled has the `linkedid` of who dials.
        """
        dials = self.channels.get(channel.linkedid or "")
        if dials and dials.id != channel.id and channel.is_being_dialled and self._dialler.of(channel.id) is None:
            self._dialler.note(channel.id, dials.id, "", "RINGING")

    def _behind(self, caller_id: str | None) -> str | None:
        """Who dials by means of this channel: itself, or who dialled the Local channel whose half it is.

        A Local channel that nobody dialled was originated; then it is whom its other half has been connected with.
        """
        for _ in range(LONGEST_CHAIN):  # longer is a loop
            half = self._other_half(caller_id) if caller_id else None
            if half is None:
                return caller_id
            dialling = self._dialler.of(half)
            if dialling is None:
                return next(filter(self.is_party, self._bridges.beside(half)), None)
            caller_id = dialling.caller_id
        return None

    def _other_half(self, channel_id: str) -> str | None:
        channel = self.channels.get(channel_id)
        name = names.other_half(channel.name) if channel else None
        return self._by_name.get(name) if name else None
