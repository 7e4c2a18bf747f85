"""The hub's HTTP and WebSocket shell over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest
import yarl

from ari_bridge.errors import ConfigError
from ari_bridge.events import Component, ComponentState, ComponentStatus, SystemChanged
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.pages import find_pages
from ari_bridge.interfaces import NoticeResult
from ari_bridge.ops.metrics import Metrics
from ari_bridge.settings import AgiSettings, HubSettings
from tests.hub.calls import STARTED, answered, card, ended, final, gap, hung_up, partial, started
from tests.hub.running import Running, read, running, until


@pytest.fixture
async def room(tmp_path: Path):
    async with running(tmp_path) as room:
        yield room


async def test_a_page_gets_a_snapshot_and_then_every_event(room: Running) -> None:
    room.publish(started())
    room.publish(answered())
    room.publish(final("Это слишком дорого"))
    async with room.page() as page:
        snapshot = await read(page)
        assert snapshot["type"] == "snapshot"
        assert snapshot["me"] == {"name": "Локальный доступ", "role": "supervisor", "extensions": [], "open": True}
        assert snapshot["mode"] == "live"
        assert set(snapshot["system"]) == {"ari", "stt", "llm", "store"}
        [call] = snapshot["calls"]
        assert (call["status"], call["operator"], call["client_number"]) == ("answered", "1001", "+79001234567")
        assert [line["text"] for line in call["transcript"]] == ["Это слишком дорого"]
        prev = snapshot["cursor"]
        for event in (partial(" а", 2), final("а", 2), gap(), card(), hung_up(), ended()):
            room.publish(event)
            message = await read(page)
            assert message["type"] == event.type
            assert message["prev"] == prev
            assert message["at"].endswith("Z")
            assert event.to_json().items() <= message.items()
            prev = message["cursor"]


async def test_a_page_that_comes_back_gets_what_it_missed(room: Running) -> None:
    room.publish(started())
    async with room.page() as page:
        snapshot = await read(page)
    room.publish(partial(" э"))
    room.publish(final("эх"))
    room.publish(partial(" а", 2))
    async with room.page(f"?epoch={snapshot['epoch']}&cursor={snapshot['cursor']}") as page:
        resumed = await read(page)
        assert (resumed["type"], resumed["cursor"]) == ("resumed", snapshot["cursor"])
        missed = [await read(page), await read(page)]
    assert [(m["utterance"], m["final"]) for m in missed] == [(1, True), (2, False)]
    assert [m["prev"] for m in missed] == [snapshot["cursor"], missed[0]["cursor"]]
    assert room.hub.counters.resumes_total == 1


@pytest.mark.parametrize("query", ["?epoch=other&cursor=1", "?cursor=1", "?epoch={epoch}&cursor=99", "?epoch={epoch}"])
async def test_a_cursor_that_cannot_be_resumed_gets_a_snapshot(room: Running, query: str) -> None:
    room.publish(started())
    async with room.page(query.format(epoch=room.hub.epoch)) as page:
        assert (await read(page))["type"] == "snapshot"


async def test_malformed_messages_are_counted_and_nothing_else_happens(room: Running) -> None:
    room.publish(started())
    async with room.page() as page, room.page() as other:
        await read(page)
        await read(other)
        bad = ["", "{", "[]", "null", '{"type":"nope"}', '{"type":"feedback","id":5,"verdict":"useful"}']
        bad += ['{"type":"feedback","id":"s1","verdict":"great"}', '{"type":"painted","cursor":-1}', "[" * 4000]
        for text in bad:
            await page.send_str(text)
        await page.send_bytes(b"\xff\xfe")
        await page.send_str('{"type":"pong"}')
        await until(lambda: room.hub.counters.malformed_total > len(bad))
        room.publish(gap())
        assert (await read(page))["type"] == "gap"
        assert (await read(other))["type"] == "gap"
    assert room.hub.counters.malformed_total == len(bad) + 1


async def test_a_huge_frame_closes_only_its_own_connection(room: Running) -> None:
    room.publish(started())
    async with room.page() as page, room.page() as other:
        await read(page)
        await read(other)
        await page.send_str("x" * 5000)
        closed = await page.receive(timeout=3)
        assert closed.type is aiohttp.WSMsgType.CLOSE
        assert page.close_code == 1009
        room.publish(gap())
        assert (await read(other))["type"] == "gap"


async def test_feedback_by_websocket_and_by_rest_comes_back_on_the_card(room: Running) -> None:
    room.publish(started())
    room.publish(card())
    async with room.page() as page:
        await read(page)
        await page.send_str('{"type":"feedback","id":"s1","verdict":"useful"}')
        assert (await read(page))["verdicts"] == ["useful"]
        url = f"{room.base}/api/suggestions/s1/feedback"
        async with room.http.post(url, json={"verdict": "copied"}) as answer:
            assert answer.status == 200
            assert (await answer.json())["verdicts"] == ["useful", "copied"]
        assert (await read(page))["verdicts"] == ["useful", "copied"]


async def test_feedback_on_a_card_that_only_the_page_knows(room: Running) -> None:
    """One of before a restart, say: it comes back on the card, once each."""
    room.hub.publish(started())
    room.hub.publish(card())
    async with room.page() as page:
        await read(page)
        for expected in (["useful"], ["useful"], ["useful", "copied"]):
            path = "/api/suggestions/s1/feedback"
            status, answer = await room.send("POST", path, {"verdict": expected[-1]})
            assert (status, answer["verdicts"]) == (200, expected)
        assert [(await read(page))["verdicts"] for _ in range(2)] == [["useful"], ["useful", "copied"]]


@pytest.mark.parametrize(
    ("card_id", "body", "status", "code"),
    [
        ("nope", '{"verdict":"useful"}', 404, "unknown_suggestion"),
        ("s1", '{"verdict":"great"}', 400, "bad_verdict"),
        ("s1", "[]", 400, "bad_json"),
        ("s1", "{", 400, "bad_json"),
        ("s1", "\xff", 400, "bad_json"),
        ("s1", "[" * 10_000, 400, "bad_json"),
        ("s1", "x" * 20_000, 413, "too_large"),
    ],
)
async def test_bad_feedback_is_refused(room: Running, card_id: str, body: str, status: int, code: str) -> None:
    room.publish(started())
    room.publish(card())
    url, headers = f"{room.base}/api/suggestions/{card_id}/feedback", {"Content-Type": "application/json"}
    async with room.http.post(url, data=body.encode("latin-1"), headers=headers) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code


async def test_feedback_needs_json(room: Running) -> None:
    async with room.http.post(f"{room.base}/api/suggestions/s1/feedback", data=b"{}") as answer:
        assert answer.status == 415


async def test_calls_and_history(room: Running) -> None:
    room.publish(started("c1"))
    room.publish(answered("c1"))
    over = (started("c2"), answered("c2", zero_at=STARTED), final("про цену", call_id="c2"), hung_up("c2"), ended("c2"))
    await room.keep(*over)
    assert [c["id"] for c in (await room.get("/api/calls"))[1]["calls"]] == ["c1"]
    status, one = await room.get("/api/calls/c2")
    assert (status, one["end"]["duration_ms"], one["transcript"][0]["text"]) == (200, 61_230, "про цену")
    [hit] = (await room.get("/api/history?q=ЦЕНУ&from=2026-11-22"))[1]["calls"]
    assert (hit["id"], hit["snippets"][0]["text"], hit["snippets"][0]["marks"]) == ("c2", "про цену", [[4, 8]])
    assert (await room.get("/api/history?operator=1002"))[1] == {"calls": [], "next": None}
    for nowhere in ("nope", "%00", "a" * 5000):
        status, missing = await room.get(f"/api/calls/{nowhere}")
        assert (status, missing["error"]["code"]) == (404, "unknown_call")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("to=yesterday", "bad_time"),
        ("from=0001-01-01T00:00:00%2B14:00", "bad_time"),
        ("limit=many", "bad_number"),
        ("before=-1", "bad_number"),
        ("before=9999999999999999999", "bad_number"),
        ("kind=nonsense", "bad_choice"),
        ("answered=perhaps", "bad_choice"),
        (f"q={'a' * 501}", "bad_text"),
        ("q=%00", "bad_text"),
    ],
)
async def test_nonsense_searches_are_refused(room: Running, query: str, code: str) -> None:
    status, answer = await room.get(f"/api/history?{query}")
    assert (status, answer["error"]["code"]) == (400, code)


async def test_notices_of_the_dialplan(room: Running) -> None:
    status, answer = await room.get("/agi/call_start?caller=%2B79001234567&id=1732270800.42")
    assert (status, answer) == (200, {"result": "accepted"})
    room.dialplan.result = NoticeResult.REPEATED
    assert await room.get("/agi/call_end?id=1732270800.42") == (200, {"result": "repeated"})
    room.dialplan.result = NoticeResult.UNKNOWN
    assert (await room.get("/agi/call_end?id=nope"))[0] == 400
    for query in (
        "",
        "?id=",
        "?id=%20",
        "?caller=5",
        f"?id={'9' * 150}",
        "?id=a%0Ab",
        "?id=%D0%B9",
        "?id=a%20b",
        "?id=%00",
    ):
        status, answer = await room.get(f"/agi/call_start{query}")
        assert (status, answer["error"]["code"] in {"missing_id", "bad_id"}) == (400, True)
    assert room.dialplan.taken == [
        ("call_start", "1732270800.42", "+79001234567"),
        ("call_end", "1732270800.42", None),
        ("call_end", "nope", None),
    ]


async def test_a_notice_is_answered_within_50_ms_whatever_ari_does(room: Running) -> None:
    await room.get("/healthz")  # the connection is open
    room.dialplan.delay_s = 5.0
    before = time.perf_counter()
    status, answer = await room.get("/agi/call_start?id=1732270800.42")
    assert time.perf_counter() - before < 0.05
    assert (status, answer["error"]["code"]) == (503, "busy")


async def test_notices_come_from_the_dialplan_only(room: Running) -> None:
    url = "/agi/call_start?id=1.1"
    assert (await room.get(url, Origin="http://127.0.0.1:1"))[0] == 403
    assert (await room.get(url, **{"X-Forwarded-For": "10.0.0.1"}))[0] == 403
    assert (await room.get(url, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await room.get(url, Host="pbx.example.ru"))[0] == 200
    assert len(room.dialplan.taken) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "bridge.example.ru"},
        {"Host": "127.0.0.1.example.ru"},
        {"Host": "user@127.0.0.1@evil.example"},
        {"Host": "[::1"},
        {"X-Forwarded-For": "203.0.113.5"},
        {"X-Forwarded-Host": "127.0.0.1"},
        {"Forwarded": "for=203.0.113.5"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Referer": "https://bridge.example.ru/"},
        {"Origin": "https://bridge.example.ru"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/calls", "/ws", "/metrics", "/hub.js"])
async def test_open_access_is_for_this_machine_only(room: Running, path: str, headers: dict[str, str]) -> None:
    status, answer = await room.get(path, **headers)
    assert status == 403
    assert answer["error"]["code"] in {"users_needed", "foreign_origin"}
    if answer["error"]["code"] == "users_needed":
        assert "ari-bridge user add" in answer["error"]["message"]


async def test_a_plain_reverse_proxy_on_the_same_host_gets_nothing(room: Running) -> None:
    """nginx's `proxy_pass` without any header set: HTTP/1.0, Host as in the configuration."""
    reader, writer = await asyncio.open_connection("127.0.0.1", room.port)
    writer.write(f"GET /api/calls HTTP/1.0\r\nHost: 127.0.0.1:{room.port}\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.readline()).split()[1] == b"403"
    writer.close()
    await writer.wait_closed()


async def test_the_page_through_a_tunnel_is_local(room: Running) -> None:
    """`ssh -L 9000:127.0.0.1:8000`: another port, still a loopback name."""
    origin = {"Host": "localhost:9000", "Origin": "http://localhost:9000", "Referer": "http://localhost:9000/"}
    assert (await room.get("/api/calls", **origin))[0] == 200
    async with room.page("", **origin) as page:
        assert (await read(page))["type"] == "snapshot"


async def test_foreign_origin_cannot_open_the_websocket(room: Running) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with room.page("", Origin="https://evil.example"):
            pass
    assert refused.value.status == 403
    assert room.hub.counters.refused_total == 1


async def test_an_origin_of_the_settings_may_connect(tmp_path: Path) -> None:
    settings = HubSettings(port=0, origins=("https://bridge.example.ru",))
    async with running(tmp_path, settings=settings) as room, room.page("", Origin="https://bridge.example.ru") as page:
        assert (await read(page))["type"] == "snapshot"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/secret.txt", 404),
        ("GET", "/../secret.txt", 404),
        ("GET", "/%2e%2e/secret.txt", 404),
        ("GET", "/..%2fsecret.txt", 404),
        ("POST", "/", 405),
        ("DELETE", "/api/calls", 405),
        ("PUT", "/ws", 405),
        ("OPTIONS", "/api/calls", 405),
        ("GET", "/api/suggestions/s1/feedback", 405),
        ("GET", "/ws", 400),
    ],
)
async def test_errors_are_json(room: Running, method: str, path: str, status: int) -> None:
    async with room.http.request(method, yarl.URL(room.base + path, encoded=True)) as answer:
        assert answer.status == status
        assert set((await answer.json())["error"]) == {"code", "message"}
        if status == 405:
            assert answer.headers["Allow"]


