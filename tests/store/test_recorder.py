from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ari_bridge.events import (
    CallEnded,
    CallStarted,
    CallStatus,
    CallUpdated,
    Component,
    ComponentState,
    ComponentStatus,
    Event,
    Leg,
    LegState,
    LegStatus,
    Level,
    SystemChanged,
)
from ari_bridge.settings import StoreSettings
from ari_bridge.store import recorder as module
from ari_bridge.store.opening import open_store
from ari_bridge.store.recorder import Recorder
from ari_bridge.store.repository import Store
from tests.store.killed import CALLS
from tests.store.talk import AT, answered, ringing, said

ROOT = Path(__file__).parents[2]


class Board:
    def __init__(self) -> None:
        self.told: list[ComponentStatus] = []

    def report(self, component: Component, status: ComponentStatus) -> None:
        assert component is Component.STORE
        if not self.told or self.told[-1] != status:
            self.told.append(status)

    @property
    def states(self) -> list[ComponentState]:
        return [status.state for status in self.told]


@asynccontextmanager
async def serving(recorder: Recorder) -> AsyncIterator[None]:
    task = asyncio.create_task(recorder.serve(), name="recorder")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await recorder.close()


async def until(condition: Callable[[], bool], within_s: float = 5.0) -> float:
    """Seconds it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.002)
    return loop.time() - began


async def texts(store: Store, call_id: str = "c1") -> list[str]:
    record = await store.call(call_id)
    return [line.text for line in record.transcript] if record else []


async def test_a_final_line_is_told_once_it_can_be_read_back(sqlite_store: Store, path: Path) -> None:
    told: list[Event] = []
    seen: list[int] = []
    reader = sqlite3.connect(path)

    def show(event: Event) -> None:
        told.append(event)
        seen.append(reader.execute("SELECT count(*) FROM utterances").fetchone()[0])

    board = Board()
    recorder = Recorder(sqlite_store, board.report)
    async with serving(recorder):
        await asyncio.sleep(0)
        events: list[Event] = [CallStarted(ringing()), said("Дорого", final=False), said("Дорого"), said("Ещё", 2)]
        for event in events:
            recorder.publish_after(event, show)
        assert told == events[:2]
        assert await until(lambda: len(told) == 4) < 0.5
    assert told == events
    assert seen == [0, 0, 2, 2]
    assert board.states == [ComponentState.UP]
    reader.close()


async def test_what_follows_in_the_same_call_waits_and_other_calls_pass(store: Store) -> None:
    told: list[Event] = []
    recorder = Recorder(store, Board().report)
    final, level, end = said("Дорого"), Level("c1", 0.5, 0.1), CallEnded("c1", 16, "", 0)
    other, system = said("А", 1, "c2", final=False), SystemChanged({})
    async with serving(recorder):
        for event in (CallStarted(ringing()), final, level, other, end, system):
            recorder.publish_after(event, told.append)
        assert [e.type for e in told] == ["call_start", "transcript", "system"]
        await until(lambda: len(told) == 6)
    assert told[3:] == [final, level, end]


async def test_a_lock_of_another_program_holds_nobody_up_and_nothing_is_lost(sqlite_store: Store, path: Path) -> None:
    told: list[Event] = []
    board = Board()
    recorder = Recorder(sqlite_store, board.report)
    other = sqlite3.connect(path, isolation_level=None)
    async with serving(recorder):
        recorder.publish_after(CallStarted(ringing()), told.append)
        await until(lambda: recorder.backlog == 0)
        other.execute("BEGIN IMMEDIATE")
        recorder.publish_after(said("Раз"), told.append)
        assert await until(lambda: len(told) == 2) < 1.0
        assert ComponentState.DOWN in board.states or ComponentState.DEGRADED in board.states
        await until(lambda: board.states[-1] is ComponentState.DOWN)
        assert board.told[-1].reason == (
            "История не записывается: база занята другой программой; "
            "разговоры идут, записи пока в памяти и допишутся сами"
        )
        assert str(path) in (board.told[-1].action or "")
        recorder.publish_after(said("Два", 2), told.append)
        assert len(told) == 3  # from now on nobody waits
        other.close()
        await until(lambda: board.states[-1] is ComponentState.UP)
        recorder.publish_after(said("Три", 3), told.append)
        assert len(told) == 3  # everything is written: lines wait again
        await until(lambda: len(told) == 4)
    assert await texts(sqlite_store) == ["Раз", "Два", "Три"]


async def test_a_disk_that_takes_no_more_holds_nobody_up_and_nothing_is_lost(sqlite_store: Store, path: Path) -> None:
    told: list[Event] = []
    board = Board()
    recorder = Recorder(sqlite_store, board.report)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with serving(recorder):
        recorder.publish_after(CallStarted(ringing()), told.append)
        await until(lambda: recorder.backlog == 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("calls.db-wal").stat().st_size, most[1]))
        try:
            recorder.publish_after(said("Раз"), told.append)
            assert await until(lambda: len(told) == 2) < 1.0
            assert board.states[-1] is ComponentState.DOWN
            for utterance in range(2, 50):
                recorder.publish_after(said("Ещё", utterance), told.append)
            assert len(told) == 50
            record = await sqlite_store.call("c1")  # what is kept can be read
            assert record is not None
            assert record.transcript == ()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, most)
        await until(lambda: board.states[-1] is ComponentState.UP)
    assert len(await texts(sqlite_store)) == 49


async def test_the_end_writes_what_is_left(path: Path) -> None:
    store = open_store(StoreSettings(url=f"sqlite:///{path}"))
    told: list[Event] = []
    recorder = Recorder(store, Board().report)
    async with serving(recorder):
        await asyncio.sleep(0)
        for event in (CallStarted(ringing()), said("Последнее слово")):
            recorder.publish_after(event, told.append)
    assert len(told) == 2
    assert await texts(store) == ["Последнее слово"]
    await store.close()


async def test_a_store_that_is_closed_before_us_keeps_nobody(path: Path) -> None:
    store = open_store(StoreSettings(url=f"sqlite:///{path}"))
    await store.close()
    told: list[Event] = []
    board = Board()
    recorder = Recorder(store, board.report)
    async with serving(recorder):
        recorder.publish_after(said("Раз"), told.append)
        await until(lambda: len(told) == 1, 1.0)
    assert board.states[-1] is ComponentState.DOWN


async def test_a_full_backlog_refuses_the_newest_and_says_so(store: Store) -> None:
    board = Board()
    recorder = Recorder(store, board.report, backlog=3)
    for event in (CallStarted(ringing()), said("Раз"), said("Два", 2), said("Три", 3), said("Четыре", 4)):
        recorder.on_event(event)
    assert (recorder.backlog, recorder.lost) == (3, 2)
    assert board.told[-1].state is ComponentState.DOWN
    assert "теряются" in (board.told[-1].reason or "")
    async with serving(recorder):
        await until(lambda: recorder.backlog == 0)
        assert board.states[-1] is ComponentState.UP
    assert await texts(store) == ["Раз", "Два"]


async def test_one_who_cannot_take_an_event_does_not_keep_others_from_theirs(store: Store) -> None:
    told: list[Event] = []

    def broken(event: Event) -> None:
        raise ValueError("cannot take it")

    recorder = Recorder(store, Board().report)
    async with serving(recorder):
        recorder.publish_after(CallStarted(ringing()), told.append)
        recorder.publish_after(said("Раз"), broken)
        recorder.publish_after(said("Два", 2), told.append)
        await until(lambda: len(told) == 2)
        assert recorder.backlog == 0


async def test_of_partial_lines_only_the_number_is_kept(store: Store) -> None:
    recorder = Recorder(store, Board().report)
    recorder.on_event(CallStarted(ringing()))
    for text in ("Д", "До", "Дор"):
        recorder.on_event(said(text, 7, final=False))
    recorder.on_event(Level("c1", 0.1, 0.1))
    assert recorder.backlog == 2
    async with serving(recorder):
        await until(lambda: recorder.backlog == 0)
    record = await store.call("c1")
    assert record is not None
    assert record.last_utterance[Leg.CLIENT] == 7


async def test_faults_are_kept_with_their_end(store: Store) -> None:
    talk = answered(ringing())
    deaf = {Leg.CLIENT: LegStatus(LegState.NO_AUDIO, "нет звука"), Leg.OPERATOR: LegStatus(LegState.LIVE)}
    heard = dict.fromkeys(Leg, LegStatus(LegState.LIVE))
    recorder = Recorder(store, Board().report)
    recorder.on_event(CallStarted(ringing()))
    for legs in (deaf, deaf, heard, heard):
        recorder.on_event(CallUpdated(replace(talk, legs=legs)))
    recorder.on_event(CallUpdated(replace(talk, status=CallStatus.ENDED)))
    async with serving(recorder):
        await until(lambda: recorder.backlog == 0)
    record = await store.call("c1")
    assert record is not None
    assert [(i.leg, i.state, i.reason) for i in record.incidents] == [
        (Leg.CLIENT, "no_audio", "нет звука"),
        (Leg.CLIENT, "live", None),
    ]


@pytest.mark.parametrize("after_s", [0.3, 0.7])
async def test_sigkill_loses_no_line_that_was_shown(path: Path, after_s: float) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.killed", str(path), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    shown = [await child.stdout.readline()]
    await asyncio.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    shown += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()
    lines = {tuple(line.split()) for line in shown if line.endswith(b"\n")}
    store = open_store(StoreSettings(url=f"sqlite:///{path}"))
    calls = await store.unfinished_calls(AT - timedelta(days=1))
    kept = {(line.call_id.encode(), str(line.utterance).encode()) for call in calls for line in call.transcript}
    await store.close()
    assert len(calls) == CALLS
    assert len(lines) > 100
    assert lines <= kept


def test_the_deadlines_fit_into_the_promised_second() -> None:
    assert module.HOLD_S + module.GROUP_S < 1.0
    assert module.GROUP_S <= 0.05
