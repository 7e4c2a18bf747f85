from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Leg
from ari_bridge.hints.conversation import Line
from ari_bridge.hints.masking import mask, mask_text

DIGITS = ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("карта 4276 5500 1234 9876 до мая", "карта [карта] до мая"),
        (
            "карта четыре два семь шесть пять пять ноль ноль один два три четыре девять восемь семь шесть",
            "карта [карта]",
        ),
        ("паспорт 45 07 123456", "паспорт [паспорт]"),
        ("паспорт сорок пять ноль семь сто двадцать три четыреста пятьдесят шесть", "паспорт [паспорт]"),
        ("снилс 123-456-789 01", "снилс [СНИЛС]"),
        ("мой ИНН 770123456789", "мой ИНН [ИНН]"),
        ("позвоните на 8 (916) 123-45-67", "позвоните на [телефон]"),
        ("восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь", "[телефон]"),
        ("почта ivan.petrov@mail.ru", "почта [почта]"),
        ("иван точка петров собака яндекс точка ру", "[почта]"),
        ("иванов собака мейл ру", "[почта]"),
        ("у нас собака очень добрая", "у нас собака очень добрая"),
        ("код из смс три семь один два", "код из смс [код]"),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "сто пятьдесят тысяч рублей",
        "42 000 рублей за два кондиционера",
        "комната двадцать пять метров",
        "дом двадцать пять квартира восемь",
        "гарантия три года",
        "девяносто тысяч ну восемьдесят",
        "мне семьдесят два года",
        "кабинет триста пять",
    ],
)
def test_amounts_and_sizes_stay(text: str) -> None:
    assert mask_text(text) == text


def test_a_number_dictated_over_several_lines_is_masked_in_each() -> None:
    lines = [
        Line(Leg.OPERATOR, 1, "продиктуйте ваш телефон", 0),
        Line(Leg.CLIENT, 1, "восемь девятьсот шестнадцать", 1),
        Line(Leg.OPERATOR, 2, "так", 2),
        Line(Leg.CLIENT, 2, "сто двадцать три", 3),
        Line(Leg.CLIENT, 3, "сорок пять шестьдесят семь", 4),
    ]
    assert [line.text for line in mask(lines)] == [
        "продиктуйте ваш телефон",
        "[телефон]",
        "так",
        "[телефон]",
        "[телефон]",
    ]


def test_a_lone_group_after_passport_is_masked() -> None:
    lines = [Line(Leg.OPERATOR, 1, "серия паспорта", 0), Line(Leg.CLIENT, 1, "ну сорок пять ноль семь", 1)]
    assert mask(lines)[1].text == "ну [паспорт]"


@given(
    st.lists(st.integers(min_value=0, max_value=9), min_size=13, max_size=19),
    st.sampled_from(["spoken", "2", "4", "1"]),
)
def test_no_card_number_gets_through_however_it_is_said(digits: list[int], how: str) -> None:
    said = (
        " ".join(DIGITS[d] for d in digits)
        if how == "spoken"
        else " ".join(re.findall("." * int(how) + "|.+", "".join(map(str, digits))))
    )
    masked = mask_text(f"записывайте {said} пожалуйста")
    assert "[карта]" in masked
    assert not re.search(r"\d", masked)


@given(st.text())
def test_any_text_is_no_exception(text: str) -> None:
    mask_text(text)
