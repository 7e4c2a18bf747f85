"""A Vosk server of one's own as a `SpeechToText`: nothing leaves the house, nothing is billed."""

from __future__ import annotations

import ssl
from random import Random

from ari_bridge.interfaces import SpeechListener, SpeechSpec, StatusSink
from ari_bridge.stt.counters import SttCounters
from ari_bridge.stt.dialect import Dialect, Fault, Reaction
from ari_bridge.stt.leg_stream import LegStream
from ari_bridge.stt.service import Account, Tariff
from ari_bridge.stt.streams import SpeechStreams
from ari_bridge.stt.timing import Timing
from ari_bridge.stt.vosk_protocol import VoskDialect
from ari_bridge.stt.wire import Wire, open_wire

REQUESTS_PER_MINUTE = 1000  # the server is ours: only a storm is held back


class VoskService:
    """How a vosk-server is reached and how it talks; see `service.Service`."""

    more_streams = "Дайте серверу Vosk больше процессоров и поднимите ARI_BRIDGE_VOSK__MAX_STREAMS"
    tariff: Tariff | None = None  # nothing is billed

    def __init__(self, url: str, timing: Timing, tls: ssl.SSLContext | None) -> None:
        self._url = url
        self._timing = timing
        self._tls = tls

    async def connect(self) -> Wire:
        return await open_wire(self._url, {}, self._timing, self._tls)

    def dialect(self, spec: SpeechSpec) -> Dialect:
        return VoskDialect(spec)

    def refused(self, status: int) -> Fault:
        """Only something between us and the server answers with a status: an address that is wrong, or a proxy whose
        server is away."""
        if 400 <= status < 500:
            action = "Проверьте ARI_BRIDGE_VOSK__URL"
            return Fault(f"{status}:handshake", Reaction.STOP, "По адресу Vosk отвечает другой сервер", action)
        return Fault(f"{status}:handshake", Reaction.RESTART, "Сервер Vosk временно недоступен")

    async def examine(self) -> Account:
        return Account()


class VoskSpeechToText:
    """See `interfaces.SpeechToText`. `max_streams`: as many legs as the server's processors keep up with."""

    def __init__(
        self,
        url: str,
        report: StatusSink,
        *,
        max_streams: int = 100,
        ring_s: float = 60.0,
        timing: Timing | None = None,
        random: Random | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        timing = timing or Timing()
        if tls is None and url.startswith("wss:"):
            tls = ssl.create_default_context()
        self._streams = SpeechStreams(
            VoskService(url, timing, tls),
            report,
            max_streams=max_streams,
            requests_per_minute=REQUESTS_PER_MINUTE,
            ring_ms=int(ring_s * 1000),
            timing=timing,
            random=random or Random(),
        )

    @property
    def counters(self) -> SttCounters:
        """For metrics."""
        return self._streams.counters

    def open(self, spec: SpeechSpec, listener: SpeechListener) -> LegStream:
        return self._streams.open(spec, listener)

    async def serve(self) -> None:
        await self._streams.serve()
