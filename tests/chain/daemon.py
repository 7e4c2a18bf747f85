"""The daemon as a process of its own, and one reader of its page's WebSocket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

Message = dict[str, Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Daemon:
    """`async with Daemon(settings)`: runs `ari-bridge run` with these variables (without prefix) until the block ends.

    `kill` and `stop` end it before; `log` is what it wrote, as JSON objects.
    """

    command: tuple[str, ...] = ("-m", "ari_bridge", "run")

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        port: int | None = None,
        cwd: Path | None = None,
        started_within_s: float = 60.0,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._cwd = cwd
        self._started_within_s = started_within_s
        self._process: asyncio.subprocess.Process | None = None
        self._home = tempfile.TemporaryDirectory(prefix="ari-bridge-test-", ignore_cleanup_errors=True)
        self._log = Path(self._home.name) / "log"
        store = f"sqlite:///{self._home.name}/ari-bridge.db"
        self.variables = {"HUB__PORT": str(self.port), "LOG__FORMAT": "json", "STORE__URL": store, **variables}

    async def start(self, *, wait: bool = True) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ARI_BRIDGE_")}
        environment |= {f"ARI_BRIDGE_{key}": value for key, value in self.variables.items()}
        root = str(Path(__file__).parents[2])
        environment["PYTHONPATH"] = root
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self.command, stdout=log, stderr=log, env=environment, cwd=self._cwd
            )
        if wait:
            await self.until_alive()

    async def until_alive(self) -> None:
        async with asyncio.timeout(self._started_within_s), aiohttp.ClientSession() as http:
            while True:
                assert self._process is not None
                assert self._process.returncode is None, self.log_text()
                try:
                    async with http.get(f"{self.url}/healthz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)

    async def until_ready(self, timeout_s: float = 15.0) -> None:
        """Until `/readyz` is 200: the line to ARI is up."""
        async with asyncio.timeout(timeout_s), aiohttp.ClientSession() as http:
            while True:
                async with http.get(f"{self.url}/readyz") as answer:
                    if answer.status == 200:
                        return
                await asyncio.sleep(0.02)

    async def get(self, path: str) -> Message:
        """The document at `path` of the REST API."""
        async with aiohttp.ClientSession(raise_for_status=True) as http, http.get(self.url + path) as answer:
            return Message(await answer.json())

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self._process is not None
        await self._process.wait()

    async def stop(self, timeout_s: float = 12.0) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(timeout_s):
            return await self._process.wait()

    def log_text(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    @property
    def log(self) -> list[Message]:
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self.signal(signal.SIGCONT)
            try:
                await self.stop()
            except TimeoutError:
                await self.kill()
        self._home.cleanup()


@dataclass
class Page:
    """What a page is told: every message of `/ws` in order, from the snapshot on. `token`: of a user."""

    url: str
    token: str | None = None
    messages: list[Message] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._read(), name="page")
        await self.until(lambda: bool(self.messages))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with aiohttp.ClientSession(headers=headers) as http, http.ws_connect(f"{self.url}/ws") as socket:
            async for message in socket:
                self.messages.append(json.loads(message.data))
                self._news.set()

    async def until(self, condition: Callable[[], Any], timeout_s: float = 15.0) -> Any:
        """Wait until `condition` holds; its value."""
        async with asyncio.timeout(timeout_s):
            while not (value := condition()):
                self._news.clear()
                await self._news.wait()
            return value

    def of(self, kind: str, call_id: str | None = None) -> list[Message]:
        return [
            m
            for m in self.messages
            if m["type"] == kind and (call_id is None or m.get("call_id", m.get("call", {}).get("id")) == call_id)
        ]

    @property
    def system(self) -> Message:
        """The states of the dependencies as last told."""
        told = self.of("system")
        last = told[-1] if told else self.messages[0]["system"]
        assert isinstance(last, dict)
        return last

    def text(self, call_id: str, leg: str) -> str:
        """All final words of a leg, in the order of their utterances."""
        lines = {m["utterance"]: m["text"] for m in self.of("transcript", call_id) if m["leg"] == leg and m["final"]}
        return " ".join(lines[number] for number in sorted(lines))
