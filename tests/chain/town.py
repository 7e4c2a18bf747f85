"""A town for shapes of call: one real Asterisk, one daemon, one page, and parties with a tone each.

What a shape must keep is asked of its `Story`: all that the page was told of one conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.chain.daemon import Daemon, Message, Page, free_port
from tests.chain.pbx import RealPbx, real_pbx
from tests.chain.tones import EVERYBODYS, ToneSoniox, pulses, word
from tests.lab import sipp
from tests.lab.ari_proxy import AriProxy
from tests.lab.asterisk import Asterisk
from tests.lab.party import Party
from tests.lab.telephone import Telephone, Telephones

MANY = "10000"


@dataclass
class Town:
    pbx: RealPbx
    soniox: ToneSoniox
    daemon: Daemon
    page: Page
    telephones: Telephones
    trunk: Telephone  # what Asterisk sends to the trunk rings here
    folder: Path
    proxy: AriProxy | None = None  # between the daemon and ARI, where there is one

    @property
    def asterisk(self) -> Asterisk:
        return self.pbx.asterisk

    def audio(self, tone: int) -> sipp.Audio:
        """What a SIPp says: pulses of the tone with that number."""
        return sipp.Audio(file=pulses(self.folder, tone), loop=True)

    def voice(self, tone: int) -> bytes:
        """The same for a Telephone."""
        return pulses(self.folder, tone).read_bytes()

    def client(self, did: str, tone: int, *, number: str, talk_s: float | None = 6.0) -> Party:
        return sipp.trunk_caller(self.asterisk, did, self.audio(tone), number=number, talk_s=talk_s)

    def operator(self, extension: str, tone: int, *, ring_s: float = 0.3, calls: int = 1) -> Party:
        return sipp.operator(self.asterisk, extension, self.audio(tone), ring_s=ring_s, calls=calls)

    def client_who_gives_up(self, did: str, tone: int, *, number: str) -> Party:
        party = sipp.trunk_caller_who_gives_up(self.asterisk, did, self.audio(tone), after_s=1.5)
        party.values = {**party.values, "from_user": number}
        return party

    async def story(self, number: str, timeout_s: float = 30.0) -> Story:
        """What was told of the one conversation with this client, once it has ended."""

        def ended() -> bool:
            return any(
                call["client_number"] == number and self.page.of("call_end", call["id"]) for call in self.cards()
            )

        await self.page.until(ended, timeout_s)
        cards = [card for card in self.cards() if card["client_number"] == number]
        assert len(cards) == 1, "one card per conversation"
        return Story(self, cards[0]["id"])

    def cards(self) -> list[Message]:
        """The first view of every call."""
        return [message["call"] for message in self.page.of("call_start")]


@dataclass
class Story:
    """One conversation as the page was told it."""

    town: Town
    call_id: str

    @property
    def messages(self) -> list[Message]:
        own = (m.get("call_id", m.get("call", {}).get("id")) for m in self.town.page.messages)
        return [m for m, call_id in zip(self.town.page.messages, own, strict=True) if call_id == self.call_id]

    def changes(self, key: str) -> list[Any]:
        """The values that a field of the call took, in order, without repetition."""
        return [value for value, _ in groupby(m["call"][key] for m in self.messages if "call" in m)]

    @property
    def reason(self) -> str:
        return str(next(m["reason"] for m in self.messages if m["type"] == "call_end"))

    def lines(self, leg: str) -> dict[int, str]:
        """The last text of every utterance of a leg, by its number."""
        return {m["utterance"]: m["text"] for m in self.messages if m["type"] == "transcript" and m["leg"] == leg}

    def tones(self, leg: str) -> list[str]:
        """The tones under a leg in order of time, without repetition.

        A sound that is nobody's tone (the tap itself inserts silence on a busy machine) is nobody's voice.
        """
        lines = self.lines(leg)
        heard = " ".join(lines[number] for number in sorted(lines)).split()
        return [tone for tone, _ in groupby(sound for sound in heard if sound in EVERYBODYS)]

    def legs_closed(self) -> list[tuple[str, str]]:
        """The leg and channel of each account of a finished leg."""
        return [
            (line["leg"], line["channel"])
            for line in self.town.daemon.log
            if line["event"] == "leg_finished" and line["call_id"] == self.call_id
        ]

    async def check(
        self, *, statuses: Iterable[str], operators: Iterable[str | None], client: int, speakers: Iterable[int]
    ) -> None:
        """What every shape must keep. `client` and `speakers` are tones, the latter in the order of their turns."""
        assert self.changes("status") == list(statuses)
        assert [o for o in self.changes("operator") if o is not None] == list(operators)
        assert self.tones("client") == [word(client)], "the client's leg carries the client alone"
        assert self.tones("operator") == [word(tone) for tone in speakers]
        for leg in ("client", "operator"):
            numbers = sorted(self.lines(leg))
            assert numbers == list(range(1, len(numbers) + 1)), f"utterances of the {leg} number on"
        kinds = [m["type"] for m in self.messages]
        assert kinds.index("call_start") == 0
        assert kinds.count("call_start") == kinds.count("call_end") == 1
        assert not {"call_update", "transcript"} & set(kinds[kinds.index("call_end") :])
        await self.check_closed()

    async def check_closed(self) -> None:
        async with asyncio.timeout(15):
            while not [
                line
                for line in self.town.daemon.log
                if line["event"] == "call_finished" and line["call_id"] == self.call_id
            ]:
                await asyncio.sleep(0.05)
        closed = self.legs_closed()
        told = [line for line in self.town.daemon.log if line["level"] != "info"]
        assert len(set(closed)) == len(closed), f"each leg is closed exactly once: {told}"
        assert len([leg for leg, _ in closed if leg == "client"]) == 1, "the client's leg was never torn down"


@contextlib.asynccontextmanager
async def open_town(
    folder: Path,
    release: str = "22",
    settings: Mapping[str, str] | None = None,
    *,
    proxied: bool = False,
    **options: Any,
) -> AsyncIterator[Town]:
    """`release` of Asterisk: `22` or `16`; `settings` go over the daemon's; `options` are for `tests.lab.asterisk`."""
    hub_port = free_port()
    first = free_port() // 2 * 2 % 20000 + 40000
    async with contextlib.AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(real_pbx(hub_port, release, **options))
        soniox = await stack.enter_async_context(ToneSoniox())
        variables = {
            **pbx.variables,
            "MEDIA__PORTS": f"{first}-{first + 599}",
            "SONIOX__URL": soniox.url,
            "SONIOX__API_URL": soniox.api_url,
            "SONIOX__API_KEY": "demo",
            "SONIOX__MAX_STREAMS": MANY,
            "SONIOX__REQUESTS_PER_MINUTE": MANY,
            "HINTS__MODE": "text",
            **(settings or {}),
        }
        proxy = AriProxy(pbx.asterisk.ari_url, _nobody_dies) if proxied else None
        if proxy is not None:
            variables["ARI__URL"] = (await stack.enter_async_context(proxy)).url
        daemon = await stack.enter_async_context(Daemon(variables, port=hub_port))
        await daemon.until_ready()
        page = await stack.enter_async_context(Page(daemon.url))
        telephones = await stack.enter_async_context(Telephones(pbx.asterisk))
        yield Town(pbx, soniox, daemon, page, telephones, await telephones.trunk(), folder, proxy)


async def _nobody_dies() -> None:
    """What the proxy does where a test does not have it kill."""


async def play(*parties: Party) -> None:
    """Start these SIPp in their order, wait until each has done as its scenario says."""
    with contextlib.ExitStack() as running:
        for party in parties:
            await asyncio.to_thread(running.enter_context, party)
        for party in parties:
            await asyncio.to_thread(party.wait)


Scene = Callable[[Town], Awaitable[None]]


class Stage:
    """Plays scenes side by side, a few at a time; each test waits for its own."""

    def __init__(self, town: Town, scenes: Mapping[str, Scene], at_once: int) -> None:
        self.town = town
        self._places = asyncio.Semaphore(at_once)
        self._tasks = {
            name: asyncio.create_task(self._play(scene), name=f"scene.{name}") for name, scene in scenes.items()
        }

    async def played(self, name: str) -> None:
        """Wait for the scene; raises what went wrong among its telephones."""
        await self._tasks[name]

    async def end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.wait(self._tasks.values())

    async def _play(self, scene: Scene) -> None:
        async with self._places:
            await scene(self.town)
