"""The way between the page's sections, and what a person chooses for this browser, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.webui.scripted import ScriptedHub, serving
from tests.webui.tab import frames, tab
from tests.webui.talks import ago, busy, call, card, in_snapshot, line, ringing

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def hub() -> AsyncIterator[ScriptedHub]:
    async with serving(calls=busy()) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, hub: ScriptedHub) -> AsyncIterator[Page]:
    async with tab(browser, hub.base, path="/#/settings") as page:
        await expect(page.get_by_role("heading", name="Настройки")).to_be_visible()
        yield page


async def test_a_link_leads_to_a_section_and_the_way_back_works(page: Page) -> None:
    await expect(page).to_have_title("Настройки · ari bridge")
    await page.get_by_role("link", name="Звонки").click()
    await expect(page.locator(".head .n")).to_have_text("+7 900 123-45-67")
    assert await page.evaluate("document.activeElement.tagName") == "MAIN"
    await page.go_back()
    await expect(page.get_by_role("heading", name="Настройки")).to_be_visible()
    await expect(page.get_by_role("link", name="Настройки")).to_have_attribute("aria-current", "page")


async def test_an_own_call_that_is_answered_comes_up_wherever_one_is(page: Page, hub: ScriptedHub) -> None:
    await expect(page.locator(".strip")).to_contain_text("Идёт ваш звонок: +7 900 123-45-67")
    await hub.say("call_update", call=call(status="ended"))
    await hub.say("call_update", call=ringing(status="answered", operator="1001", ringing=[], answered_at=ago(0)))
    await expect(page.locator(".head .n")).to_have_text("+7 812 555-01-19")


async def test_whoever_is_writing_is_only_told(page: Page, hub: ScriptedHub) -> None:
    await page.get_by_label("Русский").focus()
    await hub.say("call_update", call=call(status="ended"))
    await hub.say("call_update", call=ringing(status="answered", operator="1001", ringing=[], answered_at=ago(0)))
    await expect(page.locator(".strip")).to_contain_text("+7 812 555-01-19")
    await expect(page.get_by_role("heading", name="Настройки")).to_be_visible()
    await page.get_by_role("button", name="Перейти к звонку").click()
    await expect(page.locator(".head .n")).to_have_text("+7 812 555-01-19")


async def test_the_key_to_the_own_call_works_everywhere(page: Page) -> None:
    await page.keyboard.press("KeyM")
    await expect(page.locator(".head .n")).to_have_text("+7 900 123-45-67")


async def test_the_language_changes_at_once_and_stays(page: Page, hub: ScriptedHub) -> None:
    await page.get_by_label("English").check()
    await expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "en"
    await page.get_by_role("link", name="Calls").click()
    await expect(page.locator(".u .who").first).to_contain_text("Operator")
    await page.reload()
    await hub.connected(2)
    await hub.say("suggestion", **card())
    await expect(page.get_by_role("button", name="Not useful")).to_be_visible()
    words = await page.locator("header, .desk h2, .head, .acts").all_inner_texts()
    assert not re.search("[а-яё]", " ".join(words).replace("Анна", ""), re.IGNORECASE)


async def test_a_talk_on_screen_is_said_in_the_other_language_too(browser: Browser, hub: ScriptedHub) -> None:
    async with tab(browser, hub.base) as page:
        await expect(page.locator(".u .who").first).to_contain_text("Оператор")
        other = await page.context.new_page()
        await other.goto(hub.base + "/#/settings")
        await other.get_by_label("English").check()
        await expect(page.locator(".u .who").first).to_contain_text("Operator")
        await hub.say("transcript", **line("client", 9, 200_000, "Дальше."))
        await expect(page.locator(".u").last).to_contain_text("Client")


async def test_the_theme_and_the_size_of_text_are_the_persons_choice(page: Page) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    size = "parseFloat(getComputedStyle(document.body).fontSize)"
    await page.get_by_label("Светлое").check()
    assert await page.evaluate(paper) == "rgb(246, 247, 249)"
    await page.get_by_label("Тёмное").check()
    assert await page.evaluate(paper) == "rgb(20, 23, 28)"
    before = await page.evaluate(size)
    await page.get_by_label("Самый крупный").check()
    assert await page.evaluate(size) == before * 1.5
    await page.reload()
    await expect(page.get_by_label("Самый крупный")).to_be_checked()
    assert await page.evaluate(paper) == "rgb(20, 23, 28)"


async def test_a_section_that_does_not_come_is_offered_again(browser: Browser, hub: ScriptedHub) -> None:
    async with tab(browser, hub.base) as page:
        await expect(page.locator(".u").first).to_be_visible()
        await page.route("**/words/settings.ru.js", lambda route: route.abort())
        await page.get_by_role("link", name="Настройки").click()
        await expect(page.get_by_role("alert").filter(has_text="Раздел не загрузился")).to_be_visible()
        await hub.say("call_update", call=call(status="held"))
        await page.get_by_role("link", name="Звонки").click()
        await expect(page.locator(".head .state")).to_contain_text("на удержании")
        await page.get_by_role("link", name="Настройки").click()
        await expect(page.get_by_role("alert").filter(has_text="Раздел не загрузился")).to_be_visible()
        await page.unroute("**/words/settings.ru.js")
        await page.get_by_role("button", name="Попробовать ещё раз").click()
        await expect(page.get_by_role("heading", name="Настройки")).to_be_visible()


async def test_a_section_that_fails_leaves_the_page_alone(browser: Browser, hub: ScriptedHub) -> None:
    broken = 'export const open = () => ({ render() { throw new Error("broken"); } });'
    async with tab(browser, hub.base, expected="section failed settings") as page:
        await page.route(
            "**/views/settings.js", lambda route: route.fulfill(body=broken, content_type="text/javascript")
        )
        await page.get_by_role("link", name="Настройки").click()
        await expect(page.get_by_role("alert").filter(has_text="Раздел не загрузился")).to_be_visible()
        await page.get_by_role("link", name="Звонки").click()
        await hub.say("transcript", **line("client", 9, 200_000, "Всё слышно."))
        await expect(page.locator(".u p").last).to_have_text("Всё слышно.")


async def test_a_deep_link_takes_no_focus(browser: Browser) -> None:
    me = {"name": "Ольга", "role": "supervisor", "extensions": [], "open": False}
    async with serving(calls=busy(), me=me) as hub, tab(browser, hub.base, path="/#/wall") as page:
        await expect(page.locator(".tile").first).to_be_visible()
        assert await page.evaluate("document.activeElement.tagName") == "BODY"


async def test_nonsense_in_the_browsers_store_is_forgotten(browser: Browser) -> None:
    stored = 'localStorage.setItem(\'ari-bridge.preferences\', \'{"language":"xx","size":7,"keys":\')'
    async with serving(calls=[in_snapshot(call())]) as hub, tab(browser, hub.base, script=stored) as page:
        await expect(page.locator(".head .n")).to_have_text("+7 900 123-45-67")
        await frames(page)
        assert await page.evaluate("document.documentElement.dataset.size") == "normal"


@pytest.mark.parametrize("size", ["normal", "largest"])
@pytest.mark.parametrize("width", [360, 800, 1280])
async def test_no_section_scrolls_sideways(browser: Browser, width: int, size: str) -> None:
    me = {"name": "Локальный доступ", "role": "admin", "extensions": ["1001"], "open": False}
    users = {"users": [{"name": "Длинноеимя" * 6, "role": "operator", "extensions": ["1001", "1002", "1003"]}]}
    chosen = f'localStorage.setItem("ari-bridge.preferences", \'{{"size":"{size}"}}\')'
    async with (
        serving(calls=busy(), me=me, rest={"GET api/users": users}) as hub,
        tab(browser, hub.base, width=width, script=chosen) as page,
    ):
        await hub.connected(1)
        await hub.say("suggestion", **card())
        await expect(page.locator(".hint")).to_be_visible()
        for link in await page.locator("nav.menu a").all():
            await link.click()
            await expect(page.locator("main").first).to_be_visible()
            await frames(page, 3)
            wide = await page.evaluate(
                "[document.documentElement,"
                " ...document.querySelectorAll('header, main, .desk > *, .section > *, .panel')]"
                ".filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)"
                ".map((e) => e.outerHTML.slice(0, 90))"
            )
            assert wide == [], await link.inner_text()
