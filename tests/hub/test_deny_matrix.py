"""Role × resource × own or foreign call. The routes come from the server, the expectations from this table alone."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ari_bridge.history import Track
from ari_bridge.ops.metrics import Metrics
from ari_bridge.store.recordings import FolderOfRecordings
from media.wav import WavFile
from tests.hints.playbooks import SMALL
from tests.hub.calls import STARTED, answered, card, ended, final, hung_up, started
from tests.hub.running import Running, running
from tests.hub.team import PASSWORD, PEOPLE, enlist, signed_in, token_of

CALLERS = ("nobody", *PEOPLE)  # Anna is 1001, Boris 1002, Olga supervises, root is the administrator
SUMMARY = {"need": "Тариф", "outcome": "Перезвонить", "actions": []}
USEFUL = {"verdict": "useful"}
ADDED = {"name": "Вера", "role": "operator", "extensions": ["1003"], "password": PASSWORD}
LOGIN = {"name": "Анна", "password": PASSWORD}


@dataclass(frozen=True)
class Row:
    """One request, and the status for each of the callers, in their order."""

    path: str
    expected: tuple[int, int, int, int, int]
    body: object = None


OPEN = (200, 200, 200, 200, 200)
SIGNED_IN = (401, 200, 200, 200, 200)
OF_1001 = (401, 200, 404, 200, 200)
OF_1002 = (401, 404, 200, 200, 200)
OF_NOBODY = (401, 404, 404, 200, 200)
NOWHERE = (401, 404, 404, 404, 404)
OVERSEERS = (401, 403, 403, 200, 200)
OVERSEERS_NOWHERE = (401, 403, 403, 404, 404)
ADMIN = (401, 403, 403, 403, 200)
ADMIN_NOWHERE = (401, 403, 403, 403, 404)

TABLE: dict[tuple[str, str], tuple[Row, ...]] = {
    ("GET", "/"): (Row("/", (303, 200, 200, 200, 200)),),
    ("GET", "/index.html"): (Row("/index.html", (303, 200, 200, 200, 200)),),
    ("GET", "/login.html"): (Row("/login.html", OPEN),),
    ("GET", "/hub.js"): (Row("/hub.js", OPEN),),
    ("GET", "/ws"): (Row("/ws", (401, 400, 400, 400, 400)),),  # 400: no WebSocket's handshake, but let in
    ("POST", "/api/login"): (
        Row("/api/login", OPEN, LOGIN),
        Row("/api/login", (401, 401, 401, 401, 401), {**LOGIN, "name": "Глеб"}),
    ),
    ("POST", "/api/logout"): (Row("/api/logout", OPEN),),
    ("GET", "/api/me"): (Row("/api/me", SIGNED_IN),),
    ("GET", "/api/calls"): (Row("/api/calls", SIGNED_IN),),
    ("GET", "/api/calls/{id}"): (
        Row("/api/calls/live-1001", OF_1001),
        Row("/api/calls/live-1002", OF_1002),
        Row("/api/calls/just-ended-1001", OF_1001),
        Row("/api/calls/just-ended-1002", OF_1002),
        Row("/api/calls/past-1001", OF_1001),
        Row("/api/calls/past-1002", OF_1002),
        Row("/api/calls/past-1002-1001", SIGNED_IN),  # both took part
        Row("/api/calls/past-rang-1001", OF_NOBODY),  # nobody answered: it rang, that is all
        Row("/api/calls/none", NOWHERE),
    ),
    ("POST", "/api/calls/{id}/reveal"): (
        Row("/api/calls/past-1001/reveal", OF_1001),
        Row("/api/calls/past-1002/reveal", OF_1002),
        Row("/api/calls/past-1002-1001/reveal", SIGNED_IN),
        Row("/api/calls/past-rang-1001/reveal", OF_NOBODY),
        Row("/api/calls/none/reveal", NOWHERE),
    ),
    ("GET", "/api/calls/{id}/export"): (
        Row("/api/calls/past-1001/export", OF_1001),
        Row("/api/calls/past-1002/export?format=text&reveal=true", OF_1002),
        Row("/api/calls/past-1002-1001/export", SIGNED_IN),
        Row("/api/calls/past-rang-1001/export", OF_NOBODY),
        Row("/api/calls/none/export", NOWHERE),
    ),
    ("GET", "/api/calls/{id}/recording"): (
        Row("/api/calls/past-1001/recording", OF_1001),
        Row("/api/calls/past-1002/recording?track=in", OF_1002),
        Row("/api/calls/past-1002-1001/recording?track=out", SIGNED_IN),
        Row("/api/calls/past-rang-1001/recording", NOWHERE),
        Row("/api/calls/just-ended-1001/recording", NOWHERE),
        Row("/api/calls/none/recording", NOWHERE),
    ),
    ("DELETE", "/api/numbers/{number}"): (
        Row("/api/numbers/+79990000000", ADMIN),
        Row("/api/numbers/Анна", (401, 403, 403, 403, 400)),
    ),
    ("GET", "/api/export"): (Row("/api/export", SIGNED_IN), Row("/api/export?operator=1002", SIGNED_IN)),
    ("GET", "/api/history"): (Row("/api/history", SIGNED_IN), Row("/api/history?operator=1002", SIGNED_IN)),
    ("POST", "/api/suggestions/{id}/feedback"): (
        Row("/api/suggestions/card-1001/feedback", OF_1001, USEFUL),
        Row("/api/suggestions/card-1002/feedback", OF_1002, USEFUL),
        Row("/api/suggestions/none/feedback", NOWHERE, USEFUL),
    ),
    ("PUT", "/api/calls/{id}/summary"): (
        Row("/api/calls/live-1001/summary", OF_1001, SUMMARY),
        Row("/api/calls/live-1002/summary", OF_1002, SUMMARY),
        Row("/api/calls/just-ended-1001/summary", OF_1001, SUMMARY),
        Row("/api/calls/past-1001/summary", OF_1001, SUMMARY),
        Row("/api/calls/past-1002/summary", OF_1002, SUMMARY),
        Row("/api/calls/past-1002-1001/summary", OVERSEERS, SUMMARY),  # of others too
        Row("/api/calls/past-rang-1001/summary", OF_NOBODY, SUMMARY),
        Row("/api/calls/none/summary", NOWHERE, SUMMARY),
    ),
    ("POST", "/api/calls/{id}/whisper"): (
        Row("/api/calls/live-1001/whisper", OVERSEERS, {"text": "Предложите рассрочку"}),
        Row("/api/calls/just-ended-1001/whisper", OVERSEERS_NOWHERE, {"text": "Предложите рассрочку"}),
        Row("/api/calls/none/whisper", OVERSEERS_NOWHERE, {"text": "Предложите рассрочку"}),
    ),
    ("GET", "/api/numbers/{number}"): (
        Row("/api/numbers/+79001234567", SIGNED_IN),  # everybody here is on a call with this client
        Row("/api/numbers/+79990000000", OF_NOBODY),
    ),
    ("GET", "/api/report"): (Row("/api/report", OVERSEERS),),
    ("GET", "/api/playbook"): (Row("/api/playbook", OVERSEERS),),
    ("PUT", "/api/playbook"): (Row("/api/playbook", (401, 403, 403, 409, 409), {"text": SMALL, "base": "x"}),),
    ("POST", "/api/playbook/check"): (Row("/api/playbook/check", OVERSEERS, {"text": SMALL}),),
    ("POST", "/api/playbook/preview"): (Row("/api/playbook/preview", OVERSEERS, {"text": SMALL}),),
    ("GET", "/api/playbook/versions"): (Row("/api/playbook/versions", OVERSEERS),),
    ("GET", "/api/playbook/versions/{version}"): (Row("/api/playbook/versions/none", OVERSEERS_NOWHERE),),
    ("POST", "/api/playbook/versions/{version}/restore"): (
        Row("/api/playbook/versions/none/restore", OVERSEERS_NOWHERE),
    ),
    ("GET", "/api/audit"): (Row("/api/audit", ADMIN),),
    ("GET", "/api/users"): (Row("/api/users", ADMIN),),
    ("POST", "/api/users"): (Row("/api/users", ADMIN, ADDED),),
    ("PATCH", "/api/users/{name}"): (
        Row("/api/users/Анна", ADMIN, {"extensions": ["1001"]}),
        Row("/api/users/Глеб", ADMIN_NOWHERE, {"extensions": ["1001"]}),
    ),
    ("DELETE", "/api/users/{name}"): (
        Row("/api/users/Глеб", ADMIN_NOWHERE),
        Row("/api/users/Вера", ADMIN),  # whom the administrator has just added
    ),
    ("GET", "/api/openapi.json"): (Row("/api/openapi.json", SIGNED_IN),),
    ("GET", "/agi/call_start"): (Row("/agi/call_start?id=1.1", OPEN),),  # by address, not by account
    ("GET", "/agi/call_end"): (Row("/agi/call_end?id=1.1", OPEN),),
    ("GET", "/healthz"): (Row("/healthz", OPEN),),
    ("GET", "/readyz"): (Row("/readyz", (503, 503, 503, 503, 503)),),
    ("GET", "/metrics"): (Row("/metrics", (200, 403, 403, 200, 200)),),  # nobody: a program on this machine
}
ROWS = [(method, row) for (method, _), rows in TABLE.items() for row in rows]

SHOWN = {
    "/api/calls": {
        "anna": {"live-1001"},
        "boris": {"live-1002"},
        "olga": {"live-1001", "live-1002"},
        "root": {"live-1001", "live-1002"},
    },
    "/api/history": {
        "anna": {"past-1001", "past-1002-1001"},
        "boris": {"past-1002", "past-1002-1001"},
        "olga": {"past-1001", "past-1002", "past-1002-1001", "past-rang-1001"},
        "root": {"past-1001", "past-1002", "past-1002-1001", "past-rang-1001"},
    },
    "/api/history?operator=1002": {
        "anna": {"past-1002-1001"},
        "boris": {"past-1002", "past-1002-1001"},
        "olga": {"past-1002", "past-1002-1001"},
        "root": {"past-1002", "past-1002-1001"},
    },
    "/api/history?q=тайна": {
        "anna": {"past-1001"},  # of the call that both took part in, the word is not in her part
        "boris": {"past-1002", "past-1002-1001"},
        "olga": {"past-1001", "past-1002", "past-1002-1001"},
        "root": {"past-1001", "past-1002", "past-1002-1001"},
    },
}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    recordings = FolderOfRecordings(tmp_path / "recordings")
    recordings.make()
    for call_id in ("past-1001", "past-1002", "past-1002-1001"):
        for track in Track:
            path = recordings.path(call_id, track)
            assert path is not None
            WavFile(path, channels=2 if track is Track.STEREO else 1)
    async with running(tmp_path, metrics=Metrics(), recordings=recordings) as room:
        await enlist(room.accounts)
        await until_known(room)
        for own in ("1001", "1002"):
            for call_id in (f"live-{own}", f"just-ended-{own}"):
                room.publish(started(call_id, ringing=(own,)))
                room.publish(answered(call_id, own))
                room.publish(final("тайна", call_id=call_id))
            room.publish(card(f"card-{own}", call_id=f"live-{own}"))
            room.publish(hung_up(f"just-ended-{own}", own))
            room.publish(ended(f"just-ended-{own}"))
            past = f"past-{own}"
            said = final("тайна", call_id=past)
            await room.keep(started(past), answered(past, own, zero_at=STARTED), said, hung_up(past, own), ended(past))
        both = "past-1002-1001"
        await room.keep(started(both), answered(both, "1002", zero_at=STARTED), final("тайна", call_id=both))
        await room.keep(answered(both, "1001", zero_at=STARTED))
        await room.keep(hung_up(both, "1001"), ended(both))
        await room.keep(started("past-rang-1001", ringing=("1001",)), ended("past-rang-1001"))
        yield room


async def until_known(room: Running) -> None:
    """The accounts were added behind the daemon's back, as the `user` command does."""
    while (await room.get("/api/me"))[0] != 401:
        pass


