"""The whole chain at once: `python -m tests.bench.chain_bench [--calls 100,200] [--seconds 60] [--short] [--asyncio]`.

Five processes: the real daemon; a virtual PBX whose RTP sender paces two legs a call; a Soniox over TLS, five messages
a second per speaking leg; ten supervisors and an operator per call as WebSocket clients; and this one, which only
looks on. Every 20 ms of audio is marked (`chain_script`), so a block, word or line that goes missing, twice or to the
wrong leg on its way is seen.

All times are taken outside the daemon, so they hold the peers' own delays too: they are upper bounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import aiohttp

from tests.bench import chain_clients, chain_pbx, chain_soniox
from tests.bench.chain_accounts import make_accounts
from tests.bench.chain_clients import SUPERVISORS
from tests.bench.chain_report import Cpu, Figures, Run, print_heading, print_row, report
from tests.bench.process import Helper, busy_seconds, cpu_seconds, pin, resident_bytes
from tests.chain.daemon import Daemon, free_port

RAMP_PER_S: Final = 8.0  # calls
SETTLE_S: Final = 3.0
END_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class House:
    """All that runs."""

    daemon: Daemon
    pbx: Helper
    soniox: Helper
    clients: Helper
    resident_at_start: int


def make_certificate(folder: Path) -> Path:
    """A key and a certificate of 127.0.0.1 in one file, by openssl."""
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run([*request.split(), *names, *files], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    return both


class PlainDaemon(Daemon):
    """On asyncio's own event loop, wherever uvloop is installed."""

    command = ("-c", "import sys; sys.modules['uvloop'] = None; from ari_bridge.cli import main; main(['run'])")


async def measure(calls: int, seconds: float, daemon_class: type[Daemon] = Daemon) -> Run:
    """One row: build all, ring, measure while all calls are up, hang up, take stock."""
    async with contextlib.AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ari-bridge-bench-")))
        certificate = make_certificate(home)
        soniox = stack.enter_context(Helper("soniox", chain_soniox.serve, certificate))
        pbx = stack.enter_context(Helper("pbx", chain_pbx.serve, calls))
        variables = settings(await pbx.told(), await soniox.told(), calls) | {
            "STORE__URL": f"sqlite:///{home}/calls.db"
        }
        supervisor, operators = await make_accounts(variables["STORE__URL"], calls)
        os.environ["SSL_CERT_FILE"] = str(certificate)  # read by OpenSSL, inherited by the daemon
        daemon = await stack.enter_async_context(daemon_class(variables, port=free_port()))
        await daemon.until_ready()
        resident = resident_bytes(daemon.pid)
        tokens = [supervisor] * SUPERVISORS, operators
        clients = stack.enter_context(Helper("clients", chain_clients.serve, daemon.port, *tokens))
        await clients.told()
        return await converse(House(daemon, pbx, soniox, clients, resident), calls, seconds)


def settings(pbx_url: str, soniox_port: int, calls: int) -> dict[str, str]:
    first = 20000 + os.getpid() % 500 * 20
    return {
        "ARI__URL": pbx_url,
        "ARI__USERNAME": "ari_bridge",
        "ARI__PASSWORD": "demo",
        "MEDIA__PORTS": f"{first}-{first + 4 * calls + 200}",
        "SONIOX__URL": f"wss://127.0.0.1:{soniox_port}/transcribe-websocket",
        "SONIOX__API_URL": f"https://127.0.0.1:{soniox_port}/v1",
        "SONIOX__API_KEY": "bench",
        "SONIOX__MAX_STREAMS": str(2 * calls),
        "SONIOX__REQUESTS_PER_MINUTE": str(100 * calls),
    }


def part_cpus(house: House) -> None:
    """The daemon on a core of its own, as far as we are concerned; its peers would not even be on its machine."""
    *others, last = sorted(os.sched_getaffinity(0))
    if others:
        pin(house.daemon.pid, {last})
        for helper in (house.pbx, house.soniox, house.clients):
            pin(helper.pid, set(others))


async def converse(house: House, calls: int, seconds: float) -> Run:
    part_cpus(house)
    await house.pbx.ask(("ring", RAMP_PER_S), timeout_s=60 + calls / RAMP_PER_S * 2)
    async with asyncio.timeout(60):
        while await house.soniox.ask("live") < 2 * calls:
            await asyncio.sleep(0.2)
    await asyncio.sleep(SETTLE_S)
    for helper in (house.clients, house.soniox):
        await helper.ask("note")
    before, at, busy = _cpu(house), time.monotonic(), busy_seconds()
    print(f"{calls} calls are up; daemon {house.daemon.pid}", file=sys.stderr, flush=True)
    await asyncio.sleep(seconds)
    wall = time.monotonic() - at
    cpu = {
        name: Cpu(*((now - then) / wall for now, then in zip(used, before[name], strict=True)))
        for name, used in _cpu(house).items()
    }
    machine = (busy_seconds() - busy) / wall
    resident = resident_bytes(house.daemon.pid)
    for helper in (house.soniox, house.clients):
        await helper.ask("stop noting")
    lag_s = await loop_lag(house.daemon.url)
    await house.pbx.ask(("hang up", 4 * RAMP_PER_S), timeout_s=60 + calls / RAMP_PER_S)
    ended = await until_ended(house, calls)
    soniox = await house.soniox.ask("end")
    clients = await house.clients.ask("end")
    await house.daemon.stop()
    said = await house.pbx.ask("end")
    figures = Figures(
        calls=calls,
        seconds=wall,
        cpu=cpu,
        machine=machine,
        resident_at_start=house.resident_at_start,
        resident_at_end=resident,
        loop_lag_s=lag_s,
        pages_ended=ended,
        log=tuple(house.daemon.log),
    )
    return Run(figures, said, soniox, clients)


def _cpu(house: House) -> dict[str, tuple[float, float]]:
    helpers = {helper.name: helper.pid for helper in (house.pbx, house.soniox, house.clients)}
    return {name: cpu_seconds(pid) for name, pid in {"daemon": house.daemon.pid, **helpers}.items()}


async def until_ended(house: House, calls: int) -> int:
    """Pages that were told the end of every call they may see."""
    pages, ended = calls + SUPERVISORS, 0
    deadline = time.monotonic() + END_WITHIN_S
    while ended < pages and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        ended = await house.clients.ask("ended")
    return ended


async def loop_lag(url: str) -> float:
    """The worst lag of the daemon's event loop in the last minute or two."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
        for line in (await answer.text()).splitlines():
            if line.startswith("ari_bridge_event_loop_lag_max_seconds "):
                return float(line.split()[1])
    raise LookupError("event_loop_lag_max_seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="five calls for a few seconds: is the bench whole?")
    parser.add_argument("--calls", help="numbers of calls, with commas (default 100,200)")
    parser.add_argument("--seconds", type=float, help="measured while all calls are up (default 60)")
    parser.add_argument("--asyncio", action="store_true", help="the daemon on asyncio's own event loop, not on uvloop")
    arguments = parser.parse_args()
    daemon_class = PlainDaemon if arguments.asyncio else Daemon
    calls = [int(n) for n in (arguments.calls or ("5" if arguments.short else "100,200")).split(",")]
    seconds = arguments.seconds or (4.0 if arguments.short else 60.0)
    print_heading()
    print(f"the daemon runs on {'asyncio' if arguments.asyncio or not find_spec('uvloop') else 'uvloop'}")
    faults = 0
    for number in calls:
        outcome = report(asyncio.run(measure(number, seconds, daemon_class)))
        print_row(outcome)
        faults += len(outcome.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
