"""Past calls, as whoever looks them up sees them: the question, the answers, the Protocol. Pure.

Times of day are aware UTC datetimes; times on a call's time line are milliseconds from its zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from ari_bridge.events import (
    Call,
    CallEnded,
    Checklist,
    Component,
    Gap,
    Leg,
    Suggestion,
    SuggestionKind,
    Summary,
    Transcript,
    Verdict,
    rfc3339,
)
from ari_bridge.report import NumberHistory, Report, ReportQuery


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which past calls; what is not set does not restrict.

    `text`: words (any form of them), `prefix*`, `"a phrase"`, or a telephone number; every term must occur in a call.
    `begin` ≤ start < `end`. `operator`: whoever took part. `answered`: whether anybody did. `outcome`: part of the
    summary's outcome. `card`: part of a card's title; `card_kind`: its kind. `seen_by`: extensions of whoever looks:
    only calls they took part in, and of those only words said meanwhile. `before`: the `next` of the page before.
    """

    text: str = ""
    begin: datetime | None = None
    end: datetime | None = None
    operator: str | None = None
    number: str | None = None
    answered: bool | None = None
    outcome: str | None = None
    card: str | None = None
    card_kind: SuggestionKind | None = None
    seen_by: tuple[str, ...] | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Snippet:
    """A line in which something was found; `marks` are the places, `text[start:end]`, in order, not overlapping."""

    leg: Leg
    utterance: int
    start_ms: int
    text: str
    marks: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "leg": self.leg.value,
            "utterance": self.utterance,
            "start_ms": self.start_ms,
            "text": self.text,
            "marks": [list(mark) for mark in self.marks],
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """A found call. `duration_ms` counts from the answer; `outcome` is the summary's, which is for exports whole."""

    call: Call
    reason: str | None
    duration_ms: int | None
    outcome: str | None
    snippets: tuple[Snippet, ...] = ()
    summary: Summary | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            **self.call.to_json(),
            "reason": self.reason,
            "duration_ms": self.duration_ms,
            "outcome": self.outcome,
            "snippets": [snippet.to_json() for snippet in self.snippets],
        }


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Found calls, newest first; `next` is the `before` of the following page, None on the last one."""

    hits: tuple[Hit, ...]
    next: int | None = None


@dataclass(frozen=True, slots=True)
class Participation:
    """Who of us was on the call, and when; `ended_at` is None while he is."""

    operator: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What an operator did with a card, and when."""

    suggestion_id: str
    verdict: Verdict
    at: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault that people could see: of a dependency (`component`) or of a call's leg. `state` is what it turned to."""

    at: datetime
    state: str
    reason: str | None
    component: Component | None = None
    call_id: str | None = None
    leg: Leg | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Something paid for: `amount` of `unit` (`seconds`, `tokens`) from `service`, in US dollars where known."""

    at: datetime
    service: str
    model: str
    unit: str
    amount: float
    usd: float | None
    call_id: str | None = None
    leg: Leg | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "at": rfc3339(self.at),
            "call_id": self.call_id,
            "leg": self.leg,
            "service": self.service,
            "model": self.model,
            "unit": self.unit,
            "amount": round(self.amount, 3),
            "usd": None if self.usd is None else round(self.usd, 6),
        }


CostSink = Callable[[Cost], None]
"""Takes note of a cost and returns at once."""


@dataclass(frozen=True, slots=True)
class FrameAccount:
    """What was heard of a leg in one frame of the call: `duration_ms` of audio, `lost_ms` of it lost on the way.

    Frame n begins at n times `media.frame_ms` of call time, on both legs.
    """

    leg: Leg
    number: int
    start_ms: int
    duration_ms: int
    lost_ms: int
    loudness_dbfs: float
    speech_ms: int

    def to_json(self) -> dict[str, Any]:
        return {
            "leg": self.leg.value,
            "number": self.number,
            "start_ms": self.start_ms,
            "duration_ms": self.duration_ms,
            "lost_ms": self.lost_ms,
            "loudness_dbfs": self.loudness_dbfs,
            "speech_ms": self.speech_ms,
        }


@dataclass(frozen=True, slots=True)
class CallFrames:
    """The frames of a call that is over, or that the daemon leaves."""

    call_id: str
    frames: tuple[FrameAccount, ...]


Span = tuple[int, int]
"""From, to: milliseconds of call time."""


def _none() -> Mapping[Leg, int]:
    return {}


@dataclass(frozen=True, slots=True)
class CallRecord:
    """All that is kept of one call: final lines in the order of their beginning, the rest in the order it happened.

    `last_utterance` is the highest number given out on a leg, also where that line never became final.
    """

    call: Call
    transcript: tuple[Transcript, ...] = ()
    gaps: tuple[Gap, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    checklist: Checklist | None = None
    end: CallEnded | None = None
    summary: Summary | None = None
    participations: tuple[Participation, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    incidents: tuple[Incident, ...] = ()
    costs: tuple[Cost, ...] = ()
    frames: tuple[FrameAccount, ...] = ()
    last_utterance: Mapping[Leg, int] = field(default_factory=_none)
    heard: tuple[Span, ...] | None = None
    """Of one operator's part of a call that others had a part in: when, in call time; None: all of the call."""

    @property
    def whole(self) -> bool:
        return self.heard is None

    def to_json(self) -> dict[str, Any]:
        """The members of a live call in the snapshot, `frames`, `participations` and `costs`."""
        return {
            **self.call.to_json(),
            "transcript": [line.to_json() for line in self.transcript],
            "gaps": [gap.to_json() for gap in self.gaps],
            "frames": [frame.to_json() for frame in self.frames],
            "suggestions": [card.to_json() for card in self.suggestions],
            "checklist": self.checklist.to_json()["steps"] if self.checklist else [],
            "end": self.end.to_json() if self.end else None,
            "summary": self.summary.to_json() if self.summary else None,
            "participations": [
                {"operator": p.operator, "began_at": rfc3339(p.began_at), "ended_at": rfc3339(p.ended_at)}
                for p in self.participations
            ],
            "costs": [cost.to_json() for cost in self.costs],
        }


