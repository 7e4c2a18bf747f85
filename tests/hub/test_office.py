"""The report, the ring card's past and the playbook, over real sockets."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_bridge.accounts import Account, Role
from ari_bridge.events import CallStatus, CallUpdated, Summary
from ari_bridge.hints.masking import PersonalData
from ari_bridge.hints.playbook_file import read_playbook
from ari_bridge.hub import figures
from ari_bridge.hub.discretion import Veil
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.openapi import document
from ari_bridge.hub.reply import Reply
from ari_bridge.hub.server import MAX_BODY, MAX_TEXT_BODY
from ari_bridge.playbooks import version_of
from ari_bridge.report import ReportQuery
from tests.hints.playbooks import SMALL
from tests.hub.calls import STARTED, answered, card, ended, final, hung_up, started
from tests.hub.conforming import assert_conforms
from tests.hub.running import Running, running
from tests.hub.team import cookie_of, enlist

PERIOD = "from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z"
CHEAPER = SMALL.replace("phrases: [дорого]", "phrases: [дорого, дешевле]")
BAD = SMALL.replace("kind: timing", "kind: срок")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as room:
        yield room


async def past_call(room: Running, call_id: str = "past", number: str = "+79001234567") -> None:
    talk = answered(call_id, client_number=number, zero_at=STARTED, answered_at=STARTED)
    over = CallUpdated(replace(talk.call, status=CallStatus.ENDED))
    words = final("Это дорого, у соседей дешевле", call_id=call_id)
    shown = card(f"{call_id}-1-dear", call_id=call_id)
    await room.keep(started(call_id, client_number=number), talk, words, shown, over, ended(call_id))
    await room.keep(Summary(call_id, "окно", "Подумает", ("перезвонить в среду",)))


async def deeds(room: Running) -> list[tuple[str, tuple[str, ...]]]:
    entries = await room.accounts.audit(datetime.min.replace(tzinfo=UTC), 50)
    return [(entry.deed.value, entry.calls) for entry in entries]


def as_described(answer: Any, path: str, method: str = "get", status: str = "200") -> None:
    schema = document()["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
    assert_conforms(answer, schema, document()["components"]["schemas"])


async def test_the_report_counts_and_is_noted(room: Running) -> None:
    await past_call(room)
    status, answer = await room.get(f"/api/report?{PERIOD}&offset=180")
    assert status == 200
    assert answer["talk"]["calls"] == 1
    assert answer["cards"]["shown"] == 1
    assert [c["card"] for c in answer["by_card"]] == ["dear"]
    as_described(answer, "/api/report")
    assert await deeds(room) == [("report_read", ())]


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-11-23&to=2026-11-22",
        "from=2026-11-22&to=2026-11-22",
        "from=2020-01-01&to=2026-11-22",
        "offset=900",
        "offset=x",
        "operator=%00",
        f"operator={'1' * 81}",
        "from=0001-01-01T00:00:00%2B14:00&to=0001-02-01",
    ],
)
async def test_a_nonsense_period_says_so(room: Running, query: str) -> None:
    status, answer = await room.get(f"/api/report?{query}")
    assert status == 400
    assert answer["error"]["message"]


def test_the_last_week_where_nothing_is_said() -> None:
    assert figures.report_query({}, NOW) == ReportQuery(NOW - timedelta(days=7), NOW)
    assert isinstance(figures.preview_period({"from": 7}, NOW), Reply)
    assert figures.preview_period({}, NOW) == (NOW - timedelta(days=1), NOW)


async def test_at_the_ring_an_operator_is_told_of_this_number_alone(room: Running) -> None:
    await enlist(room.accounts)
    await past_call(room)
    await past_call(room, "other", "+79005550000")
    room.publish(started("ringing", ringing=("1001",)))
    anna, boris = await cookie_of(room.accounts, "anna"), await cookie_of(room.accounts, "boris")
    while (await room.get("/api/me", **boris))[0] != 200:
        pass
    status, known = await room.get("/api/numbers/+79001234567", **anna)
    assert status == 200
    assert [(c["id"], c["operator"], c["summary"]["actions"]) for c in known["calls"]] == [
        ("past", "1001", ["перезвонить в среду"])
    ]
    as_described(known, "/api/numbers/{number}")
    assert (await room.get("/api/numbers/+79001234567", **boris))[0] == 404
    assert (await room.get("/api/numbers/+79005550000", **anna))[0] == 404
    assert ("number_looked_up", ("past",)) in await deeds(room)


def test_who_may_ask_for_a_number() -> None:
    hub = Hub()
    hub.publish(started("c1", ringing=("1001",)))
    state = hub.state
    anna = Account("Анна", Role.OPERATOR, ("1001",))
    assert figures.may_ask_for(state, anna, "+79001234567")
    assert not figures.may_ask_for(state, replace(anna, extensions=("1002",)), "+79001234567")
    assert not figures.may_ask_for(state, replace(anna, extensions=()), "+79001234567")
    assert not figures.may_ask_for(state, anna, "+79001234568")
    assert figures.may_ask_for(state, Account("Ольга", Role.SUPERVISOR), "anything")
    hub.publish(hung_up("c1", "1001"))
    assert not figures.may_ask_for(state, anna, "+79001234567")


async def test_saved_put_in_force_kept_and_restored(room: Running) -> None:
    _, before = await room.get("/api/playbook")
    as_described(before, "/api/playbook")
    assert before["editable"]
    status, saved = await room.send("PUT", "/api/playbook", {"text": SMALL, "base": before["version"]})
    assert status == 200
    as_described(saved, "/api/playbook", "put")
    assert (saved["version"], saved["company"], saved["cards"]) == (version_of(SMALL), "Ромашка", 4)
    assert room.playbook_file.read_text(encoding="utf-8") == SMALL
    assert [compiled.playbook.company for compiled in room.adopted] == ["Ромашка"]

    _, kept = await room.get("/api/playbook/versions")
    as_described(kept, "/api/playbook/versions")
    assert [v["version"] for v in kept["versions"]] == [saved["version"], before["version"]]
    assert kept["current"] == saved["version"]
    path = f"/api/playbook/versions/{before['version']}"
    assert (await room.get(path))[1]["text"] == before["text"]
    status, restored = await room.send("POST", f"{path}/restore")
    assert (status, restored["version"]) == (200, before["version"])
    assert read_playbook(room.playbook_file) == read_playbook(None)
    assert [deed for deed, _ in await deeds(room)] == ["playbook_saved", "playbook_saved"]


async def test_whoever_edits_an_old_text_is_told(room: Running) -> None:
    _, before = await room.get("/api/playbook")
    assert (await room.send("PUT", "/api/playbook", {"text": SMALL, "base": before["version"]}))[0] == 200
    status, answer = await room.send("PUT", "/api/playbook", {"text": CHEAPER, "base": before["version"]})
    assert (status, answer["error"]["code"]) == (409, "playbook_changed")
    assert room.playbook_file.read_text(encoding="utf-8") == SMALL


async def test_a_bad_text_is_refused_with_its_line(room: Running) -> None:
    _, before = await room.get("/api/playbook")
    line = BAD.split("kind: срок")[0].count("\n") + 1
    for method, path in (("POST", "/api/playbook/check"), ("PUT", "/api/playbook"), ("POST", "/api/playbook/preview")):
        status, answer = await room.send(method, path, {"text": BAD, "base": before["version"]})
        assert status == 422
        assert answer["error"]["line"] == line
        assert "«срок» не бывает" in answer["error"]["message"]
    assert not room.playbook_file.exists()
    assert room.adopted == []


async def test_what_does_not_hold_is_told_with_its_line(room: Running) -> None:
    text = SMALL.replace("examples: [это дорого]", "examples: [это даром]")
    status, answer = await room.send("POST", "/api/playbook/check", {"text": text})
    assert status == 200
    as_described(answer, "/api/playbook/check", "post")
    [remark] = answer["selftest"]
    assert (remark["owner"], text.splitlines()[remark["line"] - 1].strip()) == ("dear", "- id: dear")
    assert "это даром" in remark["reason"]


async def test_a_look_at_what_it_would_have_shown(room: Running) -> None:
    await past_call(room)
    body = {"text": SMALL.replace("id: dear", "id: costly"), "from": "2026-11-22", "to": "2026-11-23"}
    status, answer = await room.send("POST", "/api/playbook/preview", body)
    assert status == 200
    as_described(answer, "/api/playbook/preview", "post")
    [line] = answer["lines"]
    assert [c["card"] for c in line["shown"]] == ["dear"]
    assert [c["card"] for c in line["would"]] == ["costly"]
    assert ("playbook_previewed", ("past",)) in await deeds(room)


async def test_personal_data_is_masked_in_the_preview_and_at_the_ring(tmp_path: Path) -> None:
    async with running(tmp_path, veil=Veil("all", PersonalData())) as room:
        number = "4276 5500 1234 9876"
        talk = answered("past", zero_at=STARTED, answered_at=STARTED)
        words = final(f"Это дорого, карта {number}", call_id="past")
        await room.keep(started("past"), talk, words, CallUpdated(replace(talk.call, status=CallStatus.ENDED)))
        await room.keep(ended("past"), Summary("past", "", f"Оплата {number}", (f"списать с {number}",)))
        body = {"text": SMALL, "from": "2026-11-22", "to": "2026-11-23"}
        _, preview = await room.send("POST", "/api/playbook/preview", body)
        _, known = await room.get("/api/numbers/+79001234567")
    assert [line["text"] for line in preview["lines"]] == ["Это дорого, карта [карта]"]
    assert preview["lines"][0]["client_number"] == "+7900…67"
    assert known["calls"][0]["summary"]["actions"] == ["списать с [карта]"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/api/playbook", {"text": SMALL}, 400),
        ("PUT", "/api/playbook", {"text": 1, "base": ""}, 400),
        ("POST", "/api/playbook/check", {}, 400),
        ("POST", "/api/playbook/check", {"text": "\x00"}, 422),
        ("POST", "/api/playbook/check", {"text": ""}, 422),
        ("POST", "/api/playbook/check", {"text": "[" * 10_000}, 422),
        ("POST", "/api/playbook/check", {"text": "#" * 400_001}, 422),
        ("POST", "/api/playbook/preview", {"text": SMALL, "from": "x"}, 400),
        ("GET", "/api/playbook/versions/%00", None, 404),
        ("GET", "/api/playbook/versions/none", None, 404),
        ("POST", "/api/playbook/versions/none/restore", None, 404),
    ],
)
async def test_nonsense_gets_a_clear_refusal(room: Running, method: str, path: str, body: object, status: int) -> None:
    answer = await room.send(method, path, body)
    assert answer[0] == status
    assert answer[1]["error"]["message"]


async def test_half_a_character_is_no_text(room: Running) -> None:
    path = room.base + "/api/playbook/check"
    async with room.http.post(path, data=b'{"text":"\\ud800"}', headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 422


async def test_only_the_playbook_may_be_long(room: Running) -> None:
    async def posted(path: str, size: int) -> int:
        body = io.BytesIO(b'{"text":"' + b"#" * size + b'"}')
        async with room.http.post(room.base + path, data=body, headers={"Content-Type": "application/json"}) as answer:
            return answer.status

    assert await posted("/api/playbook/check", MAX_BODY + 1) == 422
    assert await posted("/api/playbook/check", MAX_TEXT_BODY) == 413
    assert await posted("/api/suggestions/s1/feedback", MAX_BODY + 1) == 413


async def test_without_a_store_or_a_desk_it_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, playbooks=None) as room:
        assert (await room.get("/api/playbook"))[1]["error"]["code"] == "no_playbook"
