"""The property that matters most: no prefix that is ever shown states what the playbook does not."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ari_bridge.hints.licence import CheckedText, licence_of, split_sentences
from tests.hints.playbooks import small

LICENCE = licence_of(small())

LICENSED = [
    "Предложите рассрочку на 6 месяцев без переплаты.",
    "Дайте скидку 10 %, если окон от двух.",
    "Скидка десять процентов.",
    "Гарантия три года на окна.",
    "Гарантия на окна — 36 месяцев!",
    "Предложите бесплатный замер.",
    "Окно стоит 12 тысяч рублей.",
    "Рассрочка на полгода.",
    "Спросите, что смущает.",
    "Рассрочка на 6 месяцев, переплаты нет.",
    "Ромашка делает окна и балконы.",
    "Скидка 10 % на окна, монтаж отдельно.",
]
UNLICENSED = [
    "Дайте скидку 90 %.",
    "Дайте скидку 10 рублей.",
    "Дайте скидку 6 %.",
    "Скидка вполовину.",
    "Рассрочка на 3 года.",
    "Рассрочка на 10 месяцев.",
    "Гарантия 6 месяцев.",
    "Гарантия десять лет.",
    "Пожизненная гарантия!",
    "Бесплатный монтаж.",
    "Всё бесплатно.",
    "Окно за 1 200 рублей.",
    "Окно за 12 рублей.",
    "Привезём завтра.",
    "Замер за час.",
    "Вернём деньги.",
    "Рассрочка без предоплаты.",
    "Лучшая цена в городе.",
    "Скидка 1 0 %.",
    "Скидка １５ %.",
    "Скидка д в а д ц а т ь.",
    "Откройте okna.ru.",
    "Free discount.",
    "Предложите девяностопроцентную скидку.",
    "Скидка в полсотни процентов.",
    "Скидка XV процентов.",
    "Скидка Ⅹ процентов.",
    "Скидка 5\u200b0 %.",
    "Cкидка большая.",  # a Latin C
    "Скидка двaдцать процентов.",  # a Latin a
    "Скидка ٥٠ %.",
    "Скидка 1\ufe0f\u20e30\ufe0f\u20e3 %.",
    "Отдадим за пол цены.",
    "Отдадим за символическую плату.",
    "Гарантия на десятилетие.",
    "Гарантия на весь срок службы.",
    "Не сломается никогда.",
    "Рассрочка на год.",
    "Рассрочка без первого взноса.",
    "Переплаты нет, предоплаты нет.",
    "Ничего не платите.",
    "Платить не нужно.",
    "Заплатите потом.",
    "Приедем первого числа.",
    "Приедем 1 января.",
    "Два по цене одного.",
    "Пишите на sale@okna.ru.",
    "Сайт окна.рф поможет.",
    "Скидка 10 % на монтаж.",
    "Скидка десять процентов на весь монтаж.",
    "Скидка 10% на доставку и окна.",
    "Рассрочка 6 месяцев на монтаж.",
    "Уступим по цене.",
    "Скинем немного.",
]


@pytest.mark.parametrize("sentence", LICENSED)
def test_what_stands_in_the_playbook_is_allowed(sentence: str) -> None:
    assert LICENCE.allows(sentence)


@pytest.mark.parametrize("sentence", UNLICENSED)
def test_what_does_not_is_refused(sentence: str) -> None:
    assert not LICENCE.allows(sentence)


def grow(text: str, *, step: int = 1) -> list[str]:
    """Everything that was shown while `text` grew."""
    checked = CheckedText(LICENCE)
    shown = [checked.update(text[:at], whole=False) for at in range(0, len(text) + 1, step)]
    return [*shown, checked.update(text, whole=True)]


def test_words_pass_as_they_come_and_a_number_waits_for_its_sentence() -> None:
    assert grow("Спросите, с чем сравнивает. Потом ещё")[10] == "Спросите,"
    shown = grow("Предложите окно за 12 000 рублей. Дальше")
    assert "Предложите окно за 12 000 рублей." in shown[-1]
    assert {text for text in shown if "12" in text and "рублей." not in text} == set()


def test_what_follows_an_unlicensed_sentence_is_never_seen() -> None:
    shown = grow("Спросите, что смущает. Дайте скидку 90 %. Предложите замер.")
    assert shown[-1] == "Спросите, что смущает."
    assert not any("замер" in text or "90" in text for text in shown)


def test_it_only_grows_until_it_is_whole() -> None:
    for sentence in (*LICENSED, *UNLICENSED):
        shown = grow(f"Спросите, что смущает. {sentence} И ещё одно.")
        for before, after in itertools.pairwise(shown[:-1]):
            assert after.startswith(before)


def test_forbidden_words_are_refused_over_sentences_too() -> None:
    assert "гарант" not in grow("Она пожизненная. Гарантия наша.")[-1].lower()


_TALK = """
    скидка скидку скидкой рассрочка гарантия монтаж замер окно окна на от до за через без в и не или дайте предложите
    спросите бесплатно бесплатный процентов % рублей ₽ дней месяцев лет года час неделю завтра сегодня вернём деньги
    десять девяносто сто тысяч шесть три два полгода вдвое пол 10 6 3 90 15 12 000 5 0 ½ free ten . , ! — :
"""
WORDS = _TALK.split()
NUMBERS_ALLOWED = {"10", "6", "3", "12", "000", "12 000", "36"}
SPOKEN_ALLOWED = {"десять", "три", "шесть", "два", "тысяч", "полгода", "двенадцать"}
SPOKEN = {"десять", "девяносто", "сто", "тысяч", "шесть", "три", "два", "полгода", "вдвое", "free", "ten", "½"}


@given(st.lists(st.sampled_from(WORDS), max_size=25), st.integers(min_value=1, max_value=6))
@example(["Дайте", "скидку", "90", "%", ".", "Спросите"], 1)
def test_no_prefix_ever_states_what_the_playbook_does_not(chosen: list[str], step: int) -> None:
    """Checked by an oracle that knows nothing of the code: the numbers and promises of the small playbook."""
    for shown in grow(" ".join(chosen), step=step):
        low = shown.lower()
        assert set(re.findall(r"\d+(?: 000)?", low)) <= NUMBERS_ALLOWED
        assert set(re.findall(r"[а-яё½a-z]+", low)) & SPOKEN <= SPOKEN_ALLOWED
        for promise in ("завтра", "сегодня", "верн", "вдвое", "неделю", "free", "ten", "½", "за час", "через час"):
            assert promise not in low
        for percent in re.findall(r"(\S+) (?:%|процентов)", low):
            assert percent in ("10", "десять")
        for months in re.findall(r"(\S+) месяцев", low):
            assert months in ("6", "шесть") or not (months[0].isdigit() or months in SPOKEN - {"полгода"})
        if "бесплатн" in low:
            assert "замер" in low


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_any_text_grows_without_an_exception(text: str, step: int) -> None:
    grow(text, step=step)


def test_sentences_end_at_punctuation_but_not_inside_numbers_or_abbreviations() -> None:
    text = "Цена 12.500 руб. за окно. Монтаж? Да"
    assert split_sentences(text) == (["Цена 12.500 руб. за окно.", " Монтаж?"], " Да")
