"""The tap of one channel: snoop channel (`spy=in`), external media channel, and the bridge that joins them.

All three carry ids fixed by the tapped channel (`names.tap_names`), so that a second create fails and whatever is left
over can be told from other people's. Only these three are ever deleted. Sources: Asterisk `res_ari_channels`,
`res_stasis_snoop`, `chan_rtp`; a snoop channel is signed linear inside, so Asterisk encodes each leg once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import structlog

from ari_bridge.asterisk.client import AriError
from ari_bridge.asterisk.media_socket import MediaSockets
from ari_bridge.asterisk.names import TapNames, tap_names, tapped_channel
from ari_bridge.asterisk.route import Route, Router, Transport
from ari_bridge.errors import IllegalInput

log = structlog.get_logger(__name__)

WIDEBAND: Final = frozenset({"g722", "opus", "slin16", "slin24", "slin32", "slin48", "speex16", "siren7", "siren14"})

Bandwidth = Literal["auto", "narrow", "wide"]

GONE_WITHIN_S: Final = 1.0
FIRST_PACKET_S: Final = 0.6  # a snoop sends from its first moment, silence too
CONNECTION_ID: Final = re.compile(r"[A-Za-z0-9-]{1,100}")


class Ari(Protocol):
    async def call(self, resource: str, operation: str, **arguments: object) -> object: ...


class Tapper:
    """Makes and removes taps. Every method raises `AriError` for what Asterisk does.

    The methods of one channel are called in their order: `create_media` and `create_snoop` (in any order), `join`,
    `release`; the leg's state machine (calls/leg.py) sees to it.
    """

    def __init__(
        self,
        ari: Ari,
        app: str,
        up_timeout_s: float,
        *,
        router: Router | None = None,
        sockets: MediaSockets | None = None,
        bandwidth: Bandwidth = "auto",
    ) -> None:
        self._ari = ari
        self._bandwidth = bandwidth
        self._router = router or Router("rtp", "", "")
        self._sockets = sockets
        self._told: Route | None = None
        self._app = app
        self._up_timeout_s = up_timeout_s
        self._awaited: dict[str, asyncio.Event] = {}  # our channels between create and StasisStart; as many as taps
        self._up: dict[str, _Up] = {}  # our channels from StasisStart to their end

    async def format_of(self, channel_id: str) -> str:
        """The external media format that fits the channel's codec: `alaw`, `ulaw` or `slin16`.

        A bandwidth that is not `auto` decides between G.711 and 16 kHz, whatever the channel has.
        """
        if self._bandwidth == "wide":
            return "slin16"
        answer = await self._ari.call(
            "channels", "getChannelVar", channelId=channel_id, variable="CHANNEL(audionativeformat)"
        )
        value = str(answer.get("value", "")) if isinstance(answer, dict) else ""
        codecs = [codec.strip() for codec in value.strip("()").lower().split("|")]
        for codec in codecs:
            if codec in ("alaw", "ulaw"):
                return codec
            if codec in WIDEBAND and self._bandwidth == "auto":
                return "slin16"
        return "alaw"

    async def received_packets(self, channel_id: str) -> int:
        """RTP packets that Asterisk has had from this channel's telephone."""
        answer = await self._ari.call("channels", "rtpstatistics", channelId=channel_id)
        count = answer.get("rxcount") if isinstance(answer, dict) else None
        if not isinstance(count, int):
            raise AriError("ari_malformed", "rtp_statistics without rxcount")
        return count

    @property
    def first_packet_s(self) -> float | None:
        """How long a fresh tap may be without a packet before another way is tried; None: there is none."""
        return FIRST_PACKET_S if self._router.undecided else None

    def offer_websocket(self, offered: bool) -> None:
        """Whether this Asterisk can send audio over its media WebSocket."""
        self._router.offer(offered)

    def note_first_packet(self, *, arrived: bool) -> None:
        """Whether one came in that time."""
        self._router.note_rtp(arrives=arrived)

    async def create_media(self, channel_id: str, host: str, port: int, audio_format: str) -> tuple[str, int]:
        """An external media channel whose audio reaches us as RTP at host:port; the exact address it will come from."""
        route = self._router.route
        if route != self._told:
            self._told = route
            log.info("media_route", transport=route.transport.value, reason=route.why)
        if route.transport is Transport.RTP:
            return await self._create_rtp(channel_id, host, port, audio_format)
        return await self.create_websocket(channel_id, (host, port), audio_format)

    async def create_websocket(self, channel_id: str, leg: tuple[str, int], audio_format: str) -> tuple[str, int]:
        """The same by a WebSocket channel, which enters the application when we have connected to it."""
        if self._sockets is None:
            raise IllegalInput("a tapper without media sockets")
        sockets = self._sockets
        names = tap_names(self._app, channel_id)

        async def lost() -> None:  # the news of the snoop's end ends the tap, and the next one is made
            await self._remove_channel(names.snoop)

        async with self._stasis_start(names.media):
            answer = await self._ari.call(
                "channels",
                "externalMedia",
                app=self._app,
                channelId=names.media,
                external_host="INCOMING",
                transport="websocket",
                encapsulation="none",
                connection_type="server",
                format=audio_format,
            )
            variables = answer.get("channelvars") if isinstance(answer, dict) else None
            connection_id = variables.get("MEDIA_WEBSOCKET_CONNECTION_ID") if isinstance(variables, dict) else None
            if not isinstance(connection_id, str) or not CONNECTION_ID.fullmatch(connection_id):
                raise AriError("ari_malformed", "externalMedia answered without MEDIA_WEBSOCKET_CONNECTION_ID")
            try:
                source = await sockets.open(names.media, connection_id, leg, audio_format, lost)
            except AriError:
                self._router.note_socket(opened=False)
                raise
            self._router.note_socket(opened=True)
            return source

    async def _create_rtp(self, channel_id: str, host: str, port: int, audio_format: str) -> tuple[str, int]:
        names = tap_names(self._app, channel_id)
        async with self._stasis_start(names.media):
            answer = await self._ari.call(
                "channels",
                "externalMedia",
                app=self._app,
                channelId=names.media,
                external_host=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                format=audio_format,
            )
        variables = answer.get("channelvars") if isinstance(answer, dict) else None
        try:
            host = str(variables["UNICASTRTP_LOCAL_ADDRESS"])  # type: ignore[index]
            port = int(variables["UNICASTRTP_LOCAL_PORT"])  # type: ignore[index]
        except (TypeError, KeyError, ValueError):
            raise AriError("ari_malformed", "externalMedia answered without UNICASTRTP_LOCAL_ADDRESS/_PORT") from None
        if not 0 < port < 65536:
            raise AriError("ari_malformed", f"externalMedia answered with port {port}")
        return host, port

    async def create_snoop(self, channel_id: str) -> None:
        """A snoop channel that hears what the party of this channel says."""
        names = tap_names(self._app, channel_id)
        async with self._stasis_start(names.snoop):
            await self._ari.call(
                "channels",
                "snoopChannelWithId",
                channelId=channel_id,
                snoopId=names.snoop,
                app=self._app,
                spy="in",
                whisper="none",
            )

    async def join(self, channel_id: str) -> None:
        """Bridge snoop and media: from here RTP flows."""
        names = tap_names(self._app, channel_id)
        await self._ari.call("bridges", "createWithId", bridgeId=names.bridge, type="mixing", name=names.bridge)
        await self._ari.call("bridges", "addChannel", bridgeId=names.bridge, channel=f"{names.snoop},{names.media}")

    async def release(self, channel_id: str) -> None:
        """Remove all that was made for this channel; what is gone already is fine.

        Returns when its ids are free for another tap, as far as the event line tells.
        """
        names = tap_names(self._app, channel_id)
        if self._sockets is not None:
            self._sockets.close(names.media)
        failed: list[AriError] = []

        async def remove(removal: Awaitable[None]) -> None:
            try:
                await removal
            except AriError as error:
                failed.append(error)  # and the others all the same

        async with asyncio.TaskGroup() as tasks:
            for made_id in (names.media, names.snoop):
                tasks.create_task(remove(self._remove_channel(made_id)), name=f"tap[{channel_id}].remove")
        await remove(self._remove_bridge(names.bridge))
        if failed:
            raise failed[0]
        for made_id in (names.media, names.snoop):
            await self._until_gone(made_id)

    async def _until_gone(self, made_id: str) -> None:
        """A deleted channel ends a moment after the answer; until then its id is taken."""
        up = self._up.get(made_id)
        if up is None:
            return
        try:
            async with asyncio.timeout(GONE_WITHIN_S):
                await up.ended.wait()
        except TimeoutError:
            self._up.pop(made_id, None)  # the line to ARI was cut; the sweep will see

    async def remove_stray(self, made_id: str, *, bridge: bool) -> None:
        """Remove one of our own left-overs; an id that is not ours is refused."""
        if tapped_channel(self._app, made_id) is None:
            raise ValueError(f"not ours: {made_id}")
        await (self._remove_bridge if bridge else self._remove_channel)(made_id)

    def on_stasis_start(self, channel_id: str, name: str) -> None:
        """One of our channels entered the application; `name` is Asterisk's, which no two channels share."""
        self._up[channel_id] = _Up(name)
        if event := self._awaited.get(channel_id):
            event.set()

    def on_gone(self, channel_id: str, name: str) -> None:
        """One of our channels ended."""
        if channel_id in self._up and not self.is_replaced(channel_id, name):
            self._up.pop(channel_id).ended.set()

    def is_replaced(self, channel_id: str, name: str) -> bool:
        """See `Telephony.is_replaced`."""
        up = self._up.get(channel_id)
        return up is not None and up.name != name

    def names(self, channel_id: str) -> TapNames:
        return tap_names(self._app, channel_id)

    def _stasis_start(self, made_id: str) -> _StasisStart:
        return _StasisStart(self._awaited, made_id, self._up_timeout_s)

    async def _remove_channel(self, made_id: str) -> None:
        await _gone_is_fine(self._ari.call("channels", "hangup", channelId=made_id))

    async def _remove_bridge(self, made_id: str) -> None:
        await _gone_is_fine(self._ari.call("bridges", "destroy", bridgeId=made_id))


@dataclass(frozen=True, slots=True)
class _Up:
    name: str
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class _StasisStart:
    """`async with`: on leaving, waits for the StasisStart of a channel that was created inside the block.

    It is awaited from before the request on, because the event may overtake the answer.
    """

    def __init__(self, awaited: dict[str, asyncio.Event], made_id: str, timeout_s: float) -> None:
        self._awaited = awaited
        self._made_id = made_id
        self._timeout_s = timeout_s
        self._started = asyncio.Event()

    async def __aenter__(self) -> None:
        self._awaited[self._made_id] = self._started

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                async with asyncio.timeout(self._timeout_s):
                    await self._started.wait()
        except TimeoutError:
            raise AriError("ari_timeout", f"no StasisStart of {self._made_id} in {self._timeout_s:g} s") from None
        finally:
            self._awaited.pop(self._made_id, None)


async def _gone_is_fine(request: Awaitable[object]) -> None:
    try:
        await request
    except AriError as error:
        if error.status != 404:
            raise
