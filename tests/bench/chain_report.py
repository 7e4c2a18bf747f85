"""What the chain's bench found: whether anything was lost, and how long things took. Pure but for the printing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ari_bridge.events import ComponentState
from media.receiver import turn_of_next
from tests.bench.chain_clients import SUPERVISORS, PageSaw, Seen
from tests.bench.chain_pbx import Said
from tests.bench.chain_recogniser import Shown
from tests.bench.chain_script import STAMP_S, part_of
from tests.bench.chain_soniox import Arrival, Heard
from tests.bench.process import machine

SAME_TICK_S: Final = 0.04  # newest blocks of one tick's slices lie closer together than this
MOST_FAULTS: Final = 20  # that are printed
FIRST_DRAINED: Final = 20  # legs; their newest block was sent just before the tick began


class Cpu(NamedTuple):
    """Shares of one core: the process's own code, and the kernel's work for it."""

    user: float
    system: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen of the processes while all calls were up. `machine` is a share of one core, like `cpu`."""

    calls: int
    seconds: float
    cpu: Mapping[str, Cpu]
    machine: float
    resident_at_start: int
    resident_at_end: int
    loop_lag_s: float
    pages_ended: int
    log: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Run:
    figures: Figures
    said: Said
    heard: Heard
    seen: Seen


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds, sorted."""

    values: Sequence[float]

    def at(self, share: float) -> float:
        return self.values[min(int(len(self.values) * share), len(self.values) - 1)] if self.values else float("nan")

    def __str__(self) -> str:
        count = f"{len(self.values):,}"
        return f"p50 {self.at(0.5):6.1f}  p99 {self.at(0.99):6.1f}  max {self.at(1):6.1f} ms   ({count})"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`faults`: each says what was lost, doubled or wrong; none in a good run."""

    figures: Figures
    faults: Sequence[str]
    counts: Mapping[str, int]
    slices: Latencies
    partials: Latencies
    finals: Latencies
    supervisors_finals: Latencies


def report(run: Run) -> Outcome:
    faults = [*_audio_faults(run), *_log_faults(run.figures), *_page_faults(run)]
    told = run.heard.told
    partials = sum(not shown.final for _, shown in told)
    operators = {(leg, shown) for leg, shown, _ in run.seen.operators_got}
    kinds = Counter[str]()
    for page in run.seen.pages:
        kinds.update(page.kinds)
    counts = {
        "packets": run.said.packets,
        "words": sum(run.said.words),
        "lines": sum(len(list(part_of(leg).texts(words))) for leg, words in enumerate(run.said.words)),
        "partials told": partials,
        "partials shown to the operator": sum((leg, shown) in operators for leg, shown in told if not shown.final),
        "messages to pages": sum(page.messages for page in run.seen.pages),
        **dict(kinds.most_common()),
    }
    return Outcome(
        figures=run.figures,
        faults=faults,
        counts=counts,
        slices=slice_latencies(run.heard.arrivals),
        partials=_line_latencies(told, run.seen.operators_got, final=False),
        finals=_line_latencies(told, run.seen.operators_got, final=True),
        supervisors_finals=_line_latencies(told, run.seen.supervisors_got, final=True),
    )


def slice_latencies(arrivals: Sequence[Arrival]) -> Latencies:
    """From the tick that read a slice to its arrival at Soniox.

    The tick is not seen from outside, but the newest blocks of its slices are: those of the legs drained first were
    sent just before it began. Legs are drained in turns, in the order in which they were opened: that of their numbers.
    """
    turns: list[list[int]] = []
    for leg in range(max((leg for _, leg, _ in arrivals), default=-1) + 1):
        place = turn_of_next([len(turn) for turn in turns])
        if place == len(turns):
            turns.append([])
        turns[place].append(leg)
    return Latencies(sorted(wait for legs in turns for wait in _waits_of_turn(arrivals, legs)))


def _waits_of_turn(arrivals: Sequence[Arrival], legs: Sequence[int]) -> list[float]:
    members, first = frozenset(legs), frozenset(legs[:FIRST_DRAINED])
    by_sending = sorted(
        (at - (at / STAMP_S - sent) % 2**32 * STAMP_S, at, leg) for at, leg, sent in arrivals if leg in members
    )
    waits: list[float] = []
    tick: list[tuple[float, float, int]] = []
    for entry in [*by_sending, (float("inf"), 0.0, 0)]:
        if tick and entry[0] - tick[-1][0] > SAME_TICK_S:
            began = max((sent for sent, _, leg in tick if leg in first), default=tick[0][0])
            waits += [(at - began) * 1000 for _, at, _ in tick]
            tick = []
        tick.append(entry)
    return waits


def _line_latencies(
    told: Mapping[tuple[int, Shown], float], got: Iterable[tuple[int, Shown, float]], *, final: bool
) -> Latencies:
    """Of one reader or several; what one is told of the same words again (they are confirmed now) does not count."""
    waits: list[float] = []
    seen: set[tuple[int, Shown]] = set()
    for leg, shown, at in got:
        if shown.final is final and (leg, shown) in told and (final or (leg, shown) not in seen):
            seen.add((leg, shown))
            waits.append((at - told[leg, shown]) * 1000)
    return Latencies(sorted(waits))


