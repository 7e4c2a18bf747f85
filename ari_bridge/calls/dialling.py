"""Who dials whom. Pure.

Kept by the dialled party: a channel is dialled once in its life, and dials as many as it likes. The caller need not
live: a party that was dialled by a channel long gone is still one that was dialled.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Final

CONNECTED: Final = "CONNECTED"
"""Our own dial status: the dialled party has been in a bridge, so it rings no more."""

STILL_RINGING: Final = frozenset({"", "RINGING", "PROGRESS", "PROCEEDING", "ANSWER"})


@dataclass(frozen=True, slots=True)
class Dialling:
    """`caller_id` is None where Asterisk itself dialled; `status` as in `events.Dialled`."""

    caller_id: str | None
    dialstring: str
    status: str

    @property
    def rings(self) -> bool:
        return self.status in STILL_RINGING


class Dialler:
    def __init__(self) -> None:
        self._by_peer: dict[str, Dialling] = {}
        self._peers: dict[str, set[str]] = {}

    def of(self, peer_id: str) -> Dialling | None:
        """How this channel is dialled, None where it is not."""
        return self._by_peer.get(peer_id)

    def peers(self, caller_id: str) -> Set[str]:
        """Whom this channel dialled."""
        return self._peers.get(caller_id, frozenset())

    def note(self, peer_id: str, caller_id: str | None, dialstring: str, status: str) -> None:
        """News of this dialling; what they leave out (None, empty) stays as it was."""
        before = self._by_peer.get(peer_id)
        if before is not None:
            caller_id, dialstring = caller_id or before.caller_id, dialstring or before.dialstring
        self.forget(peer_id)
        self._by_peer[peer_id] = Dialling(caller_id, dialstring, status)
        if caller_id is not None:
            self._peers.setdefault(caller_id, set()).add(peer_id)

    def hand_over(self, peer_id: str, caller_id: str) -> None:
        """Somebody else is who dials this channel from now on."""
        before = self._by_peer[peer_id]
        self.forget(peer_id)
        self.note(peer_id, caller_id, before.dialstring, before.status)

    def note_connected(self, peer_id: str) -> None:
        """This channel speaks with somebody; nothing where nobody dialled it."""
        if peer_id in self._by_peer:
            self._by_peer[peer_id] = replace(self._by_peer[peer_id], status=CONNECTED)

    def forget(self, peer_id: str) -> None:
        """The dialled channel is gone."""
        dialling = self._by_peer.pop(peer_id, None)
        if dialling is None or dialling.caller_id is None:
            return
        peers = self._peers[dialling.caller_id]
        peers.discard(peer_id)
        if not peers:
            del self._peers[dialling.caller_id]

    def __len__(self) -> int:
        """How many channels are known to have been dialled."""
        return len(self._by_peer)
