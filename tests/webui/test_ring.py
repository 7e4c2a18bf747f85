"""What is told at the ring, before the first word, in a real Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.webui.pasts import HOSTILE, earlier, known
from tests.webui.scripted import serving, until
from tests.webui.tab import frames, tab
from tests.webui.talks import ago, in_snapshot, line, ringing
from tests.webui.test_access import violations
from tests.webui.test_history import THEMES, WIDTHS, no_sideways

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
ASKED = "GET api/numbers/+78125550119"


PAST = known(
    earlier("p1"), earlier("p2", operator="1002"), earlier("p3", operator=None, summary=None, duration_ms=0), total=7
)


async def test_last_calls_outcomes_and_promises_at_the_ring(browser: Browser) -> None:
    async with serving(calls=[in_snapshot(ringing())], rest={ASKED: PAST}) as hub, tab(browser, hub.base) as page:
        ring = page.locator(".ring")
        await expect(ring.locator("summary")).to_have_text("Раньше было 7 звонков · 2 обещания")
        assert [" ".join(text.split()) for text in await ring.locator("ol > li").all_inner_texts()] == [
            "20 нояб., 11:05 · 1001 · 3 мин Взял время подумать Обещано: прислать смету",
            "20 нояб., 11:05 · 1002 · 3 мин Взял время подумать Обещано: прислать смету",
            "20 нояб., 11:05 · не отвечен Клиент положил трубку",
        ]
        links = ring.get_by_role("link")
        await expect(links).to_have_count(1)  # of another's call an operator is only told
        assert await links.first.get_attribute("href") == "#/history/p1"
        assert [name for name, _, _ in hub.asked if "numbers" in name] == [ASKED]


async def test_it_folds_at_the_first_word_and_can_be_opened_again(browser: Browser) -> None:
    async with serving(calls=[in_snapshot(ringing())], rest={ASKED: PAST}) as hub, tab(browser, hub.base) as page:
        await expect(page.locator(".ring ol")).to_be_visible()
        taken = ringing(status="answered", operator="1001", ringing=[], answered_at=ago(0), zero_at=ago(0))
        await hub.say("call_update", call=taken)
        await frames(page)
        await expect(page.locator(".ring ol")).to_be_visible()
        await hub.say("transcript", **line("operator", 1, 0, "Слушаю вас", call_id="c2"))
        await expect(page.locator(".ring ol")).to_be_hidden()
        await page.locator(".ring summary").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".ring ol")).to_be_visible()
        await hub.say("transcript", **line("client", 1, 900, "Здравствуйте", call_id="c2"))
        await expect(page.locator(".u")).to_have_count(2)
        await expect(page.locator(".ring ol")).to_be_visible()
        assert len([name for name, _, _ in hub.asked if "numbers" in name]) == 1


async def test_a_new_client_and_a_hidden_number(browser: Browser) -> None:
    async with serving(calls=[in_snapshot(ringing())], rest={ASKED: known()}) as hub, tab(browser, hub.base) as page:
        await expect(page.locator(".ring")).to_have_text("Первый звонок с этого номера.")
        await hub.say("call_update", call=ringing(status="ended", ringing=[]))
        await hub.say("call_start", call=ringing("c9", client_number=None, ringing=["1001"]))
        await expect(page.locator(".head .n")).to_have_text("Номер скрыт")
        await expect(page.locator(".ring")).to_have_count(0)


async def test_no_answer_disturbs_nothing(browser: Browser) -> None:
    async with serving(calls=[in_snapshot(ringing())]) as hub, tab(browser, hub.base) as page:
        await until(lambda: any("numbers" in name for name, _, _ in hub.asked), 5)
        await expect(page.locator(".head .n")).to_be_visible()
        await expect(page.locator(".ring")).to_have_count(0)


async def test_hostile_words_are_text(browser: Browser) -> None:
    evil = {"call_id": "p1", "need": HOSTILE, "outcome": HOSTILE, "actions": [HOSTILE]}
    past = known(earlier("p1", summary=evil, reason=HOSTILE))
    async with serving(calls=[in_snapshot(ringing())], rest={ASKED: past}) as hub, tab(browser, hub.base) as page:
        await expect(page.locator(".ring li").first).to_contain_text(HOSTILE)
        assert await page.locator(".ring img, .ring script").count() == 0


@THEMES
@WIDTHS
async def test_access(browser: Browser, theme: Any, width: int) -> None:
    async with (
        serving(calls=[in_snapshot(ringing())], rest={ASKED: PAST}) as hub,
        tab(browser, hub.base, width=width, color_scheme=theme) as page,
    ):
        await expect(page.locator(".ring ol")).to_be_visible()
        assert await violations(page) == []
        await no_sideways(page)
