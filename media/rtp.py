"""RTP headers (RFC 3550 §5.1): a whole tick of datagrams as columns, and one packet at a time for the odd ones.

A tick brings thousands of datagrams of hundreds of legs; nearly all have the plain 12-byte header and follow the packet
before them. So the headers are read as columns, and packets which follow each other without any surprise are joined
into a `Run`, the unit in which everything behind this file works. What is not plain is parsed by itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER_SIZE: Final = 12
TIMESTAMP: Final = slice(4, 8)  # where it stands in the header
PLAIN_FIRST_BYTE: Final = 0x80  # version 2, no padding, no extension, no CSRC
RTCP_PACKET_TYPES: Final = range(200, 208)  # SR to XR; marker and payload type, to an RTP parser (RFC 3550 A.1)


class MalformedRtp(ValueError):
    """A datagram that is not RTP. The only error that parsing raises."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet; field names are RFC 3550's. `extension` is (profile, data), data a multiple of 4 bytes long."""

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrc: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None

    @classmethod
    def parse(cls, datagram: bytes | memoryview) -> RtpPacket:
        """The packet of a datagram, padding removed. Raises MalformedRtp, nothing else."""
        start, end = payload_bounds(datagram)
        first, second, sequence_number, timestamp, ssrc = struct.unpack_from("!BBHII", datagram)
        csrc_end = HEADER_SIZE + 4 * (first & 0x0F)
        extension = None
        if first & 0x10:
            profile = struct.unpack_from("!H", datagram, csrc_end)[0]
            extension = (profile, bytes(datagram[csrc_end + 4 : start]))
        return cls(
            payload_type=second & 0x7F,
            sequence_number=sequence_number,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=bytes(datagram[start:end]),
            marker=bool(second & 0x80),
            csrc=struct.unpack_from(f"!{first & 0x0F}I", datagram, HEADER_SIZE),
            extension=extension,
        )

    def serialize(self, padding: int = 0) -> bytes:
        """The datagram; `padding` is the number of bytes added at its end (0 … 255, the count itself included).

        Raises ValueError for what no header has room for.
        """
        self._check(padding)
        first = 0x80 | (0x20 if padding else 0) | (0x10 if self.extension else 0) | len(self.csrc)
        second = (0x80 if self.marker else 0) | self.payload_type
        parts = [struct.pack("!BBHII", first, second, self.sequence_number, self.timestamp, self.ssrc)]
        parts.append(struct.pack(f"!{len(self.csrc)}I", *self.csrc))
        if self.extension:
            profile, data = self.extension
            parts.append(struct.pack("!HH", profile, len(data) // 4) + data)
        parts.append(self.payload)
        if padding:
            parts.append(bytes(padding - 1) + bytes([padding]))
        return b"".join(parts)

    def _check(self, padding: int) -> None:
        rooms = (
            ("payload_type", self.payload_type, 7),
            ("sequence_number", self.sequence_number, 16),
            ("timestamp", self.timestamp, 32),
            ("ssrc", self.ssrc, 32),
            ("padding", padding, 8),
            ("number of csrc", len(self.csrc), 4),
        )
        for name, value, bits in rooms:
            if not 0 <= value < 1 << bits:
                raise ValueError(f"{name} {value} does not fit into {bits} bits")
        if self.extension is not None and len(self.extension[1]) % 4:
            raise ValueError(f"an extension of {len(self.extension[1])} bytes is not a multiple of 4 long")


def payload_bounds(datagram: bytes | memoryview) -> tuple[int, int]:
    """Where the payload of a datagram starts and ends: behind CSRC list and extension, before the padding.

    Raises MalformedRtp where the datagram is too short for what its own header claims, or not RTP version 2.
    """
    size = len(datagram)
    if size < HEADER_SIZE:
        raise MalformedRtp(f"{size} bytes are no RTP header")
    first, second = datagram[0], datagram[1]
    if first >> 6 != 2:
        raise MalformedRtp(f"RTP version {first >> 6}")
    if second in RTCP_PACKET_TYPES:
        raise MalformedRtp("RTCP on an RTP port")
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if first & 0x10:
        if size < start + 4:
            raise MalformedRtp("no room for the header extension")
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    end = size
    if first & 0x20:
        padding = datagram[size - 1]
        if padding == 0:
            raise MalformedRtp("padding of length 0")
        end -= padding
    if start > end:
        raise MalformedRtp("header and padding are longer than the datagram")
    return start, end


class Run(NamedTuple):
    """Packets of one source, received one after the other, that follow each other in every field of their header.

    Sequence numbers go up by one, timestamps by the samples of a packet; payload type, source and size stay the same.
    `payload` is the packets' payloads joined. A single packet is a run with `packet_count` 1.
    """

    sequence_number: int
    timestamp: int
    ssrc: int
    payload_type: int
    packet_count: int
    payload: bytes

    def split(self, bytes_per_sample: int) -> list[Run]:
        """The run taken apart again, a run for each packet."""
        if self.packet_count == 1:
            return [self]
        size = len(self.payload) // self.packet_count
        samples = size // bytes_per_sample
        return [
            Run(
                (self.sequence_number + i) & 0xFFFF,
                (self.timestamp + i * samples) & 0xFFFFFFFF,
                self.ssrc,
                self.payload_type,
                1,
                self.payload[i * size : (i + 1) * size],
            )
            for i in range(self.packet_count)
        ]


class Headers(NamedTuple):
    """The headers of the n datagrams of a tick as columns."""

    words: NDArray[np.int64]  # n × 3: the first 12 octets; meaningless where `sizes` is less
    sizes: NDArray[np.int64]
    run_begin: NDArray[np.int64]  # the rows in which a run begins, ascending, and n


def parse_headers(
    matrix: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    first_rows: NDArray[np.int64],
    bytes_per_sample: NDArray[np.int64],
) -> Headers:
    """Parse the datagrams in the rows of `matrix` (row i holds `sizes[i]` octets), at least one.

    No run reaches over a row in `first_rows` (where another leg begins). `bytes_per_sample` has 128 entries, one per
    payload type; 0 for what is no audio, which is never joined.
    """
    rows = len(sizes)
    words = matrix[:rows, :HEADER_SIZE].view(">u4").astype(np.int64)
    steps = np.diff(words, axis=0)
    payload_sizes = sizes[1:] - HEADER_SIZE
    # A step of 1 in the first word is the next sequence number with all flags the same. Where a counter wraps, or a
    # marker stands, the run merely ends: the next one follows it as exactly.
    joined = (steps[:, 0] == 1) & (steps[:, 2] == 0) & (sizes[1:] == sizes[:-1]) & (payload_sizes > 0)
    joined &= steps[:, 1] * bytes_per_sample[words[1:, 0] >> 16 & 0x7F] == payload_sizes
    joined &= words[1:, 0] >> 24 == PLAIN_FIRST_BYTE
    begins = np.ones(rows + 1, dtype=np.bool_)
    np.logical_not(joined, out=begins[1:-1])
    begins[first_rows] = True
    return Headers(words, sizes, np.flatnonzero(begins))


def run_in(matrix: NDArray[np.uint8], headers: Headers, begin: int, end: int) -> Run | None:
    """The run in the rows `begin` up to `end` of the matrix that `headers` were parsed from; None if it is malformed.

    A datagram that fills its row was cut off by it, which makes it malformed.
    """
    size = int(headers.sizes[begin])
    if size >= matrix.shape[1]:
        return None
    if end - begin == 1:
        try:
            packet = RtpPacket.parse(matrix[begin, :size].tobytes())
        except MalformedRtp:
            return None
        return Run(packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload_type, 1, packet.payload)
    first, timestamp, ssrc = headers.words[begin].tolist()
    payload = matrix[begin:end, HEADER_SIZE:size].tobytes()
    return Run(first & 0xFFFF, timestamp, ssrc, first >> 16 & 0x7F, end - begin, payload)
