"""One leg's audio, from runs of packets to slices, gaps and frames, with its account.

Pure: the sockets are the receiver's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np

from media.codecs import COMFORT_NOISE, TELEPHONE_EVENT, Codec
from media.frames import FrameLedger
from media.framing import Cut, Frame, FrameAssembler, Gap, Output, Slice
from media.level import BLOCK_MS, LEAST_AUDIBLE, Hearing, is_silence, judge_speech, power
from media.reception import Arrival, Drift, Jitter, Reception
from media.rtp import Run
from media.steady import Course, Stretch

Item = Slice | Frame | Gap | Codec
"""What a leg hands out, in the order of its line. A Codec says that what follows is in this encoding."""


@dataclass(frozen=True, slots=True)
class LegReport:
    """A leg's account so far. Times are monotonic seconds; counters are packets unless their name says otherwise."""

    packets: int = 0  # received; duplicates are not counted
    bytes: int = 0  # payload of all of them
    lost_packets: int = 0
    lost_ms: int = 0  # reported as gaps
    paused_ms: int = 0  # the sender sent nothing, by its own sequence numbers: silence, but no loss
    duplicates: int = 0
    reordered: int = 0
    late: int = 0  # came when their place was given up
    malformed: int = 0
    unknown_payload_type: int = 0
    events: int = 0  # telephone events and comfort noise
    foreign: int = 0  # of a source never confirmed; what comes from other addresses the kernel refuses unseen
    ssrc_changes: int = 0
    restarts: int = 0  # sequence numbers began anew
    discontinuities: int = 0  # timestamps jumped
    kernel_drops: int = 0
    jitter_ms: float = 0.0
    drift_ppm: float | None = None  # positive: the sender's clock is the faster one
    slices: int = 0
    frames: int = 0
    audio_ms: int = 0
    speech_ms: int = 0
    first_packet_at: float | None = None
    last_packet_at: float | None = None
    delivery_error: str | None = None  # what ended the delivery to the sink