async def test_static_files_carry_the_headers(room: Running) -> None:
    async with room.http.get(f"{room.base}/") as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    async with room.http.get(f"{room.base}/hub.js") as answer:
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers
        etag = answer.headers["ETag"]
    async with room.http.get(f"{room.base}/hub.js", headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304
        assert answer.headers["ETag"] == etag


async def test_static_files_are_packed_for_whoever_takes_that(tmp_path: Path) -> None:
    script = "export const words = 'over and over';\n" * 50
    webui = tmp_path / "page"
    webui.mkdir()
    (webui / "index.html").write_text("<!doctype html>", encoding="utf-8")
    (webui / "a.js").write_text(script, encoding="utf-8")
    async with running(tmp_path, webui=webui) as room:
        for accepted, encoding in (("gzip", "gzip"), ("identity", None)):
            async with room.http.get(f"{room.base}/a.js", headers={"Accept-Encoding": accepted}) as answer:
                assert answer.headers.get("Content-Encoding") == encoding
                assert await answer.text() == script
        async with room.http.head(f"{room.base}/a.js", headers={"Accept-Encoding": "identity"}) as answer:
            assert answer.headers["Content-Length"] == str(len(script))
        (webui / "a.js").unlink()
        assert (await room.get("/a.js"))[0] == 404


async def test_readiness_is_ari(room: Running) -> None:
    assert (await room.get("/healthz"))[0] == 200
    assert (await room.get("/readyz"))[0] == 503
    down = ComponentStatus(ComponentState.DOWN, "ARI не принимает пароль.", "Проверьте ari.password.")
    states = dict.fromkeys(Component, ComponentStatus(ComponentState.OFF))
    room.publish(SystemChanged({**states, Component.ARI: down}))
    status, answer = await room.get("/readyz")
    assert (status, answer["error"]["message"]) == (503, "ARI не принимает пароль. Проверьте ari.password.")
    room.publish(SystemChanged({**states, Component.ARI: ComponentStatus(ComponentState.UP)}))
    assert (await room.get("/readyz"))[0] == 200


async def test_metrics_show_the_hub(tmp_path: Path) -> None:
    metrics, hub = Metrics(), Hub()
    metrics.watch("hub", lambda: hub.counters)
    observe = metrics.latency("card_painted", "From a card's publication to its report of being on screen")
    async with (
        running(tmp_path, hub, metrics=metrics, observe_painted=lambda cursor, s: observe(s)) as room,
        room.page() as page,
    ):
        room.publish(started())
        room.publish(card())
        while (message := await read(page))["type"] != "suggestion":
            pass
        await page.send_str(json.dumps({"type": "painted", "cursor": message["cursor"]}))
        await page.send_str('{"type":"painted","cursor":"1"}')  # no card
        await page.send_str("nonsense")
        await until(lambda: hub.counters.malformed_total == 1)
        async with room.http.get(f"{room.base}/metrics") as answer:
            text = await answer.text()
    assert "ari_bridge_hub_clients 1.0" in text
    assert "ari_bridge_hub_events_total 2.0" in text
    assert "ari_bridge_hub_malformed_total 1.0" in text
    assert "ari_bridge_card_painted_seconds_count 1.0" in text


async def test_heartbeats_move_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, heartbeat_s=0.1) as room:
        room.publish(started())
        async with room.page() as page:
            snapshot = await read(page)
            for _ in range(2):
                beat = json.loads(await page.receive_str(timeout=2))
                assert (beat["type"], beat["cursor"], beat["prev"]) == (
                    "heartbeat",
                    snapshot["cursor"],
                    snapshot["cursor"],
                )


