from __future__ import annotations

import secrets
import socket
from pathlib import Path

import pytest

from ari_bridge.ops.sdnotify import ServiceManager


@pytest.mark.parametrize("abstract", [False, True])
def test_states_arrive_as_datagrams(tmp_path: Path, abstract: bool) -> None:
    name = f"@ari-bridge-{secrets.token_hex(8)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0", 1))
        systemd.settimeout(2)
        manager = ServiceManager(name)
        manager.ready("3 calls")
        manager.status("no calls")
        manager.watchdog()
        manager.stopping()
        assert [systemd.recv(100) for _ in range(4)] == [
            b"READY=1\nSTATUS=3 calls",
            b"STATUS=no calls",
            b"WATCHDOG=1",
            b"STOPPING=1",
        ]


@pytest.mark.parametrize("address", [None, "", "/nonexistent/notify"])
def test_nobody_listening_hurts_nobody(address: str | None) -> None:
    ServiceManager(address).ready()
