"""Soniox as a `SpeechToText`: one WebSocket per leg, one TLS context for all."""

from __future__ import annotations

import ssl
from dataclasses import replace
from random import Random

import structlog

from ari_bridge.history import CostSink
from ari_bridge.interfaces import PlaceQuota, SpeechListener, SpeechSpec, StatusSink
from ari_bridge.settings import SonioxSettings
from ari_bridge.stt.counters import SttCounters
from ari_bridge.stt.dialect import Dialect, Fault
from ari_bridge.stt.http_json import get_json
from ari_bridge.stt.leg_stream import LegStream
from ari_bridge.stt.service import Account, Tariff
from ari_bridge.stt.soniox_faults import classify
from ari_bridge.stt.soniox_limits import read_limits
from ari_bridge.stt.soniox_models import read_models
from ari_bridge.stt.soniox_protocol import SonioxDialect, SpeechContext, StartOptions
from ari_bridge.stt.streams import SpeechStreams
from ari_bridge.stt.timing import Timing
from ari_bridge.stt.wire import Wire, open_wire

log = structlog.get_logger(__name__)

USUAL_STREAMS = 10  # an account's, until it tells


class SonioxService:
    """How Soniox is reached and how it talks; see `service.Service`."""

    more_streams = "Поднимите лимит в консоли Soniox и ARI_BRIDGE_SONIOX__MAX_STREAMS"

    def __init__(
        self, settings: SonioxSettings, context: SpeechContext, timing: Timing, tls: ssl.SSLContext | None
    ) -> None:
        self._url = settings.url
        self._api_url = settings.api_url
        self._key = settings.api_key.get_secret_value() if settings.api_key else ""
        self._timing = timing
        self._tls = tls
        self.tariff: Tariff | None = Tariff("soniox", settings.model, settings.usd_per_hour)
        self._trouble: int | str | None = None  # with the API, as last told
        self._options = StartOptions(
            model=settings.model,
            language_hints=settings.language_hints,
            max_endpoint_delay_ms=settings.max_endpoint_delay_ms,
            context=context,
        )

    async def connect(self) -> Wire:
        tls = self._tls if self._url.startswith("wss:") else None  # the API alone may be what is encrypted
        return await open_wire(self._url, {"Authorization": f"Bearer {self._key}"}, self._timing, tls)

    def dialect(self, spec: SpeechSpec) -> Dialect:
        return SonioxDialect(self._options, spec)

    def refused(self, status: int) -> Fault:
        return classify(status, None, None, None)

    async def examine(self) -> Account:
        """Ask which fields the model takes and how many streams there may be. An API that cannot be reached is a
        warning, once: the stream may work all the same."""
        status, document = await self._ask("models")
        facts = read_models(status, document, self._options.model)
        self._warn(status if facts is None else None)
        if facts is None:
            return Account()
        if facts.unsupported != self._options.unsupported:
            log.warning("stt_fields_unsupported", model=self._options.model, fields=sorted(facts.unsupported))
        self._options = replace(self._options, unsupported=facts.unsupported)
        if facts.fault is not None:
            return Account(facts.fault)
        return Account(max_streams=read_limits(*await self._ask("concurrency-limits")))

    async def _ask(self, what: str) -> tuple[int | str, object]:
        """Status and document; in place of a status the name of the error where there was no answer."""
        try:
            return await get_json(f"{self._api_url}/{what}", self._key, self._timing.connect_s, self._tls)
        except OSError as error:
            return type(error).__name__, None

    def _warn(self, trouble: int | str | None) -> None:
        if trouble is not None and trouble != self._trouble:
            log.warning("stt_models_unreachable", error=trouble)
        self._trouble = trouble


class SonioxSpeechToText:
    """See `interfaces.SpeechToText`. `settings.api_key` must be there; without one, use `absent.NoSpeechToText`.

    `pay` is told what each leg has cost. `context` helps recognition in every call: the company, its products, its
    words.
    """

    def __init__(
        self,
        settings: SonioxSettings,
        report: StatusSink,
        *,
        pay: CostSink = lambda cost: None,
        context: SpeechContext | None = None,
        timing: Timing | None = None,
        random: Random | None = None,
        tls: ssl.SSLContext | None = None,
        quota: PlaceQuota | None = None,
    ) -> None:
        timing = timing or Timing(idle_close_s=settings.idle_close_s)
        if tls is None and (settings.url.startswith("wss:") or settings.api_url.startswith("https:")):
            tls = ssl.create_default_context()  # one for all: it takes most of a connection's memory
        self._streams = SpeechStreams(
            SonioxService(settings, context or SpeechContext(), timing, tls),
            report,
            pay=pay,
            max_streams=settings.max_streams or USUAL_STREAMS,
            learn_limit=settings.max_streams is None,
            requests_per_minute=settings.requests_per_minute,
            ring_ms=int(settings.ring_s * 1000),
            timing=timing,
            random=random or Random(),
            quota=quota,
        )

    @property
    def counters(self) -> SttCounters:
        """For metrics; `billed_seconds_total` is what Soniox bills."""
        return self._streams.counters

    def open(self, spec: SpeechSpec, listener: SpeechListener) -> LegStream:
        return self._streams.open(spec, listener)

    async def serve(self) -> None:
        await self._streams.serve()
