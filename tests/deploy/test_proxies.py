"""The shipped TLS sites in front of the daemon, run by the real nginx and the real Caddy."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from ari_bridge.settings import HubSettings
from tests.hub.running import Running, running
from tests.hub.team import PASSWORD, enlist
from tests.hub.test_nginx import answers
from tests.lab.conftest_plugin import require
from tests.lab.ports import PortBlock

TLS = Path(__file__).parents[2] / "deploy" / "tls"
NAME = "bridge.example.ru"
AROUND_SITE = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/site.conf;
}}
"""
CADDY_ALONE = """{{
	admin off
	skip_install_trust
	local_certs
	auto_https disable_redirects
	storage file_system {folder}/storage
}}
"""

Command = Callable[[Path, int, int, int], tuple[list[str], Path]]
"""Folder, ports of HTTPS, HTTP and the daemon → what to run, and the file with the authority of its certificate."""


def nginx(folder: Path, https: int, http: int, daemon: int) -> tuple[list[str], Path]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    require("nginx", None if program else "no nginx here: run tests/lab/install.sh nginx")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    site = (TLS / "nginx.conf").read_text(encoding="utf-8")
    site = re.sub(r"/etc/letsencrypt\S+fullchain\.pem", str(certificate), site)
    site = re.sub(r"/etc/letsencrypt\S+privkey\.pem", str(key), site)
    site = re.sub(r"^ *listen \[::\].*\n", "", site, flags=re.MULTILINE)
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{https} ssl").replace(
        "listen 80", f"listen 127.0.0.1:{http}"
    )
    site = site.replace("127.0.0.1:8000", f"127.0.0.1:{daemon}").replace(NAME, "localhost")
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(AROUND_SITE.format(folder=folder))
    assert program
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf")], certificate


def caddy(folder: Path, https: int, http: int, daemon: int) -> tuple[list[str], Path]:
    program = shutil.which("caddy")
    require("caddy", None if program else "no Caddy here: run tests/lab/install.sh caddy")
    site = (TLS / "Caddyfile").read_text(encoding="utf-8")
    site = site.replace(f"\n{NAME} {{", f"\nhttps://localhost:{https} {{").replace(
        "127.0.0.1:8000", f"127.0.0.1:{daemon}"
    )
    (folder / "Caddyfile").write_text(CADDY_ALONE.format(folder=folder) + site)
    assert program
    run = [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    return run, folder / "storage/pki/authorities/local/root.crt"


@asynccontextmanager
async def proxy(command: Command, folder: Path, room: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that trusts the proxy, `session.get("/")` on its address."""
    folder.mkdir()
    with PortBlock() as ports:
        https = ports.first + 1
        run, authority = command(folder, https, ports.first + 2, room.port)
        with (folder / "said").open("wb") as said:
            environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
            process = await asyncio.create_subprocess_exec(*run, stdout=said, stderr=said, env=environment)
        try:
            async with asyncio.timeout(20):
                while not (await answers(https) and authority.exists()):
                    assert process.returncode is None, (folder / "said").read_text()
                    await asyncio.sleep(0.05)
            trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=authority), family=socket.AF_INET)
            async with aiohttp.ClientSession(f"https://localhost:{https}", connector=trust) as browser:
                yield browser
        finally:
            process.terminate()
            await process.wait()


@pytest.mark.parametrize("command", [nginx, caddy])
async def test_the_shipped_site_does_all_the_page_needs(command: Command, tmp_path: Path) -> None:
    settings = HubSettings(port=0, trusted_proxies=("127.0.0.1",))
    async with running(tmp_path, settings=settings) as room, proxy(command, tmp_path / "proxy", room) as browser:
        await enlist(room.accounts, "anna")
        async with asyncio.timeout(10):
            while (await room.get("/api/me"))[0] != 401:
                await asyncio.sleep(0.01)
        origin = str(browser._base_url).rstrip("/")
        claims = {"Origin": origin, "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
        async with browser.post("/api/login", json={"name": "Анна", "password": PASSWORD}, headers=claims) as answer:
            assert answer.status == 200, await answer.text()
            [cookie] = answer.cookies.values()
        assert cookie["secure"] is True
        since = datetime.now(UTC) - timedelta(minutes=1)
        assert (await room.accounts.audit(since, 10))[0].address == "127.0.0.1", "what a client claims does not count"
        signed_in = {"Cookie": f"{cookie.key}={cookie.value}", "Origin": origin}
        async with browser.ws_connect("/ws", headers=signed_in) as page:
            assert (await page.receive_json())["me"]["name"] == "Анна"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await browser.ws_connect("/ws", headers={**signed_in, "Origin": "https://evil.example"})
        async with browser.get("/", headers=signed_in) as answer:
            assert answer.status == 200
            assert "max-age" in answer.headers["Strict-Transport-Security"]
            assert "default-src" in answer.headers["Content-Security-Policy"]
        for private in ("/metrics", "/agi/call_start?id=1.1"):
            async with browser.get(private, headers=signed_in) as answer:
                assert answer.status == 404
                assert room.dialplan.taken == []


@pytest.mark.parametrize("command", [nginx, caddy])
async def test_without_users_it_publishes_nothing(command: Command, tmp_path: Path) -> None:
    async with running(tmp_path) as room, proxy(command, tmp_path / "proxy", room) as browser:
        for path in ("/", "/api/calls", "/ws"):
            async with browser.get(path) as answer:
                assert (path, answer.status) == (path, 403)
