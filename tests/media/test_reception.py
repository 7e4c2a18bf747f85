from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.reception import MAX_DROPOUT, Arrival, Drift, Jitter, Reception
from media.rtp import Run

NEXT, REORDERED, DUPLICATE, OLD = Arrival.NEXT, Arrival.REORDERED, Arrival.DUPLICATE, Arrival.OLD
CANDIDATE, TAKEOVER = Arrival.CANDIDATE, Arrival.TAKEOVER


def packet(sequence_number: int, ssrc: int = 1, packet_count: int = 1) -> Run:
    return Run(sequence_number & 0xFFFF, 0, ssrc, 8, packet_count, b"")


def arrivals(*sequence_numbers: int, ssrc: int = 1) -> tuple[Reception, list[Arrival]]:
    reception = Reception()
    return reception, [reception.sort(packet(number, ssrc)) for number in sequence_numbers]


@pytest.mark.parametrize(
    ("sequence_numbers", "expected", "lost"),
    [
        ((1, 2, 3), [NEXT, NEXT, NEXT], 0),
        ((1, 4), [NEXT, NEXT], 2),
        ((1, 4, 2, 3), [NEXT, NEXT, REORDERED, REORDERED], 0),
        ((1, 2, 2, 1), [NEXT, NEXT, DUPLICATE, DUPLICATE], 0),
        ((1, 3, 2, 2), [NEXT, NEXT, REORDERED, DUPLICATE], 0),
        ((5, 4), [NEXT, OLD], 0),
        ((65_535, 0, 65_534), [NEXT, NEXT, OLD], 0),
        ((65_534, 1, 65_535, 0), [NEXT, NEXT, REORDERED, REORDERED], 0),
        ((0, MAX_DROPOUT - 1), [NEXT, NEXT], MAX_DROPOUT - 2),
        ((0, MAX_DROPOUT, 1), [NEXT, CANDIDATE, NEXT], 0),
        ((0, 30_000, 30_001, 30_002), [NEXT, CANDIDATE, TAKEOVER, NEXT], 0),
        ((0, 30_000, 20_000, 20_001), [NEXT, CANDIDATE, CANDIDATE, TAKEOVER], 0),
        ((0, 30_000, 1, 30_001), [NEXT, CANDIDATE, NEXT, CANDIDATE], 0),
    ],
)
def test_order(sequence_numbers: tuple[int, ...], expected: list[Arrival], lost: int) -> None:
    reception, verdicts = arrivals(*sequence_numbers)
    assert verdicts == expected
    assert reception.lost == lost


def test_nothing_is_lost_before_anything_came() -> None:
    assert Reception().lost == 0


def test_a_run_that_follows_is_taken_whole_and_one_that_does_not_is_refused() -> None:
    reception = Reception()
    assert not reception.follows(packet(10))
    reception.sort(packet(10))
    assert reception.follows(packet(11, packet_count=5))
    assert not reception.follows(packet(17))
    assert not reception.follows(packet(16, ssrc=2))
    assert (reception.received, reception.next_sequence_number) == (6, 16)
    assert reception.sort(packet(12)) is DUPLICATE


def test_skipping_is_receiving_in_order() -> None:
    reception, _ = arrivals(65_530)
    reception.skip(150)
    assert (reception.received, reception.lost) == (151, 0)
    assert reception.follows(packet(65_530 + 151))
    assert reception.sort(packet(65_530 + 60)) is DUPLICATE


def test_a_new_source_takes_over_with_two_in_sequence_and_loses_neither() -> None:
    reception, _ = arrivals(1, 2, 4)
    first, second = packet(900, ssrc=2), packet(901, ssrc=2)
    assert reception.sort(first) is CANDIDATE
    assert reception.sort(second) is TAKEOVER
    assert reception.take_candidate() == first
    assert reception.candidate is None
    assert (reception.ssrc, reception.ssrc_changes, reception.restarts) == (2, 1, 0)
    assert (reception.received, reception.lost, reception.foreign) == (5, 1, 0)


def test_a_source_mixed_with_the_present_one_never_takes_over() -> None:
    reception, _ = arrivals(1)
    for i in range(50):
        assert reception.sort(packet(700 + i, ssrc=2)) is CANDIDATE
        assert reception.follows(packet(2 + i))
    assert (reception.ssrc, reception.foreign, reception.ssrc_changes) == (1, 50, 0)


def test_sequence_numbers_that_begin_anew_are_a_restart() -> None:
    reception, verdicts = arrivals(1000, 1001, 40_000, 40_001)
    assert verdicts[2:] == [CANDIDATE, TAKEOVER]
    assert (reception.restarts, reception.ssrc_changes, reception.lost) == (1, 0, 0)


@given(
    base=st.integers(0, 65_535),
    places=st.lists(st.integers(0, 90), min_size=1, max_size=150).map(lambda p: [0, *p]),
)
def test_each_packet_counts_once_in_whatever_order(base: int, places: list[int]) -> None:
    reception = Reception()
    seen: set[int] = set()
    for place in places:
        verdict = reception.sort(packet(base + place))
        assert (verdict is DUPLICATE) == (place in seen)
        seen.add(place)
    assert reception.received == len(seen)
    assert reception.lost == max(seen) + 1 - len(seen)
    assert reception.duplicates == len(places) - len(seen)


def test_jitter_is_that_of_rfc_3550_a_8() -> None:
    jitter = Jitter()
    jitter.sample([0.0, 0.020, 0.048, 0.060], [0, 160, 320, 480], 8000)
    expected = 0.0
    for difference in (0.0, 0.008, 0.008):
        expected += (difference - expected) / 16
    assert jitter.ms == pytest.approx(expected * 1000)


def test_jitter_ignores_what_lies_between_samples_and_wraps() -> None:
    jitter = Jitter()
    jitter.sample([5.0], [0], 8000)
    jitter.sample([9.0, 9.02], [2**32 - 160, 0], 8000)
    jitter.sample([], [], 8000)
    assert jitter.ms == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("ppm", [-200, 0, 50, 200])
def test_drift_is_found_under_jitter(ppm: float) -> None:
    drift = Drift()
    for second in range(300):
        queued = (second * 7919 % 13) / 1000
        drift.sample(100 + second + queued, second * (1 + ppm / 1e6))
    assert drift.ppm == pytest.approx(ppm, abs=10)


def test_drift_is_unknown_before_there_are_two_buckets() -> None:
    drift = Drift()
    for second in range(19):
        drift.sample(second, second)
        assert drift.ppm is None
