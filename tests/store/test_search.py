from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.store.search import MOST_TERMS, Match, Needle, Term, find, merged, parse


def word(*stems: str) -> Term:
    return Term(Match.STEMS, stems)


def prefix(start: str) -> Term:
    return Term(Match.PREFIX, (start,))


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("скидками", Needle((word("скидк"),))),
        ("Скидка, скидки!", Needle((word("скидк"),))),
        ("Ёлка", Needle((word("елк"),))),
        ("дог*", Needle((prefix("дог"),))),
        ("Что-нибудь*", Needle((word("что"), prefix("нибудь")))),
        ('"слишком дорого" цена', Needle((word("слишк", "дорог"), word("цен")))),
        ('"не закрыта', Needle((word("не"), word("закрыт")))),
        ("", Needle(())),
        (' "" * ?! ', Needle(())),
        ("8 (900) 123-45-67", Needle(tuple(word(n) for n in ("8", "900", "123", "45", "67")), "9001234567")),
        ("+79001234567", Needle((word("79001234567"),), "9001234567")),
        ("4567", Needle((word("4567"),), "4567")),
        ("10", Needle((word("10"),))),
        ("скидка 1000", Needle((word("скидк"), word("1000")))),
    ],
)
def test_what_is_typed_is_understood(text: str, needle: Needle) -> None:
    assert parse(text) == needle


@pytest.mark.parametrize(
    ("line", "query", "marked"),
    [
        ("Это слишком дорого, подороже некуда", "дорого", ["дорого", "подороже"]),
        ("Ёлки и ёлка", "елка", ["Ёлки", "ёлка"]),
        ("Слишком, знаете, дорого. Слишком дорого!", '"слишком дорого"', ["Слишком дорого"]),
        ("Договор и договоримся", "дого*", ["Договор", "договоримся"]),
        ("Скидка 10%", "скидку 10", ["Скидка", "10"]),
        ("Да-да-да", "да", ["Да", "да", "да"]),
        ("Скидок нет, скидка была", "скидка", ["Скидок", "скидка"]),
        ("Звонка не было, звонок был", "звонок", ["Звонка", "звонок"]),
        ("Нет таких скидок", '"таких скидки"', ["таких скидок"]),
        ("Стена и стон", "стена", ["Стена"]),
        ("Ничего", "дорого", []),
        ("İstanbul скидка", "скидка", ["скидка"]),
    ],
)
def test_what_was_found_is_marked_where_it_stands(line: str, query: str, marked: list[str]) -> None:
    places = find(line, parse(query).terms)
    assert [line[a:b] for a, b in merged([p for spans in places.values() for p in spans])] == marked


def test_a_long_phrase_is_not_many_questions() -> None:
    (term,) = parse('"' + "скидка " * 400 + '"').terms
    assert len(list(term.phrasings())) == 27


@given(st.text(max_size=200))
def test_whatever_is_typed_is_a_question(text: str) -> None:
    needle = parse(text)
    assert len(needle.terms) <= MOST_TERMS
    assert all(term.words and all(term.words) for term in needle.terms)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (min(pair), max(pair) + 1))))
def test_merged_spans_cover_the_same_and_do_not_overlap(spans: list[tuple[int, int]]) -> None:
    result = merged(spans)
    assert {n for a, b in result for n in range(a, b)} == {n for a, b in spans for n in range(a, b)}
    assert all(a[1] < b[0] for a, b in pairwise(result))