class LegStream:
    """Feed it the runs of a tick, then `cut`."""

    def __init__(
        self, codec: Codec, *, slice_ms: int, frame_ms: int, cut_short: bool, payload_types: Mapping[int, Codec]
    ) -> None:
        self.first_packet_at: float | None = None
        self._last_packet_at: float | None = None
        self._payload_types = payload_types
        self._reception = Reception()
        self._assembler = FrameAssembler(codec, slice_ms=slice_ms, frame_ms=frame_ms, cut_short=cut_short)
        self._ledger = FrameLedger(frame_ms)
        self._hearing = Hearing.of_new_leg()
        self._payload_type = -1
        self._payload_size = 0  # of a packet
        self._jitter, self._drift = Jitter(), Drift()
        self._anchored = (0, 0, 0)
        self._bytes = self._malformed = self._unknown = self._events = 0
        self._slices = self._frames = self._audio_ms = self._speech_ms = 0

    def feed(self, run: Run, earliest: float, latest: float, arrivals: Sequence[float] | None = None) -> None:
        """Take a run that arrived between `earliest` and `latest`; `arrivals`, where known: when its packets did."""
        self._bytes += len(run.payload)
        self._last_packet_at = latest
        if self._reception.follows(run):
            self._place(run, earliest, latest)
            if arrivals is not None and run.payload_type == self._payload_type:
                self.sample(run.timestamp, arrivals)
        else:
            codec = self._payload_types.get(run.payload_type)
            for packet in run.split(codec.bytes_per_sample if codec is not None else 1):
                self._sort(packet, earliest, latest, arrivals)

    def feed_malformed(self, datagrams: int) -> None:
        """So many were no RTP."""
        self._malformed += datagrams

    def course(self) -> Course | None:
        """What the next packets must look like for the leg to be a steady one; None where it has other worries."""
        assembler, reception = self._assembler, self._reception
        sequence_number = assembler.next_sequence_number
        if (
            not assembler.at_rest
            or reception.ssrc is None
            or reception.candidate is not None
            or reception.next_sequence_number != sequence_number
            or self._payload_types.get(self._payload_type) is not assembler.codec
            or self._payload_size * 1000 % (assembler.codec.rate * assembler.codec.bytes_per_sample)
        ):
            return None
        return Course(
            assembler.codec,
            self._payload_type,
            sequence_number,
            assembler.next_timestamp,
            reception.ssrc,
            self._payload_size,
            assembler.end_ms,
            self._ledger.sums(),
            self._hearing,
        )

    def resume(self, stretch: Stretch) -> None:
        """The leg was on its course so far; account for it."""
        assembler = self._assembler
        codec = assembler.codec
        samples = stretch.audio_ms * codec.rate // 1000
        self._reception.skip(stretch.packets)
        assembler.skip(samples, stretch.packets)
        self._ledger.resume(stretch.frame, assembler.end_ms)
        self._hearing = stretch.hearing
        self._bytes += samples * codec.bytes_per_sample
        self._slices += stretch.slices
        self._frames += stretch.frames
        self._audio_ms += stretch.audio_ms
        self._speech_ms += stretch.speech_ms
        self._last_packet_at = stretch.last_at or self._last_packet_at

    def sample(self, timestamp: int, arrivals: Sequence[float]) -> None:
        """Learn jitter and drift from packets like those before, from `timestamp` on, and when each arrived.

        Also while the leg is on its course.
        """
        codec = self._assembler.codec
        samples = self._payload_size // codec.bytes_per_sample
        timestamps = [(timestamp + i * samples) & 0xFFFFFFFF for i in range(len(arrivals))]
        self._jitter.sample(arrivals, timestamps, codec.rate)
        anchored = (self._reception.ssrc_changes, self._reception.restarts, self._assembler.discontinuities)
        if anchored != self._anchored:
            # The line was set by our clock since, which proves nothing of theirs.
            self._anchored, self._drift = anchored, Drift()
        self._drift.sample(arrivals[0], self._assembler.position_ms(timestamp) / 1000)

    def cut(self, now: float) -> list[Item]:
        """Once a tick, after its runs: what is ready, at `now`."""
        return self._measured(self._assembler.cut(now), now)

    def flush(self, now: float) -> list[Item]:
        """The leg ends: all that is left, and the frame that was begun."""
        items = self._measured(self._assembler.flush(), now)
        frame = self._ledger.close()
        if frame is not None:
            self._finish([frame], items)
        return items

    def report(self, *, kernel_drops: int, delivery_error: str | None) -> LegReport:
        """The account at this moment; what only the socket's owner knows is his to add."""
        reception, assembler = self._reception, self._assembler
        return LegReport(
            packets=reception.received,
            bytes=self._bytes,
            lost_packets=reception.lost,
            lost_ms=assembler.lost_ms,
            paused_ms=assembler.paused_ms,
            duplicates=reception.duplicates,
            reordered=reception.reordered,
            late=reception.old + assembler.late_packets,
            malformed=self._malformed,
            unknown_payload_type=self._unknown,
            events=self._events,
            foreign=reception.foreign,
            ssrc_changes=reception.ssrc_changes,
            restarts=reception.restarts,
            discontinuities=assembler.discontinuities,
            kernel_drops=kernel_drops,
            jitter_ms=self._jitter.ms,
            drift_ppm=self._drift.ppm,
            slices=self._slices,
            frames=self._frames,
            audio_ms=self._audio_ms,
            speech_ms=self._speech_ms,
            first_packet_at=self.first_packet_at,
            last_packet_at=self._last_packet_at,
            delivery_error=delivery_error,
        )

    def _sort(self, packet: Run, earliest: float, latest: float, arrivals: Sequence[float] | None) -> None:
        verdict = self._reception.sort(packet)
        if verdict is Arrival.NEXT:
            if self.first_packet_at is None and arrivals is not None:
                latest = arrivals[0]
            self._place(packet, earliest, latest)
        elif verdict is Arrival.REORDERED:
            self._place(packet, earliest, latest, reordered=True)
        elif verdict is Arrival.TAKEOVER:
            self._place(self._reception.take_candidate(), earliest, latest)
            self._place(packet, earliest, latest)

    def _place(self, run: Run, earliest: float, latest: float, reordered: bool = False) -> None:
        codec = self._payload_types.get(run.payload_type)
        if codec is None or not run.payload or len(run.payload) % codec.bytes_per_sample:
            self._pass_over(run, codec)
            return
        if self.first_packet_at is None:
            self.first_packet_at = latest
        self._payload_type, self._payload_size = run.payload_type, len(run.payload) // run.packet_count
        self._assembler.place(run, codec, earliest, latest, reordered)

    def _pass_over(self, run: Run, codec: Codec | None) -> None:
        if codec is not None:
            self._malformed += bool(run.payload)
        elif run.payload_type in (COMFORT_NOISE, TELEPHONE_EVENT):
            self._events += 1
        else:
            self._unknown += 1
        self._assembler.pass_over(run.sequence_number)

    def _measured(self, outputs: Sequence[Output], now: float) -> list[Item]:
        items: list[Item] = []
        for output in outputs:
            if isinstance(output, Cut):
                self._measure(output, now, items)
            else:
                if isinstance(output, Gap):
                    self._ledger.lose(output)
                items.append(output)
        return items

    def _measure(self, cut: Cut, now: float, items: list[Item]) -> None:
        start_ms, duration_ms, payload, codec = cut
        mean, speech_ms = self._listen(payload, codec, duration_ms)
        silence = mean < LEAST_AUDIBLE and is_silence(codec, payload)
        if silence:
            mean = 0.0
        self._slices += 1
        self._audio_ms += duration_ms
        self._speech_ms += speech_ms
        ledger = self._ledger
        if start_ms >= ledger.frame_end_ms:
            self._finish(ledger.advance(start_ms), items)
        items.append(Slice(start_ms, duration_ms, payload, codec, now, mean, speech_ms * 2 >= duration_ms, silence))
        frame = ledger.add(start_ms, duration_ms, mean, speech_ms)
        if frame is not None:
            self._finish([frame], items)

    def _listen(self, payload: bytes, codec: Codec, duration_ms: int) -> tuple[float, int]:
        """The power of a slice, and how many of its milliseconds are speech."""
        if duration_ms * 2 < BLOCK_MS * 3:
            mean = power(codec, payload)
            return mean, duration_ms if self._is_speech(mean) else 0
        step = BLOCK_MS * codec.rate // 1000 * codec.bytes_per_sample
        blocks = [payload[begin : begin + step] for begin in range(0, len(payload), step)]
        powers = [power(codec, block) for block in blocks]
        mean = sum(map(mul, powers, map(len, blocks))) / len(payload)
        return mean, sum(map(self._is_speech, powers)) * duration_ms // len(blocks)

    def _is_speech(self, mean: float) -> bool:
        speech, self._hearing = judge_speech(np.array([mean]), self._hearing)
        return bool(speech[0])

    def _finish(self, frames: Sequence[Frame], items: list[Item]) -> None:
        self._frames += len(frames)
        items += frames
