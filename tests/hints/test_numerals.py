from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.hints.numerals import digits_of, normal, numbers, tokens


def values(text: str) -> list[Fraction]:
    return [number.value for number in numbers(tokens(normal(text)))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("сто пятьдесят тысяч рублей", [150_000]),
        ("150 000 ₽ и 42\u00a0000", [150_000, 42_000]),
        ("два миллиона триста тысяч сорок", [2_300_040]),
        ("десяти процентов", [10]),
        ("полтора года", [Fraction(3, 2)]),
        ("полгода, пол цены", [Fraction(1, 2), Fraction(1, 2)]),
        ("два-три дня", [2, 3]),
        ("двадцать пятого числа", [25]),
        ("1,5 раза", [Fraction(3, 2)]),
        ("150к", [150_000]),
        ("скидка к 10 числу", [10]),
        ("½ и １０ и 5²", [Fraction(1), 2, 10, 52]),
        ("пятидесятипроцентная скидка", [50]),
        ("вдвое", [2]),
        ("стоит у стола стог сена", []),
        ("25 м²", [25]),
        ("тысяча", [1000]),
        ("ноль", [0]),
    ],
)
def test_values(text: str, expected: list[int | Fraction]) -> None:
    assert values(text) == expected


def test_digits_as_dictated() -> None:
    text = "плюс семь девятьсот шестнадцать сто двадцать три сорок пять ноль семь"
    assert digits_of(tokens(text)) == "79161234507"


@given(st.integers(min_value=0, max_value=10**30))
def test_written_numbers_are_read_back(value: int) -> None:
    assert values(f"{value} рублей") == [value]
    assert values(f"{value:,}".replace(",", " ") + " рублей") == [value]


@given(st.text())
def test_any_text_is_no_exception(text: str) -> None:
    values(text)
