"""The playbook on the page, in a real Chromium, against a hub with a real desk behind its answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from ari_bridge.hints.playbook import PlaybookError
from ari_bridge.hints.playbook_yaml import parse_playbook
from ari_bridge.playbooks import version_of
from tests.hints.playbooks import SMALL
from tests.webui.pasts import HOSTILE
from tests.webui.scripted import ME, Json, ScriptedHub, serving, until
from tests.webui.tab import tab
from tests.webui.test_access import violations
from tests.webui.test_history import THEMES, WIDTHS, no_sideways

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
OLGA = {**ME, "name": "Ольга", "role": "supervisor", "extensions": []}
CHEAPER = SMALL.replace("phrases: [дорого]", "phrases: [дорого, дешевле]")


class Shelf:
    """The playbook's REST: judges texts as the hub does, keeps versions."""

    def __init__(self) -> None:
        self.texts = [SMALL]
        self.editable = True
        self.selftest: list[Json] = []
        self.preview: Json = {"calls": 0, "lines": [], "totals": [], "more": False}
        self.tried: list[Json] = []

    def rest(self) -> dict[str, Any]:
        version = version_of(SMALL)
        return {
            "GET api/playbook": self.current,
            "PUT api/playbook": self.save,
            "POST api/playbook/check": lambda body, query: self.judge(body["text"]),
            "POST api/playbook/preview": self.look,
            "GET api/playbook/versions": self.versions,
            f"GET api/playbook/versions/{version}": {"version": version, "text": SMALL},
            f"POST api/playbook/versions/{version}/restore": lambda body, query: self.put(SMALL),
        }

    def current(self, body: Any, query: Any) -> tuple[int, Json]:
        text = self.texts[-1]
        reason = None if self.editable else "в папку нельзя писать"
        return 200, {"text": text, "version": version_of(text), "editable": self.editable, "reason": reason}

    def judge(self, text: str) -> tuple[int, Json]:
        try:
            found = parse_playbook(text)
        except PlaybookError as error:
            return 422, {"error": {"code": "bad_playbook", "message": error.reason, "line": error.line}}
        steps = len(found.checklist)
        return 200, {
            "ok": True,
            "company": found.company,
            "cards": len(found.cards),
            "steps": steps,
            "selftest": self.selftest,
        }

    def save(self, body: Any, query: Any) -> tuple[int, Json]:
        if body["base"] != version_of(self.texts[-1]):
            return 409, {"error": {"code": "playbook_changed", "message": "changed"}}
        return self.put(body["text"])

    def put(self, text: str) -> tuple[int, Json]:
        status, judged = self.judge(text)
        if status == 200:
            self.texts.append(text)
        return status, {**judged, "version": version_of(text)}

    def versions(self, body: Any, query: Any) -> tuple[int, Json]:
        kept = [
            {
                "version": version_of(text),
                "saved_at": f"2026-11-2{n}T10:00:00.000Z",
                "who": "Ольга" if n else "",
                "cards": 4,
            }
            for n, text in enumerate(self.texts)
        ]
        return 200, {"versions": kept[::-1] if len(kept) > 1 else [], "current": version_of(self.texts[-1])}

    def look(self, body: Any, query: Any) -> tuple[int, Json]:
        self.tried.append(body)
        return 200, self.preview


async def typed(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Текст плейбука").fill(text)


def opened(browser: Browser, hub: ScriptedHub, **options: Any) -> Any:
    return tab(browser, hub.base, path="/#/playbook", **options)


async def test_edited_checked_saved_and_had_back(browser: Browser) -> None:
    shelf = Shelf()
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub) as page:
        save = page.get_by_role("button", name="Сохранить и применить")
        await expect(page.get_by_text("Всё верно. Ромашка: карточек 4, шагов плана 2.")).to_be_visible()
        await expect(save).to_be_disabled()
        await typed(page, CHEAPER)
        await expect(page.get_by_text("есть несохранённая правка")).to_be_visible()
        await save.click()
        await expect(page.get_by_role("status").filter(has_text="Подсказки уже идут")).to_be_visible()
        assert shelf.texts == [SMALL, CHEAPER]
        versions = page.get_by_role("region", name="Версии")
        await expect(versions.get_by_role("listitem")).to_have_count(2)
        await expect(versions.get_by_role("listitem").first).to_contain_text("действует")
        await versions.get_by_role("button", name="Вернуть").click()
        await expect(page.get_by_role("textbox", name="Текст плейбука")).to_have_value(SMALL)
        assert shelf.texts[-1] == SMALL


