"""Calls, lines and cards for the page's tests, as JSON of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ari_bridge.events import rfc3339

Json = dict[str, Any]
LIVE = {"state": "live", "reason": None}


def ago(seconds: float) -> str:
    return rfc3339(datetime.now(UTC) - timedelta(seconds=seconds)) or ""


def call(call_id: str = "c1", **changes: Any) -> Json:
    """A call that has been going on for 134 s with operator 1001."""
    return {
        "id": call_id,
        "client_number": "+79001234567",
        "caller": "+79001234567",
        "callee": "+79918987423",
        "direction": "inbound",
        "status": "answered",
        "ringing": [],
        "operator": "1001",
        "started_at": ago(140),
        "answered_at": ago(134),
        "zero_at": ago(134),
        "legs": {"client": LIVE, "operator": LIVE},
        **changes,
    }


def ringing(call_id: str = "c2", **changes: Any) -> Json:
    return call(
        call_id,
        **{
            "client_number": "+78125550119",
            "status": "ringing",
            "ringing": ["1001"],
            "operator": None,
            "started_at": ago(7),
            "answered_at": None,
            **changes,
        },
    )


def line(
    leg: str, utterance: int, start_ms: int, text: str, tail: str = "", *, final: bool = True, call_id: str = "c1"
) -> Json:
    return {
        "call_id": call_id,
        "leg": leg,
        "utterance": utterance,
        "text": text,
        "tail": tail,
        "final": final,
        "start_ms": start_ms,
        "end_ms": start_ms + 1500,
    }


def card(card_id: str = "s1", **changes: Any) -> Json:
    return {
        "call_id": "c1",
        "id": card_id,
        "kind": "objection",
        "title": "Дорого, сравнивает с соседями",
        "content": "Спросите, входит ли у них монтаж и гарантия. У нас — входит, 3 года. "
        "Предложите рассрочку на 6 месяцев.",
        "priority": "high",
        "source": "playbook",
        "state": "complete",
        "utterance": 2,
        "quote": "Это слишком дорого для нас",
        "verdicts": [],
        **changes,
    }


STEPS = [
    {"id": "1", "title": "Представиться", "done": True},
    {"id": "2", "title": "Узнать площадь и число комнат", "done": True},
    {"id": "3", "title": "Спросить о сроках", "done": False},
    {"id": "4", "title": "Назначить замер", "done": False},
]
TALK = [
    line("operator", 1, 91_000, "Компания «Северный ветер», меня зовут Анна. Чем могу помочь?"),
    line("client", 1, 98_000, "Добрый день. Мне нужны три кондиционера для офиса, метров по двадцать пять."),
    line("operator", 2, 109_000, "Хорошо. Под ключ, с монтажом, получится сто восемьдесят тысяч."),
    line(
        "client",
        2,
        123_000,
        "Это слишком дорого для нас. У соседей за такие же просили сто пятьдесят,",
        " и обещали поставить на этой",
        final=False,
    ),
]


def in_snapshot(call_: Json, **members: Any) -> Json:
    """The call with what is known of it."""
    empty: Json = {"transcript": [], "gaps": [], "suggestions": [], "checklist": [], "end": None, "summary": None}
    return {**call_, **empty, **members}


def busy() -> list[Json]:
    """The look's picture: a talk, a ringing call, two that ended."""
    ended = {"status": "ended", "legs": {"client": {"state": "closed", "reason": None}, "operator": LIVE}}
    one = call("e1", **{**ended, "client_number": "+74957401102", "started_at": ago(900)})
    two = call("e2", **{**ended, "client_number": "+79213349088", "started_at": ago(1800)})
    return [
        in_snapshot(call(), transcript=TALK, checklist=STEPS),
        in_snapshot(ringing()),
        in_snapshot(one, end={"call_id": "e1", "cause": 16, "reason": "Клиент положил трубку", "duration_ms": 341_000}),
        in_snapshot(
            two,
            end={"call_id": "e2", "cause": 16, "reason": "Оператор положил трубку", "duration_ms": 72_000},
            summary={"call_id": "e2", "need": "", "outcome": "перезвонить завтра", "actions": []},
        ),
    ]
