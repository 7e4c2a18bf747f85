"""Which way a leg's audio takes from Asterisk to us: RTP, or Asterisk's media WebSocket. Pure.

RTP is cheaper, but must find its way to `media.host`; the WebSocket is opened by us, so it crosses NAT and TLS wherever
ARI itself does. `auto` prefers RTP until something speaks against it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

MODULE = "chan_websocket.so"
Preference = Literal["auto", "rtp", "websocket"]


class Transport(StrEnum):
    RTP = "rtp"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Route:
    """`why` is a Russian phrase for people: `check` says it, and the log."""

    transport: Transport
    why: str


def choose(preference: Preference, *, ari_url: str, media_host: str, offered: bool | None, silent: bool) -> Route:
    """`offered`: whether Asterisk has the module (None: not known). `silent`: RTP was tried and no packet arrived."""
    if preference != "auto":
        return Route(Transport(preference), f"так задано: ARI_BRIDGE_MEDIA__TRANSPORT={preference}")
    if not offered:
        return Route(Transport.RTP, f"в этом Asterisk не загружен {MODULE}")
    if silent:
        return Route(Transport.WEBSOCKET, f"на {media_host} не пришло ни одного пакета RTP")
    if _is_loopback(media_host) and not _is_loopback(urlsplit(ari_url).hostname or ""):
        return Route(Transport.WEBSOCKET, f"RTP на {media_host} не покинул бы машину с Asterisk")
    return Route(Transport.RTP, f"на {media_host}; если не придёт ни одного пакета, звук пойдёт по WebSocket")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


REFUSALS = 3  # in a row: one may be of a channel that has just ended


class Router:
    """What is known of the ways, and which one the next leg takes."""

    def __init__(self, preference: Preference, ari_url: str, media_host: str) -> None:
        self._preference = preference
        self._ari_url = ari_url
        self._media_host = media_host
        self._offered: bool | None = None
        self._arrives: bool | None = None  # RTP; None: not tried
        self._refusals = 0  # of the WebSocket, in a row

    @property
    def route(self) -> Route:
        silent = self._arrives is False
        if self._preference == "auto" and self._refusals >= REFUSALS and not silent:
            return Route(Transport.RTP, "WebSocket для звука не открывается")
        return choose(
            self._preference,
            ari_url=self._ari_url,
            media_host=self._media_host,
            offered=self._offered,
            silent=silent,
        )

    @property
    def undecided(self) -> bool:
        """Whether RTP is in use, nothing of it has arrived yet, and there is the other way."""
        untried = self._preference == "auto" and bool(self._offered) and self._arrives is None
        return untried and self._refusals < REFUSALS and self.route.transport is Transport.RTP

    def offer(self, offered: bool) -> None:
        """Whether this Asterisk has the module; told at every look at it."""
        if offered != self._offered:
            self._offered = offered
            self._refusals = 0

    def note_rtp(self, *, arrives: bool) -> None:
        """A fresh tap's first packet came, or did not."""
        self._arrives = arrives

    def note_socket(self, *, opened: bool) -> None:
        self._refusals = 0 if opened else self._refusals + 1
