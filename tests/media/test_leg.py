"""One leg from runs to items: sources, events, codecs, the account. What the line does is tested in test_framing."""

from __future__ import annotations

import pytest

from media.codecs import ASTERISK_PAYLOAD_TYPES, COMFORT_NOISE, TELEPHONE_EVENT, Codec
from media.frames import FrameSums
from media.framing import Frame, Gap, Slice
from media.leg import Item, LegReport, LegStream
from media.level import Hearing
from media.rtp import Run
from media.steady import Stretch


def stream(codec: Codec = Codec.PCMA, slice_ms: int = 100) -> LegStream:
    return LegStream(
        codec, slice_ms=slice_ms, frame_ms=3000, cut_short=slice_ms <= 100, payload_types=ASTERISK_PAYLOAD_TYPES
    )


def packet(number: int, payload_type: int = 8, ssrc: int = 1, payload: bytes | None = None) -> Run:
    sound = bytes([number % 80 + 1]) * 160 if payload is None else payload
    return Run(number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc, payload_type, 1, sound)


def feed(leg: LegStream, now: float, *runs: Run) -> list[Item]:
    for run in runs:
        leg.feed(run, now - 0.1, now)
    return leg.cut(now)


def report(leg: LegStream) -> LegReport:
    return leg.report(kernel_drops=0, delivery_error=None)


def test_nothing_came() -> None:
    leg = stream()
    assert leg.cut(1.0) == leg.flush(1.0) == []
    assert report(leg) == LegReport()
    assert leg.course() is None


def test_the_lines_zero_is_the_first_packets_exact_arrival_where_it_is_known() -> None:
    leg = stream()
    leg.feed(Run(0, 0, 1, 8, 2, b"\x01" * 320), 4.9, 5.0, [4.93, 4.95])
    assert leg.first_packet_at == 4.93
    plain = stream()
    feed(plain, 5.0, packet(0), packet(1))
    assert plain.first_packet_at == 5.0


def test_a_slice_is_measured() -> None:
    leg = stream()
    silent, loud = (
        feed(leg, 1.0, *(packet(n, payload=b"\xd5" * 160) for n in range(5))),
        feed(leg, 1.1, *(packet(n, payload=b"\x2a\xaa" * 80) for n in range(5, 10))),
    )
    assert [type(item) for item in silent + loud] == [Slice, Slice]
    first, second = silent[0], loud[0]
    assert isinstance(first, Slice)
    assert isinstance(second, Slice)
    assert (first.level, first.speech, first.all_zero, first.received_at) == (0, False, True, 1.0)
    assert second.level == pytest.approx(1, abs=0.01)
    assert (second.speech, second.all_zero) == (True, False)
    assert (report(leg).speech_ms, report(leg).audio_ms) == (100, 200)


def test_long_slices_are_judged_by_their_blocks() -> None:
    leg = stream(slice_ms=500)
    sounds = [b"\xd5" * 160] * 15 + [b"\x2a\xaa" * 80] * 5 + [b"\xd5" * 160] * 5
    (item,) = feed(leg, 1.0, *(packet(n, payload=sound) for n, sound in enumerate(sounds)))
    assert isinstance(item, Slice)
    assert (item.duration_ms, item.speech, item.all_zero) == (500, False, False)
    assert report(leg).speech_ms == 200  # a block of speech, and one of hangover
    assert item.power == pytest.approx(0.2, abs=0.01)


def test_frames_come_after_their_slices() -> None:
    leg = stream()
    items: list[Item] = []
    for tick in range(31):
        items += feed(leg, tick / 10, *(packet(tick * 5 + n) for n in range(5)))
    assert [type(item) for item in items[28:]] == [Slice, Slice, Frame, Slice]
    (last,) = leg.flush(4.0)
    assert isinstance(last, Frame)
    assert (last.number, last.duration_ms, report(leg).frames) == (1, 100, 2)


def test_frames_that_a_jump_passes_come_before_the_slice_behind_it() -> None:
    leg = stream()
    feed(leg, 0.0, packet(0))
    items = feed(leg, 20.0, *(packet(n) for n in range(1000, 1005)))
    assert isinstance(items[0], Gap)
    numbers = [item.number for item in items if isinstance(item, Frame)]
    assert numbers == [0, 1, 2, 3, 4, 5]
    last = items[-1]
    assert isinstance(last, Slice)
    assert last.start_ms == 20_000


def test_events_and_comfort_noise_are_counted_not_played_and_no_loss() -> None:
    leg = stream()
    items = feed(
        leg,
        1.0,
        packet(0),
        packet(1, TELEPHONE_EVENT, payload=bytes(4)),
        packet(2, COMFORT_NOISE, payload=b"\x40"),
        packet(3),
    )
    assert [(item.start_ms, item.duration_ms) for item in items if isinstance(item, Slice)] == [(0, 80)]
    seen = report(leg)
    assert (seen.events, seen.lost_packets, seen.lost_ms, seen.paused_ms) == (2, 0, 0, 40)


