from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.hints.claims import FOREIGN, FREE, UNREADABLE, claims_of, subjects_of


def units(text: str) -> set[tuple[Fraction | int | None, str]]:
    return {(claim.value, claim.unit) for claim in claims_of(text)}


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("скидка 90 %", (90, "percent")),
        ("Скидка девяносто процентов", (90, "percent")),
        ("отдадим за полцены", (None, "cheaper")),
        ("гарантия 3 года", (36, "month")),
        ("рассрочка на полгода", (6, "month")),
        ("привезём за день", (1, "day")),
        ("привезём в течение часа", (1, "hour")),
        ("за две недели", (14, "day")),
        ("бесплатный монтаж", (0, FREE)),
        ("за наш счёт", (0, FREE)),
        ("без предоплаты", (0, "without:предоп")),
        ("скидку дадим", (None, "discount")),
        ("вернём деньги", (None, "refund")),
        ("привезём завтра", (None, "tomorrow")),
        ("в пятницу", (None, "weekday")),
        ("5 декабря", (None, "month_name")),
        ("самая низкая цена", (None, "best_price")),
        ("пожизненно", (None, "for_ever")),
        ("перейдите на evil.ru", (None, UNREADABLE)),
        ("пишите на a@b", (None, UNREADABLE)),
        ("скидkа", (None, UNREADABLE)),
        ("ten percent", (None, FOREIGN)),
        ("д е с я т ь", (None, UNREADABLE)),
        ("процентов десять", (None, "percent")),
        ("折扣", (None, UNREADABLE)),
        ("двадцать пятого числа", (25, "of:month")),
        ("на второй год", (24, "month")),
        ("двухнедельный срок", (14, "day")),
        ("5–10 %", (5, "percent")),
        ("двух рабочих дней", (2, "day")),
        ("один процент", (1, "percent")),
        ("скидка 10", (10, "")),
        ("**жирно**", (None, UNREADABLE)),
    ],
)
def test_commitments_are_claims(text: str, claim: tuple[int | None, str]) -> None:
    assert claim in units(text)


@pytest.mark.parametrize(
    "text",
    [
        "Спросите, с чем сравнивает и что туда входит.",
        "Уточните площадь комнаты и этаж.",
        "Задайте один вопрос о том, чем пользуется.",
        "Сначала выслушайте, потом повторите суть.",
        "Узнайте, какой день удобен.",
        "Во-первых, согласитесь.",
        "Первый вопрос — о комнате, второй — о сроке, третий о балконе.",
        "Выберите один из них.",
    ],
)
def test_advice_without_commitment_gives_none(text: str) -> None:
    assert claims_of(text) == []


def test_a_number_belongs_to_the_nearest_subject() -> None:
    claims = claims_of("Скидка 10 % и рассрочка на 6 месяцев")
    assert {(c.value, c.subject) for c in claims if c.value is not None} == {(10, "скидк"), (6, "рассрочк")}


def test_products_are_subjects_too() -> None:
    (claim,) = claims_of("Окно за 12 000 рублей", subjects_of("Окно пластиковое"))
    assert (claim.value, claim.unit, claim.subject) == (12_000, "rub", "окн")


@given(st.text())
def test_any_text_is_no_exception(text: str) -> None:
    claims_of(text)
