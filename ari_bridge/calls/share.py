"""Which of a PBX's calls a daemon follows, where several do; which calls of a common store are its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from string import ascii_lowercase
from typing import Final

from ari_bridge.history import CallRecord

MARK_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class Share:
    """Part `number` (from 1) of `parts` equal ones, by a hash of the client's channel that never changes: every daemon
    sees all channels, so they need not speak with one another."""

    number: int = 1
    parts: int = 1

    @classmethod
    def read(cls, text: str) -> Share:
        """`2/3`, as the settings have checked it."""
        number, parts = map(int, text.split("/"))
        return cls(number, parts)

    def has(self, channel_id: str) -> bool:
        digest = blake2b(channel_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.parts == self.number - 1


def mark_of(pbx: str, share: Share) -> str:
    """Four letters that every call id of this daemon has, whichever run of it."""
    digest = blake2b(f"{pbx} {share.number}/{share.parts}".encode(), digest_size=MARK_LENGTH).digest()
    return "".join(ascii_lowercase[byte % len(ascii_lowercase)] for byte in digest)


def own(records: Iterable[CallRecord], mark: str) -> list[CallRecord]:
    """Those with that mark in their calls' ids."""
    return [record for record in records if record.call.id.partition("-")[2].startswith(mark)]
