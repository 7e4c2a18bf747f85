from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.demo.pbx import CallScript, Drop, VirtualPbx
from ari_bridge.demo.pbx_faults import Fault
from tests.asterisk.conftest import settings_for


async def refusal(client: AriClient, resource: str, operation: str, **arguments: object) -> AriError:
    with pytest.raises(AriError) as caught:
        await client.call(resource, operation, **arguments)
    return caught.value


async def next_of(messages: AsyncGenerator[object]) -> Any:
    return await anext(messages)


@asynccontextmanager
async def serving(handler: object) -> AsyncIterator[str]:
    """An HTTP server that answers everything with `handler`; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_operations_are_those_of_the_servers_documents(client: AriClient) -> None:
    info = await client.call("asterisk", "getInfo", only="system")
    assert info["system"]["version"].startswith("22.")
    assert await client.call("channels", "list") == []


async def test_an_empty_answer_is_none(client: AriClient) -> None:
    await client.call("bridges", "createWithId", bridgeId="b", type="mixing", name="b")
    assert await client.call("bridges", "destroy", bridgeId="b") is None


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (401, "ari_unauthorized", False),
        (403, "ari_forbidden", False),
        (404, "ari_not_found", False),
        (409, "ari_refused", False),
        (500, "ari_refused", True),
        (503, "ari_unavailable", True),
    ],
)
async def test_refusals(client: AriClient, pbx: VirtualPbx, status: int, code: str, retryable: bool) -> None:
    pbx.faults.add(Fault(status=status, path="/channels"))
    error = await refusal(client, "channels", "list")
    assert (error.status, error.code, error.retryable) == (status, code, retryable)
    assert "GET /ari/channels" in str(error)
    assert pbx.url not in str(error), "the address is told where it helps, not in every line"


async def test_asterisks_own_words_are_told(client: AriClient) -> None:
    assert "Channel not found" in str(await refusal(client, "channels", "get", channelId="nobody"))


async def test_every_request_has_a_deadline(client: AriClient, pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(delay_s=30, path="/channels"))
    started = time.monotonic()
    error = await refusal(client, "channels", "list")
    assert (error.code, error.retryable) == ("ari_timeout", True)
    assert 0.9 < time.monotonic() - started < 3


async def test_one_slow_request_holds_up_no_other(client: AriClient, pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(delay_s=0.4, path="/channels"))
    slow = asyncio.create_task(client.call("channels", "list"))
    await asyncio.sleep(0)
    await client.call("bridges", "list")
    assert not slow.done()
    await slow


async def test_an_address_where_nobody_answers() -> None:
    client = AriClient(settings_for(VirtualPbx(), url="http://127.0.0.1:9"))
    with pytest.raises(AriError, match="Connect") as caught:
        await client.connect()
    assert (caught.value.code, caught.value.retryable) == ("ari_unreachable", True)
    await client.close()


async def test_a_wrong_password(pbx: VirtualPbx) -> None:
    client = AriClient(settings_for(pbx, password="mistyped"))
    with pytest.raises(AriError) as caught:
        await client.connect()
    assert caught.value.code == "ari_unauthorized"
    assert "mistyped" not in str(caught.value)
    await client.close()


@pytest.mark.parametrize("password", ["пароль", "with:colon", "with space", "ключ-💡"])
async def test_any_password_goes_over_the_line(password: str) -> None:
    async with VirtualPbx(password=password) as pbx:
        client = AriClient(settings_for(pbx, password=password))
        await client.connect()
        opened = asyncio.Event()
        async with aclosing(client.events(opened)) as messages:
            reading = asyncio.create_task(next_of(messages))
            await asyncio.wait_for(opened.wait(), 2)
            reading.cancel()
            await asyncio.wait([reading])
        await client.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [("<html>", "ari_malformed"), ('{"apis": 5}', "ari_malformed"), ("[]", "ari_malformed"), ("", "ari_malformed")],
)
async def test_a_server_that_is_no_ari(answer: str, code: str) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=answer, content_type="application/json")

    async with serving(handle) as url:
        client = AriClient(settings_for(VirtualPbx(), url=url))
        with pytest.raises(AriError) as caught:
            await client.connect()
        assert caught.value.code == code
        await client.close()


async def test_requests_go_where_the_settings_say_whatever_host_the_documents_name(pbx: VirtualPbx) -> None:
    """Behind a proxy Asterisk names itself by an address that we may not reach, and by `http` where we speak TLS."""
    passed: list[str] = []
    port = pbx.url.rpartition(":")[2]

    async def forward(request: web.Request) -> web.StreamResponse:
        passed.append(request.method + " " + request.path)
        target = f"http://127.0.0.1:{port}" + request.path_qs.removeprefix("/pbx")
        headers = {"Authorization": request.headers["Authorization"], "Host": "asterisk.invalid"}
        async with aiohttp.ClientSession() as http:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                socket = web.WebSocketResponse()
                await socket.prepare(request)
                async with http.ws_connect(target, headers=headers) as inner:
                    async for message in inner:
                        await socket.send_str(message.data)
                return socket
            async with http.request(request.method, target, headers=headers, data=await request.read()) as answer:
                return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

    async with serving(forward) as url:
        client = AriClient(settings_for(pbx, url=f"{url}/pbx"))
        await client.connect()
        assert await client.call("channels", "list") == []
        opened = asyncio.Event()
        async with aclosing(client.events(opened)) as messages:
            first = asyncio.create_task(next_of(messages))
            await asyncio.wait_for(opened.wait(), 2)
            await client.subscribe()
            await client.set_event_filter(["ChannelCreated"])
            await client.call("channels", "list")
            pbx.call(CallScript(client="79001234567"))
            assert (await asyncio.wait_for(first, 3))["type"] == "ChannelCreated"
        await client.close()
    assert {"GET /pbx/ari/channels", "GET /pbx/ari/events", "PUT /pbx/ari/applications/ari_bridge/eventFilter"} <= set(
        passed
    )


async def test_what_this_asterisk_does_not_know_is_said(client: AriClient) -> None:
    assert "no channels.teleport" in str(await refusal(client, "channels", "teleport"))
    assert "no teleports.list" in str(await refusal(client, "teleports", "list"))
    unknown = await refusal(client, "channels", "get", channelId="x", colour="red")
    assert unknown.code == "ari_refused"
    assert "colour" in str(unknown)
    assert (await refusal(client, "channels", "get")).code == "ari_refused", "a required argument is missing"


async def test_an_answer_that_is_no_json() -> None:
    async with VirtualPbx() as pbx:

        async def handle(request: web.Request) -> web.Response:
            if "api-docs" not in request.path:
                return web.Response(text="<html>")
            headers = {"Authorization": request.headers["Authorization"]}
            async with aiohttp.ClientSession(headers=headers) as http, http.get(pbx.url + request.path) as answer:
                return web.Response(body=await answer.read(), content_type="application/json")

        async with serving(handle) as url:
            client = AriClient(settings_for(pbx, url=url))
            await client.connect()
            assert (await refusal(client, "channels", "list")).code == "ari_malformed"
            await client.close()


async def test_before_connect_and_after_close_nothing_works() -> None:
    async with VirtualPbx() as pbx:
        client = AriClient(settings_for(pbx))
        assert (await refusal(client, "channels", "list")).code == "ari_closed"
        with pytest.raises(AriError, match="not connected"):
            await anext(client.events(asyncio.Event()))
        await client.connect()
        await client.close()
        assert (await refusal(client, "channels", "list")).code == "ari_closed"


# The event line


async def test_messages_come_in_order_and_what_is_no_json_is_none(client: AriClient, pbx: VirtualPbx) -> None:
    opened = asyncio.Event()
    async with aclosing(client.events(opened)) as messages:
        first = asyncio.create_task(next_of(messages))
        await asyncio.wait_for(opened.wait(), 2)
        texts = ['{"type": "A"}', "no json", "[" * 100_000, '{"type": "B"}']
        for text in texts:
            pbx.events.inject("ari_bridge", text)
        received = [await first] + [await anext(messages) for _ in texts[1:]]
    assert received == [{"type": "A"}, None, None, {"type": "B"}]


@pytest.mark.parametrize(("how", "code"), [(Drop.RESET, "ari_closed"), (Drop.SILENT, "ari_closed")])
async def test_a_line_that_breaks_is_told_from_one_that_is_closed(
    client: AriClient, pbx: VirtualPbx, how: Drop, code: str
) -> None:
    started = time.monotonic()
    with pytest.raises(AriError) as caught:
        await read_until_dropped(client, pbx, how)
    assert caught.value.code == code
    assert time.monotonic() - started < 3, "found within twice the heartbeat, and closed without waiting long"


async def test_a_line_that_is_closed_ends_the_reading(client: AriClient, pbx: VirtualPbx) -> None:
    await read_until_dropped(client, pbx, Drop.CLEAN)


async def read_until_dropped(client: AriClient, pbx: VirtualPbx, how: Drop) -> None:
    opened = asyncio.Event()

    async def drop() -> None:
        await opened.wait()
        await pbx.drop_events("ari_bridge", how)

    dropping = asyncio.create_task(drop())
    async for _ in client.events(opened):
        pass
    await dropping


@pytest.mark.parametrize(
    ("status", "code"), [(401, "ari_unauthorized"), (503, "ari_unavailable"), (404, "ari_not_found")]
)
async def test_a_line_that_is_refused(client: AriClient, pbx: VirtualPbx, status: int, code: str) -> None:
    pbx.faults.add(Fault(status=status, path="/events"))
    with pytest.raises(AriError) as caught:
        await anext(client.events(asyncio.Event()))
    assert (caught.value.code, caught.value.status) == (code, status)


async def test_a_line_that_nobody_answers(client: AriClient, pbx: VirtualPbx) -> None:
    pbx.faults.add(Fault(delay_s=30, path="/events"))
    with pytest.raises(AriError, match="no answer") as caught:
        await anext(client.events(asyncio.Event()))
    assert caught.value.code == "ari_timeout"


async def test_a_line_to_where_nobody_listens_any_more(client: AriClient, pbx: VirtualPbx) -> None:
    await pbx.go_offline()
    with pytest.raises(AriError) as caught:
        await anext(client.events(asyncio.Event()))
    assert caught.value.code == "ari_unreachable"
    await pbx.go_online()


async def test_only_the_asked_for_types_are_sent(client: AriClient, pbx: VirtualPbx) -> None:
    opened = asyncio.Event()
    async with aclosing(client.events(opened)) as messages:
        first = asyncio.create_task(next_of(messages))
        await asyncio.wait_for(opened.wait(), 2)
        await client.subscribe()
        await client.set_event_filter(["Dial"])
        pbx.call(CallScript(client="79001234567", ring_s=0.05, talk_s=0.05))
        assert (await first)["type"] == "Dial"
        assert (await next_of(messages))["type"] == "Dial"
