"""What a store must be able to do, whatever database stands behind it. Pure: the Protocol and its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ari_bridge.errors import BridgeError
from ari_bridge.events import CallEvent
from ari_bridge.history import CallFrames, CallRecord, Cost, Erased, History, Incident
from ari_bridge.playbooks import PlaybookShelf


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to keep. `number` is unique within the process: with `at` it makes writing the same twice harmless."""

    at: datetime
    number: int
    what: CallEvent | Incident | Cost | CallFrames


class Fault(StrEnum):
    """Why a store cannot work; the value is part of the error's code (`store_full`)."""

    FULL = "full"
    BUSY = "busy"
    FORBIDDEN = "forbidden"
    DISK = "disk"
    DAMAGED = "damaged"
    REPLACED = "replaced"
    AWAY = "away"
    SLOW = "slow"
    CLOSED = "closed"
    OTHER = "other"


class StoreError(BridgeError):
    """The database cannot do it now; trying again later is always right."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(f"store_{fault}", message, retryable=True)
        self.fault = fault


class Store(History, PlaybookShelf, Protocol):
    """Keeps what happens. Every method may raise `StoreError`."""

    @property
    def place(self) -> str:
        """Where the data lies, for people: a path, or a URL without its password."""

    async def append(self, entries: Sequence[Entry]) -> int:
        """Write all in one transaction: durable when it returns, nothing written when it raises `StoreError`.

        Entries that the database will never take (nonsense values) are left out; their number is returned.
        """

    async def unfinished_calls(self, since: datetime) -> tuple[CallRecord, ...]:
        """Calls first seen at or after `since` whose end was never told: those of a daemon that was killed."""

    async def purge(self, now: datetime) -> Erased:
        """Delete what is older than its kind is kept, and scrub."""

    async def backup(self, target: Path) -> None:
        """Write a consistent copy to `target`, which appears only once it is whole; calls go on meanwhile."""

    async def close(self) -> None: ...
