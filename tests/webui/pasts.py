"""Past calls and a report for the page's tests, as JSON of the REST."""

from __future__ import annotations

import io
import wave
from typing import Any

from tests.webui.talks import STEPS, Json, call, card, line

HOSTILE = '<img src=x onerror="document.title=1"><script>alert(1)</script>"\'`${1}&lt;b&gt;'
STARTED = "2026-11-26T11:02:00.000Z"
CLOSED = {"state": "closed", "reason": None}


def past(call_id: str = "p1", **changes: Any) -> Json:
    return call(
        call_id,
        **{
            "status": "ended",
            "started_at": STARTED,
            "answered_at": "2026-11-26T11:02:05.000Z",
            "zero_at": "2026-11-26T11:02:05.000Z",
            "legs": {"client": CLOSED, "operator": CLOSED},
            **changes,
        },
    )


def hit(call_id: str = "p1", snippets: list[Json] | None = None, **changes: Any) -> Json:
    found = {"reason": "Клиент положил трубку", "duration_ms": 341_000, "outcome": "Перезвонить в среду"}
    return {**past(call_id), **found, "snippets": snippets or [], **changes}


def snippet(text: str, *marks: list[int]) -> Json:
    return {"leg": "client", "utterance": 2, "start_ms": 12_000, "text": text, "marks": list(marks)}


def record(call_id: str = "p1", **changes: Any) -> Json:
    """20 s: 10 of the client's words, 5 of the operator's; a gap, cards of every fate."""
    transcript = [
        {**line("operator", 1, 0, "Северный ветер, слушаю вас.", call_id=call_id), "end_ms": 5000},
        {**line("client", 1, 5000, "Это слишком дорого для нас.", call_id=call_id), "end_ms": 10_000},
        {**line("client", 2, 12_000, "А рассрочка есть?", call_id=call_id), "end_ms": 17_000},
    ]
    cards = [
        card("s1", call_id=call_id, utterance=1, verdicts=["copied", "useful"]),
        card("s2", call_id=call_id, utterance=2, title="Рассрочка", priority="medium", source="llm"),
        card("s3", call_id=call_id, utterance=2, title="Срок", priority="low", state="withdrawn"),
        card("s4", call_id=call_id, utterance=None, kind="whisper", title="Не торопите", source="supervisor"),
    ]
    gap = {"call_id": call_id, "leg": "operator", "start_ms": 10_000, "end_ms": 11_400, "frames": [3]}
    return {
        **past(call_id),
        "transcript": transcript,
        "gaps": [{**gap, "reason": "потеря пакетов"}],
        "suggestions": cards,
        "checklist": STEPS,
        "end": {"call_id": call_id, "cause": 16, "reason": "Клиент положил трубку", "duration_ms": 20_000},
        "summary": {"call_id": call_id, "need": "кондиционер", "outcome": "Подумает", "actions": ["прислать смету"]},
        "participations": [
            {"operator": "1001", "began_at": "2026-11-26T11:02:05.000Z", "ended_at": "2026-11-26T11:02:25.000Z"}
        ],
        "masked": False,
        "recording": None,
        **changes,
    }


def wav(seconds: float = 20.0) -> bytes:
    """Silence, as a recording."""
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(8000)
        made.writeframes(b"\0\0" * int(8000 * seconds))
    return file.getvalue()


def talk(**changes: int) -> Json:
    usual = {"calls": 8, "answered": 6, "duration_ms": 600_000, "client_ms": 200_000, "operator_ms": 300_000}
    return {**usual, **changes}


def cards(**changes: int) -> Json:
    usual = {"shown": 10, "used": 4, "useful": 3, "useless": 2, "dismissed": 1, "withdrawn": 1}
    return {**usual, **changes}


def report(**changes: Any) -> Json:
    days = [("2026-11-25T21:00:00.000Z", 3, 2, 0.01), ("2026-11-26T21:00:00.000Z", 5, 4, 0.03)]
    return {
        "from": "2026-11-25T21:00:00.000Z",
        "to": "2026-11-27T21:00:00.000Z",
        "operator": None,
        "bucket": "day",
        "talk": talk(),
        "cards": cards(),
        "buckets": [{"at": at, "calls": calls, "answered": answered, "usd": usd} for at, calls, answered, usd in days],
        "operators": [
            {"operator": "1001", "talk": talk(calls=5), "cards": cards(shown=7)},
            {"operator": "1002", "talk": talk(calls=3, client_ms=0, operator_ms=0, duration_ms=0), "cards": cards()},
        ],
        "by_card": [
            {"card": "price_too_high", "title": "Возражение: дорого", "kind": "objection", "cards": cards()},
            {"card": "llm", "title": "что угодно", "kind": "other", "cards": cards(shown=0, used=0, useless=0)},
        ],
        "latency_edges_ms": [0, 250, 500, 1000, 2000, 4000, 8000],
        "latency": [
            {"source": "llm", "count": 3, "p50_ms": 1600, "p95_ms": 2450, "bins": [0, 0, 0, 0, 2, 1, 0, 0]},
            {"source": "playbook", "count": 7, "p50_ms": 0, "p95_ms": 350, "bins": [4, 2, 1, 0, 0, 0, 0, 0]},
        ],
        "costs": [
            {"service": "openrouter", "model": "haiku", "unit": "tokens", "amount": 146_400, "usd": None},
            {"service": "soniox", "model": "stt-rt-v5", "unit": "seconds", "amount": 3300, "usd": 0.04},
        ],
        **changes,
    }


def earlier(call_id: str, **changes: Any) -> Json:
    summary = {"call_id": call_id, "need": "", "outcome": "Взял время подумать", "actions": ["прислать смету"]}
    return {
        "id": call_id,
        "started_at": "2026-11-20T08:05:00.000Z",
        "direction": "inbound",
        "operator": "1001",
        "duration_ms": 185_000,
        "reason": "Клиент положил трубку",
        "summary": summary,
        **changes,
    }


def known(*calls: Json, total: int | None = None) -> Json:
    return {"number": "+78125550119", "total": len(calls) if total is None else total, "calls": list(calls)}
