"""What a vendor of recognition is to the streams, and how one of its sessions may end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ari_bridge.interfaces import SpeechSpec
from ari_bridge.stt.dialect import Dialect, Fault, Reaction
from ari_bridge.stt.wire import Wire

NO_CONNECTION = "нет связи с сервисом распознавания"


@dataclass(frozen=True, slots=True)
class Account:
    """`fault`: what no call will get past. `max_streams`: what the account allows. None: nothing is known of it."""

    fault: Fault | None = None
    max_streams: int | None = None


@dataclass(frozen=True, slots=True)
class Tariff:
    """What an hour of a stream costs; all the time it is open is billed."""

    service: str
    model: str
    usd_per_hour: float

    def of(self, seconds: float) -> float:
        """US dollars."""
        return seconds * self.usd_per_hour / 3600


class Service(Protocol):
    """A vendor: how to reach it and how it talks. `more_streams` tells people (in Russian) how to get more of them."""

    more_streams: str
    tariff: Tariff | None  # None: nothing is billed

    async def connect(self) -> Wire:
        """Raises `WireRefused`, `WireFailed`."""

    def dialect(self, spec: SpeechSpec) -> Dialect:
        """For one session."""

    def refused(self, status: int) -> Fault:
        """What a handshake answered with `status` means."""

    async def examine(self) -> Account:
        """Look at the account: before the first call, and now and then. Never raises for a peer."""


class End(StrEnum):
    """Why a session is over."""

    FINISHED = "finished"  # the peer told everything it means to tell
    FAULT = "fault"  # the peer sent an error
    CLOSED = "closed"  # the connection broke or was closed
    UNREACHABLE = "unreachable"  # no connection came about
    STALLED = "stalled"  # the peer took audio and gave nothing back
    EVICTED = "evicted"  # the place is needed by another leg
    ROLL_OVER = "roll_over"  # the session nears its longest duration
    IDLE = "idle"  # the leg has been silent for long


@dataclass(frozen=True, slots=True)
class Ending:
    """One session's end. `answered`: the peer had accepted it; `lasted_s` since the connection was up."""

    end: End
    answered: bool = False
    fault: Fault | None = None
    detail: str | None = None
    lasted_s: float = 0.0

    @property
    def code(self) -> str:
        """For logs."""
        if self.fault is not None:
            return self.fault.code
        return f"{self.end.value}:{self.detail}" if self.detail else self.end.value

    @property
    def reason(self) -> str:
        """For people."""
        return self.fault.reason if self.fault else NO_CONNECTION

    @property
    def reaction(self) -> Reaction:
        return self.fault.reaction if self.fault else Reaction.RESTART

    @property
    def ours(self) -> bool:
        """We ended it, for our own reasons: no fault of anybody's."""
        return self.end in (End.EVICTED, End.ROLL_OVER, End.IDLE)
