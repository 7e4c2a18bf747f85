"""One bad call and its cause: each verdict by the fault that it is there to name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ari_bridge.calls.health import NO_RTP, ONLY_ZEROS
from ari_bridge.cli import main
from ari_bridge.events import (
    Call,
    CallEnded,
    CallStarted,
    CallStatus,
    Component,
    Direction,
    Gap,
    Leg,
    LegState,
    Priority,
    Source,
    Suggestion,
    SuggestionKind,
    SuggestionState,
    Transcript,
)
from ari_bridge.history import CallRecord, FrameAccount, Incident
from ari_bridge.ops.rca import Diagnosis, LogLine, diagnose
from ari_bridge.settings import load
from ari_bridge.store.opening import open_store
from ari_bridge.store.repository import Entry

RING = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
ANSWER = RING + timedelta(seconds=5)


def at(seconds: float) -> datetime:
    return ANSWER + timedelta(seconds=seconds)


CALL = Call(
    "c1",
    "+79001234567",
    "+79001234567",
    "+74950010000",
    Direction.INBOUND,
    RING,
    CallStatus.ENDED,
    operator="1001",
    answered_at=ANSWER,
    zero_at=ANSWER,
)
CARD = Suggestion(
    "c1",
    "k",
    SuggestionKind.OBJECTION,
    "Дорого",
    "Предложите рассрочку",
    Priority.HIGH,
    Source.PLAYBOOK,
    SuggestionState.COMPLETE,
    1,
    "дорого",
)
GOOD = CallRecord(
    CALL,
    transcript=(
        Transcript("c1", Leg.CLIENT, 1, "Это дорого.", "", True, 1000, 3000),
        Transcript("c1", Leg.OPERATOR, 1, "У нас рассрочка.", "", True, 4000, 6000),
    ),
    suggestions=(CARD,),
    end=CallEnded("c1", 16, "Клиент положил трубку", 60_000),
    frames=tuple(FrameAccount(leg, n, n * 3000, 3000, 0, -20.0, 1500) for leg in Leg for n in range(20)),
)


def leg_trouble(leg: Leg, state: LegState, reason: str, begin: float, end: float) -> tuple[Incident, ...]:
    return (
        Incident(at(begin), state, reason, call_id="c1", leg=leg),
        Incident(at(end), LegState.LIVE, None, call_id="c1", leg=leg),
    )


def trouble(component: Component, reason: str, begin: float, end: float) -> tuple[Incident, ...]:
    return (Incident(at(begin), "down", reason, component), Incident(at(end), "up", None, component))


def finished(leg: Leg, **members: object) -> LogLine:
    usual = {"event": "leg_finished", "level": "info", "timestamp": at(60).isoformat(), "packets": 3000, "lost": 0}
    return {**usual, "leg": leg.value, **members}


def judged(record: CallRecord = GOOD, around: tuple[Incident, ...] = (), log: tuple[LogLine, ...] = ()) -> Diagnosis:
    return diagnose(record, around, log)


def test_a_call_in_which_all_went_well() -> None:
    diagnosis = judged(log=(finished(Leg.CLIENT), finished(Leg.OPERATOR)))
    assert diagnosis.well
    assert [m.what for m in diagnosis.moments][:2] == ["звонок от +79001234567", "ответил 1001"]


ZEROS = leg_trouble(Leg.OPERATOR, LegState.NO_AUDIO, str(ONLY_ZEROS.reason), 3, 60)
NO_PACKETS = leg_trouble(Leg.OPERATOR, LegState.NO_AUDIO, str(NO_RTP.reason), 10, 51)
WAITED = leg_trouble(Leg.CLIENT, LegState.STT_WAITING, "нет распознавания: лимит", 0, 20)
LINE = {"level": "info", "timestamp": at(1).isoformat(), "call_id": "c1"}
MUTE = replace(GOOD, suggestions=())
SILENT = tuple(replace(frame, loudness_dbfs=-90.0, speech_ms=0) for frame in GOOD.frames)


@pytest.mark.parametrize(
    ("record", "around", "log", "verdict"),
    [
        (replace(GOOD, incidents=NO_PACKETS), (), (), "оператор: нет звука 41 с: нет RTP от Asterisk"),
        (replace(GOOD, incidents=ZEROS), (), (), "оператор: нет звука 57 с: телефон не присылает звук"),
        (GOOD, (), (finished(Leg.CLIENT, packets=0),), "клиент: ни одного пакета RTP: брандмауэр"),
        (replace(GOOD, incidents=WAITED), (), (), "распознавание ждёт очереди 20 с: нет распознавания: лимит"),
        (GOOD, trouble(Component.STT, "ключ Soniox не принят", -3600, 30), (), "30 с не было распознавания: ключ"),
        (GOOD, trouble(Component.ARI, "Asterisk не отвечает", 10, 25), (), "15 с не было связи с Asterisk"),
        (GOOD, trouble(Component.STORE, "диск полон", 10, 25), (), "15 с не было записи в базу: диск полон"),
        (GOOD, trouble(Component.LLM, "кончились средства", 0, 90), (), "60 с не было нейросети, карточки только"),
        (
            replace(GOOD, gaps=(Gap("c1", Leg.CLIENT, 0, 41_000, (), "ari_bridge перезапускался"),)),
            (),
            (),
            "клиент: потеряно 41.0 с речи: ari_bridge перезапускался",
        ),
        (GOOD, (), (finished(Leg.CLIENT, lost=300),), "клиент: потеряно 9.1% пакетов RTP"),
        (GOOD, (), (finished(Leg.CLIENT, kernel_drops=7),), "клиент: ядро отбрасывало пакеты"),
        (GOOD, (), ({**LINE, "event": "leg_failed", "level": "error"},), "внутренняя ошибка ari_bridge (leg_failed)"),
        (
            MUTE,
            (),
            ({**LINE, "event": "hint_decision", "what": "suppressed", "why": "day_budget"},),
            "подсказок не было: исчерпан дневной бюджет",
        ),
        (
            MUTE,
            (),
            ({**LINE, "event": "hint_decision", "what": "suppressed", "why": "smalltalk"},),
            "подсказок не было: клиент не сказал ничего, на что есть карточка (smalltalk 1)",
        ),
        (
            replace(GOOD, transcript=GOOD.transcript[:1], frames=SILENT),
            (),
            (finished(Leg.OPERATOR),),
            "оператор: только тишина за весь разговор",
        ),
        (
            replace(GOOD, transcript=GOOD.transcript[:1]),
            (),
            (),
            "оператор: речь была слышна, а текста нет",
        ),
        (
            replace(
                GOOD, call=replace(CALL, answered_at=None), end=CallEnded("c1", 17, "Клиент не дождался ответа", 0)
            ),
            (),
            (),
            "на звонок не ответили: Клиент не дождался ответа",
        ),
    ],
)
def test_each_fault_has_its_verdict(
    record: CallRecord, around: tuple[Incident, ...], log: tuple[LogLine, ...], verdict: str
) -> None:
    (said,) = judged(record, around, log).verdicts
    assert said.startswith(verdict) or verdict in said


def test_a_fault_that_was_over_before_the_call_is_none_of_its_causes() -> None:
    assert judged(around=trouble(Component.STT, "сеть", -3600, -1800)).well


def test_a_fault_that_changes_its_reason_is_one() -> None:
    broke, back = trouble(Component.ARI, "связь прервалась", 10, 25)
    found = judged(around=(broke, replace(broke, at=at(10.1), reason="Asterisk не отвечает"), back))
    assert found.verdicts == ("во время звонка 15 с не было связи с Asterisk: Asterisk не отвечает",)


def test_a_call_in_progress_is_judged_by_what_is_known() -> None:
    begun = leg_trouble(Leg.CLIENT, LegState.NO_AUDIO, str(NO_RTP.reason), 3, 9)[:1]
    later = Incident(at(30), LegState.STT_DOWN, "сеть", call_id="c1", leg=Leg.OPERATOR)
    (no_audio,) = judged(replace(GOOD, end=None, incidents=(*begun, later))).verdicts
    assert no_audio.startswith("клиент: нет звука 27 с")


def test_the_time_line_is_in_order_and_holds_what_the_log_knows() -> None:
    dropped = {**LINE, "event": "stt_dropped", "leg": "client", "reason": "1006", "lasted_s": 0.9}
    noise = {**LINE, "event": "hint_decision", "what": "asked"}
    diagnosis = judged(replace(GOOD, incidents=NO_PACKETS), log=(dropped, noise))
    assert [moment.at for moment in diagnosis.moments] == sorted(moment.at for moment in diagnosis.moments)
    assert [m.what for m in diagnosis.moments if "оборвалось" in m.what] == [
        "распознавание оборвалось (reason 1006, lasted_s 0.9)"
    ]


# The command


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """A store with one bad call, and a log; the log's file."""
    url = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("ARI_BRIDGE_STORE__URL", url)

    def keep() -> Path:
        async def write() -> None:
            store = open_store(load(None, {"ARI_BRIDGE_STORE__URL": url}).store)
            told = [*trouble(Component.ARI, "Asterisk не отвечает", 10, 25), *NO_PACKETS]
            events = [CallStarted(CALL), *GOOD.transcript, *told, GOOD.end]
            await store.append([Entry(getattr(e, "at", at(0)), number, e) for number, e in enumerate(events)])  # type: ignore[arg-type]
            await store.close()

        asyncio.run(write())
        log = tmp_path / "log"
        lines = [{"call_id": "c1", **finished(Leg.CLIENT)}, {"call_id": "other", **finished(Leg.CLIENT, packets=0)}]
        log.write_text("\n".join(["not json, with c1", *map(json.dumps, lines)]), encoding="utf-8")
        return log

    return keep


