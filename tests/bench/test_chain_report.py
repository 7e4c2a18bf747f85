"""A fault of the chain must show in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.bench.chain_clients import PageSaw, Seen
from tests.bench.chain_pbx import Said
from tests.bench.chain_recogniser import Shown
from tests.bench.chain_report import Cpu, Figures, Run, report, slice_latencies
from tests.bench.chain_script import STAMP_S, part_of
from tests.bench.chain_soniox import Heard, LegHeard

WORDS = [9, 12]
LINES = {(leg, n): text for leg in (0, 1) for n, text in enumerate(part_of(leg).texts(WORDS[leg]), 1)}
FINISHED = {"event": "leg_finished", "level": "info", "lost": 0, "kernel_drops": 0, "malformed": 0}


def page(operator_of: int | None) -> PageSaw:
    return PageSaw(operator_of, 10, 1000, 0, 0, 1, 1, dict(LINES), {"transcript": 4}, False)


def good() -> Run:
    figures = Figures(1, 1.0, {"daemon": Cpu(0.1, 0.1)}, 0.5, 1 << 20, 2 << 20, 0.001, 2, (FINISHED, FINISHED))
    legs = [LegHeard(leg, 0, 500, WORDS[leg], 0, 0, 0) for leg in (0, 1)]
    told = {(0, Shown(1, 5, False)): 10.0, (0, Shown(1, 9, True)): 11.0}
    got = [(0, Shown(1, 5, False), 10.004), (0, Shown(1, 5, False), 10.2), (0, Shown(1, 9, True), 11.03)]
    seen = Seen([page(None), page(0)], got, got, 0.0)
    return Run(figures, Said(1000, WORDS, [500, 500], 0.0), Heard(legs, told, [], 0.0), seen)


def test_a_good_run_has_no_faults_and_counts_the_first_sight() -> None:
    outcome = report(good())
    assert outcome.faults == []
    assert outcome.partials.values == pytest.approx([4.0])
    assert outcome.finals.values == pytest.approx([30.0])


def spoilt_page(run: Run, **changes: object) -> Run:
    pages = [run.seen.pages[0], replace(run.seen.pages[1], **changes)]  # type: ignore[arg-type]
    return replace(run, seen=replace(run.seen, pages=pages))


def spoilt_leg(run: Run, **changes: object) -> Run:
    legs = [replace(run.heard.legs[0], **changes), run.heard.legs[1]]  # type: ignore[arg-type]
    return replace(run, heard=replace(run.heard, legs=legs))


def logged(*lines: Mapping[str, object]) -> Run:
    return replace(good(), figures=replace(good().figures, log=lines))


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (spoilt_page(good(), finals={**LINES, (0, 1): "не то"}), "other words"),
        (spoilt_page(good(), finals={k: v for k, v in LINES.items() if k != (1, 1)}), "lines missing"),
        (spoilt_page(good(), finals={**LINES, (0, 99): "ещё"}), "nobody said"),
        (spoilt_page(good(), broken=1), "messages missing"),
        (spoilt_page(good(), doubled=1), "finals doubled"),
        (spoilt_page(good(), closed=True), "closed"),
        (spoilt_page(good(), starts=0), "calls began"),
        (spoilt_leg(good(), lost=1), "blocks lost"),
        (spoilt_leg(good(), words=8), "words said"),
        (spoilt_leg(good(), blocks=400), "heard to block"),
        (spoilt_leg(good(), leg=1), "connected again"),
        (replace(good(), figures=replace(good().figures, pages_ended=1)), "not told the end"),
        (logged(FINISHED), "legs finished"),
        (
            replace(good(), figures=replace(good().figures, log=(FINISHED, {**FINISHED, "kernel_drops": 3}))),
            "kernel_drops",
        ),
        (
            replace(
                good(), figures=replace(good().figures, log=(FINISHED, FINISHED, {"level": "error", "event": "x"}))
            ),
            "log: error",
        ),
    ],
)
def test_every_fault_shows(run: Run, word: str) -> None:
    assert any(word in fault for fault in report(run).faults)


def test_what_is_switched_off_is_no_fault() -> None:
    off = {"level": "warning", "event": "component_state", "component": "llm", "state": "off"}
    assert report(logged(FINISHED, FINISHED, off)).faults == []
    assert report(logged(FINISHED, FINISHED, {**off, "state": "down"})).faults == [
        "log: warning component_state llm down"
    ]


def test_a_slice_is_timed_from_the_tick_that_read_it() -> None:
    """Ten legs whose packets are 2 ms apart; ticks at 1.0 and 1.1 s; each slice arrives 5 ms after its tick."""
    arrivals = []
    for tick in (1.0, 1.1):
        arrivals += [(tick + 0.005, leg, round((tick - 0.002 * leg - 0.0005) / STAMP_S)) for leg in range(10)]
    waits = slice_latencies(arrivals).values
    assert len(waits) == 20
    assert waits == pytest.approx([5.5] * 20, abs=0.1)
