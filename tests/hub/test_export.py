"""What a spreadsheet and a reader are given."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import CallEnded, Leg, SuggestionState, Summary
from ari_bridge.history import CallRecord, Hit, Participation
from ari_bridge.hub.export import BYTE_ORDER_MARK, HEADINGS, cell, table, text
from tests.hub.calls import STARTED, call, card, final, gap

MOSCOW = ZoneInfo("Europe/Moscow")
HIT = Hit(
    call(operator="1001", answered_at=STARTED),
    "Клиент положил трубку",
    61_230,
    "Перезвонить",
    summary=Summary("c1", "Тариф", "Перезвонить", ("Выслать счёт", "Перезвонить в среду")),
)


def rows(data: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode().removeprefix(BYTE_ORDER_MARK)), delimiter=delimiter))


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_call_is_a_row(delimiter: str) -> None:
    data = table([HIT], delimiter, MOSCOW, headed=True)
    assert data.startswith(b"\xef\xbb\xbf")
    headings, row = rows(data, delimiter)
    assert headings == list(HEADINGS)
    assert dict(zip(headings, row, strict=True)) == {
        "id": "c1",
        "Начало": "2026-11-22 13:00:00",
        "Ответ": "2026-11-22 13:00:00",
        "Направление": "входящий",
        "Клиент": "+79001234567",
        "Кто звонил": "+79001234567",
        "Куда": "+79918987423",
        "Оператор": "1001",
        "Длительность, с": "61",
        "Чем кончился": "Клиент положил трубку",
        "Потребность": "Тариф",
        "Итог": "Перезвонить",
        "Обещано": "Выслать счёт; Перезвонить в среду",
    }
    assert rows(table([HIT], delimiter, UTC, headed=False), delimiter)[0][1] == "2026-11-22 10:00:00"


@pytest.mark.parametrize(
    "attack",
    [
        '=HYPERLINK("http://evil","x")',
        "=cmd|' /C calc'!A0",
        "+7+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\0=1",
        "|calc",
        "＝1",
        "\u00a0=1",
    ],
)
def test_no_cell_is_a_formula(attack: str) -> None:
    assert cell(attack).startswith("'")
    poisoned = replace(
        HIT,
        call=replace(HIT.call, id=attack, client_number=attack, caller=attack, callee=attack, operator=attack),
        reason=attack,
        summary=Summary("c1", attack, attack, (attack,)),
    )
    [row] = rows(table([poisoned], ",", UTC, headed=False))
    assert sum(value.startswith("'") for value in row) == 9


@pytest.mark.parametrize("harmless", ["+79001234567", "1001", "", "Да; нет", "а=б", "10 %"])
def test_what_is_no_formula_stays(harmless: str) -> None:
    assert cell(harmless) == harmless


@given(st.text(), st.sampled_from([",", ";"]))
def test_whatever_was_said_stays_in_its_cell(said: str, delimiter: str) -> None:
    hit = replace(HIT, summary=Summary("c1", said, "", ()))
    [row] = rows(table([hit], delimiter, UTC, headed=False), delimiter)
    assert len(row) == len(HEADINGS)
    assert row[10][:1] not in tuple("=+-@") or row[10][1:].isdigit()


def test_one_call_reads_as_it_went() -> None:
    record = CallRecord(
        call=HIT.call,
        transcript=(final("Это дорого"), replace(final("Есть скидка", leg=Leg.OPERATOR), start_ms=3_605_000)),
        gaps=(gap(),),
        suggestions=(card(), card("s2", state=SuggestionState.WITHDRAWN, title="Снята")),
        end=CallEnded("c1", 16, "Клиент положил трубку", 61_230),
        summary=HIT.summary,
        participations=(Participation("1001", STARTED, datetime(2026, 11, 22, 10, 1, tzinfo=UTC)),),
        heard=((0, 60_000),),
    )
    assert text(record, MOSCOW).decode() == (
        "Разговор c1 (входящий)\n"
        "Начало: 2026-11-22 13:00:00 (Europe/Moscow)\n"
        "Клиент: +79001234567\n"
        "Кто звонил: +79001234567, куда: +79918987423\n"
        "Оператор: 1001, 2026-11-22 13:00:00 – 2026-11-22 13:01:00\n"
        "Длительность: 1:01. Клиент положил трубку\n"
        "Показана часть разговора, в которой вы участвовали.\n"
        "\n"
        "0:01  Клиент: Это дорого\n"
        "0:08  [клиент: не распознано до 0:09, нет связи с распознаванием]\n"
        "1:00:05  Оператор: Есть скидка\n"
        "\n"
        "Подсказки\n"
        "– Возражение: дорого: Предложите скидку 10 %.\n"
        "\n"
        "Итог\n"
        "Потребность: Тариф\n"
        "Чем кончилось: Перезвонить\n"
        "– Выслать счёт\n"
        "– Перезвонить в среду\n"
    )


def test_a_call_that_nobody_answered_reads_too() -> None:
    assert text(CallRecord(call(client_number=None, caller=None)), UTC).decode().splitlines() == [
        "Разговор c1 (входящий)",
        "Начало: 2026-11-22 10:00:00 (UTC)",
        "Клиент: номер не определён",
        "Кто звонил: —, куда: +79918987423",
        "",
    ]