@pytest.mark.parametrize("wanted", ["c1", "79001234567"])
def test_the_command_tells_one_call(kept: Callable[[], Path], capsys: pytest.CaptureFixture[str], wanted: str) -> None:
    assert main(["rca", wanted, "--log", str(kept())]) == 1
    told = capsys.readouterr().out
    assert "✗ оператор: нет звука 41 с: нет RTP от Asterisk" in told
    assert "✗ во время звонка 15 с не было связи с Asterisk: Asterisk не отвечает" in told
    assert "нога закрыта" in told


def test_without_a_call_the_last_ones_are_listed(kept: Callable[[], Path], capsys: pytest.CaptureFixture[str]) -> None:
    log = kept()
    assert main(["rca", "--log", str(log)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "c1" in line
    assert "(и ещё 1)" in line
    assert main(["rca", "--json", "--log", str(log)]) == 1
    (told,) = json.loads(capsys.readouterr().out)
    assert len(told["verdicts"]) == 2


def test_a_call_that_nobody_knows(kept: Callable[[], Path], capsys: pytest.CaptureFixture[str]) -> None:
    kept()
    assert main(["rca", "nothing"]) == 2
    assert "no call 'nothing' is kept" in capsys.readouterr().err
    assert main(["rca", "c1", "--log", "/nowhere/log"]) == 2
    assert "/nowhere/log" in capsys.readouterr().err
