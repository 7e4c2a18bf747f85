"""The parties' own RTP as the kernel saw it arrive, recorded by tcpdump, which knows nothing of what it records."""

from __future__ import annotations

import shutil
import signal
import struct
import subprocess
import tempfile
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self

from tests.lab import LabError, realtime

_PCAP_NANOSECONDS = 0xA1B23C4D
_ETHERNET_AND_IP = 14 + 20


class Flow(NamedTuple):
    """One direction of one call: SIPp receives all its calls on one port, Asterisk sends each from its own."""

    source_port: int
    port: int


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet: `at` in seconds of the kernel's clock, the header's fields, the payload without padding."""

    at: float
    sequence_number: int
    timestamp: int
    ssrc: int
    payload_type: int
    payload: bytes


class Capture:
    """Records all RTP sent to UDP ports within `port_ranges` while the `with` block runs; needs root.

    `ahead`: in real time.

    Read `streams()` after the block. `lost` is what the kernel could not hand to tcpdump: 0 in a good recording.
    """

    def __init__(self, *port_ranges: tuple[int, int], netns: str | None = None, ahead: bool = False) -> None:
        self._filter = " or ".join(f"(udp dst portrange {first}-{last})" for first, last in port_ranges)
        self._prefix = [*(realtime() if ahead else ()), *(("ip", "netns", "exec", netns) if netns else ())]
        self._recorded = b""
        self.lost = 0

    def __enter__(self) -> Self:
        self._file = Path(tempfile.mkdtemp(prefix="ari-bridge-capture-"), "lo.pcap")
        # immediate mode: otherwise the last packets stay in the kernel's ring when tcpdump is told to end
        options = ["-i", "lo", "-n", "-Z", "root", "--immediate-mode", "-B", "16384", "--nano", "-U"]
        self._process = subprocess.Popen(
            [*self._prefix, "tcpdump", *options, "-w", str(self._file), self._filter],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said: list[str] = []
        for line in self._process.stderr:
            said.append(line)
            if "listening on" in line:
                return self
        raise LabError("tcpdump: " + "".join(said))

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        said = self._process.communicate(timeout=5)[1]
        for line in said.splitlines():
            if line.endswith("dropped by kernel"):
                self.lost = int(line.split()[0])
        self._recorded = self._file.read_bytes()
        shutil.rmtree(self._file.parent)

    def streams(self) -> dict[Flow, list[Packet]]:
        """The packets of each flow in order of arrival; RTCP and what is not RTP left out."""
        streams: dict[Flow, list[Packet]] = defaultdict(list)
        for flow, packet in read_pcap(self._recorded):
            streams[flow].append(packet)
        return dict(streams)


def read_pcap(data: bytes) -> list[tuple[Flow, Packet]]:
    """Flow and packet for each RTP packet of a nanosecond pcap of an Ethernet-like link (`lo` is one)."""
    if struct.unpack_from("<I", data)[0] != _PCAP_NANOSECONDS:
        raise ValueError("not a little-endian nanosecond pcap")
    found = []
    offset = 24
    while offset + 16 <= len(data):
        seconds, nanoseconds, length, _ = struct.unpack_from("<IIII", data, offset)
        frame = data[offset + 16 : offset + 16 + length]
        offset += 16 + length
        flow = Flow(*struct.unpack_from("!HH", frame, _ETHERNET_AND_IP))
        packet = _rtp(seconds + nanoseconds / 1e9, frame[_ETHERNET_AND_IP + 8 :])
        if packet is not None:
            found.append((flow, packet))
    return found


def heard_by(streams: Mapping[Flow, list[Packet]], ports: tuple[int, int]) -> list[list[Packet]]:
    """The flows sent to a port of that range, one list each."""
    first, last = ports
    return [packets for flow, packets in streams.items() if first <= flow.port <= last]


def sent_by(streams: Mapping[Flow, list[Packet]], ports: tuple[int, int]) -> list[list[Packet]]:
    """The flows sent from a port of that range; the capture must cover where they went (`Asterisk.rtp_ports`)."""
    first, last = ports
    return [packets for flow, packets in streams.items() if first <= flow.source_port <= last]


def transit_ms(sent: Sequence[Packet], heard: Sequence[Packet]) -> list[float]:
    """How long each packet took on its way, for those whose payload came through unchanged and in order.

    What the path does to the audio, free of the sender's own jitter (SIPp's timer ticks in 4 ms and may slip).
    """
    times = []
    at = 0
    for packet in heard:
        match = next((i for i in range(at, min(at + 50, len(sent))) if sent[i].payload == packet.payload), None)
        if match is not None:
            times.append(1000 * (packet.at - sent[match].at))
            at = match + 1
    return times


def max_gap_ms(packets: Sequence[Packet]) -> float:
    """The longest time between two packets; 0 for fewer than two."""
    times = [packet.at for packet in packets]
    return max((1000 * (b - a) for a, b in pairwise(times)), default=0.0)


def payload(packets: Sequence[Packet]) -> bytes:
    """All payloads in order of arrival, telephone events (types 96 and above) left out."""
    return b"".join(packet.payload for packet in packets if packet.payload_type < 96)


def blocks_heard(sent: bytes, received: bytes, *, block: int = 160) -> float:
    """The share of what was sent that came through unchanged and in order, 0 to 1, counted in blocks of 20 ms.

    Only blocks that occur once in `sent` count: speech, not silence. ValueError when there is none.
    """
    first_heard: dict[bytes, int] = {}
    for index, value in enumerate(_blocks(received, block)):
        first_heard.setdefault(value, index)
    unique = [value for value, times in Counter(_blocks(sent, block)).items() if times == 1]
    if not unique:
        raise ValueError("nothing that could be told apart was sent")
    # the longest increasing run of places, by patience sorting: ends[n] is the lowest end of a run of n + 1
    ends: list[int] = []
    for place in (first_heard[value] for value in unique if value in first_heard):
        rank = bisect_left(ends, place)
        ends[rank : rank + 1] = [place]
    return len(ends) / len(unique)


def _blocks(audio: bytes, block: int) -> Iterator[bytes]:
    return (audio[at : at + block] for at in range(0, len(audio) - block + 1, block))


def _rtp(at: float, datagram: bytes) -> Packet | None:
    """RFC 3550 section 5.1; None for RTCP (types 200 to 204) and anything else."""
    if len(datagram) < 12 or datagram[0] >> 6 != 2 or 192 <= datagram[1] <= 223:
        return None
    flags, marker_and_type, sequence_number, timestamp, ssrc = struct.unpack_from("!BBHII", datagram)
    start = 12 + 4 * (flags & 0x0F)
    if flags & 0x10:
        start += 4 + 4 * struct.unpack_from("!H", datagram, start + 2)[0]
    end = len(datagram) - (datagram[-1] if flags & 0x20 else 0)
    return Packet(at, sequence_number, timestamp, ssrc, marker_and_type & 0x7F, datagram[start:end])
