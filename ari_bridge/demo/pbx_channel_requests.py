"""What ARI's requests to channels and bridges do and answer. No I/O: sockets and timers are the host's.

Status codes and messages are those seen on Asterisk 22.10.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from ari_bridge.demo.pbx_media import answer_external_media, check_external_media, open_external_media, open_snoop
from ari_bridge.demo.pbx_model import AriFault, Bridge, Channel, Json, MediaTarget, read_variable
from ari_bridge.demo.pbx_parameters import Answer, Handler, Parameters
from ari_bridge.demo.pbx_switch import SOFT_HANGUP, Switchboard

NOT_IN_STASIS: Final = "Channel not in Stasis application"
BRIDGE_TYPES: Final = {"mixing", "holding", "dtmf_events", "proxy_media", "video_sfu", "video_single", "sdp_label"}
REASONS: Final = {
    "normal": 16,
    "unallocated": 1,
    "normal_unspecified": 31,
    "busy": 17,
    "congestion": 34,
    "no_answer": 19,
    "timeout": 102,
    "rejected": 21,
    "number_incomplete": 28,
    "codec_mismatch": 58,
    "interworking": 127,
    "failure": 38,
    "answered_elsewhere": 26,
}


class Host(Protocol):
    """What only the shell can do."""

    def open_media(self, target: MediaTarget) -> tuple[str, int]:
        """Bind a UDP socket for an ExternalMedia channel; its local address."""

    def start_media(self, channel: Channel) -> None:
        """The socket opened last belongs to this channel from now on."""

    def soon(self, action: Callable[[], None]) -> None:
        """Do it a moment after the answer to this request."""

    def hang_up(self, channel_id: str, cause: int) -> bool:
        """Have the channel's call hang it up; False where no call owns it."""

    def hand_back(self, channel_id: str) -> None:
        """A call's channel goes on in the dialplan."""


