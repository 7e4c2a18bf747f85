"""The page in a real Chromium: what people see and do. Behaviour of the connection: test_connection.py."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.webui.scripted import ScriptedHub, serving
from tests.webui.tab import frames, tab
from tests.webui.talks import STEPS, TALK, ago, busy, call, card, in_snapshot, line, ringing

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
HOSTILE = '<img src=x onerror="document.title=1"><script>alert(1)</script>"\'`${1}&lt;b&gt;'


@pytest_asyncio.fixture(loop_scope="module")
async def hub() -> AsyncIterator[ScriptedHub]:
    async with serving(calls=busy()) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, hub: ScriptedHub) -> AsyncIterator[Page]:
    async with tab(browser, hub.base) as page:
        await hub.connected(1)
        await expect(page.locator(".call").first).to_be_visible()
        yield page


async def test_calls_show_number_state_and_timer(page: Page) -> None:
    first, second, *past = await page.locator(".call").all_inner_texts()
    assert first.split("\n")[0] == "+7 900 123-45-67"
    assert "в разговоре" in first
    assert "02:1" in first
    assert "звонит на 1001" in second
    assert re.search(r"^00:\d\d$", second, re.M), "since it began to ring"
    assert "Клиент положил трубку" in past[0]
    assert "05:41" in past[0]
    assert "перезвонить завтра" in past[1]


async def test_lines_stand_in_order_with_their_speaker_and_time(page: Page) -> None:
    assert await page.locator(".u .who").all_inner_texts() == [
        "Оператор\n01:31",
        "Клиент\n01:38",
        "Оператор\n01:49",
        "Клиент\n02:03",
    ]
    last = page.locator(".u").last
    assert await last.locator(".tail").inner_text() == " и обещали поставить на этой"
    soft, ink = await last.evaluate(
        "(u) => [...u.querySelectorAll('p span')].map((s) => getComputedStyle(s).color).reverse()"
    )
    assert soft != ink


async def test_a_partial_changes_in_place(page: Page, hub: ScriptedHub) -> None:
    """The line's own nodes stay, so nothing flickers; what was said earlier but comes later is sorted in."""
    await page.evaluate("document.querySelectorAll('.u')[3].mark = 'same'")
    await hub.say("transcript", **line("client", 2, 123_000, "Это слишком дорого для нас.", " У сосе", final=False))
    await hub.say("transcript", **line("client", 2, 123_000, "Это слишком дорого для нас. У соседей дешевле."))
    await hub.say("transcript", **line("operator", 3, 101_000, "Угу."))
    await expect(page.locator(".u")).to_have_count(5)
    assert await page.locator(".u").nth(2).inner_text() == "Оператор\n01:41\n\nУгу."
    last = page.locator(".u").last
    assert await last.locator("p").inner_text() == "Это слишком дорого для нас. У соседей дешевле."
    assert await last.evaluate("(u) => u.mark") == "same"


async def test_partials_move_nothing(page: Page, hub: ScriptedHub) -> None:
    await page.evaluate(
        """() => { window.shifts = [];
        new PerformanceObserver((list) => list.getEntries().forEach((e) => window.shifts.push(e.value)))
            .observe({type: "layout-shift"}); }"""
    )
    top = await page.locator(".u p").last.evaluate("(p) => p.getBoundingClientRect().top")
    for tail in (" и об", " и обещали поставить на этой", " и", "", " и"):
        await hub.say("transcript", **line("client", 2, 123_000, TALK[3]["text"], tail, final=False))
        await frames(page)
        assert await page.locator(".u p").last.evaluate("(p) => p.getBoundingClientRect().top") == top
    assert await page.evaluate("window.shifts") == []


async def test_a_gap_is_visible_where_it_was(page: Page, hub: ScriptedHub) -> None:
    await hub.say(
        "gap", call_id="c1", leg="client", start_ms=112_000, end_ms=113_400, frames=[37], reason="потеря пакетов"
    )
    gap = page.locator(".gap")
    await expect(gap).to_have_text("Клиент: пропуск 1,4 с — потеря пакетов")
    assert await gap.evaluate("(g) => [...g.parentElement.children].indexOf(g)") == 3


async def test_a_card_says_what_to_say_and_why(page: Page, hub: ScriptedHub) -> None:
    cursor = await hub.say("suggestion", **card(state="streaming", content="Спросите, вхо"))
    hint = page.locator(".hint")
    await expect(hint).to_have_attribute("aria-busy", "true")
    assert "пишется" in await hint.inner_text()
    await hub.say("suggestion", **card())
    await expect(hint).to_have_attribute("aria-busy", "false")
    await expect(hint.locator(".k")).to_contain_text("▲ Возражение · срочно")
    await expect(hint.locator("h3")).to_have_text("Дорого, сравнивает с соседями")
    await expect(hint.locator(".say")).to_contain_text("рассрочку на 6 месяцев")
    await expect(hint.locator("q")).to_have_text("Это слишком дорого для нас")
    assert await hub.heard("painted") == [{"type": "painted", "cursor": cursor}]


