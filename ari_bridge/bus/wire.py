"""How events travel between nodes. Pure.

What must not be lost has a number of its sender's own (so that it is told once, however often it is sent) and gets one
of the bus's (so that all nodes tell it in one order). Partials and levels have neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from ari_bridge.bus.reading import event_of
from ari_bridge.events import CallEvent, Level, Transcript, rfc3339


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A call that is over was deleted."""

    type: ClassVar[str] = "forgotten"
    call_id: str

    def to_json(self) -> dict[str, Any]:
        return {"call_id": self.call_id}


Carried = CallEvent | Forgotten


@dataclass(frozen=True, slots=True)
class Told:
    """`node` follows the call; `origin` is this run of it; `number` counts what must not be lost, 0 for the rest."""

    node: str
    origin: str
    number: int
    at: datetime
    event: Carried


def may_be_lost(event: Carried) -> bool:
    return isinstance(event, Level) or (isinstance(event, Transcript) and not event.final)


def pack(told: Told) -> str:
    """One line of text."""
    return json.dumps(
        [told.node, told.origin, told.number, rfc3339(told.at), told.event.type, told.event.to_json()],
        ensure_ascii=True,  # a lone surrogate in speech survives as an escape
        separators=(",", ":"),
    )


def unpack(line: str) -> Told:
    """Raises ValueError for what `pack` has not made."""
    parts = json.loads(line)
    if not isinstance(parts, list) or len(parts) != 6:
        raise ValueError("no event")
    node, origin, number, at, kind, members = parts
    if not (isinstance(node, str) and isinstance(origin, str) and isinstance(number, int) and isinstance(kind, str)):
        raise ValueError("no event")
    if kind == Forgotten.type:
        event: Carried = Forgotten(str(members["call_id"]))
    else:
        event = event_of(kind, members)
    return Told(node, origin, number, datetime.fromisoformat(at), event)
