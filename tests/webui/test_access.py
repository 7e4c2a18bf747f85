"""axe-core on every view of the page, in both themes: no violations."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.webui.scripted import ScriptedHub, serving
from tests.webui.tab import tab
from tests.webui.talks import STEPS, busy, call, card, in_snapshot, ringing

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
DOWN = {"state": "down", "reason": "неверный пароль", "action": "Проверьте ari.conf"}
ROOT = {"name": "root", "role": "admin", "extensions": [], "open": False}
USERS = [
    {"name": "Анна", "role": "operator", "extensions": ["1001"]},
    {"name": "root", "role": "admin", "extensions": []},
]
THEMES = pytest.mark.parametrize("theme", ["light", "dark"])


async def violations(page: Page) -> list[Any]:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    await page.evaluate(axe)
    found = await page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((results) => results.violations)"
    )
    return [(item["id"], [node["html"] for node in item["nodes"]]) for item in found]


async def fill(hub: ScriptedHub) -> None:
    """Cards of every priority, folded ones, a hidden one, a gap, a leg in trouble."""
    for number, priority in enumerate(("low", "medium", "high", "high", "low")):
        await hub.say("suggestion", **card(f"s{number}", priority=priority, utterance=number))
    await hub.say("suggestion", **card("gone", verdicts=["dismissed"]))
    await hub.say("suggestion", **card("s4", priority="low", state="streaming", verdicts=["useful", "pinned"]))
    await hub.say(
        "gap", call_id="c1", leg="client", start_ms=112_000, end_ms=113_400, frames=[1], reason="потеря пакетов"
    )
    legs = {
        "client": {"state": "no_audio", "reason": "нет пакетов"},
        "operator": {"state": "stt_waiting", "reason": None},
    }
    await hub.say("call_update", call=call(legs=legs))


@THEMES
@pytest.mark.parametrize("width", [360, 1280])
async def test_a_talk_with_hints(browser: Browser, theme: Any, width: int) -> None:
    async with (
        serving(calls=busy(), mode="demo") as hub,
        tab(browser, hub.base, width=width, color_scheme=theme) as page,
    ):
        await hub.connected(1)
        await fill(hub)
        await expect(page.locator(".hint.old")).to_have_count(2)
        assert await violations(page) == []


@THEMES
async def test_before_the_first_call(browser: Browser, theme: Any) -> None:
    async with (
        serving(me={"open": True}, system={"ari": DOWN}) as hub,
        tab(browser, hub.base, color_scheme=theme) as page,
    ):
        await expect(page.locator(".banner")).to_contain_text("Нет связи с Asterisk")
        assert await violations(page) == []


@THEMES
async def test_the_help_sheet(browser: Browser, theme: Any) -> None:
    async with serving(calls=busy()) as hub, tab(browser, hub.base, color_scheme=theme) as page:
        await hub.connected(1)
        await page.get_by_role("button", name="Клавиши").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await violations(page) == []


@THEMES
async def test_without_a_connection(browser: Browser, theme: Any) -> None:
    async with serving(calls=busy()) as hub, tab(browser, hub.base, color_scheme=theme) as page:
        await hub.connected(1)
        hub.refusal = (503, "")
        await hub.drop()
        await expect(page.locator(".banner")).to_contain_text("Нет связи")
        assert await violations(page) == []


@THEMES
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_settings_and_the_users(browser: Browser, theme: Any, width: int) -> None:
    async with (
        serving(calls=busy(), me=ROOT, rest={"GET api/users": {"users": USERS}}) as hub,
        tab(browser, hub.base, path="/#/settings", width=width, color_scheme=theme) as page,
    ):
        await page.get_by_role("button", name="Добавить").click()
        await expect(page.get_by_role("form")).to_be_visible()
        await page.get_by_role("button", name="Удалить: Анна").click()
        await expect(page.get_by_role("button", name="Удалить совсем")).to_be_visible()
        assert await violations(page) == []


@THEMES
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_wall_and_a_call_of_it(browser: Browser, theme: Any, width: int) -> None:
    legs = {"client": {"state": "no_audio", "reason": "нет пакетов"}, "operator": {"state": "live", "reason": None}}
    calls = [*busy(), in_snapshot(call("c3", operator="1003"), checklist=STEPS), in_snapshot(ringing("c4"))]
    async with (
        serving(calls=calls, me=ROOT) as hub,
        tab(browser, hub.base, path="/#/wall", width=width, color_scheme=theme) as page,
    ):
        await hub.connected(1)
        await fill(hub)
        await hub.say("call_update", call=call("c3", operator="1003", legs=legs), at="2026-01-01T00:00:00.000Z")
        await hub.say("level", call_id="c3", client=0.6, operator=0.1)
        await expect(page.locator(".alert.bad").first).to_be_visible()
        assert await violations(page) == []
        await page.locator(".tile a").first.click()
        await expect(page.get_by_role("textbox")).to_be_visible()
        assert await violations(page) == []


@THEMES
async def test_a_strip_about_the_own_call(browser: Browser, theme: Any) -> None:
    async with (
        serving(calls=busy()) as hub,
        tab(browser, hub.base, path="/#/settings", color_scheme=theme) as page,
    ):
        await expect(page.locator(".strip")).to_contain_text("Идёт ваш звонок")
        assert await violations(page) == []