async def test_only_the_first_card_of_an_utterance_is_reported(page: Page, hub: ScriptedHub) -> None:
    first = await hub.say("suggestion", **card("s1", utterance=2))
    await hub.heard("painted")
    await hub.say("suggestion", **card("s2", utterance=2))
    other = await hub.say("suggestion", **card("s3", utterance=3))
    assert [said["cursor"] for said in await hub.heard("painted", 2)] == [first, other]


async def test_a_card_that_nobody_was_looking_at_is_not_measured(page: Page, hub: ScriptedHub) -> None:
    await page.get_by_role("button", name="+7 812 555-01-19").click()
    await hub.say("suggestion", **card("early", utterance=2), at=ago(11))
    await page.get_by_role("button", name="+7 900 123-45-67").click()
    await expect(page.locator(".hint")).to_be_visible()
    cursor = await hub.say("suggestion", **card("now", utterance=3))
    assert await hub.heard("painted") == [{"type": "painted", "cursor": cursor}]


async def test_three_cards_in_full_older_ones_folded(page: Page, hub: ScriptedHub) -> None:
    for number in range(5):
        await hub.say("suggestion", **card(f"s{number}", title=f"Карточка {number}", utterance=number))
    await expect(page.locator(".hint:not(.old) h3")).to_have_text(["Карточка 4", "Карточка 3", "Карточка 2"])
    await expect(page.locator(".hint.old .title")).to_have_text(["Карточка 1", "Карточка 0"])
    await page.locator(".hint.old button").first.click()
    await expect(page.locator(".hint:not(.old) h3")).to_have_text(
        ["Карточка 4", "Карточка 3", "Карточка 2", "Карточка 1"]
    )


async def test_buttons_tell_the_hub(page: Page, hub: ScriptedHub) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await hub.say("suggestion", **card())
    for name in ("Копировать", "Закрепить", "Полезно", "Мимо", "Скрыть"):
        await page.get_by_role("button", name=name).click()
    verdicts = [said["verdict"] for said in await hub.heard("feedback", 5)]
    assert verdicts == ["copied", "pinned", "useful", "useless", "dismissed"]
    assert await page.evaluate("navigator.clipboard.readText()") == card()["content"]
    await expect(page.locator(".hint")).to_have_count(0)
    await page.get_by_role("button", name="1 скрытая подсказка").click()
    await expect(page.locator(".hint")).to_have_count(1)


async def press(page: Page, code: str, key: str) -> None:
    await page.evaluate(
        "([code, key]) => document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', {code, key, bubbles: true}))",
        [code, key],
    )


async def test_keys_work_under_the_russian_layout(page: Page, hub: ScriptedHub) -> None:
    await hub.say("suggestion", **card())
    await expect(page.locator(".hint kbd").first).to_be_visible()
    for code, key in (("KeyP", "з"), ("Digit1", "1"), ("KeyX", "ч")):
        await press(page, code, key)
    assert [said["verdict"] for said in await hub.heard("feedback", 3)] == ["pinned", "useful", "dismissed"]


async def test_keys_can_be_turned_off_and_stay_off(page: Page, hub: ScriptedHub) -> None:
    await page.keyboard.press("Shift+Slash")
    await page.get_by_label("Управлять клавишами").uncheck()
    await page.keyboard.press("Escape")
    await page.reload()
    await hub.connected(2)
    await hub.say("suggestion", **card())
    await expect(page.locator(".hint")).to_be_visible()
    await page.keyboard.press("KeyP")
    await page.get_by_role("button", name="Полезно").click()
    assert [said["verdict"] for said in await hub.heard("feedback")] == ["useful"]


async def test_a_card_under_the_finger_is_not_swapped(page: Page, hub: ScriptedHub) -> None:
    """A key that is pressed the moment a new card comes still means the card that the person was reading."""
    await hub.say("suggestion", **card("read"))
    await hub.heard("painted")
    await asyncio.sleep(0.7)
    await hub.say("suggestion", **card("fresh", utterance=3))
    await hub.heard("painted", 2)
    await page.keyboard.press("Digit1")
    assert (await hub.heard("feedback"))[0]["id"] == "read"


