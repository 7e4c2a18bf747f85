"""What the unit relies on, without systemd: its socket's receiver, the watchdog, a stop under load."""

from __future__ import annotations

import asyncio
import configparser
import re
import signal
import socket
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from ari_bridge.demo.pbx_script import CallScript
from ari_bridge.demo.samples import Conversation
from tests.chain.conftest import open_house
from tests.chain.daemon import Daemon, Page
from tests.chain.pbx import DemoPbx
from tests.deploy.blocked import BLOCKED_S

UNIT = Path(__file__).parents[2] / "deploy" / "ari-bridge.service"
READY_S = 2.0  # what is asked; printed
SLOW = 2.5  # times as long a machine that is short of its processors may take
CALLS = 20


def unit(name: str) -> list[str]:
    """All values of a setting of the unit, in order."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


class ServiceManager:
    """systemd's side of sd_notify(3): what arrived, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []
        self._news = asyncio.Event()

    async def until(self, line: str, timeout_s: float = 15.0) -> float:
        """When that line came first."""
        async with asyncio.timeout(timeout_s):
            while True:
                for at, message in self.told:
                    if line in message.split("\n"):
                        return at
                self._news.clear()
                await self._news.wait()

    async def listen(self, line: socket.socket) -> None:
        while True:
            message = await asyncio.get_running_loop().sock_recv(line, 4096)
            self.told.append((time.monotonic(), message.decode()))
            self._news.set()


@pytest.fixture
async def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServiceManager]:
    """A receiver to which every daemon of the test reports, with the unit's watchdog."""
    manager = ServiceManager()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(unit("WatchdogSec")[0]) * 1_000_000))
        listening = asyncio.create_task(manager.listen(line), name="systemd")
        yield manager
        listening.cancel()
        await asyncio.wait([listening])


async def test_it_says_when_it_is_ready_and_that_it_stops(systemd: ServiceManager) -> None:
    seconds = []
    while not seconds or (min(seconds) > READY_S and len(seconds) < 3):  # what a machine is short of comes by chance
        systemd.told.clear()
        began = time.monotonic()
        async with Daemon({"ARI__URL": "http://127.0.0.1:9"}) as daemon:
            seconds.append(await systemd.until("READY=1") - began)
            await systemd.until("WATCHDOG=1")
            assert await daemon.stop() == 0
        await systemd.until("STOPPING=1")
    print(f"ready after {min(seconds):.2f} s")
    assert min(seconds) <= READY_S * SLOW


class BlockedDaemon(Daemon):
    command = ("-m", "tests.deploy.blocked")


async def test_a_blocked_event_loop_shows_everywhere(systemd: ServiceManager) -> None:
    """For longer than the unit's watchdog bears: the watchdog, the metric and the log tell."""
    async with BlockedDaemon({"ARI__URL": "http://127.0.0.1:9"}) as daemon, aiohttp.ClientSession() as http:
        await systemd.until("WATCHDOG=1")
        daemon.signal(signal.SIGUSR1)
        blocked_at = time.monotonic()
        async with http.get(f"{daemon.url}/metrics") as answer:  # answered once the loop runs again
            assert time.monotonic() - blocked_at > BLOCKED_S - 0.5
            await answer.read()
        for _ in range(100):
            if told := [line for line in daemon.log if line["event"] == "event_loop_blocked"]:
                break
            await asyncio.sleep(0.05)
        assert told[0]["seconds"] >= BLOCKED_S - 0.5
        async with http.get(f"{daemon.url}/metrics") as answer:
            shown = re.findall(r"^\S*lag_max_seconds (\S+)$", await answer.text(), re.MULTILINE)
        assert float(shown[0]) >= BLOCKED_S - 0.5
        seen = len(systemd.told)
        async with asyncio.timeout(5):
            while len(systemd.told) == seen:
                await asyncio.sleep(0.05)
        fed = [at for at, message in systemd.told if message == "WATCHDOG=1"]
        longest = max(after - before for before, after in pairwise(fed))
        assert longest >= int(unit("WatchdogSec")[0]), "systemd would have ended it"


