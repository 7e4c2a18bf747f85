"""The page's connection in a real Chromium: drops, silence, lost messages, refusal; then the daemon's own hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.server import HubServer
from ari_bridge.settings import AgiSettings, HubSettings
from tests.hub import calls
from tests.hub.running import Cards, Dialplan
from tests.webui.cable import cable
from tests.webui.scripted import WEBUI, ScriptedHub, serving, until
from tests.webui.tab import tab
from tests.webui.talks import TALK, busy, card, line

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@asynccontextmanager
async def opened(browser: Browser) -> AsyncIterator[tuple[ScriptedHub, Page]]:
    async with serving(calls=busy()) as hub, tab(browser, hub.base) as page:
        await hub.connected(1)
        await expect(page.locator(".u")).to_have_count(len(TALK))
        yield hub, page


async def test_after_a_drop_it_comes_back_and_gets_what_it_missed(browser: Browser) -> None:
    async with opened(browser) as (hub, page):
        cursor = await hub.say("transcript", **line("client", 3, 130_000, "Раз."))
        await expect(page.locator(".u")).to_have_count(5)
        await hub.drop()
        await hub.say("transcript", **line("client", 4, 131_000, "Два."))
        await hub.connected(2)
        await expect(page.locator(".u p").last).to_have_text("Два.")
        assert hub.queries[1] == {"epoch": "e1", "cursor": cursor}
        assert await page.locator(".u").count() == 6
        await expect(page.get_by_text("на связи")).to_be_visible()


async def test_a_restarted_daemon_gives_a_snapshot(browser: Browser) -> None:
    async with opened(browser) as (hub, page):
        hub.epoch, hub.calls = "e2", busy()[:1]
        await hub.drop()
        await hub.connected(2)
        await expect(page.locator(".call")).to_have_count(1)


async def test_a_lost_message_is_noticed_and_fetched(browser: Browser) -> None:
    async with opened(browser) as (hub, page):
        await hub.say("transcript", lost=True, **line("client", 3, 130_000, "Потерянное."))
        await hub.say("transcript", **line("client", 4, 131_000, "Следующее."))
        await hub.connected(2)
        await expect(page.get_by_text("Потерянное.", exact=True)).to_be_visible()
        await expect(page.locator(".u")).to_have_count(6)


async def test_a_lost_last_message_is_noticed_by_the_heartbeat(browser: Browser) -> None:
    async with opened(browser) as (hub, page):
        await hub.say("transcript", lost=True, **line("client", 3, 130_000, "Последнее."))
        await hub.beat()
        await expect(page.get_by_text("Последнее.", exact=True)).to_be_visible()


async def test_a_heartbeat_is_answered(browser: Browser) -> None:
    async with opened(browser) as (hub, _page):
        await hub.beat()
        assert await hub.heard("pong") == [{"type": "pong"}]


async def test_nonsense_from_the_server_breaks_nothing(browser: Browser) -> None:
    async with opened(browser) as (hub, page):
        for frame in ("", "null", "[1]", '{"type":"weather"', '{"type":["transcript"]}'):
            await hub.raw(frame)
        await hub.say("weather", sky="blue")
        await hub.say("transcript", leg="client")
        await hub.say("transcript", **line("client", 3, 130_000, "Дальше."))
        await expect(page.locator(".u p").last).to_have_text("Дальше.")
        assert len(hub.queries) == 1


async def test_while_the_server_is_away_the_banner_tells_the_age_and_clicks_are_kept(browser: Browser) -> None:
    async with opened(browser) as (hub, page):
        await hub.say("suggestion", **card())
        await expect(page.locator(".hint")).to_be_visible()
        hub.refusal = (503, "")
        await hub.drop()
        banner = page.locator(".banner")
        await expect(banner).to_contain_text("Нет связи с сервером")
        await expect(banner.locator(".age")).to_contain_text("назад")
        await expect(page.locator(".u")).to_have_count(len(TALK))
        await page.get_by_role("button", name="Полезно").click()
        hub.refusal = None
        await page.get_by_role("button", name="Повторить сейчас").click()
        assert (await hub.heard("feedback"))[0]["verdict"] == "useful"
        await expect(banner).to_be_empty()


async def test_a_silent_server_is_left_for_a_new_connection(browser: Browser) -> None:
    """A half-open line says nothing and closes nothing: heartbeats that stay away are the only sign."""
    async with serving(calls=busy()) as hub, tab(browser, hub.base, clock=True) as page:
        await hub.connected(1)
        await expect(page.locator(".u")).to_have_count(len(TALK))
        hub.silent = True  # the second connection is made, but not greeted
        await page.clock.fast_forward(13_000)
        await until(lambda: len(hub.queries) >= 2, 5)
        hub.silent = False
        await page.clock.fast_forward(11_000)
        await page.clock.fast_forward(2_000)
        await expect(page.get_by_text("на связи")).to_be_visible()


async def test_a_refusal_is_shown_in_the_servers_words_and_is_no_loop(browser: Browser) -> None:
    async with opened(browser) as (hub, page):
        hub.refusal = (403, "без пользователей страница открыта только на этой машине")
        await hub.drop()
        await expect(page.locator(".banner")).to_contain_text("страница открыта только на этой машине")
        tries = len(hub.queries)
        await asyncio.sleep(2)
        assert len(hub.queries) == tries


async def test_with_the_daemons_own_hub(browser: Browser) -> None:
    """A call from ringing to its end through the real server: resume, feedback and `painted` included."""
    hub, cards, seen = Hub(mode="demo"), Cards(), asyncio.Event()
    server = HubServer(
        HubSettings(port=0), AgiSettings(), hub, notices=Dialplan(), suggester=cards, webui=WEBUI,
        observe_painted=lambda cursor, seconds: seen.set(),
    )  # fmt: skip
    host, port = await server.start()
    try:
        async with tab(browser, f"http://{host}:{port}") as page:
            await expect(page.get_by_text("ДЕМО")).to_be_visible()
            await expect(page.get_by_text("открытый режим")).to_be_visible()
            for event in (calls.started(), calls.answered(), calls.partial("это дорого"), calls.card()):
                cards.on_event(event)
                hub.publish(event)
            await expect(page.locator(".u .tail")).to_have_text("это дорого")
            async with asyncio.timeout(5):
                await seen.wait()
            await page.get_by_role("button", name="Полезно").click()
            await expect(page.get_by_role("button", name="Полезно")).to_have_attribute("aria-pressed", "true")
            await until(lambda: [list(card.verdicts) for card in cards.known.values()] == [["useful"]], 5)
            hub.publish(calls.hung_up())
            hub.publish(calls.ended())
            await expect(page.locator(".over")).to_contain_text("Клиент положил трубку")
    finally:
        await server.stop()


async def words_of(page: Page) -> list[str]:
    return await page.locator(".u, .gap, .hint h3, .hint .title").all_inner_texts()


async def test_thirty_seconds_without_a_network_and_back(browser: Browser) -> None:
    """The line is half open: nothing closes, nothing comes. Afterwards the page shows what a fresh one shows."""
    hub = Hub()
    server = HubServer(HubSettings(port=0), AgiSettings(), hub, notices=Dialplan(), suggester=Cards(), webui=WEBUI)
    _, port = await server.start()
    try:
        async with cable(port) as line_, tab(browser, line_.base, clock=True) as page:
            for event in (calls.started(), calls.answered(), calls.final("До обрыва.", 1)):
                hub.publish(event)
            await expect(page.locator(".u")).to_have_count(1)
            line_.plugged = False
            for number in range(2, 32):
                hub.publish(calls.final(f"Без связи, {number}.", number))
                hub.publish(calls.card(f"s{number}", title=f"Карточка {number}", utterance=number))
            await page.clock.fast_forward(16_000)
            await expect(page.locator(".banner")).to_contain_text("Нет связи с сервером")
            await expect(page.locator(".banner .age")).to_contain_text("назад")
            await expect(page.locator(".u")).to_have_count(1)
            await page.clock.fast_forward(14_000)
            hub.publish(calls.partial("и сейчас", 40))
            line_.plugged = True
            await page.clock.fast_forward(11_000)
            await expect(page.locator(".u")).to_have_count(32)
            await expect(page.locator(".banner")).not_to_contain_text("Нет связи с сервером")
            hub.publish(calls.final("И сейчас.", 40))
            await expect(page.locator(".u p").last).to_have_text("И сейчас.")
            async with tab(browser, line_.base) as fresh:
                await expect(fresh.locator(".u")).to_have_count(32)
                assert await words_of(fresh) == await words_of(page)
    finally:
        await server.stop()


async def test_a_daemon_that_was_restarted_is_found_again_with_all_it_knows(browser: Browser) -> None:
    """Another process: another epoch, cursors from the beginning; the calls are those of its journal."""

    async def daemon(port: int) -> tuple[Hub, HubServer, int]:
        hub = Hub()
        settings = HubSettings(port=port)
        server = HubServer(settings, AgiSettings(), hub, notices=Dialplan(), suggester=Cards(), webui=WEBUI)
        return hub, server, (await server.start())[1]

    hub, server, port = await daemon(0)
    async with tab(browser, f"http://127.0.0.1:{port}") as page:
        for event in (calls.started(), calls.answered(), calls.final("До перезапуска.", 1)):
            hub.publish(event)
        await expect(page.locator(".u")).to_have_count(1)
        await server.stop()
        await expect(page.locator(".pill")).not_to_have_text("на связи")
        hub, server, _ = await daemon(port)
        try:
            told = (calls.started(), calls.answered(), calls.final("До перезапуска.", 1), calls.final("После.", 2))
            for event in told:
                hub.publish(event)
            await expect(page.locator(".u p")).to_have_text(["До перезапуска.", "После."], timeout=15_000)
            hub.publish(calls.final("Дальше.", 3))
            await expect(page.locator(".u p").last).to_have_text("Дальше.")
            await expect(page.locator(".banner")).not_to_contain_text("Нет связи с сервером")
        finally:
            await server.stop()


async def test_a_reload_in_mid_word_loses_and_doubles_nothing(browser: Browser) -> None:
    hub = Hub()
    server = HubServer(HubSettings(port=0), AgiSettings(), hub, notices=Dialplan(), suggester=Cards(), webui=WEBUI)
    host, port = await server.start()
    try:
        async with tab(browser, f"http://{host}:{port}") as page:
            for event in (
                calls.started(),
                calls.answered(),
                calls.final("Добрый день.", 1),
                calls.partial("это сли", 2),
            ):
                hub.publish(event)
            await expect(page.locator(".u .tail").last).to_have_text("это сли")
            reloading = asyncio.create_task(page.reload(), name="reload")
            for tail in ("это слиш", "это слишко", "это слишком", "это слишком до"):  # while the page is away
                hub.publish(calls.partial(tail, 2))
                await asyncio.sleep(0.02)
            await reloading
            await expect(page.locator(".u")).to_have_count(2)
            await expect(page.locator(".u .tail").last).to_have_text("это слишком до")
            hub.publish(calls.final("Это слишком дорого.", 2))
            hub.publish(calls.final("Я подумаю.", 3))
            await expect(page.locator(".u p")).to_have_text(["Добрый день.", "Это слишком дорого.", "Я подумаю."])
    finally:
        await server.stop()
