"""`ari-bridge demo`: the real daemon, and beside it, in a process of its own, the world it lives in.

The world (virtual PBX, Soniox and OpenRouter stand-ins) is reached over sockets alone, as the real one is; the daemon
is told their addresses and a key for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.past import remember_past
from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.demo.pbx_traffic import DemoTraffic, schedule
from ari_bridge.demo.samples import load_conversations
from ari_bridge.demo.soniox import SonioxStandIn

OPERATORS = ("1001", "1002", "1003")
WORLD_WITHIN_S = 15.0


async def run_demo(port: int) -> None:
    """Until SIGINT or SIGTERM. Raises `ConfigError` where the page's port is taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    world = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ari_bridge.demo.run", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert world.stdout is not None
        async with asyncio.timeout(WORLD_WITHIN_S):
            variables = json.loads(await world.stdout.readline())
        with tempfile.TemporaryDirectory(prefix="ari-bridge-demo-") as folder:  # the demo's history ends with it
            url = f"sqlite:///{folder}/demo.db"
            own = {
                "ARI_BRIDGE_HUB__PORT": str(port),
                "ARI_BRIDGE_STORE__URL": url,
                "ARI_BRIDGE_RECORDING__ENABLED": "true",
            }
            await remember_past(url, OPERATORS)
            await _run_daemon(variables | own, stop)
    finally:
        if world.stdin is not None:
            world.stdin.close()  # its signal to end
        await world.wait()


async def _run_daemon(variables: Mapping[str, str], stop: asyncio.Event) -> None:
    from ari_bridge.app import App
    from ari_bridge.ops.logging import configure
    from ari_bridge.settings import load

    settings = load(environ=variables)
    configure(settings.log)
    await App(settings, mode="demo").run(stop, ready=_announce)


def _announce(host: str, port: int) -> None:
    print(
        f"\n  ДЕМО. Откройте в браузере: http://{host}:{port}\n"
        "  Звонки идут по кругу; остановить: Ctrl+C\n"
        f"  (Demo: open http://{host}:{port} in a browser; stop it with Ctrl+C.)\n",
        flush=True,
    )


async def _world() -> None:
    """The stand-ins' process: says where they are in one line of JSON, ends when its standard input does."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)  # Ctrl+C reaches both processes; the daemon drains first
    conversations = load_conversations()
    async with (
        VirtualPbx(operators=OPERATORS) as pbx,
        SonioxStandIn(Lexicon.of(conversations)) as soniox,
        OpenRouterStandIn() as openrouter,
    ):
        variables = {
            "ARI_BRIDGE_ARI__URL": pbx.url,
            "ARI_BRIDGE_ARI__USERNAME": "ari_bridge",
            "ARI_BRIDGE_ARI__PASSWORD": "demo",
            "ARI_BRIDGE_SONIOX__URL": soniox.url,
            "ARI_BRIDGE_SONIOX__API_URL": soniox.api_url,
            "ARI_BRIDGE_SONIOX__API_KEY": "demo",
            "ARI_BRIDGE_OPENROUTER__URL": openrouter.url,
            "ARI_BRIDGE_OPENROUTER__API_KEY": "demo",
        }
        print(json.dumps(variables), flush=True)
        traffic = asyncio.create_task(DemoTraffic(pbx, schedule(conversations, OPERATORS)).run(), name="demo.traffic")
        await asyncio.to_thread(os.read, sys.stdin.fileno(), 1)
        traffic.cancel()
        await asyncio.wait([traffic])


if __name__ == "__main__":
    asyncio.run(_world())
