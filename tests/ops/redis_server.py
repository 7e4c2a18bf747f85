"""A Redis server of the tests' own, from Debian's package: loopback only, nothing on the disk."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Self

import pytest

from tests.lab.conftest_plugin import require


def why_no_redis() -> str | None:
    """What keeps its tests from running here, None when nothing does."""
    return None if shutil.which("redis-server") else "no Redis here: run tests/lab/install.sh redis"


class RedisServer:
    """`start` and `kill` at will: what it held is gone then, as after a crash without persistence."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """One for the test, running. Import it by name into a conftest.py."""
    require("redis", why_no_redis())
    with RedisServer() as running:
        yield running
