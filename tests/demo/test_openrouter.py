"""The stand-in over its socket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from ari_bridge.demo.openrouter import DEMO_KEY, OpenRouterStandIn
from ari_bridge.demo.openrouter_wire import Behaviour, Cut

HEADERS = {"Authorization": f"Bearer {DEMO_KEY}"}
BODY: dict[str, Any] = {
    "model": "~anthropic/claude-haiku-latest",
    "models": ["~openai/gpt-mini-latest"],
    "stream": True,
    "provider": {"require_parameters": True},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"schema": {"type": "object", "properties": {"title": {"type": "string"}}}},
    },
    "messages": [{"role": "user", "content": "Клиент: Это слишком дорого."}],
}
QUICK = Behaviour(first_token_s=0.01, token_s=0)


@pytest.fixture
async def openrouter() -> AsyncIterator[OpenRouterStandIn]:
    async with OpenRouterStandIn(behaviour=QUICK) as stand_in:
        yield stand_in


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=HEADERS, timeout=aiohttp.ClientTimeout(10)) as session:
        yield session


def post(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession, **changes: Any) -> Any:
    return http.post(f"{openrouter.url}/chat/completions", json=BODY | changes)


def content(raw: bytes) -> str:
    data = [line.removeprefix("data: ") for line in raw.decode().splitlines() if line.startswith("data: {")]
    choices = [choice for one in data for choice in json.loads(one)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def settled(openrouter: OpenRouterStandIn) -> str:
    async with asyncio.timeout(3):
        while openrouter.requests[-1].outcome == "open":
            await asyncio.sleep(0.01)
    return openrouter.requests[-1].outcome


async def test_a_streamed_answer(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    async with post(openrouter, http) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert response.headers["X-Generation-Id"] == "gen-1"
        raw = await response.read()
    assert raw.startswith(b": OPENROUTER PROCESSING\n\n")
    assert raw.endswith(b"data: [DONE]\n\n")
    assert json.loads(content(raw)) == {"title": "Возражение: дорого"}
    assert b'"model": "anthropic/claude-haiku-4.5"' in raw
    (record,) = openrouter.requests
    assert await settled(openrouter) == "complete"
    assert record.body == BODY
    assert record.headers["Authorization"] == HEADERS["Authorization"]
    assert record.tokens_sent > 3
    assert not record.left_early


async def test_a_whole_answer(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    async with post(openrouter, http, stream=False) as response:
        body = await response.json()
    assert json.loads(body["choices"][0]["message"]["content"]) == {"title": "Возражение: дорого"}
    assert body["usage"]["cost"] > 0


async def test_byte_by_byte_it_is_the_same(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    openrouter.next(Behaviour(first_token_s=0, token_s=0, split=1, crlf=True))
    async with post(openrouter, http) as response:
        pieces = [piece async for piece in response.content.iter_any()]
    assert len(pieces) > 100
    assert json.loads(content(b"".join(pieces))) == {"title": "Возражение: дорого"}


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 524, 529])
async def test_every_http_error(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession, status: int) -> None:
    openrouter.next(Behaviour(status=status, retry_after_s=1))
    async with post(openrouter, http) as response:
        assert response.status == status
        assert response.headers["Retry-After"] == "1"
        assert (await response.json())["error"]["code"] == status
    async with post(openrouter, http) as response:
        assert response.status == 200
    assert openrouter.requests[0].outcome == "error"


async def test_an_error_in_a_200_and_a_400_in_a_stream(
    openrouter: OpenRouterStandIn, http: aiohttp.ClientSession
) -> None:
    openrouter.next(Behaviour(error_in_200=True, error_status=429), Behaviour(error_event=True))
    async with post(openrouter, http) as response:
        assert response.status == 200
        assert (await response.json())["error"]["code"] == 429
    async with post(openrouter, http) as response:
        assert (response.status, response.content_type) == (400, "text/event-stream")
        assert b'data: {"error"' in await response.read()
    assert await settled(openrouter) == "error"


async def test_cut_streams(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    openrouter.next(Behaviour(cut=Cut.EOF), Behaviour(cut=Cut.STALL, stall_s=0.3), Behaviour(cut=Cut.RESET))
    async with post(openrouter, http) as response:
        assert b"[DONE]" not in await response.read()
    before = time.monotonic()
    async with post(openrouter, http) as response:
        assert b"[DONE]" not in await response.read()
    assert time.monotonic() - before >= 0.3
    with pytest.raises(aiohttp.ClientError):
        async with post(openrouter, http) as response:
            await response.read()
    await settled(openrouter)
    assert [record.outcome for record in openrouter.requests] == ["eof", "stall", "reset"]


async def test_a_client_that_leaves_is_noted(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    openrouter.next(Behaviour(first_token_s=5))
    async with post(openrouter, http) as response:
        await response.content.readany()
        response.close()
    assert await settled(openrouter) == "left"
    assert openrouter.requests[0].left_early
    assert openrouter.requests[0].tokens_sent == 0
    assert openrouter.requests[0].seconds < 2


async def test_models_are_tried_in_order(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    openrouter.unavailable.add("~anthropic/claude-haiku-latest")
    async with post(openrouter, http, stream=False) as response:
        assert (await response.json())["model"] == "openai/gpt-5-mini"
    openrouter.unavailable.add("~openai/gpt-mini-latest")
    assert await status(post(openrouter, http)) == 503
    assert await status(post(openrouter, http, model="demo/unstructured", models=[])) == 404
    assert await status(post(openrouter, http, model="no/such")) == 400


async def status(request: Any) -> int:
    async with request as response:
        return int(response.status)


@pytest.mark.parametrize(
    "change",
    [{"messages": []}, {"messages": ["x"]}, {"model": 5}, {"models": "x"}, {"models": [[]]}, {"response_format": 1}],
)
async def test_nonsense_is_a_bad_request(
    openrouter: OpenRouterStandIn, http: aiohttp.ClientSession, change: dict[str, Any]
) -> None:
    assert await status(post(openrouter, http, **change)) == 400


async def test_no_json_and_no_key(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    url = f"{openrouter.url}/chat/completions"
    assert await status(http.post(url, data="{")) == 400
    assert await status(http.post(url, json=[1])) == 400
    for key in ("", "Bearer wrong"):
        assert await status(http.post(url, json=BODY, headers={"Authorization": key})) == 401
        assert await status(http.get(f"{openrouter.url}/key", headers={"Authorization": key})) == 401


async def test_account_and_models(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    assert await status(post(openrouter, http)) == 200
    async with http.get(f"{openrouter.url}/key") as response:
        key = (await response.json())["data"]
    assert key["limit_remaining"] == key["limit"] - key["usage"] < 20
    async with http.get(f"{openrouter.url}/credits") as response:
        assert (await response.json())["data"]["total_usage"] == key["usage"]
    every, structured = [
        {model["id"] for model in (await (await http.get(f"{openrouter.url}/models{query}")).json())["data"]}
        for query in ("", "?supported_parameters=structured_outputs")
    ]
    assert BODY["model"] in structured < every


async def test_leaving_the_context_ends_live_streams_at_once(http: aiohttp.ClientSession) -> None:
    async with OpenRouterStandIn(behaviour=Behaviour(cut=Cut.STALL, stall_s=60)) as openrouter:
        response = await post(openrouter, http)
        await response.content.readany()
        before = time.monotonic()
    assert time.monotonic() - before < 2
    response.close()


async def test_an_answer_may_be_given(openrouter: OpenRouterStandIn, http: aiohttp.ClientSession) -> None:
    openrouter.every(Behaviour(answer='{"title":"скидка 90 %"}', first_token_s=0, token_s=0))
    async with post(openrouter, http) as response:
        assert content(await response.read()) == '{"title":"скидка 90 %"}'
