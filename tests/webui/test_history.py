"""Past calls on the page, in a real Chromium: finding one, its course, its recording, its summary."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.webui.pasts import HOSTILE, hit, record, snippet, wav
from tests.webui.scripted import Json, ScriptedHub, serving, until
from tests.webui.tab import frames, tab
from tests.webui.test_access import violations

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
FOUND = {"calls": [hit(snippets=[snippet("Это слишком дорого", [4, 18])]), hit("p2", answered_at=None)], "next": None}
HEARD = {"tracks": ["stereo", "in", "out"]}
THEMES = pytest.mark.parametrize("theme", ["light", "dark"])
WIDTHS = pytest.mark.parametrize("width", [360, 1280])


def asked(hub: ScriptedHub, name: str) -> list[dict[str, str]]:
    return [query for known, _, query in hub.asked if known == name]


async def no_sideways(page: Page) -> None:
    """Nothing is wider than the window."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(
        "[...document.querySelectorAll('.section')].every((part) => part.scrollWidth <= part.clientWidth)"
    )


async def test_a_search_is_in_the_address_and_its_answer_on_the_page(browser: Browser) -> None:
    async with serving(rest={"GET api/history": FOUND}) as hub, tab(browser, hub.base, path="/#/history") as page:
        await page.get_by_label("Что искать").fill("дорого")
        await page.get_by_label("С", exact=True).fill("2026-11-20")
        await page.get_by_label("По", exact=True).fill("2026-11-26")
        await page.get_by_label("Оператор").fill("1001")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("from=2026-11-20&to=2026-11-26&operator=1001"))
        await until(lambda: len(asked(hub, "GET api/history")) == 2, 5)
        await expect(page.locator(".hit")).to_have_count(2)
        first, second = await page.locator(".hit").all_inner_texts()
        assert "+7 900 123-45-67" in first
        assert "Перезвонить в среду" in first
        assert "26 нояб." in first
        assert "не отвечен" in second
        assert await page.locator("mark").all_inner_texts() == ["слишком дорого"]
        last = asked(hub, "GET api/history")[-1]
        assert last == {
            "q": "дорого",
            "operator": "1001",
            "from": "2026-11-19T21:00:00.000Z",
            "to": "2026-11-26T21:00:00.000Z",
        }
        href = await page.get_by_role("link", name="Скачать таблицу").get_attribute("href")
        assert href is not None
        assert "q=%D0%B4" in href
        assert "zone=Europe%2FMoscow" in href
        await page.get_by_role("button", name="Сбросить").click()
        await expect(page.get_by_label("Что искать")).to_have_value("")
        await until(lambda: asked(hub, "GET api/history")[-1] == {}, 5)
        await page.go_back()
        await expect(page.get_by_label("Что искать")).to_have_value("дорого")


async def test_more_follows_below(browser: Browser) -> None:
    def pages(body: Any, query: dict[str, str]) -> tuple[int, Json]:
        return 200, {"calls": [hit("p3")], "next": None} if query.get("before") else {**FOUND, "next": 77}

    async with serving(rest={"GET api/history": pages}) as hub, tab(browser, hub.base, path="/#/history") as page:
        await expect(page.get_by_text("2 звонка, есть ещё")).to_be_visible()
        await page.get_by_role("button", name="Показать ещё").click()
        await expect(page.locator(".hit")).to_have_count(3)
        await expect(page.get_by_text("3 звонка")).to_be_visible()
        assert asked(hub, "GET api/history")[-1] == {"before": "77"}


async def test_a_call_that_goes_on_says_so(browser: Browser) -> None:
    live = hit(status="answered", outcome=None, reason=None, duration_ms=None)
    rings = hit("p2", status="ringing", ringing=["1002"], answered_at=None, operator=None, outcome=None, reason=None)
    found = {"calls": [live, rings], "next": None}
    async with serving(rest={"GET api/history": found}) as hub, tab(browser, hub.base, path="/#/history") as page:
        await expect(page.locator(".hit .outcome")).to_have_text(["в разговоре", "звонит на 1002"])
        assert "не отвечен" not in await page.locator(".found").inner_text()