def test_unknown_payload_types_empty_payloads_and_half_samples_are_counted() -> None:
    leg = stream()
    feed(leg, 1.0, packet(0), packet(1, 3), packet(2, payload=b""), packet(3, 118, payload=bytes(321)), packet(4))
    leg.feed_malformed(2)
    seen = report(leg)
    assert (seen.unknown_payload_type, seen.malformed, seen.lost_packets, seen.packets) == (1, 3, 0, 5)


def test_the_codec_follows_the_payload_type_and_is_told() -> None:
    items = feed(stream(Codec.L16_8K), 1.0, packet(0, 0), packet(1, 0))
    assert items[0] is Codec.PCMU
    assert isinstance(items[1], Slice)
    assert (items[1].codec, items[1].duration_ms) == (Codec.PCMU, 40)


def test_a_new_source_takes_over_with_nothing_lost() -> None:
    leg = stream()
    feed(leg, 1.0, *(packet(n) for n in range(5)))
    items = feed(leg, 1.1, *(packet(n, ssrc=2) for n in range(700, 705)))
    (item,) = items
    assert isinstance(item, Slice)
    assert (item.start_ms, item.payload) == (100, b"".join(packet(n).payload for n in range(700, 705)))
    assert (report(leg).ssrc_changes, report(leg).foreign, report(leg).lost_ms) == (1, 0, 0)


def test_a_stray_source_is_not_played() -> None:
    leg = stream()
    items = feed(leg, 1.0, packet(0), packet(900, ssrc=2), packet(1))
    assert [len(item.payload) for item in items if isinstance(item, Slice)] == [320]
    assert report(leg).foreign == 1


def test_runs_are_taken_apart_where_they_do_not_follow() -> None:
    leg = stream()
    feed(leg, 1.0, packet(0), packet(1))
    leg.feed(Run(1, 160, 1, 8, 3, bytes(range(1, 4)) * 160), 0.9, 1.1)  # 1 again, 2 and 3 new
    assert [len(item.payload) for item in leg.cut(1.1) if isinstance(item, Slice)] == [320]
    assert report(leg).duplicates == 1


def test_jitter_and_drift_are_sampled_from_arrivals() -> None:
    leg = stream()
    for tick in range(31):
        at = tick * 1.0
        leg.feed(
            Run(tick * 50 & 0xFFFF, tick * 8000, 1, 8, 2, b"\x01" * 320),
            at,
            at + 0.1,
            [at * 1.0001, at * 1.0001 + 0.03],
        )
        leg.feed(Run(tick * 50 + 2 & 0xFFFF, tick * 8000 + 320, 1, 8, 48, b"\x01" * 7680), at, at + 1)
    seen = report(leg)
    assert seen.jitter_ms > 5
    assert seen.drift_ppm == pytest.approx(-100, abs=2)


def test_drift_begins_anew_where_the_line_was_set_by_our_clock() -> None:
    leg = stream()
    for tick in range(25):
        leg.feed(Run(tick, tick * 160, 1, 8, 1, b"\x01" * 160), tick, tick + 0.1, [float(tick)])
    assert report(leg).drift_ppm is not None
    for tick in range(25, 28):
        leg.feed(Run(tick, tick * 160 - 10**6, 1, 8, 1, b"\x01" * 160), tick, tick + 0.1, [float(tick)])
    assert report(leg).drift_ppm is None


def test_events_are_not_sampled() -> None:
    leg = stream()
    feed(leg, 1.0, packet(0))
    leg.feed(packet(1, TELEPHONE_EVENT, payload=bytes(4)), 1.0, 1.1, [1.05])
    assert report(leg).jitter_ms == 0


def test_a_leg_at_rest_has_a_course_and_resumes_from_it() -> None:
    leg = stream()
    feed(leg, 1.0, *(packet(n) for n in range(5)))
    course = leg.course()
    assert course is not None
    assert (course.codec, course.payload_type, course.sequence_number, course.timestamp, course.ssrc) == (
        Codec.PCMA,
        8,
        5,
        800,
        1,
    )
    assert (course.payload_size, course.start_ms, course.frame.end_ms) == (160, 100, 3000)
    leg.resume(
        Stretch(
            hearing=Hearing.of_new_leg(),
            packets=10,
            slices=2,
            speech_ms=100,
            audio_ms=200,
            frames=1,
            frame=FrameSums(6000, 2.0, 60, 0),
            last_at=1.2,
        )
    )
    seen = report(leg)
    assert (seen.packets, seen.bytes, seen.slices, seen.audio_ms, seen.last_packet_at) == (15, 2400, 3, 300, 1.2)
    assert (seen.frames, seen.speech_ms) == (1, 200)
    (item,) = feed(leg, 1.3, packet(15))
    assert isinstance(item, Slice)
    assert item.start_ms == 300


@pytest.mark.parametrize(
    "runs",
    [
        (packet(0), packet(2)),  # something is held
        (packet(0), packet(700, ssrc=2)),  # somebody else may take over
        (packet(0), packet(1), packet(0, TELEPHONE_EVENT)._replace(sequence_number=700)),
        (packet(0, payload=b"\x01" * 163),),  # not on a millisecond
    ],
)
def test_a_leg_with_worries_has_none(runs: tuple[Run, ...]) -> None:
    leg = stream()
    feed(leg, 1.0, *runs)
    assert leg.course() is None