class Track(StrEnum):
    """Of a recording: both parties, the client left; or one."""

    STEREO = "stereo"
    IN = "in"
    OUT = "out"


class Recordings(Protocol):
    """WAV files of calls. Raises `BridgeError` (`store_…`, retryable) where the disk cannot answer."""

    async def tracks(self, call_id: str) -> tuple[Track, ...]:
        """Those that there are."""

    async def size(self, call_id: str, track: Track) -> int | None:
        """In bytes; None where there is none."""

    async def read(self, call_id: str, track: Track, begin: int, end: int, heard: Sequence[Span] | None) -> bytes:
        """The bytes from `begin` up to `end`, less at the file's end; silence outside of what may be `heard`."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted. `scrubbed`: the bytes are gone from database, index and log; else another attempt is needed."""

    calls: int = 0
    utterances: int = 0
    other_rows: int = 0
    recordings: int = 0
    scrubbed: bool = True

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class History(Protocol):
    """Looks up what is kept. Raises `BridgeError` (`store_…`, retryable) where the store cannot answer."""

    async def history(self, query: HistoryQuery) -> HistoryPage: ...

    async def call(self, call_id: str, seen_by: tuple[str, ...] | None = None) -> CallRecord | None:
        """None where it is not kept, or where none of `seen_by` took part; else with the words of their own part."""

    async def calls_between(self, begin: datetime, end: datetime, limit: int) -> tuple[CallRecord, ...]:
        """Calls that were answered, begun in `begin` ≤ start < `end` and over; the newest `limit`, newest first."""

    async def incidents(self, begin: datetime, end: datetime) -> tuple[Incident, ...]:
        """Those of dependencies in `begin` ≤ at < `end`, oldest first; those of a call stand in its record."""

    async def report(self, query: ReportQuery) -> Report: ...

    async def number(self, number: str, limit: int) -> NumberHistory:
        """The last calls of a client, in whatever way the number is written."""

    async def erase_number(self, number: str) -> Erased:
        """Delete every call with this client, in whatever way the number is written, with its recordings, and scrub."""