async def headers_of(room: Running, who: str) -> dict[str, str]:
    if who == "nobody":
        return {}
    return await signed_in(room, who)


async def test_every_route_has_its_row(room: Running) -> None:
    routes = {(method, path) for method, path in room.server.routes() if method != "HEAD"}
    assert routes == TABLE.keys()


@pytest.mark.parametrize("who", CALLERS)
async def test_status(room: Running, who: str) -> None:
    wrong = []
    session, other = await headers_of(room, who), await headers_of(room, who)
    for method, row in ROWS:
        headers = other if row.path == "/api/logout" else session
        for verb in (method, "HEAD") if method == "GET" and row.path != "/ws" else (method,):
            url = room.base + row.path
            async with room.http.request(verb, url, json=row.body, headers=headers, allow_redirects=False) as answer:
                expected = row.expected[CALLERS.index(who)]
                if answer.status != expected:
                    wrong.append((verb, row.path, answer.status, expected))
    assert wrong == []


@pytest.mark.parametrize("path", SHOWN)
@pytest.mark.parametrize("who", PEOPLE)
async def test_lists_hold_what_may_be_seen(room: Running, path: str, who: str) -> None:
    _, answer = await room.get(path, **await headers_of(room, who))
    assert {call["id"] for call in answer["calls"]} == SHOWN[path][who]


