"""Snoop and ExternalMedia channels, who hears what, and the RTP packets that follow from it. Pure.

Formats and payload types as Asterisk 22 sends them: `alaw` 8, `ulaw` 0, `slin` 10 and `slin16` 118 (L16 at 8 and
16 kHz, network byte order). Header: RFC 3550 §5.1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from ari_bridge.demo.g711 import ALAW, MULAW, decode_alaw
from ari_bridge.demo.pbx_model import (
    BLOCK,
    SILENT_BLOCK,
    AriFault,
    Channel,
    Dialplan,
    MediaTarget,
    Spy,
)
from ari_bridge.demo.pbx_switch import OUTGOING_LINE, Switchboard

DIRECTIONS: Final = ("none", "both", "out", "in")


@dataclass(frozen=True, slots=True)
class WireFormat:
    """How 20 ms of A-law go onto the wire, and by how much the RTP timestamp grows."""

    payload_type: int
    samples: int
    encode: Callable[[bytes], bytes]


def _nearest(table: np.typing.NDArray[np.int16], linear: np.typing.NDArray[np.int16]) -> bytes:
    """The codes of `table` that come closest to the samples."""
    order = np.argsort(table, kind="stable")
    sorted_levels = table[order].astype(np.int32)
    middle = (sorted_levels[:-1] + sorted_levels[1:]) // 2
    return bytes(order[np.searchsorted(middle, linear.astype(np.int32))].astype(np.uint8))


_ALAW_TO_MULAW = _nearest(MULAW, ALAW)


def _to_mulaw(alaw: bytes) -> bytes:
    return alaw.translate(_ALAW_TO_MULAW)


def _to_l16(alaw: bytes, rate_factor: int) -> bytes:
    """Linear samples in network byte order, each held `rate_factor` times."""
    return np.repeat(decode_alaw(alaw), rate_factor).astype(">i2").tobytes()


FORMATS: Final = {
    "alaw": WireFormat(8, BLOCK, lambda alaw: alaw),
    "ulaw": WireFormat(0, BLOCK, _to_mulaw),
    "slin": WireFormat(10, BLOCK, partial(_to_l16, rate_factor=1)),
    "slin16": WireFormat(118, 2 * BLOCK, partial(_to_l16, rate_factor=2)),
}


@dataclass(slots=True)
class RtpStream:
    """The sending side of one ExternalMedia channel: one SSRC, sequence and timestamp from random starts."""

    format: WireFormat
    ssrc: int
    sequence_number: int
    timestamp: int
    first: bool = True

    def packet(self, alaw: bytes) -> bytes:
        """The next packet; the marker is on the first."""
        marker = 0x80 if self.first else 0
        header = struct.pack(
            "!BBHII", 0x80, marker | self.format.payload_type, self.sequence_number, self.timestamp, self.ssrc
        )
        self.first = False
        self.sequence_number = (self.sequence_number + 1) & 0xFFFF
        self.timestamp = (self.timestamp + self.format.samples) & 0xFFFFFFFF
        return header + self.format.encode(alaw)


def block_for(board: Switchboard, media: Channel) -> bytes | None:
    """20 ms of A-law that an ExternalMedia channel hears now; None while nobody shares its bridge."""
    sources = [said_by(board, other) for other in board.heard_by(media)]
    return mix(sources) if sources else None


def said_by(board: Switchboard, channel: Channel) -> bytes:
    """What a channel puts into its bridge: a telephone what it says, a snoop what it spies."""
    if channel.spy is None:
        return channel.speech.block(board.tick) if channel.speech else SILENT_BLOCK
    tapped = board.channels.get(channel.spy.tapped)
    if tapped is None:
        return SILENT_BLOCK
    heard = [said_by(board, other) for other in board.heard_by(tapped)] if channel.spy.direction != "in" else []
    said = [said_by(board, tapped)] if channel.spy.direction != "out" else []
    return mix(said + heard)


def mix(blocks: list[bytes]) -> bytes:
    """The sum of A-law blocks; a single speaker passes bit-exact."""
    audible = [block for block in blocks if block != SILENT_BLOCK]
    if len(audible) < 2:
        return audible[0] if audible else SILENT_BLOCK
    total = np.sum([decode_alaw(block).astype(np.int32) for block in audible], axis=0)
    return _nearest(ALAW, np.clip(total, -32768, 32767).astype(np.int16))


def open_snoop(
    board: Switchboard, tapped_id: str, *, app: str, spy: str, whisper: str, snoop_id: str | None
) -> Channel:
    """A snoop channel, not in Stasis yet. Refuses as Asterisk does."""
    tapped = board.channel(tapped_id, "Provided channel was not found")
    for name, direction in (("spy", spy), ("whisper", whisper)):
        if direction not in DIRECTIONS:
            raise AriFault(400, f"Invalid direction specified for {name}")
    if spy == "none" and whisper == "none":
        raise AriFault(400, "Direction must be specified for at least spy or whisper")
    if not app:
        raise AriFault(400, "Application name is required")
    if snoop_id in board.channels:
        raise AriFault(500, "Snoop channel could not be created")
    channel_id = snoop_id or board.unique_id()
    name = f"Snoop/{tapped.id}-{board.next_snoop():08x}"
    snoop = board.inner_channel(channel_id, name, "Up", Dialplan())
    snoop.spy = Spy(tapped.id, spy)
    return snoop


def check_external_media(
    board: Switchboard, app: str, host: str, format_name: str, channel_id: str | None
) -> MediaTarget:
    """Where an ExternalMedia channel would send to; refuses as Asterisk does."""
    if not app:
        raise AriFault(400, "app cannot be empty")
    if not host:
        raise AriFault(400, "external_host is required for all but websocket server connections")
    address, _, port = host.rpartition(":")
    if not address or not port.isdigit():
        raise AriFault(400, "external_host must be <host>:<port> for all transports other than websocket")
    if not format_name:
        raise AriFault(400, "format cannot be empty")
    if format_name not in FORMATS or channel_id in board.channels:
        raise AriFault(500, "An internal error prevented this request from being handled")
    return MediaTarget(address, int(port), format_name)


def open_external_media(
    board: Switchboard, target: MediaTarget, app: str, channel_id: str | None, local: tuple[str, int]
) -> Channel:
    """An ExternalMedia channel that sends from `local`, dialled and answered, not in Stasis yet."""
    channel_id = channel_id or board.unique_id()
    name = f"UnicastRTP/{target.host}:{target.port}-{0x7F1098003520 + 0x40 * local[1]:#x}"
    media = board.inner_channel(channel_id, name, "Down", Dialplan())
    media.target = target
    board.set_variable(media, "UNICASTRTP_LOCAL_ADDRESS", local[0])
    board.set_variable(media, "UNICASTRTP_LOCAL_PORT", str(local[1]))
    board.run_app(media, "AppDial2", OUTGOING_LINE)
    follower = board.apps.find(app)
    if follower is not None:
        follower.add(f"channel:{media.id}")  # for the life of the channel, unlike what Stasis() adds
    dialstring = f"{target.host}:{target.port}/c({target.format})"
    board.dial(media, "", None, dialstring)
    return media


def answer_external_media(board: Switchboard, media: Channel) -> None:
    """The far end of an ExternalMedia channel always answers at once."""
    assert media.target is not None
    board.set_state(media, "Up")
    board.dial(media, "ANSWER", None, f"{media.target.host}:{media.target.port}/c({media.target.format})")
