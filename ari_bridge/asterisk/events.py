"""ARI events as types: parsed once, at the border. Pure.

Only what the daemon decides on is kept; anything else parses to `Unknown` and is counted by its type.
Sources: Asterisk `rest-api/api-docs/events.json` (16.28 and 22.10) and traces of real calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ari_bridge.asterisk import names

NEEDED: Final = (
    "ChannelCreated",
    "ChannelStateChange",
    "ChannelCallerId",
    "ChannelConnectedLine",
    "ChannelDestroyed",
    "ChannelHangupRequest",
    "ChannelHold",
    "ChannelUnhold",
    "ChannelEnteredBridge",
    "ChannelLeftBridge",
    "BridgeDestroyed",
    "BridgeMerged",
    "BridgeAttendedTransfer",
    "BridgeBlindTransfer",
    "Dial",
    "StasisStart",
    "StasisEnd",
    "ApplicationReplaced",
)
"""Event types that are asked of Asterisk (`PUT /applications/{app}/eventFilter`)."""


DIALLED_APPS: Final = frozenset({"AppDial", "AppDial2", "AppQueue"})
"""`dialplan.app_name` of a channel that Asterisk called itself (`apps/app_dial.c`, `apps/app_queue.c`)."""

DIALLED_STATES: Final = frozenset({"Down", "Rsrvd", "Dialing", "Ringing"})
"""States of a channel that Asterisk is calling; one that calls Asterisk is in `Ring`."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as Asterisk last described it; `state` is ARI's word (`Down`, `Ring`, `Ringing`, `Up` …)."""

    id: str
    name: str
    state: str
    caller_number: str | None
    caller_name: str | None
    connected_number: str | None
    exten: str | None
    app_name: str | None
    app_data: str | None
    linkedid: str | None
    created_at: datetime | None

    @property
    def endpoint(self) -> str:
        return names.endpoint_of(self.name)

    @property
    def is_being_dialled(self) -> bool:
        """Whether Asterisk calls this party, which has not answered."""
        return self.app_name in DIALLED_APPS and self.state in DIALLED_STATES

    @property
    def resource(self) -> str:
        return names.resource_of(self.name)


@dataclass(frozen=True, slots=True)
class Bridge:
    id: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """A channel was created or changed."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelGone:
    channel: Channel
    cause: int | None


@dataclass(frozen=True, slots=True)
class HangupRequested:
    """`soft`: Asterisk itself asks, because the dialplan or the other party is through; else the party hung up."""

    channel: Channel
    cause: int | None
    soft: bool = False


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """The party of this channel put the other on hold, or took it back."""

    channel: Channel
    held: bool


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    channel: Channel
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class BridgeLeft:
    channel: Channel
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class BridgeGone:
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class BridgesMerged:
    """All of `gone`'s channels are in `bridge` now."""

    bridge: Bridge
    gone: Bridge


@dataclass(frozen=True, slots=True)
class Dialled:
    """`status`: empty when dialling begins, then `RINGING`, `PROGRESS`, `ANSWER`, or why it failed."""

    caller: Channel | None
    peer: Channel
    status: str
    dialstring: str


@dataclass(frozen=True, slots=True)
class TookOver:
    """This party is in the dialplan application of the other now, in its place: whom that one dialled, it dials."""

    channel: Channel
    place: Channel


@dataclass(frozen=True, slots=True)
class StasisEntered:
    channel: Channel
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StasisLeft:
    channel: Channel


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another WebSocket took our application over."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Not an ARI event: all that Asterisk has, listed after a (re)connect. What is not in it is gone."""

    channels: tuple[Channel, ...]
    bridges: tuple[Bridge, ...]


@dataclass(frozen=True, slots=True)
class Noticed:
    """Not an ARI event: a dialplan told of this channel, by `Stasis()` or `/agi/call_start`."""

    channel_id: str
    caller: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A type that nothing is decided on, or a message that lacks what its type must carry."""

    type: str
    malformed: bool = False


TelephonyEvent = (
    ChannelSeen
    | ChannelGone
    | HangupRequested
    | HoldChanged
    | BridgeEntered
    | BridgeLeft
    | BridgeGone
    | BridgesMerged
    | Dialled
    | TookOver
    | StasisEntered
    | StasisLeft
    | Replaced
    | Snapshot
    | Noticed
)


class _Malformed(Exception):
    """A member is missing or of the wrong type."""


def parse(message: object) -> TelephonyEvent | Unknown:
    """One decoded ARI WebSocket message as an event. Never raises: what cannot be read is `Unknown(malformed=True)`."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return Unknown("", malformed=True)
    parser = _PARSERS.get(message["type"])
    if parser is None:
        return Unknown(message["type"][:80])
    try:
        return parser(message)  # type: ignore[no-any-return]
    except _Malformed:
        return Unknown(message["type"], malformed=True)


def parse_channel(raw: object) -> Channel:
    """A channel object of ARI. Raises `ValueError` where it has no id or name."""
    try:
        return _channel(raw)
    except _Malformed as error:
        raise ValueError(str(error)) from None


