"""What a call shall be, and the words between a call's steps and whoever plays them. Pure."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ari_bridge.demo.samples import SAMPLE_RATE

SETTLED_S: Final = 0.5
"""Silence between the last word of both and the hang-up, where a script names no length."""


class Way(StrEnum):
    """How the dialplan lets the daemon know of a call."""

    PASSIVE = "passive"
    STASIS = "stasis"
    NOTICE = "notice"


class Unanswered(StrEnum):
    """How dialling ends when nobody answers; values are Asterisk's DIALSTATUS. CANCEL: the caller gives up."""

    NO_ANSWER = "NOANSWER"
    BUSY = "BUSY"
    CANCEL = "CANCEL"


class Side(StrEnum):
    CLIENT = "client"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScript:
    """One call, from the first ring to the last hang-up.

    `client` and `did` are numbers. `ringing` are extensions; `answered_by` is one of them (None: the first). An
    outbound call is dialled by that operator and answered by the client. Either audio (A-law, 8 kHz) starts at the
    answer; None is a telephone that sends no RTP at all. `talk_s` None lasts until both have said all. `app` and `args`
    are the Stasis way's.
    """

    client: str
    did: str = "74950000001"
    client_name: str = ""
    ringing: tuple[str, ...] = ("1001",)
    answered_by: str | None = None
    unanswered: Unanswered | None = None
    outbound: bool = False
    way: Way = Way.PASSIVE
    app: str = "ari_bridge"
    args: tuple[str, ...] = ()
    ring_s: float = 0.5
    talk_s: float | None = None
    client_audio: bytes | None = b""
    operator_audio: bytes | None = b""
    hangup_by: Side = Side.CLIENT
    cause: int = 16

    @property
    def operator(self) -> str:
        return self.answered_by or self.ringing[0]

    @property
    def talking_s(self) -> float:
        """Seconds from the answer to the hang-up."""
        if self.talk_s is not None:
            return self.talk_s
        longest = max(len(self.client_audio or b""), len(self.operator_audio or b""))
        return longest / SAMPLE_RATE + SETTLED_S


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on after `seconds`, or when a signal comes; None waits for a signal only."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Send `GET /agi/call_{kind}` with this query, then go on whatever comes of it."""

    kind: str
    query: dict[str, str]


@dataclass(frozen=True, slots=True)
class HangUp:
    """A signal: this channel hangs up. `soft`: ARI asked for it (its event then carries cause 32)."""

    channel_id: str
    cause: int = 16
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Continue:
    """A signal: the channel was handed back by its Stasis application."""


Signal = HangUp | Continue | None
"""What a step is sent; None: the time is up."""

Steps = Generator[Wait | Notice, Signal, None]