class ChannelRequests:
    """The requests of the resources `channels` and `bridges`."""

    def __init__(self, board: Switchboard, host: Host) -> None:
        self._board = board
        self._host = host

    def handlers(self) -> dict[str, Handler]:
        """By `resource.nickname`."""
        return {
            "bridges.list": lambda _: (200, [bridge.to_json() for bridge in self._board.bridges.values()]),
            "bridges.create": self._create_bridge,
            "bridges.createWithId": self._create_bridge,
            "bridges.get": lambda p: (200, self._board.bridge(p["bridgeId"]).to_json()),
            "bridges.destroy": self._destroy_bridge,
            "bridges.addChannel": self._add_channel,
            "bridges.removeChannel": self._remove_channel,
            "channels.list": self._list_channels,
            "channels.get": lambda p: (200, self._board.news.describe(self._board.channel(p["channelId"]))),
            "channels.hangup": self._hang_up,
            "channels.continueInDialplan": self._continue,
            "channels.answer": self._answer,
            "channels.ring": self._ring,
            "channels.getChannelVar": self._get_variable,
            "channels.setChannelVar": self._set_variable,
            "channels.snoopChannel": self._snoop,
            "channels.snoopChannelWithId": self._snoop,
            "channels.externalMedia": self._external_media,
            "channels.rtpstatistics": self._rtp_statistics,
        }

    # ---- bridges

    def _create_bridge(self, parameters: Parameters) -> Answer:
        if not set(filter(None, parameters["type"].split(","))) <= BRIDGE_TYPES:
            in_path = "bridgeId" in parameters.path
            hint = f". Possible duplicate bridge id '{parameters['bridgeId'] or '(null)'}'"
            raise AriFault(500, "Unable to create bridge" + ("" if in_path else hint))
        bridge = self._board.create_bridge("stasis", parameters["bridgeId"] or None, parameters["name"])
        return 200, bridge.to_json()

    def _own_bridge(self, parameters: Parameters) -> Bridge:
        bridge = self._board.bridge(parameters["bridgeId"])
        if bridge.kind != "stasis":
            raise AriFault(409, "Bridge not in Stasis application")
        return bridge

    def _bridged(self, parameters: Parameters) -> list[Channel]:
        """The channels that a request names; 400 for one that is none."""
        named = parameters.many("channel")
        if any(channel_id not in self._board.channels for channel_id in named):
            raise AriFault(400, "Channel not found")
        channels = [self._board.channels[channel_id] for channel_id in named]
        if any(channel.stasis is None for channel in channels):
            raise AriFault(422, NOT_IN_STASIS)
        return channels

    def _destroy_bridge(self, parameters: Parameters) -> Answer:
        self._board.destroy_bridge(self._own_bridge(parameters))
        return 204, None

    def _add_channel(self, parameters: Parameters) -> Answer:
        bridge = self._own_bridge(parameters)
        for channel in self._bridged(parameters):
            self._board.enter_bridge(bridge, channel)
        return 204, None

    def _remove_channel(self, parameters: Parameters) -> Answer:
        bridge = self._own_bridge(parameters)
        channels = self._bridged(parameters)
        if any(channel.bridge_id != bridge.id for channel in channels):
            raise AriFault(422, "Channel not in this bridge")
        for channel in channels:
            self._board.leave_bridge(channel)
        return 204, None

    # ---- channels

    def _list_channels(self, parameters: Parameters) -> Answer:
        return 200, [self._board.news.describe(channel) for channel in self._board.channels.values()]

    def _own_channel(self, parameters: Parameters) -> Channel:
        """A channel that is in a Stasis application; 404, 409."""
        channel = self._board.channel(parameters["channelId"])
        if channel.stasis is None:
            raise AriFault(409, NOT_IN_STASIS)
        return channel

    def _hang_up(self, parameters: Parameters) -> Answer:
        channel = self._board.channel(parameters["channelId"])
        reason, code = parameters["reason"] or "normal", parameters["reason_code"]
        if code and not code.isdigit():
            raise AriFault(400, "Invalid reason for hangup reason code provided")
        if reason not in REASONS:
            raise AriFault(400, "Invalid reason for hangup reason provided")
        cause = int(code) if code else REASONS[reason]
        if not self._host.hang_up(channel.id, cause):
            self._board.hangup_requested(channel, SOFT_HANGUP, soft=True)
            self._board.destroy(channel, cause)
        return 204, None

    def _continue(self, parameters: Parameters) -> Answer:
        channel = self._own_channel(parameters)
        self._board.leave_bridge(channel)
        self._board.leave_stasis(channel)
        self._host.hand_back(channel.id)
        return 204, None

    def _answer(self, parameters: Parameters) -> Answer:
        self._board.set_state(self._own_channel(parameters), "Up")
        return 204, None

    def _ring(self, parameters: Parameters) -> Answer:
        self._own_channel(parameters)
        return 204, None

    def _get_variable(self, parameters: Parameters) -> Answer:
        if not parameters["variable"]:
            raise AriFault(400, "Variable name is required")
        channel = self._board.channel(parameters["channelId"], "Provided channel was not found")
        value = read_variable(channel, parameters["variable"])
        if value is None:
            raise AriFault(404, "Provided variable was not found")
        return 200, {"value": value}

    def _set_variable(self, parameters: Parameters) -> Answer:
        if not parameters["variable"]:
            raise AriFault(400, "Variable name is required")
        self._board.set_variable(self._own_channel(parameters), parameters["variable"], parameters["value"])
        return 204, None

    def _snoop(self, parameters: Parameters) -> Answer:
        app, args = parameters["app"], _arguments(parameters["appArgs"])
        snoop = open_snoop(
            self._board,
            parameters["channelId"],
            app=app,
            spy=parameters["spy"] or "none",
            whisper=parameters["whisper"] or "none",
            snoop_id=parameters["snoopId"] or None,
        )
        self._host.soon(lambda: self._enter(snoop, app, args))
        return 200, self._board.news.describe(snoop)

    def _external_media(self, parameters: Parameters) -> Answer:
        app, channel_id = parameters["app"], parameters["channelId"] or None
        if (parameters["encapsulation"] or "rtp") != "rtp":
            raise AriFault(501, "The encapsulation and/or transport is not supported")
        if (parameters["transport"] or "udp") != "udp":
            raise AriFault(400, "transport must be 'udp' for rtp encapsulation")
        target = check_external_media(self._board, app, parameters["external_host"], parameters["format"], channel_id)
        media = open_external_media(self._board, target, app, channel_id, self._host.open_media(target))
        self._host.start_media(media)
        wanted = parameters.body.get("variables") if isinstance(parameters.body, dict) else None
        for name, value in (wanted or {}).items():
            self._board.set_variable(media, name, str(value))
        self._host.soon(lambda: self._enter(media, app, ()))
        return 200, self._board.news.describe(media) | {"channelvars": dict(reversed(media.variables.items()))}

    def _enter(self, channel: Channel, app: str, args: tuple[str, ...]) -> None:
        """A snoop or ExternalMedia channel comes to its application, unless it was ended meanwhile."""
        if channel.id not in self._board.channels:
            return
        if channel.target is not None:
            answer_external_media(self._board, channel)
        if not self._board.enter_stasis(channel, app, args):
            self._board.destroy(channel, 0)

    def _rtp_statistics(self, parameters: Parameters) -> Answer:
        channel = self._board.channel(parameters["channelId"])
        if channel.spy is not None:
            raise AriFault(403, "Unsupported channel type")
        if channel.speech is None:
            raise AriFault(404, "RTP info not found")
        sent = self._board.tick + 1 - channel.speech.since
        received = 0 if channel.speech.audio is None else sent
        return 200, _rtp_statistics(channel.id, sent, received)


def _arguments(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _rtp_statistics(channel_id: str, sent: int, received: int) -> Json:
    return {
        "txcount": sent,
        "rxcount": received,
        "txploss": 0,
        "rxploss": 0,
        "local_ssrc": 607070790,
        "remote_ssrc": 3390111744,
        "txoctetcount": sent * 160,
        "rxoctetcount": received * 160,
        "channel_uniqueid": channel_id,
        "txjitter": 0.0,
        "rxjitter": 0.0,
        "rtt": 0.0,
    }
