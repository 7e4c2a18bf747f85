"""Requests to asterisk, applications and endpoints, answer by answer as Asterisk 22.10.1 gave them."""

from __future__ import annotations

from typing import Any

import pytest

from ari_bridge.demo.pbx import VirtualPbx
from tests.demo.pbx_ari import Ari

SUBSCRIPTION = "/applications/ari_bridge/subscription"


async def test_the_system_is_described(ari: Ari) -> None:
    info = await ari.get("/asterisk/info")
    assert info["system"]["version"].startswith("22.")
    assert list(await ari.get("/asterisk/info", only="system")) == ["system"]
    names = [module["name"] for module in await ari.get("/asterisk/modules")]
    assert {"res_ari_channels.so", "chan_rtp.so", "res_stasis_snoop.so"} <= set(names)
    assert (await ari.get("/asterisk/modules/chan_rtp.so"))["status"] == "Running"
    assert (await ari.request("GET", "/asterisk/modules/none.so"))[0] == 404


async def test_a_module_may_be_missing() -> None:
    async with VirtualPbx(modules=("res_ari.so",)) as pbx, Ari(pbx.url) as ari:
        assert (await ari.request("GET", "/asterisk/modules/chan_rtp.so"))[0] == 404


async def test_endpoints(ari: Ari) -> None:
    assert [one["resource"] for one in await ari.get("/endpoints")] == ["1001", "1002", "1003", "mango"]
    assert len(await ari.get("/endpoints/PJSIP")) == 4
    mango = {"technology": "PJSIP", "resource": "mango", "state": "online", "channel_ids": []}
    assert await ari.get("/endpoints/PJSIP/mango") == mango
    assert await ari.request("GET", "/endpoints/PJSIP/none") == (404, {"message": "Endpoint not found"})
    assert (await ari.request("GET", "/endpoints/IAX2"))[0] == 404


async def test_an_application_exists_while_somebody_is_connected(ari: Ari) -> None:
    assert await ari.request("GET", "/applications/ari_bridge") == (404, {"message": "Application not found"})
    await ari.listen()
    assert [app["name"] for app in await ari.get("/applications")] == ["ari_bridge"]
    assert (await ari.get("/applications/ari_bridge"))["events_disallowed"] == []


@pytest.mark.parametrize(
    ("source", "status", "message"),
    [
        ("endpoint:PJSIP/none", 422, "Event source does not exist"),
        ("channel:none", 422, "Event source does not exist"),
        ("bridge:none", 422, "Event source does not exist"),
        ("endpoint:PJSIP/mango,endpoint:PJSIP/none", 422, "Event source does not exist"),
        ("bogus:x", 400, "Invalid event source URI scheme"),
        ("", 400, "Missing parameter eventSource"),
    ],
)
async def test_a_subscription_is_refused_whole(ari: Ari, source: str, status: int, message: str) -> None:
    await ari.listen()
    assert await ari.request("POST", SUBSCRIPTION, eventSource=source) == (status, {"message": message})
    assert (await ari.get("/applications/ari_bridge"))["endpoint_ids"] == []


async def test_subscribing_and_unsubscribing(ari: Ari) -> None:
    await ari.listen()
    sources = "endpoint:PJSIP/mango,endpoint:PJSIP,bridge:,deviceState:PJSIP/1001"
    app = await ari.do("POST", SUBSCRIPTION, eventSource=sources)
    assert app["endpoint_ids"] == ["PJSIP", "PJSIP/mango"]
    assert app["bridge_ids"] == ["__AST_BRIDGE_ALL_TOPIC"]
    app = await ari.do("DELETE", SUBSCRIPTION, eventSource="bridge:")
    assert app["bridge_ids"] == []
    assert (await ari.request("DELETE", SUBSCRIPTION, eventSource="bridge:"))[0] == 422
    assert (await ari.request("POST", "/applications/none/subscription", eventSource="bridge:"))[0] == 404


async def test_subscribe_all_shows_as_such(ari: Ari) -> None:
    await ari.listen(subscribeAll="true")
    app = await ari.do("POST", SUBSCRIPTION, eventSource="endpoint:PJSIP/mango")
    assert app["endpoint_ids"] == ["__AST_ENDPOINT_ALL_TOPIC"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"disallowed": [{"type": "ChannelVarset"}]}, ([], [{"type": "ChannelVarset"}])),
        ({"allowed": [{"type": "Dial"}]}, ([{"type": "Dial"}], [])),
        ({}, ([], [])),
    ],
)
async def test_event_filters(ari: Ari, body: dict[str, Any], shown: object) -> None:
    await ari.listen()
    app = await ari.do("PUT", "/applications/ari_bridge/eventFilter", body)
    assert (app["events_allowed"], app["events_disallowed"]) == shown
