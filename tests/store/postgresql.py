"""A PostgreSQL server of the tests' own, from Debian's package: no network but loopback, nothing left behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USER = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: the newest of Debian's, or on the PATH; None where there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = installed[-1] if installed else shutil.which("initdb")
    return Path(found).parent if found else None


class Server:
    def __init__(self, folder: Path, tools: Path) -> None:
        self._data = folder / "data"
        self._tools = tools
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://tests:secret@127.0.0.1:{self.port}/postgres"

    def _run(self, tool: str, *arguments: str) -> None:
        command = [str(self._tools / tool), "-D", str(self._data), *arguments]
        subprocess.run(command, check=True, capture_output=True, user=_USER, cwd="/", timeout=60)

    def create(self) -> None:
        password = self._data.with_name("password")
        password.write_text("secret")
        password.chmod(0o644)
        self._run(
            "initdb", "-U", "tests", "-A", "scram-sha-256", "--pwfile", str(password), "-E", "UTF8", "--locale", "C"
        )

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k '' -c shared_buffers=64MB"
        self._run("pg_ctl", "start", "-w", "-l", str(self._data.with_name("log")), "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate")


@contextmanager
def running_server(tools: Path) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="ari-bridge-postgresql-") as name:
        folder = Path(name)
        if _USER is not None:
            shutil.chown(folder, _USER)
        server = Server(folder, tools)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