async def test_nothing_found_and_no_answer_are_said(browser: Browser) -> None:
    async with serving(rest={"GET api/history": {"calls": [], "next": None}}) as hub:
        async with tab(browser, hub.base, path="/#/history") as page:
            await expect(page.get_by_text("Ничего не нашлось")).to_be_visible()
        broken = {"error": {"code": "store_busy", "message": "база занята"}}
        hub.rest["GET api/history"] = lambda body, query: (503, broken)
        async with tab(browser, hub.base, path="/#/history") as page:
            await expect(page.get_by_role("alert").filter(has_text="база занята")).to_be_visible()


async def test_a_call_with_its_hints_and_what_happened_to_them(browser: Browser) -> None:
    async with (
        serving(rest={"GET api/calls/p1": record(), "GET api/history": FOUND}) as hub,
        tab(browser, hub.base, path="/#/history/p1") as page,
    ):
        said = page.locator(".said")
        await expect(said.locator(".u")).to_have_count(3)
        order = await said.locator(".u p, .hint h4, .gap").all_inner_texts()
        assert [text.split("\n")[0] for text in order] == [
            "Северный ветер, слушаю вас.",
            "Это слишком дорого для нас.",
            "Дорого, сравнивает с соседями",
            "Оператор: пропуск 1,4 с — потеря пакетов",
            "А рассрочка есть?",
            "Рассрочка",
            "Срок",
            "Не торопите",
        ]
        assert await said.locator(".fate").all_inner_texts() == [
            "Скопировано · Полезно",
            "без отметки",
            "отозвана: слова оказались другими",
            "без отметки",
        ]
        await expect(page.get_by_role("img", name="Клиент говорил 50 %, оператор 25 %")).to_be_visible()
        assert await page.locator(".timeline rect.client").count() == 2
        assert await page.locator(".timeline rect.lost").count() == 1
        assert await page.locator(".timeline .mark").count() == 2  # the withdrawn one and the whisper have no place
        assert "1001: 14:02–14:02" in await page.locator(".call-head").inner_text()
        for name in ("Скачать текст", "Скачать JSON"):
            href = await page.get_by_role("link", name=name).get_attribute("href")
            assert href is not None
            assert href.startswith("api/calls/p1/export?format=")
        await page.get_by_role("link", name="К поиску").click()
        await expect(page.locator(".hit")).to_have_count(2)


async def test_a_found_place_leads_to_its_moment(browser: Browser) -> None:
    long = record()
    long["transcript"] = [
        {**long["transcript"][1], "utterance": n, "start_ms": n * 6000, "end_ms": n * 6000 + 4000, "text": f"Слова {n}"}
        for n in range(200)
    ]
    found = {"calls": [hit(snippets=[{**snippet("Слова 150", [0, 5]), "start_ms": 900_000}])], "next": None}
    rest = {"GET api/calls/p1": long, "GET api/history": found}
    async with serving(rest=rest) as hub, tab(browser, hub.base, path="/#/history?q=слова") as page:
        await page.locator(".hit ul a").click()
        line = page.locator('[data-ms="900000"]')
        await expect(line).to_be_in_viewport()
        await expect(line).to_be_focused()
        await page.evaluate("document.querySelector('.section').scrollTop = 0")
        await frames(page, 3)
        await expect(line).not_to_be_in_viewport()  # the reader goes where he wants


