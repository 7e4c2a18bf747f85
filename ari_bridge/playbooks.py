"""The playbook as the page edits it: its text and versions, what is wrong with a text, what it would have shown. Pure.

A version is named by its text, so that the same text is the same version whoever saves it and however often.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ari_bridge.errors import AriBridgeError
from ari_bridge.events import Call, Suggestion, rfc3339
from ari_bridge.history import CallRecord


def version_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class PlaybookVersion:
    """`who` saved it, "" where it was found in the file."""

    version: str
    saved_at: datetime
    who: str
    cards: int

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "saved_at": rfc3339(self.saved_at),
            "who": self.who,
            "cards": self.cards,
        }


@dataclass(frozen=True, slots=True)
class PlaybookText:
    """The playbook in force. `editable`: it can be saved here; else `reason` says why not, in Russian."""

    text: str
    version: str
    editable: bool
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "version": self.version, "editable": self.editable, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Remark:
    """An example that does not hold, or the like: the text works, but not as its author wrote down."""

    owner: str
    line: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"owner": self.owner, "line": self.line, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Checked:
    """A text that can be used. `company`, `cards`, `steps`: what is in it."""

    company: str
    cards: int
    steps: int
    remarks: tuple[Remark, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": True,
            "company": self.company,
            "cards": self.cards,
            "steps": self.steps,
            "selftest": [remark.to_json() for remark in self.remarks],
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A card beside a line: `card` is its id in the playbook. `source` and `verdicts` of one that was really shown."""

    card: str
    title: str
    content: str
    source: str = "playbook"
    verdicts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "card": self.card,
            "title": self.title,
            "content": self.content,
            "source": self.source,
            "verdicts": list(self.verdicts),
        }


@dataclass(frozen=True, slots=True)
class Previewed:
    """A client's line of a past call, with the cards that were shown and those that would have been."""

    call: Call
    utterance: int
    start_ms: int
    text: str
    shown: tuple[Shown, ...]
    would: tuple[Shown, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "call_id": self.call.id,
            "started_at": rfc3339(self.call.started_at),
            "client_number": self.call.client_number,
            "operator": self.call.operator,
            "utterance": self.utterance,
            "start_ms": self.start_ms,
            "text": self.text,
            "shown": [card.to_json() for card in self.shown],
            "would": [card.to_json() for card in self.would],
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """`calls` were looked at; `lines`: those with a card on either side, newest call first. `more`: some were left out.

    `totals`: by card id, how often it was shown and how often it would have been.
    """

    calls: int
    lines: tuple[Previewed, ...]
    totals: tuple[tuple[str, str, int, int], ...]
    more: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "lines": [line.to_json() for line in self.lines],
            "totals": [
                {"card": card, "title": title, "shown": shown, "would": would}
                for card, title, shown, would in self.totals
            ],
            "more": self.more,
        }


class PlaybookFault(AriBridgeError):
    """A text that cannot be used: the line (from 1, 0 where unknown) and the reason, in Russian for the sales lead."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class PlaybookChanged(AriBridgeError):
    """Somebody else has changed the playbook since it was read."""


class PlaybookLocked(AriBridgeError):
    """It cannot be saved here; the message says why, in Russian."""


class PlaybookShelf(Protocol):
    """Keeps versions. Raises `BridgeError` (`store_…`, retryable) where the store cannot answer."""

    async def keep_playbook(self, kept: PlaybookVersion, text: str) -> None: ...

    async def playbooks(self) -> tuple[PlaybookVersion, ...]:
        """Newest first, each time that it was saved."""

    async def playbook(self, version: str) -> str | None: ...


class PlaybookDesk(Protocol):
    """Where the playbook is edited. Raises the faults above."""

    async def current(self) -> PlaybookText: ...

    async def check(self, text: str) -> Checked: ...

    async def save(self, text: str, base: str, who: str) -> tuple[PlaybookText, Checked]:
        """Put the text in force; `base` is the version that it was made from."""

    async def versions(self) -> tuple[PlaybookVersion, ...]: ...

    async def version(self, version: str) -> str | None: ...

    async def restore(self, version: str, who: str) -> tuple[PlaybookText, Checked] | None:
        """Put an earlier version in force; None where it is not kept."""

    async def preview(self, text: str, calls: Sequence[CallRecord]) -> Preview: ...


def card_of(card: Suggestion) -> str:
    """The playbook card's id: a suggestion's id is `{call}-{utterance}-{card}` (hints/director.py)."""
    prefix = f"{card.call_id}-{card.utterance}-"
    return card.id.removeprefix(prefix) if card.id.startswith(prefix) else ""
