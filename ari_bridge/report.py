"""The numbers of a period, and what is known of one telephone number: questions and answers. Pure.

A call counts where it started within the period; an operator's call is one that he took part in. A card was *used*
where it was copied, pinned or called useful; cards that were withdrawn (the words turned out to be others) count apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ari_bridge.events import Direction, Summary, rfc3339

LATENCY_EDGES_MS = (0, 250, 500, 1000, 2000, 4000, 8000)
"""Bins of a latency histogram: before 0 (while the client still spoke), 0–250 ms, …, from 8 s on."""


class Bucket(StrEnum):
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """`begin` ≤ start < `end`. `offset_min`: minutes east of UTC, where the asker's days begin."""

    begin: datetime
    end: datetime
    operator: str | None = None
    offset_min: int = 0

    @property
    def bucket(self) -> Bucket:
        """Hours of a day or two, days of anything longer."""
        return Bucket.HOUR if (self.end - self.begin).total_seconds() <= 48 * 3600 else Bucket.DAY


@dataclass(frozen=True, slots=True)
class Talk:
    """`duration_ms` from the answers on; `client_ms`, `operator_ms`: what each party said."""

    calls: int = 0
    answered: int = 0
    duration_ms: int = 0
    client_ms: int = 0
    operator_ms: int = 0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("calls", "answered", "duration_ms", "client_ms", "operator_ms")}


@dataclass(frozen=True, slots=True)
class Cards:
    """What became of cards."""

    shown: int = 0
    used: int = 0
    useful: int = 0
    useless: int = 0
    dismissed: int = 0
    withdrawn: int = 0

    def to_json(self) -> dict[str, Any]:
        names = ("shown", "used", "useful", "useless", "dismissed", "withdrawn")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class TimeBucket:
    at: datetime
    calls: int
    answered: int
    usd: float

    def to_json(self) -> dict[str, Any]:
        return {"at": rfc3339(self.at), "calls": self.calls, "answered": self.answered, "usd": round(self.usd, 6)}


@dataclass(frozen=True, slots=True)
class OperatorFigures:
    operator: str
    talk: Talk
    cards: Cards

    def to_json(self) -> dict[str, Any]:
        return {"operator": self.operator, "talk": self.talk.to_json(), "cards": self.cards.to_json()}


@dataclass(frozen=True, slots=True)
class CardFigures:
    """`card`: the playbook card's id, `llm` for the model's own ones, `whisper` for a supervisor's."""

    card: str
    title: str
    kind: str
    cards: Cards

    def to_json(self) -> dict[str, Any]:
        return {"card": self.card, "title": self.title, "kind": self.kind, "cards": self.cards.to_json()}


@dataclass(frozen=True, slots=True)
class Latency:
    """From the end of the client's words to the card, by who made it first. Percentiles to 50 ms, None where none.

    A card that came while the client still spoke counts as 0 there and in `bins[0]`.
    """

    source: str
    count: int
    p50_ms: int | None
    p95_ms: int | None
    bins: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "count": self.count,
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
            "bins": list(self.bins),
        }


@dataclass(frozen=True, slots=True)
class Spent:
    """`usd` is None where no amount had a price."""

    service: str
    model: str
    unit: str
    amount: float
    usd: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "model": self.model,
            "unit": self.unit,
            "amount": round(self.amount, 3),
            "usd": None if self.usd is None else round(self.usd, 6),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All of a period. `operators` by calls, `cards` by how often they were shown; both the most first."""

    query: ReportQuery
    talk: Talk
    cards: Cards
    buckets: tuple[TimeBucket, ...] = ()
    operators: tuple[OperatorFigures, ...] = ()
    by_card: tuple[CardFigures, ...] = ()
    latency: tuple[Latency, ...] = ()
    costs: tuple[Spent, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "from": rfc3339(self.query.begin),
            "to": rfc3339(self.query.end),
            "operator": self.query.operator,
            "bucket": self.query.bucket.value,
            "talk": self.talk.to_json(),
            "cards": self.cards.to_json(),
            "buckets": [bucket.to_json() for bucket in self.buckets],
            "operators": [figures.to_json() for figures in self.operators],
            "by_card": [figures.to_json() for figures in self.by_card],
            "latency_edges_ms": list(LATENCY_EDGES_MS),
            "latency": [latency.to_json() for latency in self.latency],
            "costs": [spent.to_json() for spent in self.costs],
        }


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """One call of a number, as its next call's operator is told of it. `operator`: who spoke last, None: nobody did."""

    call_id: str
    started_at: datetime
    direction: Direction
    operator: str | None
    duration_ms: int
    reason: str
    summary: Summary | None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.call_id,
            "started_at": rfc3339(self.started_at),
            "direction": self.direction.value,
            "operator": self.operator,
            "duration_ms": self.duration_ms,
            "reason": self.reason,
            "summary": None if self.summary is None else self.summary.to_json(),
        }


@dataclass(frozen=True, slots=True)
class NumberHistory:
    """The last calls of a number, newest first; `total`: how many are kept."""

    calls: tuple[EarlierCall, ...] = ()
    total: int = 0
