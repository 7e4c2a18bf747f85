from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.demo.pbx_faults import Fault
from tests.demo.pbx_ari import Ari

UNAUTHORIZED = {"message": "Authentication required"}


async def test_basic_auth_and_api_key_open_the_door(pbx: VirtualPbx, ari: Ari) -> None:
    assert (await ari.get("/asterisk/ping"))["ping"] == "pong"
    async with aiohttp.ClientSession() as http, http.get(f"{ari.url}/asterisk/ping?api_key=ari_bridge:demo") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("header", [None, "Basic !!!", "Basic YTpi", "Bearer x"])
async def test_anybody_else_stays_outside(pbx: VirtualPbx, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        for path in ("/asterisk/ping", "/api-docs/resources.json", "/events?app=a"):
            async with http.get(f"{pbx.url}/ari{path}") as answer:
                assert (answer.status, await answer.json()) == (401, UNAUTHORIZED)
                assert answer.headers["WWW-Authenticate"] == 'Basic realm="Asterisk REST Interface"'
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await http.ws_connect(f"{pbx.url}/ari/events?app=a")


async def test_a_changed_password_locks_the_old_one_out(pbx: VirtualPbx, ari: Ari) -> None:
    pbx.change_password("ari_bridge", "new")
    assert await ari.request("GET", "/asterisk/ping") == (401, UNAUTHORIZED)


async def test_documents_name_the_host_that_was_asked(pbx: VirtualPbx, ari: Ari) -> None:
    listing = await ari.get("/api-docs/resources.json")
    assert listing["basePath"] == f"{pbx.url}/ari"
    assert (await ari.get("/api-docs/channels.json"))["resourcePath"] == "/api-docs/channels.{format}"
    for name in ("none.json", "channels.xml"):
        assert (await ari.request("GET", f"/api-docs/{name}"))[0] == 404


async def test_refusals_are_json(ari: Ari) -> None:
    assert await ari.request("GET", "/nonesuch") == (404, {"message": "Resource not found"})
    assert await ari.request("PATCH", "/channels") == (405, {"message": "Invalid method"})
    async with ari.http.put(f"{ari.url}/applications/a/eventFilter", data=b"{") as answer:
        assert answer.status == 400
    assert (await ari.request("GET", "/events", app="a"))[0] == 426
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        await ari.http.ws_connect(f"{ari.url}/events")


async def test_a_fault_answers_instead(pbx: VirtualPbx, ari: Ari) -> None:
    pbx.faults.add(Fault(503, method="POST", path="/bridges", nth=2))
    statuses = [(await ari.request("POST", "/bridges", bridgeId=f"b{n}"))[0] for n in range(3)]
    assert statuses == [200, 503, 200]
    assert pbx.holdings() == ["b0", "b2"]
    assert [(one.method, one.path, one.status) for one in pbx.faults.requests] == [
        ("POST", "/bridges", 200),
        ("POST", "/bridges", 503),
        ("POST", "/bridges", 200),
    ]


async def test_a_lost_answer_is_carried_out_all_the_same(pbx: VirtualPbx, ari: Ari) -> None:
    pbx.faults.add(Fault(500, path="/bridges", carried_out=True))
    assert (await ari.request("POST", "/bridges", bridgeId="b"))[0] == 500
    assert pbx.holdings() == ["b"]


async def test_a_stalled_request_holds_nobody_else_up(pbx: VirtualPbx, ari: Ari) -> None:
    pbx.faults.add(Fault(delay_s=0.3, path="/bridges"))
    began = time.monotonic()
    stalled = asyncio.create_task(ari.request("POST", "/bridges", bridgeId="b"))
    await asyncio.sleep(0.05)
    assert (await ari.request("GET", "/asterisk/ping"))[0] == 200
    assert time.monotonic() - began < 0.25
    assert (await stalled)[0] == 200
    assert time.monotonic() - began >= 0.3


async def test_offline_and_back_on_the_same_port(pbx: VirtualPbx, ari: Ari) -> None:
    url = pbx.url
    log = await ari.listen()
    await ari.do("POST", "/applications/ari_bridge/subscription", eventSource="endpoint:PJSIP/mango")
    await pbx.go_offline()
    await asyncio.wait_for(log.closed.wait(), 2)
    with pytest.raises(aiohttp.ClientConnectionError):
        await ari.request("GET", "/asterisk/ping")
    await pbx.go_online()
    assert pbx.url == url
    assert (await ari.get("/applications/ari_bridge"))["endpoint_ids"] == ["PJSIP/mango"]
