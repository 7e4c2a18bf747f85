"""A hub served over real sockets with a real store, and scripted neighbours behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from ari_bridge.accounts import AccountStore
from ari_bridge.events import Event, Suggestion, SystemChanged, Verdict
from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.playbook_desk import FileDesk
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.gate import Rules
from ari_bridge.hub.server import HubServer
from ari_bridge.interfaces import NoticeResult
from ari_bridge.settings import AgiSettings, HubSettings, StoreSettings
from ari_bridge.store.opening import open_accounts, open_store
from ari_bridge.store.repository import Entry, Store
from tests.hub.calls import STARTED


@dataclass
class Dialplan:
    """Answers notices as it is told to; `delay_s` is an ARI that is away."""

    result: NoticeResult = NoticeResult.ACCEPTED
    delay_s: float = 0.0
    taken: list[tuple[str, str, str | None]] = field(default_factory=list)

    async def call_start(self, channel_id: str, caller: str | None) -> NoticeResult:
        await asyncio.sleep(self.delay_s)
        self.taken.append(("call_start", channel_id, caller))
        return self.result

    async def call_end(self, channel_id: str) -> NoticeResult:
        await asyncio.sleep(self.delay_s)
        self.taken.append(("call_end", channel_id, None))
        return self.result


@dataclass
class Cards:
    """Knows the cards it was given and notes verdicts on them."""

    known: dict[str, Suggestion] = field(default_factory=dict)

    def on_event(self, event: Event) -> None:
        if isinstance(event, Suggestion):
            self.known[event.id] = event

    def feedback(self, suggestion_id: str, verdict: Verdict) -> Suggestion | None:
        card = self.known.get(suggestion_id)
        if card is not None:
            card = self.known[suggestion_id] = replace(card, verdicts=(*card.verdicts, verdict))
        return card

    async def serve(self) -> None:
        await asyncio.Event().wait()


@dataclass
class Running:
    hub: Hub
    server: HubServer
    dialplan: Dialplan
    cards: Cards
    base: str
    http: aiohttp.ClientSession
    port: int
    store: Store
    accounts: AccountStore
    playbook_file: Path
    adopted: list[Compiled]
    kept: int = 0

    def publish(self, event: Event) -> None:
        self.cards.on_event(event)
        self.hub.publish(event)

    async def keep(self, *events: Event) -> None:
        """Into the store alone, a second each: what a daemon wrote down some time ago."""
        entries = []
        for event in events:
            assert not isinstance(event, SystemChanged)
            self.kept += 1
            entries.append(Entry(STARTED + timedelta(seconds=self.kept), self.kept, event))
        assert await self.store.append(entries) == 0

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        async with self.http.request(method, self.base + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(self.base + path, headers=headers) as answer:
            return answer.status, await answer.json()

    @asynccontextmanager
    async def page(self, query: str = "", **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self.http.ws_connect(f"{self.base}/ws{query}", headers=headers, max_msg_size=0) as socket:
            yield socket


async def read(socket: aiohttp.ClientWebSocketResponse, timeout_s: float = 3.0) -> Any:
    """The next message that is not a heartbeat."""
    while True:
        message = json.loads(await socket.receive_str(timeout=timeout_s))
        if message["type"] != "heartbeat":
            return message


async def until(condition: Callable[[], bool], timeout_s: float = 3.0) -> None:
    """Wait for an effect that only shows in a counter."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def store_of(tmp_path: Path) -> StoreSettings:
    return StoreSettings(url=f"sqlite:///{tmp_path / 'var' / 'calls.db'}")


@asynccontextmanager
async def running(tmp_path: Path, hub: Hub | None = None, **options: Any) -> AsyncIterator[Running]:
    """`webui`: a folder instead of a small one; `history`: makes what is asked for past calls out of the store."""
    webui = options.pop("webui", None) or _small_page(tmp_path)
    (tmp_path / "secret.txt").write_text("not for the web", encoding="utf-8")
    hub = hub or Hub()
    dialplan, cards = Dialplan(), Cards()
    settings = options.pop("settings", HubSettings(port=0))
    agi = options.pop("agi", AgiSettings())
    store, accounts = open_store(store_of(tmp_path)), open_accounts(store_of(tmp_path))
    rules = Rules(settings.origins, settings.trusted_proxies, settings.plain_http, agi.allow)
    door = Doorkeeper(accounts, rules, **options.pop("door", {}))
    history = options.pop("history", lambda store: store)(store)
    adopted: list[Compiled] = []
    playbook_file = tmp_path / "var" / "playbook.yaml"
    options.setdefault("playbooks", FileDesk(playbook_file, store, adopted.append))
    server = HubServer(
        settings, agi, hub, notices=dialplan, suggester=cards, webui=webui, door=door, history=history, **options
    )
    try:
        host, port = await server.start()
        looking = asyncio.create_task(door.serve(), name="hub.door")
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=10), cookie_jar=aiohttp.DummyCookieJar()
        ) as http:
            base = f"http://{host}:{port}"
            yield Running(hub, server, dialplan, cards, base, http, port, store, accounts, playbook_file, adopted)
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    finally:
        await server.stop()
        await door.close()
        await store.close()


def _small_page(tmp_path: Path) -> Path:
    webui = tmp_path / "webui"
    webui.mkdir(parents=True)
    (webui / "index.html").write_text("<!doctype html><title>ari_bridge</title>", encoding="utf-8")
    (webui / "login.html").write_text("<!doctype html><title>sign in</title>", encoding="utf-8")
    (webui / "hub.js").write_text("export const hub = 1;\n", encoding="utf-8")
    return webui
