"""The sign-in page in a real Chromium, before a real hub with real accounts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from ari_bridge.accounts import Deed
from tests.hub.calls import started
from tests.hub.running import Running
from tests.hub.team import PASSWORD, entry
from tests.webui.doors import closed_to_strangers
from tests.webui.tab import tab

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    async with closed_to_strangers(tmp_path, "anna", "olga") as room:
        yield room


async def test_signing_in_and_out(browser: Browser, room: Running) -> None:
    room.publish(started("c1", ringing=("1001",), client_number="+79001112233"))
    room.publish(started("c2", ringing=("1002",), client_number="+79009998877"))
    async with tab(browser, room.base) as page:
        await expect(page).to_have_title("Вход · ari bridge")
        await expect(page.get_by_label("Имя")).to_be_focused()
        await page.get_by_label("Имя").fill("Анна")
        await page.get_by_label("Пароль").fill("не тот пароль")
        await page.get_by_label("Пароль").press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("Имя или пароль не подходят.")
        await page.get_by_label("Пароль").fill(PASSWORD)
        await page.get_by_role("button", name="Войти").click()
        await expect(page.locator(".who-am-i")).to_have_text("Анна · 1001")
        await expect(page.locator(".call")).to_have_count(1)
        await expect(page.locator("body")).not_to_contain_text("998-88-77")
        assert await page.evaluate("document.cookie") == ""
        await page.goto(f"{room.base}/login.html")  # who is signed in goes on at once
        await expect(page.locator(".who-am-i")).to_have_text("Анна · 1001")
        await page.get_by_role("button", name="Выйти").click()
        await expect(page).to_have_title("Вход · ari bridge")
        await page.goto(room.base)
        await expect(page).to_have_title("Вход · ari bridge")


async def test_who_is_put_out_comes_to_the_sign_in_page_and_stays_there(browser: Browser, room: Running) -> None:
    async with tab(browser, room.base) as page:
        await page.get_by_label("Имя").fill("Анна")
        await page.get_by_label("Пароль").fill(PASSWORD)
        await page.get_by_role("button", name="Войти").click()
        await expect(page.locator(".pill.ok")).to_be_visible()
        async with page.expect_response("**/api/me"):  # the last thing that the sign-in page asks
            await room.accounts.remove_user("anna", entry(Deed.USER_REMOVED))
        await expect(page).to_have_title("Вход · ari bridge")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await asyncio.sleep(1.5)
        assert [url for url in asked if not url.endswith("favicon.svg")] == []  # no loop
        await expect(page.get_by_label("Имя")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_everybody_can_use_it(browser: Browser, room: Running, theme: Any, width: int) -> None:
    async with tab(browser, room.base, color_scheme=theme, width=width) as page:
        await page.get_by_label("Имя").fill("Анна")
        await page.get_by_label("Пароль").fill("не тот пароль")
        await page.get_by_role("button", name="Войти").click()
        await expect(page.get_by_role("alert")).not_to_be_empty()
        await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
        assert [item["id"] for item in found] == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_whoever_chose_english_signs_in_in_english(browser: Browser, room: Running) -> None:
    chosen = "localStorage.setItem('ari-bridge.preferences', '{\"language\":\"en\"}')"
    async with tab(browser, room.base, script=chosen) as page:
        await expect(page).to_have_title("Sign in · ari bridge")
        await page.get_by_label("Name").fill("Анна")
        await page.get_by_label("Password").fill("не тот пароль")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_have_text("The name or the password is not right.")
