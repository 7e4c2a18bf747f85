"""The supervisor's wall in a real Chromium: all calls at a glance, one opened read-only, a whisper to its operator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.webui.scripted import ScriptedHub, serving
from tests.webui.tab import tab
from tests.webui.talks import LIVE, ago, busy, call, card, in_snapshot, line, ringing

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
OLGA = {"name": "Ольга", "role": "supervisor", "extensions": [], "open": False}
DEAF = {"client": {"state": "no_audio", "reason": "нет пакетов"}, "operator": LIVE}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest_asyncio.fixture(loop_scope="module")
async def hub() -> AsyncIterator[ScriptedHub]:
    calls = [busy()[0], in_snapshot(ringing(started_at=ago(31))), in_snapshot(call("c3", operator="1003"))]
    async with serving(calls=calls, me=OLGA) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, hub: ScriptedHub) -> AsyncIterator[Page]:
    async with tab(browser, hub.base) as page:
        await hub.connected(1)
        await expect(page.locator(".tile")).to_have_count(3)
        yield page


def tile(page: Page, number: str) -> Any:
    return page.locator(".tile", has_text=number)


async def test_whoever_oversees_begins_with_the_wall(page: Page) -> None:
    await expect(page).to_have_title("Стена · ari bridge")
    await expect(page.locator(".wall-head p")).to_have_text("2 разговора · 1 звонит · 1 требует внимания")


async def test_a_tile_says_who_speaks_and_the_newest_words(page: Page, hub: ScriptedHub) -> None:
    await hub.say("level", call_id="c1", client=0.6, operator=0.0)
    one = page.locator(".tile").filter(has=page.locator(".s", has_text="1001")).first
    await expect(one.locator(".speaks")).to_contain_text("Клиент")
    await expect(one.locator(".t")).to_contain_text("02:1")
    await expect(one.locator(".words")).to_contain_text("и обещали поставить на этой")
    await hub.say("transcript", **line("operator", 3, 130_000, "Дешевле не найдёте."))
    await expect(one.locator(".words")).to_contain_text("Оператор: Дешевле не найдёте.")


async def test_trouble_is_seen_and_can_be_looked_at_alone(page: Page, hub: ScriptedHub) -> None:
    await expect(tile(page, "555-01-19").locator(".alert")).to_contain_text("Не берут трубку")
    await hub.say("call_update", at=ago(8), call=call("c3", operator="1003", legs=DEAF))
    bad = page.locator(".tile.bad")
    await expect(bad.locator(".alert")).to_contain_text("Клиента не слышно 8 с")
    await page.get_by_label("Только требующие внимания").check()
    await expect(page.locator(".tile")).to_have_count(2)


async def test_a_call_is_opened_to_be_read_and_the_way_back_leads_to_the_wall(page: Page, hub: ScriptedHub) -> None:
    await hub.say("suggestion", **card(verdicts=["useful", "copied"]))
    await page.get_by_role("link", name="+7 900 123-45-67").first.press("Enter")
    await expect(page.locator(".head .state")).to_contain_text("в разговоре")
    await expect(page.locator(".u")).to_have_count(4)
    await expect(page.locator(".judged")).to_have_text("Скопировано · Полезно")
    assert await page.locator(".acts").count() == 0
    await page.keyboard.press("KeyP")
    await page.get_by_role("button", name="Вся стена").click()
    await expect(page.locator(".tile")).to_have_count(3)
    assert [said for said in hub.received if said["type"] == "feedback"] == []


async def test_a_whisper_reaches_the_hub_and_its_card_the_page(browser: Browser, hub: ScriptedHub) -> None:
    hub.rest["POST api/calls/c1/whisper"] = {}
    async with tab(browser, hub.base, path="/#/wall/c1") as page:
        field = page.get_by_label("Подсказать: 1001")
        await field.fill("Предложите рассрочку. ")
        await field.press("Enter")
        await expect(page.locator(".whisper [role=status]")).to_contain_text("Отправлено")
        await expect(field).to_have_value("")
        assert hub.asked == [("POST api/calls/c1/whisper", {"text": "Предложите рассрочку."}, {})]
        whisper = card("w1", kind="whisper", source="supervisor", title="Руководитель", content=HOSTILE, quote="")
        await hub.say("suggestion", **whisper)
        await expect(page.locator(".hint .say")).to_have_text(HOSTILE)
        await expect(page.locator(".hint .k")).to_contain_text("От руководителя")


async def test_a_whisper_that_failed_stays_to_be_sent_again(browser: Browser, hub: ScriptedHub) -> None:
    gone = {"error": {"code": "unknown_call", "message": "there is no such call"}}
    hub.rest["POST api/calls/c1/whisper"] = lambda body, query: (404, gone)
    async with tab(browser, hub.base, path="/#/wall/c1") as page:
        field = page.get_by_label("Подсказать: 1001")
        await field.fill("Раз")
        await field.press("Shift+Enter")
        await field.press_sequentially("два")
        await page.get_by_role("button", name="Отправить").click()
        await expect(page.locator(".whisper .fault")).to_contain_text("Разговор уже завершён")
        await expect(field).to_have_value("Раз\nдва")
        await page.get_by_role("button", name="Вся стена").click()
        await page.get_by_role("link", name="+7 900 123-45-67").first.click()
        await expect(field).to_have_value("Раз\nдва")


async def test_an_operator_has_no_wall(browser: Browser) -> None:
    async with serving(calls=busy()) as hub, tab(browser, hub.base, path="/#/wall") as page:
        await expect(page.locator(".head .n")).to_have_text("+7 900 123-45-67")
        await expect(page.get_by_role("link", name="Стена")).to_have_count(0)


async def test_a_wall_of_a_hundred_calls_updates_in_place(browser: Browser) -> None:
    calls = [in_snapshot(call(f"c{n}", operator=str(1000 + n))) for n in range(100)]
    async with serving(calls=calls, me=OLGA) as hub, tab(browser, hub.base) as page:
        await expect(page.locator(".tile")).to_have_count(100)
        await page.evaluate("document.querySelectorAll('.tile').forEach((e, n) => { e.mark = n; })")
        for n in range(100):
            await hub.say("transcript", **line("client", 1, 100, f"Слово {n}.", call_id=f"c{n}"))
        await expect(page.locator(".words", has_text="Слово 99.")).to_be_visible()
        marks = await page.evaluate("[...document.querySelectorAll('.tile')].map((e) => e.mark)")
        assert marks == list(range(100))


@pytest.mark.parametrize("width", [360, 720, 1280])
@pytest.mark.parametrize("path", ["/#/wall", "/#/wall/c1"])
async def test_nothing_scrolls_sideways(browser: Browser, hub: ScriptedHub, width: int, path: str) -> None:
    async with tab(browser, hub.base, width=width, path=path) as page:
        await hub.say("transcript", **line("client", 9, 200_000, "Оченьдлинноеслово" * 20))
        await expect(page.locator(".tile, .u").first).to_be_visible()
        wide = await page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('main, .tile, .words, .log, .calls, .hints')]"
            ".filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0"
            " && getComputedStyle(e).display !== 'inline').map((e) => e.className)"
        )
        assert wide == []
