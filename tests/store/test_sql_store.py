from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ari_bridge.events import (
    CallEnded,
    CallStarted,
    CallStatus,
    CallUpdated,
    Checklist,
    ChecklistStep,
    Component,
    Gap,
    Leg,
    LegState,
    LegStatus,
    Summary,
    Verdict,
)
from ari_bridge.history import CallFrames, Cost, FrameAccount, Incident, Participation
from ari_bridge.store.repository import Store
from tests.store.talk import AT, Diary, answered, card, ringing, said


async def test_a_call_comes_back_as_it_was_told(store: Store) -> None:
    diary, call = Diary(), ringing()
    talk = replace(
        answered(call), legs={Leg.CLIENT: LegStatus(LegState.NO_AUDIO, "нет звука"), Leg.OPERATOR: LegStatus()}
    )
    lines = (said("Здравствуйте!", start_ms=100), said("Ёлка — 500 ₽", 1, leg=Leg.OPERATOR, start_ms=2000))
    gap = Gap("c1", Leg.CLIENT, 8000, 9400, (2, 3), "Обрыв связи")
    steps = Checklist("c1", (ChecklistStep("hello", "Поздоровался", True), ChecklistStep("price", "Цена", False)))
    cost = Cost(AT, "soniox", "stt-rt-v5", "seconds", 12.5, 0.0004, "c1", Leg.CLIENT)
    incident = Incident(AT, "no_audio", "нет звука", call_id="c1", leg=Leg.CLIENT)
    frames = (
        FrameAccount(Leg.CLIENT, 0, 0, 3000, 0, -23.4, 1800),
        FrameAccount(Leg.OPERATOR, 0, 0, 3000, 0, -100.0, 0),
        FrameAccount(Leg.CLIENT, 1, 3000, 400, 60, -30.0, 0),
    )
    summary = Summary("c1", "ёлка", "Купил", ("Отправить счёт",))
    await store.append(
        [
            *diary.note(CallStarted(call), CallUpdated(talk), lines[1], lines[0], gap, steps, card(), cost, incident),
            *diary.note(card(verdicts=(Verdict.COPIED, Verdict.USEFUL)), after_s=3),
            *diary.note(CallUpdated(replace(talk, status=CallStatus.ENDED)), summary, after_s=20),
            *diary.note(CallFrames("c1", frames[:1]), CallFrames("c1", frames)),
            *diary.note(end := CallEnded("c1", 16, "Клиент положил трубку", 61_230)),
        ]
    )
    record = await store.call("c1")
    assert record is not None
    assert record.call == replace(talk, status=CallStatus.ENDED)
    assert record.transcript == lines
    assert record.gaps == (gap,)
    assert record.checklist == steps
    assert record.suggestions == (card(verdicts=(Verdict.COPIED, Verdict.USEFUL)),)
    assert [(f.verdict, f.at) for f in record.feedback] == [
        (Verdict.COPIED, AT + timedelta(seconds=3)),
        (Verdict.USEFUL, AT + timedelta(seconds=3)),
    ]
    assert (record.end, record.summary, record.costs, record.incidents) == (end, summary, (cost,), (incident,))
    assert record.frames == frames
    assert record.participations == (Participation("1001", AT, AT + timedelta(seconds=23)),)
    assert record.last_utterance == {Leg.CLIENT: 1, Leg.OPERATOR: 1}
    assert record.to_json()["transcript"][0]["text"] == "Здравствуйте!"


async def test_writing_the_same_twice_is_writing_it_once(store: Store) -> None:
    entries = Diary().conversation(ringing(), "Дорого", "Подумаю")
    entries += Diary(AT + timedelta(hours=1)).note(
        card(verdicts=(Verdict.USEFUL,)), Cost(AT, "soniox", "m", "seconds", 1.0, None), Incident(AT, "down", None)
    )
    await store.append(entries)
    once = await store.call("c1")
    await store.append(entries)
    assert await store.call("c1") == once


async def test_a_final_line_never_changes(store: Store) -> None:
    diary = Diary()
    await store.append(diary.note(CallStarted(ringing()), said("Дорого")))
    await store.append(diary.note(said("Недорого"), CallUpdated(ringing())))
    record = await store.call("c1")
    assert record is not None
    assert [line.text for line in record.transcript] == ["Дорого"]


async def test_an_ended_call_stays_ended_and_its_zero_stays(store: Store) -> None:
    talk = answered(ringing())
    await store.append(Diary().conversation(ringing(), "Алло"))
    await store.append(Diary().note(CallUpdated(replace(talk, zero_at=AT + timedelta(hours=1)))))
    record = await store.call("c1")
    assert record is not None
    assert record.call.status is CallStatus.ENDED
    assert record.call.zero_at == talk.zero_at


async def test_a_killed_daemons_calls_are_unfinished(store: Store) -> None:
    diary, call = Diary(), ringing("live")
    await store.append(diary.conversation(ringing("over"), "Алло"))
    await store.append(
        diary.note(
            CallStarted(call), CallUpdated(answered(call)), said("Раз", 1, "live"), said("Дв", 2, "live", final=False)
        )
    )
    (record,) = await store.unfinished_calls(AT - timedelta(hours=1))
    assert record.call == answered(call)
    assert record.call.client_channel == "channel-of-live"
    assert record.last_utterance == {Leg.CLIENT: 2, Leg.OPERATOR: 0}
    assert [line.text for line in record.transcript] == ["Раз"]
    assert await store.unfinished_calls(AT + timedelta(hours=1)) == ()


async def test_who_took_part_follows_a_transfer(store: Store) -> None:
    diary, call = Diary(), ringing()
    await store.append(diary.note(CallStarted(call)))
    await store.append(diary.note(CallUpdated(answered(call, "1001")), after_s=5))
    await store.append(diary.note(CallUpdated(replace(answered(call, "1001"), status=CallStatus.HELD)), after_s=5))
    await store.append(diary.note(CallUpdated(answered(call, "1002")), after_s=5))
    await store.append(diary.note(CallEnded("c1", 16, "", 0), after_s=5))
    record = await store.call("c1")
    assert record is not None
    assert [(p.operator, (p.ended_at - p.began_at).total_seconds()) for p in record.participations if p.ended_at] == [
        ("1001", 10.0),
        ("1002", 5.0),
    ]


async def test_nonsense_costs_only_itself(store: Store) -> None:
    diary = Diary()
    bad = [said("\ud800", 2), said("x", 1 << 19), Incident(AT, "down", "r", component=Component.ARI, call_id=object())]  # type: ignore[arg-type]
    entries = [*diary.note(CallStarted(ringing()), said("Раз", 1)), *diary.note(*bad), *diary.note(said("Три", 3))]
    assert await store.append(entries) == 3
    record = await store.call("c1")
    assert record is not None
    assert [line.text for line in record.transcript] == ["Раз", "Три"]
