"""systemd's notification protocol (sd_notify(3)): datagrams to the socket that systemd names; without it, nothing."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Final

WATCHDOG_EVERY_S: Final = 1.0  # at most; thrice within what systemd bears


class ServiceManager:
    """Tells systemd how the daemon is. `address` is `$NOTIFY_SOCKET`; None or empty: nobody is told."""

    def __init__(self, address: str | None) -> None:
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address

    def ready(self, status: str = "") -> None:
        self._send("READY=1", status)

    def status(self, status: str) -> None:
        self._send("", status)

    def watchdog(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, state: str, status: str = "") -> None:
        if not self._address:
            return
        lines = [line for line in (state, f"STATUS={status}" if status else "") if line]
        with (
            suppress(OSError),  # a service manager that does not listen must not hurt the daemon
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as line,
        ):
            line.sendto("\n".join(lines).encode(), self._address)


async def feed_watchdog(systemd: ServiceManager, watchdog_s: float | None) -> None:
    """From the event loop itself: when it stands still, so does this. `watchdog_s`: how long systemd bears silence."""
    every_s = min(WATCHDOG_EVERY_S, (watchdog_s or WATCHDOG_EVERY_S * 3) / 3)
    while True:
        await asyncio.sleep(every_s)
        systemd.watchdog()
