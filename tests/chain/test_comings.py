"""ARI comes and goes under calls of every age, on a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chain.daemon import Message
from tests.chain.scenes import PHONES, did
from tests.chain.tones import word
from tests.chain.town import Story, Town, open_town
from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.lab.line import Line
from tests.lab.telephone import Telephone

pytestmark = pytest.mark.asterisk

NUMBER = "7900333000{}"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    require("asterisk", why_no_asterisk())
    settings = {"ARI__RECONNECT_MAX_S": "1"}
    async with open_town(tmp_path, settings=settings, proxied=True, phones=PHONES[:9]) as opened:
        yield opened


async def ring(town: Town, index: int) -> tuple[asyncio.Task[Line], Line]:
    """Client `index` dials operator 100`index`, whose telephone rings: the client's dialling, the operator's line."""
    telephone = await town.telephones.operator(f"100{index}")
    client = await town.telephones.client(NUMBER.format(index))
    dialling = asyncio.create_task(client.dial(did(f"100{index}"), town.voice(index)), name=f"client[{index}]")
    return dialling, await telephone.rung()


async def talk(town: Town, index: int) -> tuple[Line, Line]:
    """The same, answered: both lines."""
    dialling, operator = await ring(town, index)
    operator.answer(town.voice(50 + index))
    return await dialling, operator


async def ring_out(town: Town, telephone: Telephone, index: int) -> tuple[asyncio.Task[Line], Line]:
    """An operator dials out to number `index`: his dialling, the line that rings behind the trunk."""
    number = "8" + NUMBER.format(index)[1:]
    dialling = asyncio.create_task(telephone.dial(number, town.voice(50 + index)), name=f"operator[{index}]")
    return dialling, await town.trunk.rung(number)


def last(town: Town, index: int) -> Message:
    """The newest view of a client's call, empty where there is none."""
    views = [
        m["call"] for m in town.page.messages if m.get("call", {}).get("client_number") == "+" + NUMBER.format(index)
    ]
    return views[-1] if views else {}


def shows(town: Town, index: int, **members: Any) -> Callable[[], bool]:
    return lambda: bool(last(town, index)) and {key: last(town, index)[key] for key in members} == members


async def until_ready(town: Town, *, ready: bool) -> None:
    await town.page.until(lambda: (town.page.system["ari"]["state"] == "up") is ready, 20)


async def test_calls_of_every_age_outlive_a_line_that_is_cut(town: Town) -> None:
    assert town.proxy is not None
    page = town.page
    talking = await talk(town, 1)
    rung_before, ringing_before = await ring(town, 2)
    ended = await talk(town, 3)
    for index in (1, 3):
        await page.until(lambda index=index: heard(town, index, "client") and heard(town, index, "operator"))  # type: ignore[misc]
    await page.until(shows(town, 2, ringing=["1002"]))

    town.proxy.cut()
    await until_ready(town, ready=False)
    lines_before = len(page.of("transcript", last(town, 1)["id"]))
    await ended[0].hang_up()
    rung_during, ringing_during = await ring(town, 4)
    answered = await talk(town, 5)
    caller = await town.telephones.operator("1006")
    dialling, dialled = await ring_out(town, caller, 6)
    await page.until(lambda: len(page.of("transcript", last(town, 1)["id"])) > lines_before + 3)  # while ARI is away

    town.proxy.mend()
    await until_ready(town, ready=True)
    await page.until(shows(town, 3, status="ended"))
    await page.until(shows(town, 2, status="ringing", ringing=["1002"]))
    await page.until(shows(town, 4, status="ringing", ringing=["1004"], direction="inbound", callee="+74950011004"))
    await page.until(shows(town, 5, status="answered", operator="1005"))
    await page.until(shows(town, 6, status="ringing", operator="1006", direction="outbound"))
    ringing_before.answer(town.voice(52))
    ringing_during.answer(town.voice(54))
    dialled.answer(town.voice(6))
    await asyncio.gather(rung_before, rung_during, dialling)
    for index in (1, 2, 4, 5, 6):
        await page.until(shows(town, index, status="answered", operator=f"100{index}"))
        await page.until(lambda index=index: heard(town, index, "client") and heard(town, index, "operator"))  # type: ignore[misc]
    for line in (talking[0], rung_before.result(), rung_during.result(), answered[0], dialling.result()):
        await line.hang_up()
    for index in range(1, 7):
        story = await town.story("+" + NUMBER.format(index))
        assert story.tones("client") == [word(index)]
        assert story.tones("operator") == [word(50 + index)]
    assert len(town.cards()) == 6, "one card per conversation"
    await asyncio.to_thread(town.asterisk.wait_idle)
    assert [line for line in town.daemon.log if line["level"] in ("error", "critical")] == []


def heard(town: Town, index: int, leg: str) -> list[str]:
    return Story(town, last(town, index)["id"]).tones(leg)


async def test_asterisk_that_dies_ends_its_calls_and_the_next_ones_are_followed(town: Town) -> None:
    page = town.page
    await talk(town, 1)
    await ring(town, 2)
    await page.until(lambda: last(town, 1) and heard(town, 1, "client"))
    await page.until(shows(town, 2, ringing=["1002"]))
    await asyncio.to_thread(town.asterisk.kill)
    await until_ready(town, ready=False)
    await asyncio.to_thread(town.asterisk.start)
    await until_ready(town, ready=True)
    for index in (1, 2):
        await page.until(lambda index=index: page.of("call_end", last(town, index)["id"]))  # type: ignore[misc]
        assert page.of("call_end", last(town, index)["id"])[0]["reason"]
    client, _ = await talk(town, 3)
    await page.until(lambda: last(town, 3) and heard(town, 3, "client") and heard(town, 3, "operator"))
    await client.hang_up()
    story = await town.story("+" + NUMBER.format(3))
    assert story.changes("status") == ["ringing", "answered", "ended"]
    await asyncio.to_thread(town.asterisk.wait_idle)
