"""Past calls over real sockets: masked, revealed, exported; every look is noted."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ari_bridge.events import Call, Leg, Summary
from ari_bridge.hints.masking import PersonalData
from ari_bridge.history import CallFrames, CallRecord, FrameAccount, HistoryPage, HistoryQuery
from ari_bridge.hub import rest
from ari_bridge.hub.discretion import Veil
from ari_bridge.hub.export import BYTE_ORDER_MARK
from ari_bridge.store.repository import Entry, Fault, Store, StoreError
from tests.hub.calls import STARTED, answered, ended, final, hung_up, started
from tests.hub.running import Running, read, running
from tests.hub.team import enlist, signed_in

SAID = "карта 4276 5500 1234 9876"


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, veil=Veil("speech", PersonalData())) as room:
        await enlist(room.accounts)
        await keep(room, "c1")
        yield room


@pytest.fixture
async def olga(room: Running) -> dict[str, str]:
    return await signed_in(room, "olga")


async def keep(room: Running, *call_ids: str) -> None:
    for call_id in call_ids:
        await room.keep(started(call_id), answered(call_id, zero_at=STARTED), final(SAID, call_id=call_id))
        await room.keep(hung_up(call_id), ended(call_id), Summary(call_id, "Карта", "=Перезвонить", ("Да",)))


async def looks(room: Running) -> list[tuple[str, tuple[str, ...], str]]:
    """What the audit log has of them, oldest first."""
    entries = await room.accounts.audit(STARTED, 1000)
    return [(e.deed, e.calls, e.detail) for e in reversed(entries) if e.deed not in ("user_added", "signed_in")]


async def fetch(room: Running, path: str, headers: dict[str, str], method: str = "GET") -> tuple[Any, str]:
    async with room.http.request(method, room.base + path, headers=headers) as answer:
        return answer, await answer.text()


async def test_a_past_call_is_masked_until_somebody_asks(room: Running, olga: dict[str, str]) -> None:
    _, shown = await room.get("/api/calls/c1", **olga)
    assert ([line["text"] for line in shown["transcript"]], shown["masked"]) == (["карта [карта]"], True)
    async with room.http.post(f"{room.base}/api/calls/c1/reveal", headers=olga) as answer:
        shown = await answer.json()
    assert ([line["text"] for line in shown["transcript"]], shown["masked"]) == ([SAID], False)
    assert (await looks(room))[-2:] == [("call_opened", ("c1",), ""), ("call_revealed", ("c1",), "")]


async def test_a_call_that_is_just_over_is_masked_as_soon_as_it_is_kept(room: Running, olga: dict[str, str]) -> None:
    for event in (started("new"), answered("new"), final(SAID, call_id="new")):
        room.publish(event)
    assert (await room.get("/api/calls/new", **olga))[1]["transcript"][0]["text"] == SAID  # live: as on the page
    room.publish(hung_up("new"))
    room.publish(ended("new"))
    await keep(room, "new")
    assert (await room.get("/api/calls/new", **olga))[1]["transcript"][0]["text"] == "карта [карта]"


async def test_a_search_shows_no_personal_data(room: Running, olga: dict[str, str]) -> None:
    _, page = await room.get("/api/history?q=карта", **olga)
    [snippet] = page["calls"][0]["snippets"]
    assert (snippet["text"], snippet["marks"]) == ("карта [карта]", [[0, 5]])


@pytest.mark.parametrize(("way", "words"), [("", "карта [карта]"), ("&reveal=true", SAID)])
async def test_one_call_is_exported(room: Running, olga: dict[str, str], way: str, words: str) -> None:
    answer, body = await fetch(room, f"/api/calls/c1/export?format=json{way}", olga)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="call-c1.json"'
    assert f'"{words}"' in body
    answer, body = await fetch(room, f"/api/calls/c1/export?format=text&zone=Europe/Moscow{way}", olga)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="call-c1.txt"'
    assert answer.content_type == "text/plain"
    assert f"Клиент: {words}\n" in body
    assert "2026-11-22 13:00:00" in body
    detail = "revealed" if way else ""
    assert (await looks(room))[-2:] == [("calls_exported", ("c1",), detail)] * 2


@pytest.mark.parametrize(
    "path",
    [
        "/api/calls/c1/export?format=xml",
        "/api/calls/c1/export?reveal=yes",
        "/api/calls/c1/export?zone=Nowhere",
        "/api/calls/c1/export?zone=../../etc/passwd",
        "/api/calls/c1/export?zone=Europe",
        "/api/export?delimiter=x",
        "/api/export?zone=%00",
        "/api/export?from=yesterday",
    ],
)
async def test_nonsense_is_refused(room: Running, olga: dict[str, str], path: str) -> None:
    answer, _ = await fetch(room, path, olga)
    assert answer.status == 400


async def test_a_period_is_exported_whole_page_by_page(
    room: Running, olga: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "MOST_HITS", 2)
    await keep(room, *(f"c{n}" for n in range(2, 8)))
    answer, body = await fetch(room, "/api/export?delimiter=;&q=карта", olga)
    assert answer.content_type == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="calls.csv"'
    assert body.startswith(BYTE_ORDER_MARK)
    rows = list(csv.reader(io.StringIO(body.removeprefix(BYTE_ORDER_MARK)), delimiter=";"))[1:]
    assert [row[0] for row in rows] == [f"c{n}" for n in range(7, 0, -1)]
    assert {row[11] for row in rows} == {"'=Перезвонить"}
    noted = [calls for deed, calls, _ in await looks(room) if deed == "calls_exported"]
    assert noted == [("c7", "c6"), ("c5", "c4"), ("c3", "c2"), ("c1",)]


async def test_asking_for_the_head_of_an_export_sends_no_body(room: Running, olga: dict[str, str]) -> None:
    answer, body = await fetch(room, "/api/export", olga, "HEAD")
    assert (answer.status, body) == (200, "")
    assert (await room.get("/api/me", **olga))[0] == 200  # on the same connection


async def test_a_period_without_calls_is_a_table_all_the_same(room: Running, olga: dict[str, str]) -> None:
    _, body = await fetch(room, "/api/export?to=2020-01-01", olga)
    assert len(body.splitlines()) == 1


class Tiring:
    """A `History` that answers one search."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked = 0

    async def history(self, query: HistoryQuery) -> HistoryPage:
        self._asked += 1
        if self._asked > 1:
            raise StoreError(Fault.DISK, "disk I/O error")
        return await self._store.history(query)

    async def call(self, call_id: str, seen_by: tuple[str, ...] | None = None) -> CallRecord | None:
        raise StoreError(Fault.DISK, "disk I/O error")


