"""A real nginx on the same host: it must not publish the open mode, and with users it must say what it is."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from ari_bridge.settings import HubSettings
from tests.hub.calls import started
from tests.hub.running import Running, running
from tests.hub.team import PASSWORD, enlist
from tests.lab.conftest_plugin import require

PLAIN = ""
USUAL = """
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
"""
HIDING = """
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
"""
TLS_IN_FRONT = USUAL.replace("$scheme", "https")  # the proxy's own certificate is not what is tested here
CONFIGURATION = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{daemon}; {headers} }}
  }}
}}
"""
PATHS = ("/", "/api/calls", "/api/history", "/ws", "/metrics", "/hub.js", "/login.html", "/agi/call_start?id=1.1")


@pytest.fixture(scope="session")
def nginx() -> str:
    path = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    require("nginx", None if path else "no nginx on this machine: apt-get install nginx")
    assert path is not None
    return path


@asynccontextmanager
async def proxy(nginx: str, folder: Path, room: Running, headers: str) -> AsyncIterator[str]:
    """nginx in front of the daemon; its address."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, daemon=room.port, headers=headers))
    process = await asyncio.create_subprocess_exec(
        nginx, "-p", str(folder), "-c", str(file), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while not await answers(port):
                await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.mark.parametrize("headers", [PLAIN, USUAL, TLS_IN_FRONT], ids=["plain", "usual", "tls"])
@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)], ids=["unknown", "trusted"])
async def test_open_mode_is_not_published(nginx: str, tmp_path: Path, headers: str, trusted: tuple[str, ...]) -> None:
    settings = HubSettings(port=0, trusted_proxies=trusted)
    async with running(tmp_path, settings=settings) as room, proxy(nginx, tmp_path / "nginx", room, headers) as base:
        room.publish(started())
        for host in ("bridge.example.ru", "127.0.0.1"):
            for path in PATHS:
                async with room.http.get(base + path, headers={"Host": host}) as answer:
                    if headers == PLAIN and path.startswith("/agi/"):
                        continue  # nothing tells it from a dialplan's wget; it gives nothing away either
                    assert (host, path, answer.status) == (host, path, 403)
                    assert b"+7900" not in await answer.read()


async def test_a_proxy_that_hides_itself_is_known_by_the_browsers_address(nginx: str, tmp_path: Path) -> None:
    async with running(tmp_path) as room, proxy(nginx, tmp_path / "nginx", room, HIDING) as base:
        for path in PATHS:
            if not path.startswith("/agi/"):
                async with room.http.get(base + path, headers={"Host": "bridge.example.ru"}) as answer:
                    assert (path, answer.status) == (path, 403)


async def test_with_users_a_proxy_must_be_named(nginx: str, tmp_path: Path) -> None:
    async with running(tmp_path) as room, proxy(nginx, tmp_path / "nginx", room, TLS_IN_FRONT) as base:
        await enlist(room.accounts, "anna")
        async with asyncio.timeout(10):
            while (await room.get("/api/me"))[0] != 401:
                await asyncio.sleep(0.01)
        async with room.http.get(f"{base}/api/calls") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (403, "proxy_unknown")


async def test_people_sign_in_through_a_proxy_that_is_named(nginx: str, tmp_path: Path) -> None:
    settings = HubSettings(port=0, trusted_proxies=("127.0.0.1",))
    async with (
        running(tmp_path, settings=settings) as room,
        proxy(nginx, tmp_path / "nginx", room, TLS_IN_FRONT) as base,
    ):
        await enlist(room.accounts, "anna")
        async with asyncio.timeout(10):
            while (await room.get("/api/me"))[0] != 401:
                await asyncio.sleep(0.01)
        browser = {"Host": "bridge.example.ru", "Origin": "https://bridge.example.ru"}
        login = {"name": "Анна", "password": PASSWORD}
        async with room.http.post(f"{base}/api/login", json=login, headers=browser) as answer:
            assert answer.status == 200
            [cookie] = answer.cookies.values()
        assert cookie["secure"] is True
        browser["Cookie"] = f"{cookie.key}={cookie.value}"
        async with room.http.ws_connect(f"{base}/ws", headers=browser) as page:
            assert (await page.receive_json())["me"]["name"] == "Анна"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await room.http.ws_connect(f"{base}/ws", headers={**browser, "Origin": "https://evil.example"})