async def tab_to(page: Page, selector: str) -> None:
    """By the Tab key, from wherever one is."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


async def test_all_by_keyboard(page: Page, hub: ScriptedHub) -> None:
    """Through the calls, into cards, folded and hidden ones, to a verdict, the help and another section: no mouse."""
    await hub.say("suggestion", **card("old", at=ago(40)))
    await hub.say("suggestion", **card("new", utterance=3))
    await tab_to(page, ".call")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(".head .n")).to_have_text("+7 812 555-01-19")
    await page.keyboard.press("KeyM")
    await expect(page.locator(".head .n")).to_have_text("+7 900 123-45-67")
    await page.keyboard.press("KeyJ")
    await page.keyboard.press("Digit1")
    await page.keyboard.press("KeyJ")
    await page.keyboard.press("Enter")
    await expect(page.locator(".hint.old")).to_have_count(0)
    await page.keyboard.press("KeyX")
    assert [(said["id"], said["verdict"]) for said in await hub.heard("feedback", 2)] == [
        ("new", "useful"),
        ("old", "dismissed"),
    ]
    await tab_to(page, ".hints > button.plain")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-card]")).to_have_count(2)
    await tab_to(page, ".log")
    await page.keyboard.press("Shift+Slash")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).not_to_be_visible()
    await tab_to(page, "a[href='#/settings']")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Настройки")).to_be_visible()


async def test_the_plan_and_its_progress(page: Page, hub: ScriptedHub) -> None:
    await expect(page.locator(".steps li")).to_have_count(4)
    done = [{**step, "done": True} for step in STEPS]
    await hub.say("checklist", call_id="c1", steps=done)
    await expect(page.locator(".steps .done")).to_have_count(4)


async def test_the_page_follows_the_own_call_and_yields_to_a_choice(page: Page, hub: ScriptedHub) -> None:
    number = page.locator(".head .n")
    await expect(number).to_have_text("+7 900 123-45-67")
    await page.get_by_role("button", name="+7 812 555-01-19").click()
    await expect(number).to_have_text("+7 812 555-01-19")
    await hub.say("transcript", **line("client", 3, 130_000, "Ещё слово."))
    await hub.say("suggestion", **card())
    await expect(page.locator(".call .badge")).to_have_text("1")
    await expect(number).to_have_text("+7 812 555-01-19")
    await page.get_by_role("button", name="К моему звонку").click()
    await expect(number).to_have_text("+7 900 123-45-67")
    await expect(page.locator(".call .badge")).to_have_count(0)


async def test_a_new_call_comes_up_by_itself(page: Page, hub: ScriptedHub) -> None:
    await hub.say("call_update", call=call(status="ended"))
    await hub.say("call_end", call_id="c1", cause=16, reason="Клиент положил трубку", duration_ms=134_000)
    await expect(page.locator(".head .n")).to_have_text("+7 812 555-01-19")
    await hub.say("call_update", call=ringing(status="answered", operator="1001", ringing=[], answered_at=ago(0)))
    await expect(page.locator(".head .state")).to_contain_text("в разговоре 00:0")


async def test_a_hidden_call_is_gone(page: Page, hub: ScriptedHub) -> None:
    await hub.say("call_hidden", call_id="c2")
    await expect(page.locator(".live .call")).to_have_count(1)


async def test_a_leg_in_trouble_is_told_in_words(page: Page, hub: ScriptedHub) -> None:
    deaf = {
        "client": {"state": "no_audio", "reason": "пакеты не приходят"},
        "operator": {"state": "stt_down", "reason": None},
    }
    await hub.say("call_update", call=call(legs=deaf))
    client = page.locator(".leg.client")
    await expect(client).to_contain_text("Клиента не слышно")
    await expect(client).to_contain_text("пакеты не приходят")
    await expect(page.locator(".leg.operator")).to_contain_text("Речь оператора не распознаётся")
    await expect(client).to_contain_text(re.compile(r"\d с"))


async def test_the_reader_is_not_pulled_down(page: Page, hub: ScriptedHub) -> None:
    for number in range(40):
        await hub.say("transcript", **line("client", 10 + number, 200_000 + number * 1000, f"Слово {number}."))
    log = page.locator(".log")
    await expect(page.locator(".u")).to_have_count(44)
    at_bottom = "(log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2"
    assert await log.evaluate(at_bottom)
    await log.hover()
    await page.mouse.wheel(0, -400)
    await frames(page, 5)
    before = await log.evaluate("(log) => log.scrollTop")
    await hub.say("transcript", **line("operator", 9, 300_000, "Новое слово."))
    pill = page.get_by_role("button", name="новое")
    await expect(pill).to_have_text("новое · 1 ↓")
    assert await log.evaluate("(log) => log.scrollTop") == before
    await pill.click()
    await expect(pill).to_have_count(0)
    assert await log.evaluate(at_bottom)


async def test_speech_names_and_advice_are_text_whatever_they_hold(page: Page, hub: ScriptedHub) -> None:
    await hub.say("call_update", call=call(client_number=HOSTILE))
    await hub.say("call_start", call=ringing("c3", client_number=HOSTILE, ringing=[HOSTILE]))
    await hub.say("transcript", **line("client", 9, 200_000, HOSTILE, HOSTILE, final=False))
    await hub.say("suggestion", **card(title=HOSTILE, content=HOSTILE, quote=HOSTILE, kind=HOSTILE, priority=HOSTILE))
    await hub.say("checklist", call_id="c1", steps=[{"id": HOSTILE, "title": HOSTILE, "done": False}])
    await hub.say("system", ari={"state": "down", "reason": HOSTILE, "action": HOSTILE})
    await hub.say("gap", call_id="c1", leg="client", start_ms=1, end_ms=999, frames=[0], reason=HOSTILE)
    await expect(page.locator(".hint h3")).to_have_text(HOSTILE)
    await expect(page.locator(".u p").last).to_have_text(HOSTILE * 2)
    await expect(page.locator(".head .n")).to_have_text(HOSTILE)
    assert await page.locator("#page img, #page script, #page b b").count() == 0


async def test_a_screen_reader_hears_finals_and_urgent_cards(page: Page, hub: ScriptedHub) -> None:
    log = page.get_by_role("log")
    await expect(log).to_have_text("")
    await hub.say("transcript", **line("client", 3, 130_000, "Это", " дорого", final=False))
    await hub.say("transcript", **line("client", 3, 130_000, "Это дорого."))
    await hub.say("suggestion", **card())
    await expect(log.locator("p")).to_have_text(["Клиент: Это дорого."])
    await expect(page.locator("[role=alert]")).to_contain_text("срочно: Дорого")


@pytest.mark.parametrize(
    ("width", "height"), [(360, 640), (719, 720), (720, 720), (900, 600), (1280, 720), (1920, 1080)]
)
async def test_nothing_scrolls_sideways(browser: Browser, hub: ScriptedHub, width: int, height: int) -> None:
    hub.me = {"name": "Локальный доступ", "role": "supervisor", "extensions": [], "open": True}
    hub.mode = "demo"
    async with tab(browser, hub.base, width=width, height=height) as page:
        await hub.connected(1)
        await hub.say("suggestion", **card(title="Длинноеслово" * 8, content="Ещёдлиннее" * 20))
        await hub.say("transcript", **line("client", 9, 200_000, "Оченьдлинноеслово" * 20))
        await expect(page.locator(".hint")).to_be_visible()
        await expect(page.locator(".u")).to_have_count(5)
        wide = await page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('body *:not(.sr, .sr *)')]"
            ".filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0"
            " && !['hidden', 'clip'].includes(getComputedStyle(e).overflowX)"
            " && getComputedStyle(e).display !== 'inline')"
            ".map((e) => e.className)"
        )
        assert wide == []
        log = await page.locator(".log").bounding_box()
        assert log is not None
        assert log["height"] >= 90
        assert log["y"] + log["height"] <= height


async def test_before_the_first_call_it_says_what_to_do(browser: Browser) -> None:
    async with (
        serving(mode="demo", me={"name": "", "role": "supervisor", "extensions": [], "open": True}) as hub,
        tab(browser, hub.base) as page,
    ):
        await expect(page.locator(".waiting")).to_contain_text("Ждём звонка")
        await expect(page.get_by_text("ДЕМО")).to_be_visible()
        await expect(page.get_by_text("открытый режим")).to_be_visible()
        await hub.say("call_start", call=ringing())
        await expect(page.locator(".log")).to_contain_text("Звонок ещё не принят")


async def test_a_missing_key_is_one_line_with_the_cure(browser: Browser) -> None:
    off = {"state": "off", "reason": "нет ключа Soniox", "action": "Задайте ARI_BRIDGE_SONIOX__API_KEY"}
    up = {"state": "up", "reason": None, "action": None}
    system = {"ari": up, "stt": off, "llm": up, "store": up}
    async with serving(system=system, calls=[in_snapshot(call())]) as hub, tab(browser, hub.base) as page:
        banner = page.locator(".banner")
        await expect(banner).to_have_text("Звонки без текста. Нет ключа Soniox. Задайте ARI_BRIDGE_SONIOX__API_KEY.")
        await expect(page.locator(".log")).to_contain_text("без текста")
        await hub.say("system", ari=up, stt=up, llm=up, store=up)
        await expect(banner).to_be_empty()
