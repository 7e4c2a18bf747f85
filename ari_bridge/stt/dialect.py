"""What every streaming recogniser says and is told, whatever its wire looks like. Pure.

A dialect turns our few wishes into its vendor's frames and its vendor's frames into `Hearing`s; all that makes a leg's
text continuous (replay, utterances, pacing, admission) is written once against these types.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

WireFrame = str | bytes
"""One WebSocket message: text or binary."""

LIMIT_REASON = "нет распознавания: лимит"


class Reaction(StrEnum):
    """What a fault asks of us."""

    RESTART = "restart"  # a new session at once, then back off
    BACK_OFF = "back_off"  # too many streams or requests: wait for a place
    STOP = "stop"  # trying again cannot help until a person acts; probe slowly
    IGNORE = "ignore"  # harmless, the session is over


@dataclass(frozen=True, slots=True)
class Fault:
    """A recogniser's error. `code` is a stable word for logs; `reason` and `action` are Russian phrases for people.

    `of_request`: the request itself was at fault, so another leg's may be in order.
    """

    code: str
    reaction: Reaction
    reason: str
    action: str | None = None
    request_id: str | None = None
    of_request: bool = False


class Token(NamedTuple):
    """A piece of text with its own spaces; times in ms of the session's audio, None where the peer left them out.

    `ends_utterance` marks an endpoint or an answered finalize; such a token has no text. (A NamedTuple: thousands are
    made a second, and a frozen dataclass takes four times as long.)
    """

    text: str
    final: bool
    start_ms: int | None = None
    end_ms: int | None = None
    ends_utterance: bool = False


@dataclass(frozen=True, slots=True)
class Hearing:
    """One message of the recogniser.

    `tokens`: finals are told once; the non-final ones are the whole present tail. `final_ms`: audio of the session up
    to which all is final; `total_ms`: audio processed at all; None where the peer left them out.
    """

    tokens: tuple[Token, ...] = ()
    final_ms: int | None = None
    total_ms: int | None = None
    finished: bool = False
    fault: Fault | None = None


class Dialect(Protocol):
    """One session's frames. A new object per session: it may keep the session's state."""

    def start(self) -> WireFrame: ...

    def audio(self, audio: bytes) -> WireFrame:
        """The frame that carries `audio` (never empty)."""

    def keepalive(self) -> WireFrame | None:
        """What keeps a session without audio open; None where nothing is needed."""

    def end(self) -> WireFrame:
        """No more audio: the peer flushes what it has and finishes."""

    def parse(self, frame: WireFrame) -> Hearing | None:
        """None for what is unintelligible."""
