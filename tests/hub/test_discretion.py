from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Leg, Summary
from ari_bridge.hints.masking import PersonalData
from ari_bridge.history import CallRecord, Hit, Snippet
from ari_bridge.hub.discretion import Extent, Veil, moved
from tests.hub.calls import call, card, final

CARD = "4276 5500 1234 9876"
SUMMARY = Summary("c1", f"Оплата картой {CARD}", "Перезвонить на 8 916 123 45 67", (f"Списать с {CARD}",))
RECORD = CallRecord(
    call(),
    transcript=(
        final("Продиктуйте номер карты", 1, leg=Leg.OPERATOR),
        final("четыре два семь шесть пять пять ноль ноль", 1),
        final("да", 2, leg=Leg.OPERATOR),
        final("один два три четыре девять восемь семь шесть", 2),
        final("Сто пятьдесят тысяч рублей", 3),
    ),
    suggestions=(card(quote=f"карта {CARD}", content=f"Проверьте карту {CARD}"),),
    summary=SUMMARY,
)


def veil(extent: Extent) -> Veil:
    return Veil(extent, PersonalData())


def test_a_past_call_is_shown_without_personal_data() -> None:
    shown = veil("speech").record(RECORD)
    assert [line.text for line in shown.transcript] == [
        "Продиктуйте номер карты",
        "[карта]",
        "да",
        "[карта]",
        "Сто пятьдесят тысяч рублей",
    ]
    assert "4276" not in str(shown)
    assert "916" not in str(shown)
    assert shown.call == RECORD.call


def test_telephone_numbers_too_where_that_is_wanted() -> None:
    shown = veil("all").record(RECORD).call
    assert (shown.client_number, shown.caller, shown.callee) == ("+7900…67", "+7900…67", "+7991…23")
    assert veil("all").record(CallRecord(call(client_number=None))).call.client_number is None


@pytest.mark.parametrize("veil", [Veil(), Veil("off", PersonalData()), Veil("all")])
def test_without_a_veil_all_is_shown(veil: Veil) -> None:
    assert not veil.masks
    assert veil.record(RECORD) is RECORD
    hit = Hit(call(), None, None, CARD)
    assert veil.hit(hit) is hit


def test_what_a_search_finds_is_veiled_too_and_its_marks_stay_in_place() -> None:
    said = f"Карта {CARD} моя, карта зарплатная"
    snippet = Snippet(Leg.CLIENT, 1, 0, said, ((0, 5), (6, 10), (31, 36)))
    hit = veil("speech").hit(Hit(call(), None, None, SUMMARY.outcome, (snippet,), SUMMARY))
    assert "4276" not in str(hit)
    assert hit.outcome == "Перезвонить на [телефон]"
    [shown] = hit.snippets
    assert shown.text == "Карта [карта] моя, карта зарплатная"
    assert [shown.text[a:b] for a, b in shown.marks] == ["Карта", "карта"]


def test_a_lone_group_of_digits_in_a_snippet_may_be_part_of_more() -> None:
    [shown] = veil("speech").hit(Hit(call(), None, None, None, (Snippet(Leg.CLIENT, 1, 0, "1234", ()),))).snippets
    assert shown.text == "[номер]"


@given(st.text("аб", max_size=8), st.text("аб", max_size=8), st.text("аб", max_size=8), st.text("вг", max_size=8))
def test_marks_around_what_was_replaced_still_mark_the_same(first: str, secret: str, last: str, put: str) -> None:
    was, now = first + secret + last, first + put + last
    every = [(a, b) for a in range(len(was)) for b in range(a + 1, len(was) + 1)]
    for mark in every:
        for a, b in moved([mark], was, now):
            assert was[mark[0] : mark[1]] == now[a:b]
    if first:
        assert (
            moved([(0, len(first))], was, now) == ((0, len(first)),) or first[-1:] != now[len(first) - 1 : len(first)]
        )


def test_nothing_replaced_moves_nothing() -> None:
    assert moved([(0, 2), (3, 5)], "аб вг", "аб вг") == ((0, 2), (3, 5))