@pytest.mark.parametrize("who", PEOPLE)
async def test_a_table_holds_what_the_list_does(room: Running, who: str) -> None:
    headers = await headers_of(room, who)
    async with room.http.get(f"{room.base}/api/export", headers=headers) as answer:
        rows = csv.reader(io.StringIO((await answer.text()).removeprefix("\ufeff")))
    assert {row[0] for row in rows} - {"id"} == SHOWN["/api/history"][who]


async def test_of_a_call_with_two_operators_each_gets_his_part(room: Running) -> None:
    path = "/api/calls/past-1002-1001"
    assert (await room.get(path, **await headers_of(room, "anna")))[1]["transcript"] == []
    anna = await headers_of(room, "anna")
    for way in ("export", "export?format=text", "export?reveal=true"):
        async with room.http.get(f"{room.base}{path}/{way}", headers=anna) as answer:
            assert (answer.status, "тайна" in await answer.text()) == (200, False)
    async with room.http.post(f"{room.base}{path}/reveal", headers=anna) as answer:
        assert (answer.status, (await answer.json())["transcript"]) == (200, [])
    for who in ("boris", "olga", "root"):
        [line] = (await room.get(path, **await headers_of(room, who)))[1]["transcript"]
        assert line["text"] == "тайна"


async def test_a_token_may_what_its_user_may(room: Running) -> None:
    headers = await token_of(room.accounts, "anna")
    while (await room.get("/api/me", **headers))[0] != 200:
        pass
    assert (await room.get("/api/calls/live-1001", **headers))[0] == 200
    assert (await room.get("/api/calls/live-1002", **headers))[0] == 404
    async with room.page("", **headers) as page:
        assert [call["id"] for call in (await page.receive_json())["calls"]] == ["live-1001", "just-ended-1001"]
