"""A leg's other end for tests: a sender with its own socket, and a sink that keeps what it is given."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from media.codecs import Codec
from media.framing import Frame, Gap, Slice
from media.receiver import Leg
from media.rtp import RtpPacket


class KeepingSink:
    """Keeps all items, in order and by kind."""

    def __init__(self) -> None:
        self.items: list[Slice | Frame | Gap | Codec] = []
        self.slices: list[Slice] = []
        self.frames: list[Frame] = []
        self.gaps: list[Gap] = []
        self.codecs: list[Codec] = []

    def on_slice(self, slice: Slice, /) -> None:
        self.items.append(slice)
        self.slices.append(slice)

    def on_frame(self, frame: Frame, /) -> None:
        self.items.append(frame)
        self.frames.append(frame)

    def on_gap(self, gap: Gap, /) -> None:
        self.items.append(gap)
        self.gaps.append(gap)

    def on_codec(self, codec: Codec, /) -> None:
        self.items.append(codec)
        self.codecs.append(codec)

    @property
    def audio(self) -> bytes:
        return b"".join(slice.payload for slice in self.slices)


def packet_payload(index: int, size: int = 160) -> bytes:
    """Bytes that tell packets apart, and are never a silence code of G.711."""
    return bytes([1 + (index * 7 + i) % 80 for i in range(size)])


@dataclass
class Sender:
    """Sends packet number `index` of a stream of 20 ms packets, in whatever order it is asked to."""

    payload_type: int = 8
    sequence_number: int = 65_500  # near both wraps, so that every test crosses them
    timestamp: int = 2**32 - 160 * 20
    ssrc: int = 0x1234
    size: int = 160
    samples: int = 160
    socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def __post_init__(self) -> None:
        self.socket.bind(("127.0.0.1", 0))

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()
        return host, port

    def packet(self, index: int, payload: bytes | None = None, payload_type: int | None = None) -> RtpPacket:
        return RtpPacket(
            payload_type=self.payload_type if payload_type is None else payload_type,
            sequence_number=(self.sequence_number + index) & 0xFFFF,
            timestamp=(self.timestamp + index * self.samples) & 0xFFFFFFFF,
            ssrc=self.ssrc,
            payload=packet_payload(index, self.size) if payload is None else payload,
        )

    def send(self, leg: Leg, *indices: int) -> None:
        for index in indices:
            self.send_raw(leg, self.packet(index).serialize())

    def send_raw(self, leg: Leg, datagram: bytes) -> None:
        self.socket.sendto(datagram, ("127.0.0.1", leg.port))

    def close(self) -> None:
        self.socket.close()