async def test_stopping_tells_the_pages_to_come_back(tmp_path: Path) -> None:
    async with running(tmp_path) as room, room.page() as page:
        await read(page)
        stopping = asyncio.create_task(room.server.stop(), name="stop")
        closed = await page.receive(timeout=3)
        await stopping
        assert closed.type is aiohttp.WSMsgType.CLOSE
        assert page.close_code == 1012
        assert room.hub.counters.clients == 0


async def test_a_port_in_use_is_said_in_one_line(room: Running, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with pytest.raises(ConfigError, match=r"hub\.port: 127\.0\.0\.1:\d+ is in use .*ARI_BRIDGE_HUB__PORT"):
        async with running(tmp_path / "second", settings=HubSettings(port=room.port)):
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "bridge.example.ru"])
async def test_a_public_address_without_users_does_not_start(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="ari-bridge user add"):
        async with running(tmp_path, settings=HubSettings(host=host, port=0)):
            pass


async def test_a_notice_from_an_address_that_is_not_allowed(tmp_path: Path) -> None:
    """Loopback may always; the list is for others."""
    async with running(tmp_path, agi=AgiSettings(allow=())) as room:
        assert (await room.get("/agi/call_start?id=1.1"))[0] == 200


async def test_no_page_no_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"index\.html"):
        find_pages(tmp_path)
