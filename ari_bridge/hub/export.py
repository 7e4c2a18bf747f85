"""Past calls as files: one as a text to read, a period as a table for a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Final

from ari_bridge.events import Direction, Leg, SuggestionState
from ari_bridge.history import CallRecord, Hit

BYTE_ORDER_MARK: Final = "\ufeff"  # else Excel takes UTF-8 for Windows-1251
DELIMITERS: Final = {"": ",", ",": ",", ";": ";"}  # Excel in Russian wants the semicolon
HEADINGS: Final = (
    *("id", "Начало", "Ответ", "Направление", "Клиент", "Кто звонил", "Куда", "Оператор"),
    *("Длительность, с", "Чем кончился", "Потребность", "Итог", "Обещано"),
)
DIRECTIONS: Final = {Direction.INBOUND: "входящий", Direction.OUTBOUND: "исходящий"}
SPEAKERS: Final = {Leg.CLIENT: "Клиент", Leg.OPERATOR: "Оператор"}

_FORMULA: Final = re.compile(r"^[\s\x00]*[=+\-@|%＝＋－＠]")
_NUMBER: Final = re.compile(r"\+?\d{1,20}")


def cell(text: str | None) -> str:
    """As a spreadsheet may show it: what a program would take for a formula begins with an apostrophe (OWASP, CSV
    injection). Telephone numbers stay as they are."""
    value = (text or "").replace("\0", "")
    return f"'{value}" if _FORMULA.match(value) and not _NUMBER.fullmatch(value) else value


def table(hits: Iterable[Hit], delimiter: str, zone: tzinfo, *, headed: bool) -> bytes:
    """Rows of RFC 4180, one a call; `headed`: the first of them, after the headings."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    if headed:
        out.write(BYTE_ORDER_MARK)
        writer.writerow(HEADINGS)
    writer.writerows(map(cell, _row(hit, zone)) for hit in hits)
    return out.getvalue().encode("utf-8", "replace")


def _row(hit: Hit, zone: tzinfo) -> tuple[str | None, ...]:
    call, summary = hit.call, hit.summary
    return (
        call.id,
        _moment(call.started_at, zone),
        _moment(call.answered_at, zone),
        DIRECTIONS[call.direction],
        call.client_number,
        call.caller,
        call.callee,
        call.operator,
        "" if hit.duration_ms is None else str(round(hit.duration_ms / 1000)),
        hit.reason,
        summary.need if summary else "",
        summary.outcome if summary else "",
        "; ".join(summary.actions) if summary else "",
    )


def text(record: CallRecord, zone: tzinfo) -> bytes:
    """One call to be read by people."""
    return "\n".join([*_head(record, zone), "", *_talk(record), *_cards(record), *_summary(record), ""]).encode(
        "utf-8", "replace"
    )


def _head(record: CallRecord, zone: tzinfo) -> Iterator[str]:
    call = record.call
    yield f"Разговор {call.id} ({DIRECTIONS[call.direction]})"
    yield f"Начало: {_moment(call.started_at, zone)} ({zone})"
    yield f"Клиент: {call.client_number or 'номер не определён'}"
    yield f"Кто звонил: {call.caller or '—'}, куда: {call.callee or '—'}"
    for part in record.participations:
        until = _moment(part.ended_at, zone) or "…"
        yield f"Оператор: {part.operator}, {_moment(part.began_at, zone)} – {until}"
    if record.end is not None:
        yield f"Длительность: {_clock(record.end.duration_ms)}. {record.end.reason}"
    if not record.whole:
        yield "Показана часть разговора, в которой вы участвовали."


def _talk(record: CallRecord) -> list[str]:
    said = [(line.start_ms, f"{SPEAKERS[line.leg]}: {line.text}") for line in record.transcript]
    lost = [
        (gap.start_ms, f"[{SPEAKERS[gap.leg].lower()}: не распознано до {_clock(gap.end_ms)}, {gap.reason}]")
        for gap in record.gaps
    ]
    return [f"{_clock(start_ms)}  {words}" for start_ms, words in sorted(said + lost, key=lambda item: item[0])]


def _cards(record: CallRecord) -> Iterator[str]:
    shown = [card for card in record.suggestions if card.state is not SuggestionState.WITHDRAWN]
    if shown:
        yield ""
        yield "Подсказки"
    for card in shown:
        yield f"– {card.title}: {card.content}"


def _summary(record: CallRecord) -> Iterator[str]:
    if record.summary is None:
        return
    yield ""
    yield "Итог"
    yield f"Потребность: {record.summary.need}"
    yield f"Чем кончилось: {record.summary.outcome}"
    for action in record.summary.actions:
        yield f"– {action}"


def _moment(moment: datetime | None, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _clock(milliseconds: int) -> str:
    """`1:02:03`, `2:03`."""
    seconds = max(milliseconds, 0) // 1000
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