async def test_the_recording_goes_along_with_the_text(browser: Browser) -> None:
    sound, wanted = wav(), []

    async def recording(route: Route) -> None:
        wanted.append(route.request.url)
        given = re.search(r"bytes=(\d+)-(\d*)", route.request.headers.get("range", "bytes=0-"))
        assert given
        first, last = int(given[1]), int(given[2] or len(sound) - 1)
        headers = {"Content-Range": f"bytes {first}-{last}/{len(sound)}", "Accept-Ranges": "bytes"}
        await route.fulfill(status=206, headers=headers, content_type="audio/wav", body=sound[first : last + 1])

    async with (
        serving(rest={"GET api/calls/p1": record(recording=HEARD)}) as hub,
        tab(browser, hub.base, path="/") as page,
    ):
        await page.route("**/recording*", recording)
        await page.evaluate("location.hash = '#/history/p1'")
        audio = page.locator("audio")
        await expect(audio).to_be_visible()
        await page.get_by_role("button", name="Слушать с 00:12").click()
        await expect(page.locator(".u.now")).to_contain_text("А рассрочка есть?")
        assert await audio.evaluate("(audio) => audio.currentTime") >= 12
        await expect(page.locator(".timeline .play")).to_be_attached()
        await page.locator(".timeline svg").click(position={"x": 300, "y": 30})  # about a quarter of the way
        await expect(page.locator(".u.now")).to_contain_text("Это слишком дорого")
        await page.get_by_label("Что слушать").select_option("in")
        await expect(audio).to_have_attribute("src", "api/calls/p1/recording?track=in")
        assert any(url.endswith("track=stereo") for url in wanted)


async def test_the_summary_is_corrected_and_saved(browser: Browser) -> None:
    def save(body: Any, query: dict[str, str]) -> tuple[int, Json]:
        return 200, {**body, "call_id": "p1"}

    rest = {"GET api/calls/p1": record(), "PUT api/calls/p1/summary": save}
    async with serving(rest=rest) as hub, tab(browser, hub.base, path="/#/history/p1") as page:
        button = page.get_by_role("button", name="Сохранить")
        await expect(button).to_be_disabled()
        await page.get_by_label("Чем кончилось").fill("Купит в среду")
        await page.get_by_label("Обещано").fill("прислать смету\n\nперезвонить")
        await button.click()
        await expect(page.get_by_role("status").filter(has_text="Сохранено")).to_be_visible()
        [(_, body, _)] = [item for item in hub.asked if item[0].startswith("PUT")]
        assert body is not None
        assert (body["need"], body["outcome"]) == ("кондиционер", "Купит в среду")
        assert body["actions"] == ["прислать смету", "перезвонить"]
        await expect(button).to_be_disabled()


async def test_what_could_not_be_saved_stays_in_the_field(browser: Browser) -> None:
    refused = {"error": {"code": "not_allowed", "message": "no"}}
    rest = {"GET api/calls/p1": record(), "PUT api/calls/p1/summary": lambda body, query: (403, refused)}
    async with serving(rest=rest) as hub, tab(browser, hub.base, path="/#/history/p1") as page:
        await page.get_by_label("Чем кончилось").fill("Купит в среду")
        await page.get_by_role("button", name="Сохранить").click()
        await expect(page.get_by_role("alert").filter(has_text="правит руководитель")).to_be_visible()
        await expect(page.get_by_label("Чем кончилось")).to_have_value("Купит в среду")
        await page.get_by_role("button", name="Отменить правку").click()
        await expect(page.get_by_label("Чем кончилось")).to_have_value("Подумает")


async def test_personal_data_is_shown_when_asked_for(browser: Browser) -> None:
    hidden = record(masked=True)
    hidden["transcript"][1] = {**hidden["transcript"][1], "text": "карта [карта]"}
    open_ = record()
    open_["transcript"][1] = {**open_["transcript"][1], "text": "карта 4276 5500"}
    rest = {"GET api/calls/p1": hidden, "POST api/calls/p1/reveal": open_}
    async with serving(rest=rest) as hub, tab(browser, hub.base, path="/#/history/p1") as page:
        await expect(page.locator(".said")).to_contain_text("карта [карта]")
        await page.get_by_role("button", name="Показать личные данные").click()
        await expect(page.locator(".said")).to_contain_text("карта 4276 5500")
        await expect(page.get_by_role("button", name="Показать личные данные")).to_have_count(0)