async def test_a_stop_under_twenty_calls_loses_nothing(
    systemd: ServiceManager, conversations: dict[str, Conversation]
) -> None:
    """Exit 0 within the deadline; the calls go on without us, and with the next run; every word shown is kept."""
    conversation = conversations["price"]
    async with open_house("demo", SONIOX__MAX_STREAMS="100", ARI__TRUNKS='["PJSIP/mango"]') as house:
        assert isinstance(house.pbx, DemoPbx)
        house.soniox.stream_limit = None
        scripts = [
            CallScript(
                client=f"790000001{number:02}",
                did="74950010000",
                ringing=(f"10{number:02}",),
                ring_s=0.2,
                talk_s=14.0,
                client_audio=conversation.client.alaw,
                operator_audio=conversation.operator.alaw,
            )
            for number in range(CALLS)
        ]
        async with Page(house.daemon.url) as page:
            calls = [house.pbx.pbx.call(script) for script in scripts]
            await page.until(lambda: len({m["call_id"] for m in page.of("transcript") if m["text"]}) == CALLS, 40)
            began = time.monotonic()
            live = {m["call_id"] for m in page.of("transcript")} - {m["call_id"] for m in page.of("call_end")}
            assert len(live) == CALLS
            assert await house.daemon.stop() == 0
            took = time.monotonic() - began
            shown = {(m["call_id"], m["leg"], m["utterance"]): m["text"] for m in page.of("transcript") if m["text"]}
        print(f"stopped under {CALLS} calls in {took:.1f} s")
        assert took < int(unit("TimeoutStopSec")[0])
        await systemd.until("STOPPING=1")
        assert not [call for call in calls if call.ended.is_set()], "no call ended with us"
        assert not [name for name in house.pbx.holdings() if "ari_bridge" in name], "nothing of ours is left"
        await house.daemon.start()
        await house.daemon.until_ready()
        async with Page(house.daemon.url) as page:
            await page.until(
                lambda: (
                    len({c["id"] for c in page.messages[0]["calls"]} | {m["call"]["id"] for m in page.of("call_start")})
                    >= CALLS
                ),
                20,
            )
            await asyncio.wait_for(asyncio.gather(*(call.ended.wait() for call in calls)), 60)
            await page.until(lambda: len(page.of("call_end")) == CALLS, 20)
            await check_kept(house.daemon, shown)


async def check_kept(daemon: Daemon, shown: dict[tuple[str, str, int], str]) -> None:
    """The store has every line that was shown, with all its confirmed words."""
    assert len({call_id for call_id, _, _ in shown}) == CALLS
    async with aiohttp.ClientSession() as http:
        for call_id in {call_id for call_id, _, _ in shown}:
            async with http.get(f"{daemon.url}/api/calls/{call_id}") as answer:
                record = await answer.json()
            kept = {(line["leg"], line["utterance"]): line["text"] for line in record["transcript"]}
            for (of, leg, utterance), text in shown.items():
                if of == call_id:
                    assert kept[leg, utterance].startswith(text)


def test_the_unit_says_what_the_issue_wants() -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT, encoding="utf-8")
    service, of_unit = parser["Service"], parser["Unit"]
    assert (service["Type"], service["Restart"], parser["Install"]["WantedBy"]) == (
        "notify",
        "always",
        "multi-user.target",
    )
    assert int(of_unit["StartLimitBurst"]) > 0
    assert unit("ExecStopPost") == ["+/usr/local/bin/ari-bridge release"]
    assert "Environment=ARI_BRIDGE_STORE__URL=sqlite:////var/lib/ari-bridge/" in UNIT.read_text(encoding="utf-8")
    for dependency in ("Requires", "BindsTo", "PartOf", "Wants", "Requisite"):
        assert "asterisk" not in of_unit.get(dependency, "").lower()
    assert {line.partition(":")[0] for line in unit("LoadCredential")} >= {
        "ari.password",
        "soniox.api_key",
        "openrouter.api_key",
    }
