from __future__ import annotations

import random
from datetime import timedelta

import pytest

from ari_bridge.events import CallEnded, CallStarted, CallUpdated, Leg, SuggestionKind, Summary
from ari_bridge.history import HistoryQuery
from ari_bridge.store.finding import FIRST_WINDOW
from ari_bridge.store.repository import Entry, Store
from tests.store.talk import AT, Diary, answered, card, ringing, said


async def ids(store: Store, query: HistoryQuery) -> list[str]:
    return [hit.call.id for hit in (await store.history(query)).hits]


@pytest.fixture
async def shop(store: Store) -> Store:
    """Five calls, a day apart, the oldest first."""
    talks = (
        ("price", "+79001110001", "1001", ("Сколько стоит ёлка?", "Это слишком дорого", "Дайте скидку")),
        ("think", "+79001110002", "1002", ("Мне надо подумать", "Договорились созвониться")),
        ("dear", "+79001110003", "1001", ("Слишком, честно говоря, дорого", "Есть ли скидки на ёлки?")),
        ("order", "+79991234567", "1003", ("Оформляем договор", "Мой адрес — улица Мира")),
    )
    for day, (call_id, number, operator, texts) in enumerate(talks):
        call = ringing(call_id, number, AT + timedelta(days=day))
        await store.append(Diary().conversation(call, *texts, operator=operator))
    missed = ringing("missed", "+79001110005", AT + timedelta(days=4))
    diary = Diary(missed.started_at)
    await store.append(diary.note(CallStarted(missed), CallEnded("missed", 16, "Никто не ответил", 0)))
    await store.append(
        diary.note(
            Summary("order", "ёлка", "Заказ оформлен", ()),
            Summary("think", "ёлка", "Перезвонить 100%", ()),
            card("price", "s1"),
            card("think", "s2", title="Возражение: подумаю"),
        )
    )
    return store


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("дорого", ["dear", "price"]),
        ("елки", ["dear", "price"]),
        ("скидками дороже", ["dear", "price"]),
        ('"слишком дорогой"', ["price"]),
        ("догов*", ["order", "think"]),
        ("договор", ["order", "think"]),
        ("улица ёлка", []),
        ("ПОДУМАЛ", ["think"]),
        ("+7 999 123-45-67", ["order"]),
        ("8 (999) 123 45 67", ["order"]),
        ("4567", ["order"]),
        ("110003", ["dear"]),
        ("?!", []),
        ("", ["missed", "order", "dear", "think", "price"]),
        ('"мира" OR улица NOT NEAR(', []),
        ("stems : дорого", []),
    ],
)
async def test_words_and_numbers(shop: Store, text: str, found: list[str]) -> None:
    assert await ids(shop, HistoryQuery(text)) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (HistoryQuery(operator="1001"), ["dear", "price"]),
        (HistoryQuery("скидка", operator="1002"), []),
        (HistoryQuery(begin=AT + timedelta(days=1), end=AT + timedelta(days=3)), ["dear", "think"]),
        (HistoryQuery("дорого", begin=AT + timedelta(days=1)), ["dear"]),
        (HistoryQuery(begin=AT + timedelta(days=99)), []),
        (HistoryQuery(number="89991234567"), ["order"]),
        (HistoryQuery(number="abc"), []),
        (HistoryQuery(answered=False), ["missed"]),
        (HistoryQuery("дорого", answered=False), []),
        (HistoryQuery(outcome="ОФОРМЛЁН"), ["order"]),
        (HistoryQuery(outcome="100%"), ["think"]),
        (HistoryQuery(outcome="%ерез%"), []),
        (HistoryQuery(card="дорого"), ["price"]),
        (HistoryQuery(card="возражение", card_kind=SuggestionKind.OBJECTION), ["think", "price"]),
        (HistoryQuery(card_kind=SuggestionKind.PRICE), []),
        (HistoryQuery("скидка", card="дорого", operator="1001"), ["price"]),
    ],
)
async def test_filters(shop: Store, query: HistoryQuery, found: list[str]) -> None:
    assert await ids(shop, query) == found


