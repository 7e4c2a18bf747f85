"""The Protocols between rooms. Each is named by our need, never by a vendor. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ari_bridge.events import Call, CallEvent, Component, ComponentStatus, Event, Leg, LegState, Suggestion, Verdict
from ari_bridge.history import FrameAccount
from media.codecs import Codec

EventSink = Callable[[Event], None]
"""Takes an event and returns at once: it never blocks, never awaits, never raises for a slow reader."""


class BusFollower(Protocol):
    """Who shows what the bus tells. Called from the event loop, in the bus's order; returns at once."""

    def begin_at(self, epoch: str, position: int) -> None:
        """The numbering begins (anew): what comes is numbered from `position` + 1 on, and may have been told before."""

    def tell(self, event: CallEvent, position: int, at: datetime, *, shown: bool) -> None:
        """The event of that number; `shown`: it was told ahead."""

    def tell_ahead(self, event: CallEvent) -> None:
        """One of our own that the bus has not numbered yet; it does not answer."""

    def tell_in_passing(self, event: Event) -> None:
        """One that may be lost and has no number."""

    def keep_only(self, call_ids: Collection[str]) -> None:
        """Calls beside these are over; what was told of their end is there no longer."""

    def settle(self) -> None:
        """All that was told ahead has its number now."""

    def forget_at(self, call_id: str, position: int) -> None:
        """A call that is over was deleted."""


StatusSink = Callable[[Component, ComponentStatus], None]
"""Takes the new state of a dependency. Saying the same twice is harmless and is told to nobody."""


class AudioEncoding(StrEnum):
    """Encodings a speech recogniser is fed with; values are Soniox's `audio_format`."""

    MULAW = "mulaw"
    ALAW = "alaw"
    PCM_S16LE = "pcm_s16le"


@dataclass(frozen=True, slots=True)
class SpeechSpec:
    """What a recogniser must know of one stream of a leg before its first audio.

    `first_utterance` is the number that the stream's first utterance gets (numbers go on over a transfer or a restart).
    `operator_name`, `direction` may help the recogniser's context; both may be None.
    """

    call_id: str
    leg: Leg
    encoding: AudioEncoding
    sample_rate: int
    first_utterance: int = 1
    started_at: float = 0.0  # monotonic seconds; the admission policy serves the oldest call first
    operator_name: str | None = None
    direction: str | None = None
    switched_off: bool = False  # by the settings: this audio must not leave for recognition


@dataclass(frozen=True, slots=True)
class Utterance:
    """The present state of one utterance of a leg; times are call time (ms). See `events.Transcript`."""

    number: int
    text: str
    tail: str
    final: bool
    start_ms: int
    end_ms: int


class SpeechListener(Protocol):
    """What a recogniser tells of a stream. Called from the event loop; must return at once."""

    def on_utterance(self, utterance: Utterance) -> None: ...

    def on_speech_gap(self, start_ms: int, end_ms: int, reason: str) -> None:
        """Audio of that span (call time) will never be recognised; `reason` is a Russian phrase."""

    def on_speech_state(self, state: LegState, reason: str | None) -> None:
        """LIVE, STT_DOWN or STT_WAITING; `reason` is a Russian phrase for people."""


class SpeechStream(Protocol):
    """One leg's audio on its way to a recogniser. It never raises for what a peer does: see `SpeechListener`."""

    def feed(self, audio: bytes, start_ms: int) -> None:
        """Take contiguous audio in the stream's encoding that begins at `start_ms` of call time.

        Returns at once. A jump in `start_ms` (the leg was away) is allowed forward only.
        """

    async def finish(self, timeout_s: float) -> None:
        """No more audio: get the last words, tell them, close. Returns within `timeout_s`, complete or not."""

    async def abort(self) -> None:
        """Close at once; what is not final stays as the last partial told, made final."""


class PlaceQuota(Protocol):
    """Places at a recogniser that several daemons have together."""

    def want(self, total: int, wanted: int, used: int, on_share: Callable[[int], None]) -> None:
        """`wanted` of the account's `total` places, of which `used` are taken now; `on_share` is told how many there
        may be, whenever that changes. Returns at once."""


class SpeechToText(Protocol):
    """A recogniser. `open` never blocks: the stream connects in a task that `serve` owns."""

    @property
    def counters(self) -> object:
        """A dataclass of figures, as `/metrics` shows them."""

    def open(self, spec: SpeechSpec, listener: SpeechListener) -> SpeechStream: ...

    async def serve(self) -> None:
        """Own all streams until cancelled; on cancellation every stream is aborted."""


class AudioSink(Protocol):
    """Keeps what was said. Returns at once and never raises, whatever the disk does."""

    def take(self, call_id: str, leg: Leg, start_ms: int, payload: bytes, codec: Codec) -> None:
        """Audio as received, from `start_ms` of call time on; a leg's in the order of its line."""


class CallDesk(Protocol):
    """What people do to calls, wherever these are followed. Raises `BridgeError` where that cannot be reached."""

    async def mark(self, card: Suggestion, verdict: Verdict) -> Suggestion:
        """Note what the operator did with a card; the card as it then stands."""

    async def add(self, event: CallEvent) -> None:
        """What people add to a call: kept, and told to all who may see it."""

    async def frames(self, call_id: str) -> tuple[FrameAccount, ...]:
        """What was heard of a live call so far; nothing where nobody follows it."""

    def forget(self, call_id: str) -> None:
        """A call that is over was deleted: off every page."""


class Suggester(Protocol):
    """Decides on cards. Fed with every event; publishes suggestions and checklists to its own `EventSink`."""

    def on_event(self, event: Event) -> None: ...

    def feedback(self, suggestion_id: str, verdict: Verdict) -> Suggestion | None:
        """Note what the operator did with a card; the card as it then stands, None where the id is unknown."""

    async def serve(self) -> None: ...


class Discretion(Protocol):
    """Takes personal data out of what was said: a bracketed word, `[карта]`, stands for it."""

    def conversation(self, lines: Sequence[tuple[Leg, str]]) -> Sequence[str]:
        """The texts of a conversation, in order; one line helps to understand the next."""

    def excerpt(self, text: str) -> str:
        """A line or two out of a conversation that is not at hand: in doubt more is taken out."""


class NoticeResult(StrEnum):
    """How a dialplan's `/agi/*` notice is answered."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    UNKNOWN = "unknown"


class CallNotices(Protocol):
    """Takes notices from a dialplan without Stasis. Returns within 30 ms whatever ARI does."""

    async def call_start(self, channel_id: str, caller: str | None) -> NoticeResult: ...

    async def call_end(self, channel_id: str) -> NoticeResult: ...


class CallDirectory(Protocol):
    """Who looks up live calls (health, REST) sees these."""

    def live_calls(self) -> tuple[Call, ...]: ...

    def frames(self, call_id: str) -> tuple[FrameAccount, ...]:
        """What was heard so far, the frame that has begun included; nothing where there is no such live call."""
