"""Who is in which bridge. Pure.

A channel is in one bridge at most; a bridge without channels is forgotten.
"""

from __future__ import annotations

from collections.abc import Set


class Membership:
    def __init__(self) -> None:
        self._members: dict[str, set[str]] = {}
        self._bridge_of: dict[str, str] = {}

    def bridge_of(self, channel_id: str) -> str | None:
        return self._bridge_of.get(channel_id)

    def members(self, bridge_id: str | None) -> Set[str]:
        return self._members.get(bridge_id or "", frozenset())

    def beside(self, channel_id: str) -> list[str]:
        """The other channels of its bridge, in the order of their ids."""
        return sorted(self.members(self._bridge_of.get(channel_id)) - {channel_id})

    def place(self, bridge_id: str, channels: Set[str], moving: Set[str] = frozenset()) -> None:
        """These channels are in this bridge, and no others.

        Of those known to be in another bridge only the `moving` ones are moved: events of two bridges come in no fixed
        order, so that a bridge may be said to hold a channel that has left it already.
        """
        here = {c for c in channels if c in moving or self._bridge_of.get(c, bridge_id) == bridge_id}
        for channel_id in {*self.members(bridge_id), *here}:
            self.remove(channel_id)
        if here:
            self._members[bridge_id] = here
            self._bridge_of |= dict.fromkeys(here, bridge_id)

    def remove(self, channel_id: str) -> None:
        """This channel is in no bridge."""
        bridge_id = self._bridge_of.pop(channel_id, None)
        if bridge_id is None:
            return
        self._members[bridge_id].discard(channel_id)
        if not self._members[bridge_id]:
            del self._members[bridge_id]

    def clear(self) -> None:
        self._members.clear()
        self._bridge_of.clear()

    def __len__(self) -> int:
        """How many channels are in a bridge."""
        return len(self._bridge_of)