async def test_a_call_that_is_not_there_is_said(browser: Browser) -> None:
    async with serving() as hub, tab(browser, hub.base, path="/#/history/none") as page:
        await expect(page.get_by_role("alert").filter(has_text="Такого звонка нет")).to_be_visible()


async def test_hostile_words_are_text(browser: Browser) -> None:
    evil = record(end={"call_id": "p1", "cause": 16, "reason": HOSTILE, "duration_ms": 20_000})
    evil["transcript"][1] = {**evil["transcript"][1], "text": HOSTILE}
    evil["suggestions"][0] |= {"title": HOSTILE, "content": HOSTILE}
    evil["summary"] |= {"need": HOSTILE, "outcome": HOSTILE, "actions": [HOSTILE]}
    evil["client_number"] = HOSTILE
    found = {"calls": [hit(outcome=HOSTILE, client_number=HOSTILE, snippets=[snippet(HOSTILE, [0, 9])])], "next": None}
    rest = {"GET api/calls/p1": evil, "GET api/history": found}
    async with serving(rest=rest) as hub, tab(browser, hub.base, path="/#/history") as page:
        assert HOSTILE in await page.locator(".hit").inner_text()
        await page.locator(".hit .whole").click()
        await expect(page.locator(".said")).to_contain_text(HOSTILE)
        assert await page.locator("img, .section script").count() == 0
        assert "ari bridge" in await page.title()


async def test_places_count_characters_not_code_units(browser: Browser) -> None:
    found = {"calls": [hit(snippets=[snippet("😀😀 дорого", [3, 9], [2, 4], [30, 40])])], "next": None}
    async with serving(rest={"GET api/history": found}) as hub, tab(browser, hub.base, path="/#/history") as page:
        await expect(page.locator("mark")).to_have_text(["дорого"])


async def test_in_english(browser: Browser) -> None:
    english = """localStorage.setItem("ari-bridge.preferences", '{"language":"en"}')"""
    rest = {"GET api/calls/p1": record(masked=True, recording=HEARD), "GET api/history": FOUND}
    async with (
        serving(rest=rest) as hub,
        tab(browser, hub.base, path="/#/history", script=english) as page,
    ):
        await expect(page.get_by_role("button", name="Search")).to_be_visible()
        assert not re.search("[а-яё]", await page.locator(".search").inner_text(), re.IGNORECASE)
        await page.locator(".hit .whole").first.click()
        await expect(page.get_by_role("heading", name="What was said")).to_be_visible()


@THEMES
@WIDTHS
async def test_access(browser: Browser, theme: Any, width: int) -> None:
    rest = {"GET api/calls/p1": record(masked=True, recording=HEARD), "GET api/history": {**FOUND, "next": 5}}
    async with (
        serving(rest=rest) as hub,
        tab(browser, hub.base, path="/#/history?kind=price", width=width, color_scheme=theme) as page,
    ):
        await expect(page.locator(".hit")).to_have_count(2)
        assert await violations(page) == []
        await no_sideways(page)
        await page.locator(".hit .whole").first.click()
        await expect(page.locator(".u")).to_have_count(3)
        assert await violations(page) == []
        await no_sideways(page)


async def test_by_keyboard_alone(browser: Browser) -> None:
    rest = {"GET api/calls/p1": record(), "GET api/history": FOUND}
    async with serving(rest=rest) as hub, tab(browser, hub.base, path="/#/history") as page:
        await expect(page.locator(".hit")).to_have_count(2)
        await page.get_by_label("Что искать").focus()
        await page.keyboard.type("дорого")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("q="))
        for _ in range(14):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.matches('.hit .whole')"):
                break
        await page.keyboard.press("Enter")
        await expect(page.locator(".u")).to_have_count(3)
