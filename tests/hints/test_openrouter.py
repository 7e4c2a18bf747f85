"""The HTTP shell against a scripted peer and against the stand-in, over sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.openrouter_wire import Behaviour, Usage
from ari_bridge.errors import BridgeError
from ari_bridge.hints.llm import Finished, Prompt, TextDelta
from ari_bridge.hints.openrouter import OpenRouter
from ari_bridge.hints.prompt import suggestion_schema
from tests.hints.peer import DONE, STOP, Reply, answer, chunk, openrouter_peer

PROMPT = Prompt("rules", "Клиент: «это дорого»", "suggestion", suggestion_schema(), "c1", 400)
MODELS = ("~anthropic/claude-haiku-latest", "~openai/gpt-mini-latest")


async def ask(url: str, key: str = "demo") -> tuple[str, Finished | None]:
    llm, text, finished = OpenRouter(url, key, MODELS), "", None
    try:
        async for event in llm.stream(PROMPT):
            if isinstance(event, TextDelta):
                text += event.text
            else:
                finished = event
    finally:
        await llm.aclose()
    return text, finished


async def test_text_then_one_finish_with_usage_and_who_answered() -> None:
    async with OpenRouterStandIn(behaviour=Behaviour(first_token_s=0.01, token_s=0)) as openrouter:
        text, finished = await ask(openrouter.url)
        assert text == openrouter.requests[0].content
        assert finished is not None
        assert finished.model == "anthropic/claude-haiku-4.5"
        assert finished.generation == "gen-1"
        assert finished.usage.cost_usd
        assert openrouter.requests[0].headers["X-OpenRouter-Title"] == "ari_bridge"


@pytest.mark.parametrize("split", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("crlf", [False, True])
async def test_bytes_cut_anywhere(split: int, crlf: bool) -> None:
    behaviour = Behaviour(first_token_s=0, token_s=0, split=split, crlf=crlf, comments=3)
    async with OpenRouterStandIn(behaviour=behaviour) as openrouter:
        text, _ = await ask(openrouter.url)
        assert text == openrouter.requests[0].content


@pytest.mark.parametrize("usage", list(Usage))
async def test_usage_wherever_it_stands(usage: Usage) -> None:
    async with OpenRouterStandIn(behaviour=Behaviour(first_token_s=0, token_s=0, usage=usage)) as openrouter:
        _, finished = await ask(openrouter.url)
        assert finished is not None
        assert (finished.usage.cost_usd is not None) == (usage is not Usage.ABSENT)


async def test_a_missing_done_after_a_finish_reason_is_no_fault() -> None:
    async with OpenRouterStandIn(behaviour=Behaviour(first_token_s=0, token_s=0, done=False)) as openrouter:
        assert (await ask(openrouter.url))[1] is not None


async def test_another_model_answers_when_the_first_is_down() -> None:
    async with OpenRouterStandIn(behaviour=Behaviour(first_token_s=0, token_s=0)) as openrouter:
        openrouter.unavailable.add(MODELS[0])
        _, finished = await ask(openrouter.url)
        assert finished is not None
        assert finished.model == "openai/gpt-5-mini"


async def test_a_wrong_key() -> None:
    async with OpenRouterStandIn() as openrouter:
        with pytest.raises(BridgeError) as caught:
            await ask(openrouter.url, "wrong")
    assert caught.value.code == "llm_unauthorized"


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BridgeError) as caught:
        await ask(f"http://127.0.0.1:{port}/api/v1")
    assert (caught.value.code, caught.value.retryable) == ("llm_unreachable", True)


async def test_a_torn_connection() -> None:
    async with openrouter_peer(Reply([chunk("начало")], torn=True)) as peer:
        with pytest.raises(BridgeError) as caught:
            await ask(peer.url)
    assert caught.value.code in ("llm_unreachable", "llm_cut")


async def test_an_answer_after_done_is_not_waited_for() -> None:
    async with openrouter_peer(Reply([chunk("x"), STOP, DONE, 30.0])) as peer:
        async with asyncio.timeout(2):
            assert (await ask(peer.url))[0] == "x"


async def test_an_event_without_end_is_refused() -> None:
    async with openrouter_peer(Reply([b"data: " + b"x" * 300_000])) as peer:
        with pytest.raises(BridgeError) as caught:
            await ask(peer.url)
    assert caught.value.code == "llm_malformed"


async def test_cancelling_closes_the_connection() -> None:
    async with openrouter_peer(Reply([chunk("x"), 30.0])) as peer:
        task = asyncio.create_task(ask(peer.url), name="ask")
        async with asyncio.timeout(2):
            while not peer.bodies:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            while not peer.left_early:
                await asyncio.sleep(0.01)
    assert peer.open_now == 0


async def test_a_connection_is_reused() -> None:
    async with openrouter_peer(answer("x")) as peer:
        llm = OpenRouter(peer.url, "key", MODELS)
        for _ in range(2):
            assert [event async for event in llm.stream(PROMPT)]
        await llm.aclose()
        assert [event async for event in llm.stream(PROMPT)], "asking again opens a new session"
        await llm.aclose()
