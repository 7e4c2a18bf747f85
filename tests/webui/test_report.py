"""The report on the page, in a real Chromium: what is drawn is what was counted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.webui.pasts import HOSTILE, cards, report, talk
from tests.webui.scripted import ME, serving, until
from tests.webui.tab import tab
from tests.webui.test_access import violations
from tests.webui.test_history import THEMES, WIDTHS, asked, no_sideways

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
OLGA = {**ME, "name": "Ольга", "role": "supervisor", "extensions": []}


async def test_the_first_figures(browser: Browser) -> None:
    async with (
        serving(me=OLGA, rest={"GET api/report": report()}) as hub,
        tab(browser, hub.base, path="/#/report") as page,
    ):
        await expect(page.locator(".sums .panel")).to_have_count(7)
        tiles = await page.locator(".sums .panel").all_inner_texts()
        assert [" ".join(tile.split()) for tile in tiles] == [
            "Звонки 8 отвечено 75 %",
            "Средний разговор 1 мин всего 10 мин",
            "Подсказки 10 1,7 на разговор",
            "Пригодилось 40 % 4 подсказки",
            "Мимо 20 % 2 подсказки",
            "Подсказка приходит сразу 95 % не позже 0,35 с",
            "Расходы $0,040 $0,007 на разговор",
        ]


async def test_what_is_drawn_is_what_was_counted(browser: Browser) -> None:
    async with (
        serving(me=OLGA, rest={"GET api/report": report()}) as hub,
        tab(browser, hub.base, path="/#/report") as page,
    ):
        calls = page.get_by_role("img", name="звонков 8, отвечено 6")
        await expect(calls.locator("rect.answered")).to_have_count(2)
        heights = await calls.locator("rect.answered, rect.missed").evaluate_all(
            "(bars) => bars.map((bar) => [bar.getAttribute('class'), Math.round(bar.getAttribute('height') * 10)])"
        )
        assert [name for name, _ in heights] == ["answered", "missed"] * 2
        assert [round(height / heights[1][1]) for _, height in heights] == [2, 1, 4, 1]
        assert await calls.locator("title").all_text_contents() == [
            "чт, 26 нояб.: звонков 3, отвечено 2",
            "пт, 27 нояб.: звонков 5, отвечено 4",
        ]
        talk_bar = page.get_by_role("img", name="Клиент 33 %, оператор 50 %, тишина 17 %").first
        widths = await talk_bar.locator("rect:not(.lane)").evaluate_all(
            "(parts) => parts.map((part) => Math.round(Number(part.getAttribute('width'))))"
        )
        assert widths == [99, 150, 51]
        hints = page.get_by_role("table").first
        await expect(hints.get_by_role("row").nth(1)).to_contain_text("Возражение: дорого")
        await expect(hints.get_by_role("row").nth(2)).to_contain_text("ИИ без карточки")
        await expect(hints.get_by_role("img", name="Пригодилось 4, мимо 2, без отметки 4")).to_be_visible()
        latency = page.get_by_role("img", name=re.compile("сценарий: обычно сразу"))
        assert await latency.locator("rect.playbook").count() == 8
        await expect(page.get_by_role("row", name=re.compile("soniox"))).to_contain_text("55 мин")
        await expect(page.get_by_role("row", name=re.compile("openrouter"))).to_contain_text("нет цены")


async def test_the_period_and_the_operator_are_asked_for(browser: Browser) -> None:
    async with (
        serving(me=OLGA, rest={"GET api/report": report()}) as hub,
        tab(browser, hub.base, path="/#/report?from=2026-11-26&to=2026-11-27") as page,
    ):
        await expect(page.locator(".sums")).to_be_visible()
        assert asked(hub, "GET api/report") == [
            {"from": "2026-11-25T21:00:00.000Z", "to": "2026-11-27T21:00:00.000Z", "offset": "180"}
        ]
        await page.get_by_role("combobox", name="Оператор").select_option("1002")
        await expect(page).to_have_url(re.compile("operator=1002"))
        await until(lambda: asked(hub, "GET api/report")[-1].get("operator") == "1002", 5)
        await page.get_by_role("button", name="Вчера").click()
        await expect(page.get_by_role("button", name="Вчера")).to_have_attribute("aria-pressed", "true")
        await until(lambda: len(asked(hub, "GET api/report")) == 3, 5)
        assert asked(hub, "GET api/report")[-1]["operator"] == "1002"
        await page.get_by_label("С", exact=True).fill("2026-11-01")
        await expect(page).to_have_url(re.compile("from=2026-11-01"))


async def test_nothing_to_count_and_no_answer_are_said(browser: Browser) -> None:
    empty = report(talk=talk(calls=0, answered=0), operators=[], by_card=[], latency=[], costs=[])
    async with serving(me=OLGA, rest={"GET api/report": empty}) as hub:
        async with tab(browser, hub.base, path="/#/report") as page:
            await expect(page.get_by_text("За эти дни звонков нет")).to_be_visible()
        hub.rest["GET api/report"] = lambda body, query: (503, {"error": {"code": "x", "message": "база занята"}})
        async with tab(browser, hub.base, path="/#/report") as page:
            await expect(page.get_by_role("alert").filter(has_text="база занята")).to_be_visible()


async def test_an_operator_has_no_report(browser: Browser) -> None:
    async with serving() as hub, tab(browser, hub.base, path="/#/report") as page:
        await expect(page.locator(".desk")).to_be_visible()
        await expect(page.get_by_role("link", name="Отчёт")).to_have_count(0)
        assert asked(hub, "GET api/report") == []


async def test_hostile_names_are_text(browser: Browser) -> None:
    evil = report(
        operators=[{"operator": HOSTILE, "talk": talk(), "cards": cards()}],
        by_card=[{"card": HOSTILE, "title": HOSTILE, "kind": "other", "cards": cards()}],
        costs=[{"service": HOSTILE, "model": HOSTILE, "unit": HOSTILE, "amount": 1, "usd": 1}],
    )
    async with (
        serving(me=OLGA, rest={"GET api/report": evil}) as hub,
        tab(browser, hub.base, path="/#/report") as page,
    ):
        await expect(page.get_by_role("rowheader").first).to_contain_text(HOSTILE)
        assert await page.locator("img[src], .section script").count() == 0


@THEMES
@WIDTHS
async def test_access(browser: Browser, theme: Any, width: int) -> None:
    async with (
        serving(me=OLGA, rest={"GET api/report": report()}) as hub,
        tab(browser, hub.base, path="/#/report", width=width, color_scheme=theme) as page,
    ):
        await expect(page.locator(".sums")).to_be_visible()
        assert await violations(page) == []
        await no_sideways(page)


async def test_in_english(browser: Browser) -> None:
    english = """localStorage.setItem("ari-bridge.preferences", '{"language":"en"}')"""
    mine = report(by_card=[{"card": "llm", "title": "x", "kind": "other", "cards": cards()}])
    async with (
        serving(me=OLGA, rest={"GET api/report": mine}) as hub,
        tab(browser, hub.base, path="/#/report", script=english) as page,
    ):
        await expect(page.locator(".sums")).to_be_visible()
        assert not re.search("[а-яё]", await page.locator(".section").inner_text(), re.IGNORECASE)
