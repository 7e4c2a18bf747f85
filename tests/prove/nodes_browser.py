"""A browser of the node matrix: it follows the page's protocol, goes to another node when its own is away, and keeps
account of what it was shown."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from typing import Any, Final

import aiohttp

SILENCE_S: Final = 12.0  # the page's own: two heartbeats and a little
AGAIN_S: Final = 0.3

Message = dict[str, Any]
Line = tuple[str, str, int]


class Browser:
    """`hubs`: where it goes, the first one first. `numbers`: only calls of these clients count."""

    def __init__(self, name: str, token: str, hubs: Sequence[str]) -> None:
        self.name = name
        self.calls: dict[str, str | None] = {}  # seen: id → the client's number
        self.lines: dict[Line, str] = {}  # ever shown
        self.cards: set[tuple[str, str]] = set()  # call and card, ever shown
        self.doubled: list[str] = []
        self.opened: list[str] = []  # how each connection began
        self._headers = {"Authorization": f"Bearer {token}"}
        self._hubs = itertools.cycle(hubs)
        self._screen: dict[Line, str] = {}
        self._cards_on_screen: dict[tuple[str, str], Message] = {}
        self._link: dict[str, str] = {}

    async def run(self) -> None:
        """Until cancelled."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=3.0)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as http:
            for hub in self._hubs:
                try:
                    async with asyncio.timeout(SILENCE_S):
                        socket = await http.ws_connect(f"{hub}/ws", params=self._link, max_msg_size=0)
                    async with socket:
                        await self._read(socket)
                except (aiohttp.ClientError, TimeoutError, OSError):
                    self._link.pop("nothing", None)
                await asyncio.sleep(AGAIN_S)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            received = await socket.receive(timeout=SILENCE_S)
            if received.type is not aiohttp.WSMsgType.TEXT:
                return
            if not self._take(json.loads(received.data)):
                return  # something is missing: ask again from where we are

    def _take(self, message: Message) -> bool:
        kind = message["type"]
        if kind in ("snapshot", "resumed"):
            self.opened.append(kind)
            self._link["epoch"] = message["epoch"]
        elif message["prev"] != self._link["cursor"]:
            return False
        self._link["cursor"] = message["cursor"]
        match kind:
            case "snapshot":
                self._screen.clear()
                self._cards_on_screen.clear()
                for call in message["calls"]:
                    self._see(call)
                    for line in call["transcript"]:
                        self._show_line(line)
                    for card in call["suggestions"]:
                        self._show_card(card)
            case "call_start" | "call_update":
                self._see(message["call"])
            case "call_hidden":
                self._hide(message["call_id"])
            case "transcript":
                self._show_line(message)
            case "suggestion":
                self._show_card(message)
        return True

    def _see(self, call: Message) -> None:
        self.calls[call["id"]] = call["client_number"]

    def _hide(self, call_id: str) -> None:
        """Off the screen; all that is known of it comes again where it becomes his again."""
        self._screen = {key: text for key, text in self._screen.items() if key[0] != call_id}
        self._cards_on_screen = {key: card for key, card in self._cards_on_screen.items() if key[0] != call_id}

    def _show_line(self, line: Message) -> None:
        if not line["final"]:
            return
        key = (line["call_id"], line["leg"], line["utterance"])
        if key in self._screen:
            self.doubled.append(f"line {key} at {line.get('cursor')} of {self._link}")
        self._screen[key] = self.lines[key] = line["text"]

    def _show_card(self, card: Message) -> None:
        key = (card["call_id"], card["id"])
        bare = {name: value for name, value in card.items() if name not in ("cursor", "prev", "at", "type")}
        if self._cards_on_screen.get(key) == bare:
            self.doubled.append(f"card {key}")
        self._cards_on_screen[key] = bare
        if card["state"] == "complete":
            self.cards.add(key)