async def test_an_export_that_cannot_go_on_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part must not look like the whole."""
    monkeypatch.setattr(rest, "MOST_HITS", 1)
    async with running(tmp_path, history=Tiring) as room:
        await keep(room, "c1", "c2")
        async with room.http.get(f"{room.base}/api/export") as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        status, answer = await room.get("/api/export")
        assert (status, answer["error"]["code"]) == (503, "store_disk")


class Directory:
    """The live calls' frames."""

    def live_calls(self) -> tuple[Call, ...]:
        return ()

    def frames(self, call_id: str) -> tuple[FrameAccount, ...]:
        return (FrameAccount(Leg.CLIENT, 0, 0, 2300, 40, -21.5, 900),) if call_id == "live" else ()


async def test_frames_are_shown_of_a_live_call_and_of_a_past_one(tmp_path: Path) -> None:
    frame = {"leg": "client", "number": 0, "start_ms": 0, "speech_ms": 900, "loudness_dbfs": -21.5}
    async with running(tmp_path, directory=Directory()) as room:
        room.publish(started("live"))
        status, shown = await room.get("/api/calls/live")
        assert (status, shown["frames"]) == (200, [frame | {"duration_ms": 2300, "lost_ms": 40}])
        await keep(room, "past")
        entry = CallFrames("past", (FrameAccount(Leg.CLIENT, 0, 0, 3000, 0, -21.5, 900),))
        assert await room.store.append([Entry(STARTED, 99, entry)]) == 0
        status, shown = await room.get("/api/calls/past")
        assert (status, shown["frames"]) == (200, [frame | {"duration_ms": 3000, "lost_ms": 0}])


async def test_a_deleted_number_is_gone_from_the_store_and_from_every_page(room: Running) -> None:
    root = await signed_in(room, "root")
    for call_id, number in (("over", "+79001234567"), ("other", "+79000000000")):
        for event in (started(call_id, client_number=number), answered(call_id, client_number=number)):
            room.publish(event)
        room.publish(final(SAID, call_id=call_id))
    room.publish(started("live"))
    room.publish(hung_up("over"))
    room.publish(ended("over"))
    async with room.page(**root) as page:
        snapshot = await read(page)
        assert {call["id"] for call in snapshot["calls"]} == {"over", "other", "live"}
        path = "/api/numbers/8 (900) 123-45-67"
        async with room.http.delete(room.base + path, headers=root) as answer:
            erased = await answer.json()
        assert (answer.status, erased["calls"], erased["scrubbed"]) == (200, 1, True)
        hidden = await read(page)
        assert (hidden["type"], hidden["call_id"], hidden["prev"]) == ("call_hidden", "over", snapshot["cursor"])
    assert (await room.get("/api/calls/c1", **root))[0] == 404
    assert (await room.get("/api/calls/over", **root))[0] == 404
    assert (await room.get("/api/history?q=карта", **root))[1]["calls"] == []
    async with room.page(f"?epoch={snapshot['epoch']}&cursor={snapshot['cursor']}", **root) as page:
        assert (await read(page))["type"] == "resumed"
        assert (await read(page))["type"] == "call_hidden"
    async with room.page(**root) as page:
        assert {call["id"] for call in (await read(page))["calls"]} == {"other", "live"}
    noted = [(deed, detail) for deed, _, detail in await looks(room) if deed == "number_erased"]
    assert noted == [
        ("number_erased", "begun"),
        ("number_erased", "calls=1 utterances=1 other_rows=4 recordings=0 scrubbed=True"),
    ]


async def test_a_long_call_is_masked_beside_the_loop(room: Running, olga: dict[str, str]) -> None:
    """The loop has telephone calls to serve meanwhile."""
    lines = [replace(final(f"{SAID} и ещё раз {n}", n, call_id="long"), start_ms=n * 1000) for n in range(1, 1500)]
    await room.keep(started("long"), answered("long", zero_at=STARTED), *lines, hung_up("long"), ended("long"))
    asking = asyncio.create_task(room.get("/api/calls/long", **olga), name="asking")
    turns = 0
    while not asking.done():
        await asyncio.sleep(0.001)
        turns += 1
    _, shown = await asking
    assert len(shown["transcript"]) == 1499
    assert SAID not in str(shown)
    assert turns > 10
