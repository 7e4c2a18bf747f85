"""The line of a leg, packet by packet. One tick of the tests is `tick` placed and cut at a time in seconds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from media.codecs import Codec
from media.framing import MAX_HELD, Cut, FrameAssembler, Gap, Output
from media.rtp import Run

ALAW = Codec.PCMA
SSRC = 1


def sound(number: int, samples: int = 160) -> bytes:
    return bytes([number % 80 + 1]) * samples


def packet(number: int, *, timestamp: int | None = None, ssrc: int = SSRC, samples: int = 160) -> Run:
    """Packet `number` of an even stream, or with a timestamp of its own."""
    position = number * samples if timestamp is None else timestamp
    return Run(number & 0xFFFF, position & 0xFFFFFFFF, ssrc, 8, 1, sound(number, samples))


def tick(line: FrameAssembler, now: float, packets: Sequence[Run], codec: Codec = ALAW) -> list[Output]:
    for one in packets:
        line.place(one, codec, now - 0.1, now)
    return line.cut(now)


def started(
    slice_ms: int = 100, frame_ms: int = 3000, reorder_ms: int = 100, fill_ms: int = 3000, lead_ms: int = 1000
) -> FrameAssembler:
    """A line on which packets 0 to 4 arrived by the time 0.1, the first at 0."""
    line = FrameAssembler(
        ALAW, slice_ms=slice_ms, frame_ms=frame_ms, reorder_ms=reorder_ms, fill_ms=fill_ms, lead_ms=lead_ms
    )
    line.place(packet(0), ALAW, 0, 0)
    tick(line, 0.1, [packet(number) for number in range(1, 5)])
    return line


def spans(outputs: Sequence[Output]) -> list[tuple[int, int]]:
    return [(cut.start_ms, cut.duration_ms) for cut in outputs if isinstance(cut, Cut)]


def audio(outputs: Sequence[Output]) -> bytes:
    return b"".join(cut.payload for cut in outputs if isinstance(cut, Cut))


def gaps(outputs: Sequence[Output]) -> list[tuple[int, int]]:
    return [(gap.start_ms, gap.duration_ms) for gap in outputs if isinstance(gap, Gap)]


def test_a_tick_hands_out_all_that_is_in_order_as_one_slice() -> None:
    line = started()
    assert spans(tick(line, 0.2, [packet(number) for number in range(5, 9)])) == [(100, 80)]
    assert spans(tick(line, 0.3, [packet(number) for number in range(9, 16)])) == [(180, 140)]
    assert tick(line, 0.4, []) == []


def test_a_late_tick_catches_up_in_slices() -> None:
    outputs = tick(started(), 0.6, [packet(number) for number in range(5, 31)])
    assert spans(outputs) == [(100, 100), (200, 100), (300, 100), (400, 100), (500, 120)]
    assert audio(outputs) == b"".join(sound(number) for number in range(5, 31))


def test_a_slice_ends_at_the_edge_of_a_frame() -> None:
    outputs = tick(started(frame_ms=160, slice_ms=80), 0.2, [packet(number) for number in range(5, 11)])
    assert spans(outputs) == [(100, 60), (160, 60)]


def test_long_slices_lie_on_their_grid() -> None:
    line = FrameAssembler(ALAW, slice_ms=500, frame_ms=1000, cut_short=False)
    cuts: list[Output] = []
    for number in range(0, 130, 5):
        cuts += tick(line, number / 50, [packet(number + i) for i in range(5)])
    assert spans(cuts) == [(0, 500), (500, 500), (1000, 500), (1500, 500), (2000, 500)]
    assert spans(line.flush()) == [(2500, 100)]


def test_a_reordered_packet_is_waited_for_into_the_next_tick() -> None:
    line = started()
    assert spans(tick(line, 0.2, [packet(5), packet(7), packet(8), packet(9)])) == [(100, 20)]
    line.place(packet(10), ALAW, 0.2, 0.3)
    line.place(packet(6), ALAW, 0.2, 0.3, reordered=True)
    outputs = line.cut(0.3)
    assert audio(outputs) == b"".join(sound(number) for number in range(6, 11))
    assert gaps(outputs) == []


def test_a_hole_is_given_up_when_enough_audio_has_passed_behind_it() -> None:
    outputs = tick(started(), 0.2, [packet(number) for number in range(7, 12)])
    assert outputs[0] == Gap(100, 40, (0,))
    assert audio(outputs) == b"\xd5" * 320 + b"".join(sound(number) for number in range(7, 12))


def test_a_hole_is_given_up_when_enough_time_has_passed() -> None:
    line = started()
    assert tick(line, 0.2, [packet(6)]) == []
    assert tick(line, 0.29, []) == []
    outputs = tick(line, 0.31, [])
    assert (gaps(outputs), spans(outputs)) == ([(100, 20)], [(100, 40)])


def test_what_comes_after_its_hole_was_given_up_is_late() -> None:
    line = started()
    tick(line, 0.2, [packet(number) for number in range(6, 12)])
    line.place(packet(5), ALAW, 0.2, 0.3, reordered=True)
    assert line.cut(0.3) == []
    assert line.late_packets == 1
    assert spans(tick(line, 0.4, [packet(12)])) == [(240, 20)]


def test_several_holes_are_several_gaps_in_order() -> None:
    outputs = tick(started(), 0.3, [packet(number) for number in (6, 7, 9, 10, 14, 15, 16, 17, 18, 19)])
    assert gaps(outputs) == [(100, 20), (160, 20), (220, 60)]
    assert sum(duration for _, duration in spans(outputs)) == 300


def test_a_gap_names_the_frames_it_touches() -> None:
    line = started(frame_ms=100, slice_ms=20)
    outputs = tick(line, 0.4, [packet(number) for number in range(14, 20)])
    assert [gap for gap in outputs if isinstance(gap, Gap)] == [Gap(100, 180, (1, 2))]


def test_a_pause_of_the_sender_is_silence_but_no_loss() -> None:
    line = started()
    outputs = tick(line, 0.4, [packet(5, timestamp=10 * 160)])
    assert (gaps(outputs), spans(outputs)) == ([], [(100, 120)])
    assert (line.lost_ms, line.paused_ms) == (0, 100)


def test_an_event_between_is_no_loss_either() -> None:
    line = started()
    line.pass_over(5)
    line.pass_over(6)
    outputs = tick(line, 0.3, [packet(7)])
    assert (gaps(outputs), spans(outputs)) == ([], [(100, 60)])


@pytest.mark.parametrize("timestamp", [2**31 - 1, 8000 * 60, -8000 * 60, -(2**31) + 1])
def test_a_wild_timestamp_emits_no_silence_and_mutes_nothing(timestamp: int) -> None:
    line = started()
    outputs = tick(line, 0.2, [packet(5, timestamp=timestamp), *(packet(number) for number in range(6, 10))])
    assert audio(outputs) == b"".join(sound(number) for number in range(5, 10))
    assert spans(outputs) == [(100, 100)]
    assert line.discontinuities == 2  # there and back


@pytest.mark.parametrize("timestamp", [0, 4 * 160])
def test_a_timestamp_that_is_wrong_by_little_costs_little_silence(timestamp: int) -> None:
    outputs = tick(started(), 0.2, [packet(5, timestamp=timestamp), *(packet(number) for number in range(6, 10))])
    assert audio(outputs).replace(b"\xd5", b"") == b"".join(sound(number) for number in range(5, 10))
    assert sum(duration for _, duration in spans(outputs)) <= 100 + 5 * 20


@pytest.mark.parametrize("step", [-(10**6), -160 * 3, 8000 * 30])
def test_a_clock_that_starts_anew_goes_on_at_the_end(step: int) -> None:
    line = started()
    outputs = tick(line, 0.2, [packet(number, timestamp=number * 160 + step) for number in range(5, 10)])
    assert audio(outputs) == b"".join(sound(number) for number in range(5, 10))
    assert (line.discontinuities, gaps(outputs)) == (1, [])


def test_a_clock_that_starts_anew_after_a_break_goes_on_where_ours_says() -> None:
    line = started()
    tick(line, 1.0, [])
    outputs = tick(line, 1.1, [packet(number, timestamp=number * 160 - 10**6) for number in range(5, 10)])
    assert gaps(outputs) == [(100, 900)]
    assert line.end_ms == 1100


def test_a_long_break_that_our_clock_confirms_is_filled_only_so_far_and_jumped_over() -> None:
    line = started(fill_ms=1000)
    outputs = tick(line, 60.1, [packet(number) for number in range(3000, 3005)])
    assert gaps(outputs) == [(100, 59_900)]
    assert spans(outputs)[-1] == (60_000, 100)
    assert len(audio(outputs)) == 8 * (1000 + 100)
    assert line.lost_ms == 59_900


def test_a_packet_that_overlaps_is_clipped() -> None:
    outputs = tick(started(), 0.2, [packet(5, timestamp=5 * 160 - 80)])
    assert audio(outputs) == sound(5, 80)


def test_a_piece_wholly_covered_by_another_is_late() -> None:
    line = started()
    long = Run(6, 6 * 160, SSRC, 8, 1, sound(6, 480))
    inner = Run(7, 7 * 160, SSRC, 8, 1, sound(7))
    outputs = tick(line, 0.3, [long, inner, packet(5)._replace(sequence_number=8)])
    assert audio(outputs) == sound(5) + sound(6, 480)
    assert line.late_packets == 1


def test_pieces_behind_a_hole_are_bounded() -> None:
    line = started(reorder_ms=10_000, lead_ms=100_000)
    for number in range(6, 6 + 2 * (MAX_HELD + 1), 2):
        line.place(packet(number), ALAW, 0.1, 0.2)
    assert gaps(line.cut(0.2)) == [(100, 20)]


def test_a_change_of_codec_cuts_and_tells() -> None:
    line = started()
    line.place(packet(5), ALAW, 0.1, 0.2)
    for number in range(6, 10):
        line.place(packet(number), Codec.PCMU, 0.1, 0.2)
    first, codec, second = line.cut(0.2)
    assert (spans([first]), codec, spans([second])) == ([(100, 20)], Codec.PCMU, [(120, 80)])
    assert isinstance(second, Cut)
    assert second.codec is Codec.PCMU


def test_a_change_of_rate_keeps_the_time() -> None:
    line = started()
    wide = [packet(number, timestamp=10**6 + 320 * number, samples=640) for number in range(5, 10)]
    outputs = tick(line, 0.2, wide, Codec.L16_16K)
    assert outputs[0] is Codec.L16_16K
    assert (spans(outputs), gaps(outputs)) == ([(100, 100)], [])
    assert line.end_ms == 200


def test_a_straggler_of_the_old_codec_is_late() -> None:
    line = started()
    line.place(packet(6), Codec.PCMU, 0.1, 0.2)
    line.place(packet(5), ALAW, 0.1, 0.2, reordered=True)
    assert (line.codec, line.late_packets) == (Codec.PCMU, 1)


def test_a_new_source_goes_on_at_the_end() -> None:
    line = started()
    new = [packet(number, ssrc=2, timestamp=77 + 160 * number) for number in range(900, 905)]
    outputs = tick(line, 0.2, [packet(6), *new])  # packet 5 is lost, which the new source settles
    assert gaps(outputs) == [(100, 20)]
    assert audio(outputs) == b"\xd5" * 160 + sound(6) + b"".join(sound(number) for number in range(900, 905))


def test_a_reordered_packet_never_moves_the_line() -> None:
    line = started()
    line.place(packet(3, timestamp=8000 * 60), ALAW, 0.1, 0.2, reordered=True)
    assert (line.late_packets, line.discontinuities, line.cut(0.2)) == (1, 0, [])


def test_flushing_gives_up_holes_and_hands_out_the_rest() -> None:
    line = started()
    tick(line, 0.2, [packet(6)])
    outputs = line.flush()
    assert (gaps(outputs), spans(outputs)) == ([(100, 20)], [(100, 40)])
    assert line.flush() == []


def test_skipping_is_placing_and_handing_out() -> None:
    line = started()
    assert line.at_rest
    line.skip(5 * 160, 5)
    assert (line.end_ms, line.next_sequence_number, line.next_timestamp) == (200, 10, 1600)
    assert spans(tick(line, 0.3, [packet(10)])) == [(200, 20)]


def test_where_a_timestamp_lies() -> None:
    assert started().position_ms(5 * 160 + 80) == 110
