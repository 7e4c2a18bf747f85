"""Which way a leg's audio would take, and why: RTP that really arrives, or the media WebSocket that really opens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from ari_bridge.asterisk import faults
from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.asterisk.events import StasisEntered, parse
from ari_bridge.asterisk.media_socket import MediaSockets
from ari_bridge.asterisk.route import MODULE, Transport, choose
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.ops.checks.rtp import check_rtp
from ari_bridge.settings import Settings

CHANNEL: Final = "ari-bridge-check"


async def check_way(settings: Settings, modules: object) -> list[Finding]:
    """`modules`: what ARI lists. Never raises for what is found."""
    media = settings.media
    offered = isinstance(modules, list) and not faults.missing_modules(modules, [MODULE])
    tried = [] if media.transport == "websocket" else [await check_rtp(settings)]
    silent = any(finding.grade is Grade.FAULT for finding in tried)
    route = choose(media.transport, ari_url=settings.ari.url, media_host=media.host, offered=offered, silent=silent)
    if route.transport is Transport.RTP:
        return [*tried, Finding("way", Grade.OK, f"RTP: {route.why}")]
    if route.transport is Transport.WEBSOCKET and silent:
        tried = [replace(finding, grade=Grade.OK, cure="") for finding in tried]  # no fault: there is another way
    return [*tried, await _open_socket(settings, route.why, offered=offered)]


async def _open_socket(settings: Settings, why: str, *, offered: bool) -> Finding:
    if not offered:
        cure = f"asterisk -rx 'module load {MODULE}' (Asterisk 22.6 или новее), или ARI_BRIDGE_MEDIA__TRANSPORT=rtp"
        return Finding("way", Grade.FAULT, f"WebSocket: {why}, но {MODULE} не загружен", cure)
    try:
        await _open(settings)
    except (AriError, OSError) as error:
        cure = "адрес /media/ должен доходить до http.conf того же Asterisk, что и /ari/: проверьте прокси"
        return Finding("way", Grade.FAULT, f"WebSocket: {why}, но он не открывается: {error}", cure)
    return Finding("way", Grade.OK, f"WebSocket: {why}; он открывается")


async def _open(settings: Settings) -> None:
    """Make a WebSocket channel of our own, connect to it, and remove it. Raises `AriError`."""
    app = f"{settings.ari.app[:40]}-check-{os.getpid()}"
    client = AriClient(settings.ari.model_copy(update={"app": app}))
    sockets = MediaSockets(settings.ari)
    tapper = Tapper(client, app, settings.ari.request_timeout_s, router=None, sockets=sockets)
    try:
        await client.connect()
        async with _served(client, tapper, sockets):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
                ear.bind(("127.0.0.1", 0))
                try:
                    await tapper.create_websocket(CHANNEL, ear.getsockname()[:2], "alaw")
                finally:
                    await tapper.release(CHANNEL)
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def _served(client: AriClient, tapper: Tapper, sockets: MediaSockets) -> AsyncIterator[None]:
    opened = asyncio.Event()

    async def listen() -> None:
        async for message in client.events(opened):
            event = parse(message)
            if isinstance(event, StasisEntered):
                tapper.on_stasis_start(event.channel.id, event.channel.name)

    tasks = [
        asyncio.create_task(listen(), name="check.way.events"),
        asyncio.create_task(sockets.serve(), name="check.way.sockets"),
        asyncio.create_task(opened.wait(), name="check.way.ready"),
    ]
    try:
        await asyncio.wait((tasks[0], tasks[2]), return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