async def test_a_fault_leads_to_its_line(browser: Browser) -> None:
    shelf = Shelf()
    bad = SMALL.replace("kind: timing", "kind: срок")
    line = bad.split("kind: срок")[0].count("\n") + 1
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub) as page:
        await expect(page.get_by_text("Всё верно")).to_be_visible()
        await typed(page, bad)
        await expect(page.get_by_text("«срок» не бывает")).to_be_visible()
        await expect(page.get_by_role("button", name="Сохранить и применить")).to_be_disabled()
        await expect(page.locator(".gutter b")).to_have_text(str(line))
        await page.get_by_role("button", name=f"Строка {line}").click()
        chosen = "((area) => area.value.slice(area.selectionStart, area.selectionEnd).trim())(document.activeElement)"
        assert await page.evaluate(chosen) == "kind: срок"
        await typed(page, SMALL)
        await expect(page.get_by_text("Всё верно")).to_be_visible()


async def test_examples_that_do_not_hold_are_told_and_can_be_saved(browser: Browser) -> None:
    shelf = Shelf()
    shelf.selftest = [{"owner": "dear", "line": 17, "reason": "пример «это даром» карточку не вызывает"}]
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub) as page:
        await expect(page.get_by_text("1 пример не сходится")).to_be_visible()
        await page.get_by_role("button", name="Строка 17").click()
        await expect(page.get_by_role("textbox", name="Текст плейбука")).to_be_focused()


async def test_two_at_once_and_nobody_loses_anything(browser: Browser) -> None:
    shelf = Shelf()
    other = SMALL.replace("Ромашка", "Лютик")
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub) as page:
        await expect(page.get_by_text("Всё верно")).to_be_visible()
        shelf.texts.append(other)
        await typed(page, CHEAPER)
        await page.get_by_role("button", name="Сохранить и применить").click()
        await expect(page.get_by_role("alert").filter(has_text="сохранил кто-то другой")).to_be_visible()
        await expect(page.get_by_role("textbox", name="Текст плейбука")).to_have_value(CHEAPER)
        assert shelf.texts == [SMALL, other]
        await page.get_by_role("button", name="Сохранить мой поверх").click()
        await expect(page.get_by_role("status").filter(has_text="Сохранено")).to_be_visible()
        assert shelf.texts == [SMALL, other, CHEAPER]
        shelf.texts.append(other)
        await typed(page, SMALL + "\n")
        await page.get_by_role("button", name="Сохранить и применить").click()
        await page.get_by_role("button", name="Взять его вариант").click()
        await expect(page.get_by_role("textbox", name="Текст плейбука")).to_have_value(other)


async def test_a_file_is_uploaded(browser: Browser, tmp_path: Path) -> None:
    shelf = Shelf()
    file = tmp_path / "mine.yaml"
    file.write_text(CHEAPER, encoding="utf-8")
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub) as page:
        await expect(page.get_by_text("Всё верно")).to_be_visible()
        await page.locator("input[type=file]").set_input_files(file)
        await expect(page.get_by_role("textbox", name="Текст плейбука")).to_have_value(CHEAPER)
        assert shelf.texts == [SMALL], "an upload is an edit, not yet saved"
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Скачать").click()
        path = await (await download.value).path()
        assert path.read_text(encoding="utf-8") == CHEAPER


async def test_an_edit_outlives_the_section(browser: Browser) -> None:
    shelf = Shelf()
    rest = {**shelf.rest(), "GET api/history": {"calls": [], "next": None}}
    async with serving(me=OLGA, rest=rest) as hub, opened(browser, hub) as page:
        await expect(page.get_by_text("Всё верно")).to_be_visible()
        await typed(page, CHEAPER)
        await page.get_by_role("link", name="История").click()
        await expect(page.get_by_text("Ничего не нашлось")).to_be_visible()
        await page.get_by_role("link", name="Плейбук").click()
        await expect(page.get_by_role("textbox", name="Текст плейбука")).to_have_value(CHEAPER)
        await page.get_by_role("button", name="Отменить правку").click()
        await expect(page.get_by_role("textbox", name="Текст плейбука")).to_have_value(SMALL)


async def test_where_it_cannot_be_saved_it_says_why(browser: Browser) -> None:
    shelf = Shelf()
    shelf.editable = False
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub) as page:
        await expect(page.get_by_text("в папку нельзя писать")).to_be_visible()
        await typed(page, CHEAPER)
        await expect(page.get_by_role("button", name="Сохранить и применить")).to_be_disabled()


