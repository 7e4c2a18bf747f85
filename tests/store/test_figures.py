"""The numbers of a period, worked out by hand for a small shop; both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_bridge.events import (
    CallEnded,
    CallEvent,
    CallStarted,
    CallStatus,
    CallUpdated,
    Leg,
    Source,
    Suggestion,
    SuggestionState,
    Summary,
    Transcript,
    Verdict,
)
from ari_bridge.history import Cost
from ari_bridge.report import Bucket, Cards, Latency, Report, ReportQuery, Spent, Talk
from ari_bridge.store.figures import _latency
from ari_bridge.store.repository import Store
from tests.store.talk import AT, Diary, answered, card, ringing, said

WEEK = ReportQuery(AT - timedelta(hours=10), AT + timedelta(days=6, hours=14))
DIRECTOR = "{call}-{utterance}-{card}"


def shown(call: str, utterance: int | None, name: str, *verdicts: Verdict, **changes: object) -> Suggestion:
    """A card with the id that the engine of hints gives it."""
    card_id = DIRECTOR.format(call=call, utterance=utterance, card=name)
    plain = card(call, card_id, title=f"Карточка {name}", verdicts=verdicts)
    return replace(plain, utterance=utterance, **changes)  # type: ignore[arg-type]


def line(call: str, leg: Leg, utterance: int, start_ms: int, end_ms: int) -> Transcript:
    return replace(said("слова", utterance, call, leg, start_ms=start_ms), end_ms=end_ms)


async def tell(store: Store, call_id: str, day: int, operator: str, events: Sequence[tuple[float, CallEvent]]) -> None:
    """A whole call: answered 5 s after its start, over 60 s later; `events` so many seconds after the answer."""
    ring = ringing(call_id, f"+7900111000{day}", AT + timedelta(days=day))
    diary = Diary(ring.started_at)
    talk = answered(ring, operator)
    entries = [*diary.note(CallStarted(ring)), *diary.note(CallUpdated(talk), after_s=5)]
    for at, event in events:
        diary.at = ring.started_at + timedelta(seconds=5 + at)
        entries += diary.note(event)
    diary.at = ring.started_at + timedelta(seconds=65)
    entries += diary.note(CallUpdated(replace(talk, status=CallStatus.ENDED)))
    entries += diary.note(CallEnded(call_id, 16, "Клиент положил трубку", 60_000))
    assert await store.append(entries) == 0


@pytest.fixture
async def shop(store: Store) -> Store:
    await tell(
        store,
        "monday",
        0,
        "1001",
        [
            (2, line("monday", Leg.CLIENT, 1, 1000, 3000)),
            (9, line("monday", Leg.OPERATOR, 1, 4000, 9000)),
            (3.12, shown("monday", 1, "too_dear", Verdict.COPIED, Verdict.USEFUL)),
            (20, line("monday", Leg.CLIENT, 2, 12_000, 20_000)),
            (15, shown("monday", 2, "think")),  # while the client still spoke
            (21.9, shown("monday", 2, "llm", Verdict.DISMISSED, source=Source.LLM)),
            (22, shown("monday", 2, "gone", state=SuggestionState.WITHDRAWN)),
        ],
    )
    await tell(
        store,
        "tuesday",
        1,
        "1002",
        [
            (4, line("tuesday", Leg.CLIENT, 1, 1000, 4000)),
            (4.3, shown("tuesday", 1, "too_dear", Verdict.USELESS)),
            (30, shown("tuesday", None, "x", Verdict.PINNED, source=Source.SUPERVISOR)),
        ],
    )
    missed = ringing("missed", "+79001110002", AT + timedelta(days=1, hours=2))
    diary = Diary(missed.started_at)
    await store.append(diary.note(CallStarted(missed), CallEnded("missed", 16, "Никто не ответил", 0)))
    paid = (
        Cost(AT, "soniox", "stt-rt-v5", "seconds", 60.0, 0.002, "monday", Leg.CLIENT),
        Cost(AT + timedelta(days=1), "soniox", "stt-rt-v5", "seconds", 30.0, 0.001, "tuesday", Leg.CLIENT),
        Cost(AT + timedelta(days=1), "openrouter", "haiku", "tokens", 900.0, None, "tuesday"),
        Cost(AT + timedelta(days=30), "soniox", "stt-rt-v5", "seconds", 5.0, 9.0, "monday"),
    )
    await store.append(Diary().note(*paid))
    await tell(store, "later", 9, "1001", [])
    return store


async def test_talk(shop: Store) -> None:
    report = await shop.report(WEEK)
    assert report.talk == Talk(calls=3, answered=2, duration_ms=120_000, client_ms=13_000, operator_ms=5000)


async def test_cards_in_all_and_each(shop: Store) -> None:
    report = await shop.report(WEEK)
    assert report.cards == Cards(shown=5, used=2, useful=1, useless=1, dismissed=1, withdrawn=1)
    assert {(c.card, c.title): c.cards for c in report.by_card} == {
        ("too_dear", "Карточка too_dear"): Cards(shown=2, used=1, useful=1, useless=1),
        ("think", "Карточка think"): Cards(shown=1),
        ("llm", "Карточка llm"): Cards(shown=1, dismissed=1),
        ("whisper", "Карточка x"): Cards(shown=1, used=1),
        ("gone", "Карточка gone"): Cards(withdrawn=1),
    }
    assert report.by_card[0].card == "too_dear"


async def test_each_operator(shop: Store) -> None:
    by_name = {o.operator: (o.talk, o.cards) for o in (await shop.report(WEEK)).operators}
    assert by_name["1001"] == (Talk(1, 1, 60_000, 10_000, 5000), Cards(3, 1, 1, 0, 1, 1))
    assert by_name["1002"] == (Talk(1, 1, 60_000, 3000, 0), Cards(2, 1, 0, 1))


async def test_of_one_operator(shop: Store) -> None:
    report = await shop.report(replace(WEEK, operator="1002"))
    assert report.talk.calls == 1
    assert [o.operator for o in report.operators] == ["1002"]
    assert {c.card for c in report.by_card} == {"too_dear", "whisper"}
    assert report.cards == Cards(shown=2, used=1, useless=1)
    assert [(s.service, s.amount) for s in report.costs] == [("openrouter", 900.0), ("soniox", 30.0)]
    nobody = await shop.report(replace(WEEK, operator="9999"))
    assert (nobody.talk, nobody.cards, nobody.by_card, nobody.costs) == (Talk(), Cards(), (), ())


async def test_latency_from_the_end_of_the_words(shop: Store) -> None:
    latency = {item.source: item for item in (await shop.report(WEEK)).latency}
    assert set(latency) == {"playbook", "llm"}  # a supervisor answers nobody's words
    # too_dear 120 ms and 300 ms after the words, think 5 s before their end, gone 2 s after.
    assert latency["playbook"] == Latency("playbook", 4, 150, 2050, (1, 1, 1, 0, 0, 1, 0, 0))
    assert latency["llm"] == Latency("llm", 1, 1950, 1950, (0, 0, 0, 0, 1, 0, 0, 0))


async def test_every_day_of_the_period_is_there(shop: Store) -> None:
    buckets = (await shop.report(WEEK)).buckets
    assert [(b.at, b.calls, b.answered) for b in buckets[:3]] == [
        (datetime(2026, 11, 22, tzinfo=UTC), 1, 1),
        (datetime(2026, 11, 23, tzinfo=UTC), 2, 1),
        (datetime(2026, 11, 24, tzinfo=UTC), 0, 0),
    ]
    assert len(buckets) == 7
    assert [round(b.usd, 6) for b in buckets[:3]] == [0.002, 0.001, 0.0]


async def test_days_begin_where_the_asker_is(shop: Store) -> None:
    """10:00 UTC is the next day fourteen hours to the east."""
    buckets = (await shop.report(replace(WEEK, offset_min=14 * 60))).buckets
    first = next(b for b in buckets if b.calls)
    assert first.at == datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


async def test_a_day_is_told_by_the_hour(shop: Store) -> None:
    day = ReportQuery(AT - timedelta(hours=10), AT + timedelta(hours=14))
    report = await shop.report(day)
    assert day.bucket is Bucket.HOUR
    assert len(report.buckets) == 24
    assert [b.calls for b in report.buckets].index(1) == 10


async def test_costs(shop: Store) -> None:
    assert (await shop.report(WEEK)).costs == (
        Spent("openrouter", "haiku", "tokens", 900.0, None),
        Spent("soniox", "stt-rt-v5", "seconds", 90.0, pytest.approx(0.003)),
    )


async def test_a_period_without_anything(store: Store) -> None:
    report = await store.report(WEEK)
    assert isinstance(report, Report)
    assert report.talk == Talk()
    assert report.latency == ()
    assert report.to_json()["cards"]["shown"] == 0


async def test_the_end_told_twice_changes_nothing(shop: Store) -> None:
    before = await shop.report(WEEK)
    await shop.append(Diary().note(CallEnded("monday", 16, "Клиент положил трубку", 60_000)))
    assert await shop.report(WEEK) == before


def test_percentiles_are_the_nearest_rank() -> None:
    assert (_latency("llm", {}).p50_ms, _latency("llm", {}).count) == (None, 0)
    hundred = _latency("llm", dict.fromkeys(range(100), 1))
    assert (hundred.p50_ms, hundred.p95_ms) == (2500, 4750)
    assert sum(hundred.bins) == 100


async def test_what_is_known_of_a_number(shop: Store) -> None:
    again = ringing("again", "+79001110000", AT + timedelta(days=3))
    await shop.append(Diary().conversation(again, "Это снова я", operator="1003"))
    await shop.append(Diary().note(Summary("monday", "кондиционер", "Замер", ("перезвонить",))))
    await shop.append(Diary(AT + timedelta(days=4)).note(CallStarted(ringing("now", "89001110000"))))
    known = await shop.number("8 (900) 111-00-00", 5)
    assert [(c.call_id, c.operator) for c in known.calls] == [("again", "1003"), ("monday", "1001")]
    assert known.calls[0].summary is None
    assert known.calls[1].summary is not None
    assert known.calls[1].summary.actions == ("перезвонить",)
    assert known.total == 2
    assert len((await shop.number("+79001110000", 1)).calls) == 1
    assert (await shop.number("anonymous", 5)).calls == ()
    [missed] = (await shop.number("+79001110002", 5)).calls
    assert (missed.operator, missed.reason, missed.duration_ms) == (None, "Никто не ответил", 0)


async def test_conversations_of_a_period(shop: Store) -> None:
    records = await shop.calls_between(WEEK.begin, WEEK.end, 10)
    assert [r.call.id for r in records] == ["tuesday", "monday"]
    assert len(records[1].transcript) == 3
    assert [r.call.id for r in await shop.calls_between(WEEK.begin, WEEK.end, 1)] == ["tuesday"]
