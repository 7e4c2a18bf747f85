"""A daemon that is killed in the middle of a call finds it again and goes on with it."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from ari_bridge.demo.samples import Conversation
from tests.chain.conftest import House
from tests.chain.daemon import Page
from tests.chain.pbx import Plan
from tests.chain.test_calls import check_nothing_left

TRANSCRIBING_WITHIN_S = 5.0


async def test_a_call_goes_on_after_the_daemon_was_killed(house: House, conversations: dict[str, Conversation]) -> None:
    plan = Plan(conversation=conversations["price"], number="79000000001")
    async with Page(house.daemon.url) as before:
        call = asyncio.create_task(house.pbx.play(plan), name="call")
        # A card, and the line that brought it: that is shown when it is written down, as is then what came before it.
        [card, *_] = await before.until(lambda: before.of("suggestion"), 30)
        await before.until(lambda: (card["utterance"], True) in _lines(before, "client"), 10)
        ticked = _ticked(before)
        assert ticked, "the operator has introduced herself"
        shown = {(m["leg"], m["utterance"]): m["text"] for m in before.of("transcript") if m["final"]}
        call_id = before.of("call_start")[0]["call"]["id"]
        await house.daemon.kill()
    began = time.monotonic()
    await house.daemon.start()
    async with Page(house.daemon.url) as page:
        await page.until(lambda: page.of("call_start") or page.messages[0]["calls"])
        await page.until(lambda: page.of("transcript") and page.of("gap"), 20)
        await page.until(lambda: len([m for m in page.of("transcript") if m["leg"] == "operator"]) > 1, 20)
        assert time.monotonic() - began < TRANSCRIBING_WITHIN_S + 4.0  # until somebody speaks again
        assert _ticked(page) >= ticked, "a step that is done stays done"
        assert await _judge(house, card["id"]) == (200, ["useful"]), "the page shows the card, so it can be judged"
        await call
        await page.until(lambda: page.of("call_end"))
        assert _ticked(page) >= ticked
        [summary] = await page.until(lambda: page.of("summary"))
        assert summary["need"] == shown["client", 1], "the first words, which were said before the restart"
        told = {m["call"]["id"] for m in page.of("call_start")} | {c["id"] for c in page.messages[0]["calls"]}
        assert told == {call_id}, "the same call, not another one"
        earlier = [line for c in page.messages[0]["calls"] for line in c["transcript"]]
        lines = {(m["leg"], m["utterance"]): m["text"] for m in [*earlier, *page.of("transcript")] if m["final"]}
        assert shown.items() <= lines.items(), "what was shown is shown again, unchanged"
        for leg, recorded in (("client", plan.conversation.client), ("operator", plan.conversation.operator)):
            numbers = sorted(number for side, number in lines if side == leg)
            assert len(set(numbers)) == len(numbers)
            said = " ".join(lines[leg, number] for number in numbers)
            assert said.endswith(recorded.utterances[-1].text), "the words after the restart are there"
        assert {m["leg"] for m in page.of("gap")} | {
            gap["leg"] for c in page.messages[0]["calls"] for gap in c["gaps"]
        } == {"client", "operator"}
    await check_nothing_left(house)


def _lines(page: Page, leg: str) -> set[tuple[int, bool]]:
    return {(m["utterance"], m["final"]) for m in page.of("transcript") if m["leg"] == leg}


def _ticked(page: Page) -> set[str]:
    """Steps that the page shows as done now."""
    told = [m["steps"] for m in page.of("checklist")] or [c["checklist"] for c in page.messages[0]["calls"]]
    return {step["id"] for step in told[-1] if step["done"]}


async def _judge(house: House, card_id: str) -> tuple[int, list[str]]:
    url = f"{house.daemon.url}/api/suggestions/{card_id}/feedback"
    async with aiohttp.ClientSession() as http, http.post(url, json={"verdict": "useful"}) as answer:
        return answer.status, (await answer.json()).get("verdicts", [])