def previewed(text: str = "Это дорого, у соседей дешевле") -> Json:
    shown = {"card": "mail", "title": "Просит письмо", "content": "…", "source": "playbook", "verdicts": ["useless"]}
    would = {"card": "dear", "title": "Возражение: дорого", "content": "…", "source": "playbook", "verdicts": []}
    line = {"call_id": "p1", "started_at": "2026-11-26T11:02:00.000Z", "client_number": "+79001234567"}
    line |= {"operator": "1001", "utterance": 2, "start_ms": 12_000, "text": text}
    llm = {**shown, "card": "llm", "title": "ИИ", "source": "llm", "verdicts": []}
    return {
        "calls": 9,
        "lines": [
            {**line, "shown": [would, llm], "would": [would]},
            {**line, "shown": [shown], "would": [would]},
        ],
        "totals": [
            {"card": "dear", "title": "Возражение: дорого", "shown": 1, "would": 2},
            {"card": "mail", "title": "Просит письмо", "shown": 1, "would": 0},
            {"card": "llm", "title": "ИИ", "shown": 1, "would": 0},
        ],
        "more": False,
    }


async def test_tried_on_yesterdays_calls(browser: Browser) -> None:
    shelf = Shelf()
    shelf.preview = previewed()
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub) as page:
        await expect(page.get_by_text("Всё верно")).to_be_visible()
        await typed(page, CHEAPER)
        await page.get_by_label("С", exact=True).fill("2026-11-26")
        await page.get_by_label("По", exact=True).fill("2026-11-26")
        await page.get_by_role("button", name="Примерить").click()
        await expect(page.get_by_text("Примерено на 9 разговорах. Иначе было бы в 1 месте.")).to_be_visible()
        assert shelf.tried == [{"text": CHEAPER, "from": "2026-11-25T21:00:00.000Z", "to": "2026-11-26T21:00:00.000Z"}]
        assert await page.locator(".tries").first.locator(".chip").all_inner_texts() == [
            "пропала бы: Просит письмо Мимо",
            "появилась бы: Возражение: дорого",
        ]
        totals = page.get_by_role("region", name="По карточкам").get_by_role("row")
        assert [" ".join(row.split()) for row in await totals.all_inner_texts()][1:] == [
            "Возражение: дорого 1 2 +1",
            "Просит письмо 1 0 −1",
            "ИИ без карточки 1 –",
        ]
        await expect(page.get_by_text("Без изменений: 1 место")).to_be_visible()
        await page.locator(".tries a").first.click()
        await expect(page).to_have_url(re.compile("#/history/p1\\?at=12000"))


async def test_an_operator_has_no_playbook(browser: Browser) -> None:
    async with serving() as hub, opened(browser, hub) as page:
        await expect(page.locator(".desk")).to_be_visible()
        assert [name for name, _, _ in hub.asked if "playbook" in name] == []


async def test_hostile_words_are_text(browser: Browser) -> None:
    shelf = Shelf()
    shelf.preview = previewed(HOSTILE)
    shelf.selftest = [{"owner": HOSTILE, "line": 0, "reason": HOSTILE}]
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub) as page:
        await expect(page.locator(".remarks")).to_contain_text(HOSTILE)
        await page.get_by_role("button", name="Примерить").click()
        await expect(page.locator(".tries q").first).to_contain_text(HOSTILE)
        await typed(page, f"company: {HOSTILE}")
        await until(lambda: any(body and HOSTILE in body.get("text", "") for _, body, _ in hub.asked), 5)
        await expect(page.locator("#judgement .fault")).to_be_visible()
        assert await page.locator(".section img, .section script").count() == 0


@THEMES
@WIDTHS
async def test_access(browser: Browser, theme: Any, width: int) -> None:
    shelf = Shelf()
    shelf.texts = [SMALL, CHEAPER]
    shelf.preview = previewed()
    shelf.selftest = [{"owner": "dear", "line": 17, "reason": "пример «это даром» карточку не вызывает"}]
    async with (
        serving(me=OLGA, rest=shelf.rest()) as hub,
        opened(browser, hub, width=width, color_scheme=theme) as page,
    ):
        await expect(page.locator(".remarks")).to_be_visible()
        await page.get_by_role("button", name="Примерить").click()
        await expect(page.locator(".tries").first).to_be_visible()
        assert await violations(page) == []
        await no_sideways(page)
        await typed(page, "company: [")
        await expect(page.locator("#judgement .fault")).to_be_visible()
        assert await violations(page) == []


async def test_in_english(browser: Browser) -> None:
    english = """localStorage.setItem("ari-bridge.preferences", '{"language":"en"}')"""
    shelf = Shelf()
    async with serving(me=OLGA, rest=shelf.rest()) as hub, opened(browser, hub, script=english) as page:
        await expect(page.get_by_text("4 cards, 2 steps of the plan")).to_be_visible()
        words = await page.locator(".section").inner_text()
        assert not re.search("[а-яё]", words.replace("Ромашка", ""), re.IGNORECASE)
