"""Users for administrators before a real hub; sound and notification for urgent hints, in a real Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from ari_bridge.accounts import Role
from tests.hub.running import Running
from tests.hub.team import PASSWORD
from tests.webui.doors import closed_to_strangers
from tests.webui.scripted import serving
from tests.webui.tab import eventually, frames, tab
from tests.webui.talks import busy, card

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
HEARING = """
window.tones = 0; window.notices = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...rest) { window.tones += 1; return start.apply(this, rest); };
window.Notification = class {
  static permission = "granted";
  constructor(title, options) { window.notices.push([title, options.body]); window.last = this; }
  close() {}
};
Document.prototype.hasFocus = () => false;
"""
WANTED = "localStorage.setItem('ari-bridge.preferences', '{\"sound\":true,\"notify\":true}');"


@pytest_asyncio.fixture(loop_scope="module")
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    async with closed_to_strangers(tmp_path, "anna", "root") as room:
        yield room


async def sign_in(page: Page, name: str) -> None:
    await page.get_by_label("Имя").fill(name)
    await page.get_by_label("Пароль").fill(PASSWORD)
    await page.get_by_role("button", name="Войти").click()
    await expect(page.locator(".pill.ok")).to_be_visible()


async def test_an_administrator_adds_changes_and_removes_users(browser: Browser, room: Running) -> None:
    async with tab(browser, room.base, path="/#/settings") as page:
        await sign_in(page, "root")
        people = page.locator(".people li")
        await expect(people).to_have_count(2)
        await page.get_by_role("button", name="Добавить").click()
        form = page.get_by_role("form")
        await form.get_by_label("Имя").fill("Вера <b>")
        await form.get_by_label("Пароль").fill("длинный пароль")
        await form.get_by_role("button", name="Сохранить").click()
        await expect(page.locator(".users .fault")).to_contain_text("внутренний номер")
        await form.get_by_label("Внутренние номера").fill("1007, 1008")
        await form.get_by_role("button", name="Сохранить").click()
        await expect(page.locator(".people")).to_contain_text("Вера <b>")
        added = (await room.accounts.directory()).named("Вера <b>")
        assert added is not None
        assert added.extensions == ("1007", "1008")
        await page.get_by_role("button", name="Изменить: Вера <b>").click()
        await expect(form.get_by_label("Внутренние номера")).to_have_value("1007, 1008")
        await form.get_by_role("combobox").select_option("supervisor")
        await form.get_by_label("Внутренние номера").fill("")
        await form.get_by_role("button", name="Сохранить").click()
        await expect(people.filter(has_text="Вера")).to_contain_text("руководитель")
        changed = (await room.accounts.directory()).named("Вера <b>")
        assert changed is not None
        assert (changed.role, changed.extensions) == (Role.SUPERVISOR, ())
        await page.get_by_role("button", name="Удалить: Вера <b>").click()
        await page.get_by_role("button", name="Оставить").click()
        await page.get_by_role("button", name="Удалить: Вера <b>").click()
        await page.get_by_role("button", name="Удалить совсем").click()
        await expect(people).to_have_count(2)
        assert (await room.accounts.directory()).named("Вера <b>") is None


async def test_a_form_stays_open_where_the_list_comes_after_it(browser: Browser, room: Running) -> None:
    async with tab(browser, room.base, path="/#/settings") as page:
        come = asyncio.Event()

        async def late(route: Route) -> None:
            await come.wait()
            await route.continue_()

        await page.route("**/api/users", late)
        await sign_in(page, "root")
        await page.get_by_role("button", name="Добавить").click()
        name = page.get_by_role("form").get_by_label("Имя")
        await name.fill("Вера")
        come.set()
        await expect(page.locator(".people li")).to_have_count(2)
        await expect(name).to_have_value("Вера")


async def test_the_last_administrator_stays_one_and_is_told_why(browser: Browser, room: Running) -> None:
    async with tab(browser, room.base, path="/#/settings") as page:
        await sign_in(page, "root")
        await expect(page.get_by_role("button", name="Удалить: root")).to_have_count(0)
        await page.get_by_role("button", name="Изменить: root").click()
        await page.get_by_role("combobox").select_option("supervisor")
        await page.get_by_role("button", name="Сохранить").click()
        await expect(page.locator(".users .fault")).to_contain_text("последний администратор")
        await page.get_by_role("button", name="Добавить").click()
        await page.get_by_role("form").get_by_label("Имя").fill("анна")
        await page.get_by_label("Внутренние номера").fill("1009")
        await page.get_by_role("form").get_by_label("Пароль").fill("длинный пароль")
        await page.get_by_role("button", name="Сохранить").click()
        await expect(page.locator(".users .fault")).to_contain_text("уже есть")


async def test_an_operator_sees_no_users(browser: Browser, room: Running) -> None:
    async with tab(browser, room.base, path="/#/settings") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await sign_in(page, "Анна")
        await expect(page.get_by_role("heading", name="Вид")).to_be_visible()
        await expect(page.get_by_role("heading", name="Пользователи")).to_have_count(0)
        assert [url for url in asked if "api/users" in url] == []


async def test_only_an_urgent_hint_is_heard_and_notified(browser: Browser) -> None:
    async with serving(calls=busy()) as hub, tab(browser, hub.base, script=HEARING + WANTED) as page:
        await hub.connected(1)
        await expect(page.locator(".u").first).to_be_visible()
        await hub.say("suggestion", **card("low", priority="medium"))
        await expect(page.locator(".hint")).to_be_visible()
        await frames(page)
        assert await page.evaluate("[window.tones, window.notices]") == [0, []]
        await hub.say("suggestion", **card("high", title="Дорого", content="Рассрочка."))
        await eventually(page, "window.notices.length > 0")
        assert await page.evaluate("[window.tones, window.notices]") == [2, [["Возражение: Дорого", "Рассрочка."]]]
        await page.evaluate("location.hash = '#/settings'")
        await expect(page.get_by_role("heading", name="Настройки")).to_be_visible()
        await page.evaluate("window.last.onclick()")
        await expect(page.locator(".u").first).to_be_visible()
        await hub.say("suggestion", **card("high", title="Дорого", content="Рассрочка.", verdicts=["useful"]))
        await expect(page.locator(".hint .useful").first).to_have_attribute("aria-pressed", "true")
        assert await page.evaluate("[window.tones, window.notices.length]") == [2, 1]


async def test_without_being_asked_for_the_page_is_silent(browser: Browser) -> None:
    async with serving(calls=busy()) as hub, tab(browser, hub.base, script=HEARING) as page:
        await hub.connected(1)
        await expect(page.locator(".u").first).to_be_visible()
        await hub.say("suggestion", **card("high"))
        await expect(page.locator("[role=alert]")).to_contain_text("Дорого")
        assert await page.evaluate("[window.tones, window.notices]") == [0, []]


async def test_a_browser_that_does_not_notify_is_told_in_words(browser: Browser) -> None:
    denied = "window.Notification = class { static permission = 'denied'; };"
    async with serving(calls=busy()) as hub, tab(browser, hub.base, script=denied, path="/#/settings") as page:
        await expect(page.get_by_label("Уведомление на рабочем столе")).to_be_disabled()
        await expect(page.locator(".switch", has_text="Уведомление")).to_contain_text("разрешите их")


async def test_the_sound_is_heard_when_it_is_chosen(browser: Browser) -> None:
    async with serving(calls=busy()) as hub, tab(browser, hub.base, script=HEARING, path="/#/settings") as page:
        await page.get_by_label("Звук при срочной подсказке").check()
        await eventually(page, "window.tones === 2")