def _audio_faults(run: Run) -> Iterable[str]:
    heard = {leg.leg: leg for leg in run.heard.legs}
    if len(heard) != len(run.heard.legs):
        yield f"{len(run.heard.legs)} streams for {len(heard)} legs: some were connected again"
    for leg, words in enumerate(run.said.words):
        found = heard.get(leg)
        if found is None or found.first_block is None:
            yield f"leg {leg}: not heard at all"
            continue
        if found.lost or found.repeated or found.foreign:
            yield f"leg {leg}: {found.lost} blocks lost, {found.repeated} repeated, {found.foreign} not its own"
        if found.words != words:
            yield f"leg {leg}: {words} words said, {found.words} heard"
        last = found.first_block + found.blocks
        if last < run.said.hung_up_at[leg] - 1:
            yield f"leg {leg}: heard to block {last}, hung up at {run.said.hung_up_at[leg]}"


def _log_faults(figures: Figures) -> Iterable[str]:
    """The daemon's own account."""
    finished = [line for line in figures.log if line.get("event") == "leg_finished"]
    if len(finished) != 2 * figures.calls:
        yield f"{len(finished)} legs finished by the daemon's log"
    for key in ("lost", "kernel_drops", "malformed"):
        if total := sum(line[key] for line in finished):
            yield f"{key}: {total} by the daemon's log"
    for line in figures.log:
        if line.get("level") in ("warning", "error", "critical") and line.get("state") != ComponentState.OFF:
            words = (str(line[key]) for key in ("level", "event", "component", "state") if key in line)
            yield f"log: {' '.join(words)}"


def _page_faults(run: Run) -> Iterable[str]:
    expected = {leg: dict(enumerate(part_of(leg).texts(words), 1)) for leg, words in enumerate(run.said.words)}
    pages = len(run.seen.pages)
    if run.figures.pages_ended != pages:
        yield f"{pages - run.figures.pages_ended} of {pages} pages were not told the end of each of their calls once"
    for page in run.seen.pages:
        name = "a supervisor" if page.operator_of is None else f"the operator of call {page.operator_of}"
        calls = range(run.figures.calls) if page.operator_of is None else (page.operator_of,)
        lines = {(leg, n): text for c in calls for leg in (2 * c, 2 * c + 1) for n, text in expected[leg].items()}
        yield from (f"{name}: {fault}" for fault in _lines_faults(page, lines))
        if page.starts != len(calls):
            yield f"{name}: {page.starts} calls began, not {len(calls)}"
        if page.broken or page.doubled or page.closed:
            yield f"{name}: {page.broken} messages missing, {page.doubled} finals doubled, closed: {page.closed}"


def _lines_faults(page: PageSaw, lines: Mapping[tuple[int, int], str]) -> Iterable[str]:
    missing = lines.keys() - page.finals.keys()
    unexpected = page.finals.keys() - lines.keys()
    wrong = [key for key in lines.keys() & page.finals.keys() if lines[key] != page.finals[key]]
    if missing or unexpected or wrong:
        yield f"{len(missing)} lines missing, {len(unexpected)} that nobody said, {len(wrong)} with other words"


def print_heading() -> None:
    print(machine(), flush=True)


def print_row(outcome: Outcome) -> None:
    figures = outcome.figures
    calls, legs, daemon = figures.calls, 2 * figures.calls, sum(figures.cpu["daemon"])
    resident, at_start = figures.resident_at_end / 2**20, figures.resident_at_start / 2**20
    kernel = figures.cpu["daemon"].system / daemon
    per_leg = (resident - at_start) * 1024 / legs
    others = ", ".join(f"{name} {sum(share):.0%}" for name, share in figures.cpu.items() if name != "daemon")
    strangers = max(figures.machine - sum(map(sum, figures.cpu.values())), 0)
    rows = {
        "daemon": f"{daemon:.1%} of a core, {kernel:.0%} of it in the kernel; "
        f"{daemon / calls * 1000:.2f} ms a second per call",
        "resident": f"{resident:.0f} MiB, {at_start:.0f} without calls, {per_leg:.0f} KiB per leg",
        "tick → slice there": outcome.slices,
        "partial → operator": outcome.partials,
        "final → operator": outcome.finals,
        "final → supervisor": outcome.supervisors_finals,
        "event loop lag": f"max {figures.loop_lag_s * 1000:.1f} ms, ringing included",
        "beside it": f"{others}; strangers {strangers:.0%} of a core",
        "seen": ", ".join(f"{key} {count:,}" for key, count in outcome.counts.items()),
        "lost": f"{len(outcome.faults)} faults" if outcome.faults else "nothing, nor doubled or wrong",
    }
    print(f"\n{calls} calls, {legs} legs, {SUPERVISORS} supervisors, {calls} operators; {figures.seconds:.0f} s")
    for name, value in rows.items():
        print(f"  {name:<20}{value}")
    for fault in outcome.faults[:MOST_FAULTS]:
        print(f"  FAULT {fault}", flush=True)