def parse_channels(raw: object) -> tuple[Channel, ...]:
    """A list of channel objects; those without id or name are left out."""
    return tuple(_readable(_channel, raw))


def parse_bridges(raw: object) -> tuple[Bridge, ...]:
    return tuple(_readable(_bridge, raw))


def _readable(parser: Any, raw: object) -> Iterable[Any]:
    for item in raw if isinstance(raw, list) else ():
        try:
            yield parser(item)
        except _Malformed:
            continue


def _channel(raw: object) -> Channel:
    if not isinstance(raw, dict) or not _text(raw.get("id")) or not _text(raw.get("name")):
        raise _Malformed("a channel without id or name")
    dialplan = _object(raw.get("dialplan"))
    return Channel(
        id=raw["id"],
        name=raw["name"],
        state=_text(raw.get("state")) or "",
        caller_number=_text(_object(raw.get("caller")).get("number")),
        caller_name=_text(_object(raw.get("caller")).get("name")),
        connected_number=_text(_object(raw.get("connected")).get("number")),
        exten=_text(dialplan.get("exten")),
        app_name=_text(dialplan.get("app_name")),
        app_data=_text(dialplan.get("app_data")),
        linkedid=_text(_object(raw.get("channelvars")).get("CHANNEL(linkedid)")),
        created_at=_moment(raw.get("creationtime")),
    )


def _bridge(raw: object) -> Bridge:
    if not isinstance(raw, dict) or not _text(raw.get("id")):
        raise _Malformed("a bridge without id")
    members = raw.get("channels")
    return Bridge(raw["id"], tuple(m for m in members if isinstance(m, str)) if isinstance(members, list) else ())


def _dialled(message: dict[str, Any]) -> Dialled:
    caller = message.get("caller")
    return Dialled(
        caller=_channel(caller) if caller else None,
        peer=_channel(message.get("peer")),
        status=_text(message.get("dialstatus")) or "",
        dialstring=_text(message.get("dialstring")) or "",
    )


def _stasis_entered(message: dict[str, Any]) -> StasisEntered:
    args = message.get("args")
    return StasisEntered(
        _channel(message.get("channel")),
        tuple(str(a) for a in args) if isinstance(args, list) else (),
    )


def _seen(message: dict[str, Any]) -> ChannelSeen:
    return ChannelSeen(_channel(message.get("channel")))


def _transfer(message: dict[str, Any]) -> ChannelSeen:
    """A transfer's outcome shows in the bridges; what is kept of the event is the freshest view of the channel."""
    return ChannelSeen(_channel(message.get("channel") or message.get("transferer_second_leg")))


def _attended_transfer(message: dict[str, Any]) -> ChannelSeen | TookOver:
    """Into an application (`Dial`, while the colleague's telephone rings) the one who is transferred is moved without
    any other word of it (Asterisk `bridge.c`, `ast_bridge_transfer_attended`)."""
    if message.get("destination_type") == "application" and message.get("transferee"):
        return TookOver(_channel(message["transferee"]), _channel(message.get("transferer_second_leg")))
    return _transfer(message)


_PARSERS: Final[dict[str, Any]] = {
    "ChannelCreated": _seen,
    "ChannelStateChange": _seen,
    "ChannelCallerId": _seen,
    "ChannelConnectedLine": _seen,
    "BridgeBlindTransfer": _transfer,
    "BridgeAttendedTransfer": _attended_transfer,
    "ChannelDestroyed": lambda m: ChannelGone(_channel(m.get("channel")), _cause(m)),
    "ChannelHangupRequest": lambda m: HangupRequested(_channel(m.get("channel")), _cause(m), m.get("soft") is True),
    "ChannelHold": lambda m: HoldChanged(_channel(m.get("channel")), held=True),
    "ChannelUnhold": lambda m: HoldChanged(_channel(m.get("channel")), held=False),
    "ChannelEnteredBridge": lambda m: BridgeEntered(_channel(m.get("channel")), _bridge(m.get("bridge"))),
    "ChannelLeftBridge": lambda m: BridgeLeft(_channel(m.get("channel")), _bridge(m.get("bridge"))),
    "BridgeDestroyed": lambda m: BridgeGone(_bridge(m.get("bridge"))),
    "BridgeMerged": lambda m: BridgesMerged(_bridge(m.get("bridge")), _bridge(m.get("bridge_from"))),
    "Dial": _dialled,
    "StasisStart": _stasis_entered,
    "StasisEnd": lambda m: StasisLeft(_channel(m.get("channel"))),
    "ApplicationReplaced": lambda m: Replaced(),
}


def _cause(message: dict[str, Any]) -> int | None:
    cause = message.get("cause")
    return cause if isinstance(cause, int) and not isinstance(cause, bool) else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: object) -> datetime | None:
    """ARI writes `2026-11-23T03:59:46.231+0000`. (`strptime` takes forty times as long, and lists are long.)"""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