async def test_a_hit_shows_the_best_lines_and_where_the_words_stand(shop: Store) -> None:
    hits = (await shop.history(HistoryQuery("скидка дорого ёлка"))).hits
    dear, price = hits
    assert [(s.utterance, s.start_ms, [s.text[a:b] for a, b in s.marks]) for s in dear.snippets] == [
        (1, 0, ["дорого"]),
        (2, 1000, ["скидки", "ёлки"]),
    ]
    assert [s.text for s in price.snippets] == ["Сколько стоит ёлка?", "Это слишком дорого", "Дайте скидку"]
    assert (dear.reason, dear.duration_ms, dear.call.operator) == ("Клиент положил трубку", 35_000, "1001")
    assert dear.to_json()["snippets"][1]["marks"] == [[8, 14], [18, 22]]


async def test_pages_follow_one_another(shop: Store) -> None:
    first = await shop.history(HistoryQuery(limit=2))
    second = await shop.history(HistoryQuery(limit=2, before=first.next))
    third = await shop.history(HistoryQuery(limit=2, before=second.next))
    pages = [[hit.call.id for hit in page.hits] for page in (first, second, third)]
    assert pages == [["missed", "order"], ["dear", "think"], ["price"]]
    assert third.next is None


async def test_an_operator_finds_only_words_of_his_own_part(store: Store) -> None:
    diary, call = Diary(), ringing()
    first, second = answered(call, "1001", after_s=5), answered(call, "1002", after_s=5)
    zero = first.zero_at
    assert zero is not None
    await store.append(diary.note(CallStarted(call)))
    await store.append(diary.note(CallUpdated(first), after_s=6))  # told a second after the first words
    await store.append(diary.note(said("Ёлка дорогая", 1, start_ms=200), card(), after_s=1))
    await store.append(diary.note(CallUpdated(second), after_s=20))
    late = said("А скидка будет?", 2, start_ms=40_000)
    await store.append(diary.note(late, said("Будет", 1, leg=Leg.OPERATOR, start_ms=42_000), after_s=30))
    for seen_by, text, found in (
        (("1001",), "ёлка", ["c1"]),
        (("1001",), "скидка", []),
        (("1001",), "ёлка скидка", []),
        (("1002",), "скидка", ["c1"]),
        (("1002",), "ёлка", []),
        (("1001", "1002"), "ёлка скидка", ["c1"]),
        (("1003",), "", []),
        ((), "", []),
        (("1002",), "9001234567", ["c1"]),
    ):
        assert await ids(store, HistoryQuery(text, seen_by=seen_by)) == found, (seen_by, text)
    own = await store.call("c1", seen_by=("1002",))
    assert own is not None
    assert [line.text for line in own.transcript] == ["А скидка будет?", "Будет"]
    assert [p.operator for p in own.participations] == ["1002"]
    assert own.suggestions == ()
    assert await store.call("c1", seen_by=("1003",)) is None


async def test_the_windows_find_what_a_plain_comparison_finds(store: Store) -> None:
    draw = random.Random(7)
    words = ["ёлка", "цена", "скидка", "договор", "адрес", "звонок", "да", "нет"]
    weights = [1, 3, 2, 1, 1, 2, 40, 40]
    talks: list[set[str]] = []
    batch: list[Entry] = []
    for number in range(FIRST_WINDOW + 200):
        lines = [" ".join(draw.choices(words, weights, k=4)) for _ in range(2)]
        talks.append(set(" ".join(lines).split()))
        batch += Diary().conversation(ringing(f"c{number}", at=AT + timedelta(minutes=number)), *lines)
    await store.append(batch)
    for _ in range(20):
        wanted = draw.sample(words, k=draw.randint(1, 3))
        expected = [f"c{n}" for n in reversed(range(len(talks))) if talks[n] >= set(wanted)]
        found: list[str] = []
        before, pages = None, 0
        while pages == 0 or before is not None:
            page = await store.history(HistoryQuery(" ".join(wanted), before=before, limit=150))
            found += [hit.call.id for hit in page.hits]
            before, pages = page.next, pages + 1
        assert found == expected, wanted
