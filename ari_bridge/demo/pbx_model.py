"""What a PBX consists of: channels, bridges, endpoints, and their ARI JSON (Asterisk 22). Pure.

The shapes follow traces of Asterisk 22.10: member names, their order, empty strings instead of absent values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

ASTERISK_ID = "02:fc:00:00:00:01"
ALAW_SILENCE = 0xD5
BLOCK = 160
"""Samples of one 20 ms packet of G.711."""


class AriFault(Exception):
    """A request that Asterisk refuses: the HTTP status and the `message` of its JSON body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class CallerId:
    name: str = ""
    number: str = ""

    def to_json(self) -> Json:
        return {"name": self.name, "number": self.number}


@dataclass(slots=True)
class Dialplan:
    """Where a channel stands in the dialplan."""

    context: str = "default"
    exten: str = "s"
    priority: int = 1
    app_name: str = ""
    app_data: str = ""

    def to_json(self) -> Json:
        return {
            "context": self.context,
            "exten": self.exten,
            "priority": self.priority,
            "app_name": self.app_name,
            "app_data": self.app_data,
        }


@dataclass(frozen=True, slots=True)
class Spy:
    """What a snoop channel listens to: `direction` is `in` (what the tapped party says), `out` or `both`."""

    tapped: str
    direction: str


@dataclass(frozen=True, slots=True)
class MediaTarget:
    """Where an ExternalMedia channel sends RTP, in which Asterisk format (`alaw`, `ulaw`, `slin16` …)."""

    host: str
    port: int
    format: str


@dataclass(slots=True)
class Speech:
    """What the telephone of a channel sends: A-law at 8 kHz from tick `since` on, silence afterwards.

    `audio` is None for a telephone that sends no RTP at all.
    """

    audio: bytes | None
    since: int

    def block(self, tick: int) -> bytes:
        """The 160 bytes of that 20 ms tick."""
        start = (tick - self.since) * BLOCK
        if self.audio is None or start < 0:
            return SILENT_BLOCK
        return self.audio[start : start + BLOCK].ljust(BLOCK, SILENT_BLOCK[:1])


SILENT_BLOCK = bytes([ALAW_SILENCE]) * BLOCK


@dataclass(slots=True)
class Channel:
    """One channel. `endpoint` is `PJSIP/1001` for a telephone's or trunk's channel, None for snoop and media channels.

    `stasis` names the application it is in, None in the dialplan. `native` is the codec of its own RTP.
    """

    id: str
    name: str
    state: str
    created_at: str
    dialplan: Dialplan
    linkedid: str
    endpoint: str | None = None
    caller: CallerId = CallerId()
    connected: CallerId = CallerId()
    protocol_id: str = ""
    native: str = "alaw"
    stasis: str | None = None
    bridge_id: str | None = None
    spy: Spy | None = None
    target: MediaTarget | None = None
    speech: Speech | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "protocol_id": self.protocol_id,
            "caller": self.caller.to_json(),
            "connected": self.connected.to_json(),
            "accountcode": "",
            "dialplan": self.dialplan.to_json(),
            "creationtime": self.created_at,
            "language": "en",
        }


@dataclass(slots=True)
class Bridge:
    """A mixing bridge; `kind` is Asterisk's bridge class: `stasis` (made by ARI) or `basic` (made by Dial)."""

    id: str
    kind: str
    created_at: str
    name: str = ""
    channels: list[str] = field(default_factory=list)

    def to_json(self) -> Json:
        stasis = self.kind == "stasis"
        return {
            "id": self.id,
            "technology": "simple_bridge",
            "bridge_type": "mixing",
            "bridge_class": self.kind,
            "creator": "Stasis" if stasis else "",
            "name": self.name,
            "channels": sorted(self.channels),
            "creationtime": self.created_at,
            "video_mode": "talker" if stasis else "none",
        }


CAUSES = {
    0: "Unknown",
    1: "Unallocated (unassigned) number",
    16: "Normal Clearing",
    17: "User busy",
    18: "No user responding",
    19: "User alerting, no answer",
    20: "Subscriber absent",
    21: "Call Rejected",
    26: "Answered elsewhere",
    28: "Invalid number format",
    31: "Normal, unspecified",
    34: "Circuit/channel congestion",
    38: "Network out of order",
    58: "Bearer capability not available",
    99: "Info. element nonexist or not implemented",
    102: "Recover on timer expiry",
    127: "Interworking, unspecified",
}
"""What Asterisk says of a hang-up cause (Q.850)."""


def ari_time(moment: datetime) -> str:
    """As Asterisk writes it: `2026-11-23T03:59:46.231+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def read_variable(channel: Channel, name: str) -> str | None:
    """A variable or function of a channel; None where it is not set. Unknown functions raise `AriFault` 500."""
    if name.endswith(")"):
        function, _, argument = name[:-1].partition("(")
        value = _functions(channel).get((function, argument))
        if value is None:
            raise AriFault(500, "Unable to read provided function")
        return value
    dialplan = channel.dialplan
    own = {"UNIQUEID": channel.id, "CHANNEL": channel.name, "EXTEN": dialplan.exten, "CONTEXT": dialplan.context}
    return channel.variables.get(name, own.get(name))


def _functions(channel: Channel) -> dict[tuple[str, str], str]:
    technology = channel.name.partition("/")[0]
    native = "slin" if channel.spy else channel.native
    return {
        ("CHANNEL", "linkedid"): channel.linkedid,
        ("CHANNEL", "name"): channel.name,
        ("CHANNEL", "state"): channel.state,
        ("CHANNEL", "channeltype"): technology,
        ("CHANNEL", "audionativeformat"): f"({native})",
        ("CHANNEL", "audioreadformat"): native,
        ("CHANNEL", "audiowriteformat"): native,
        ("CALLERID", "num"): channel.caller.number,
        ("CALLERID", "name"): channel.caller.name,
        ("CALLERID", "all"): f'"{channel.caller.name}" <{channel.caller.number}>',
        ("CALLERID", "dnid"): channel.dialplan.exten if channel.state == "Ring" else "",
        ("CONNECTEDLINE", "num"): channel.connected.number,
        ("CONNECTEDLINE", "name"): channel.connected.name,
    }
