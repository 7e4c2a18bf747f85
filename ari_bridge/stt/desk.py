"""The owner of all streams, as one of them sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ari_bridge.stt.counters import SttCounters
from ari_bridge.stt.service import Ending, Service
from ari_bridge.stt.timing import Timing

if TYPE_CHECKING:
    from ari_bridge.stt.leg_stream import LegStream


class Desk(Protocol):
    """What a stream needs and what it tells."""

    service: Service
    timing: Timing
    counters: SttCounters

    def now(self) -> float: ...

    def fed(self, stream: LegStream) -> None:
        """The stream has something to send."""

    def wanted(self, stream: LegStream) -> None:
        """The stream needs a session, after it slept."""

    def hurry(self, stream: LegStream) -> None:
        """The stream is about to end: it has seconds."""

    def answered(self, stream: LegStream) -> None:
        """The peer accepted the stream's session."""

    def ended(self, stream: LegStream, ending: Ending) -> None:
        """A session is over, the stream is not."""

    def gone(self, stream: LegStream) -> None:
        """The stream is over."""
