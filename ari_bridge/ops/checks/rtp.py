"""Whether RTP of Asterisk really reaches us: a short-lived external media channel that plays silence.

It runs in a Stasis application of its own, so that a daemon at work keeps its line to ARI.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Iterator
from typing import Final

from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.settings import Settings

WITHIN_S: Final = 2.0


async def check_rtp(settings: Settings) -> Finding:
    """Never raises for what is found."""
    host = settings.media.host
    with _bound(settings) as ear:
        if ear is None:
            return Finding("rtp", Grade.WARNING, "не проверить: нет свободного порта (см. media)")
        port = ear.getsockname()[1]
        try:
            heard = await _hear(settings, ear, port)
        except AriError as error:
            return Finding(
                "rtp",
                Grade.WARNING,
                f"не проверить: {error}",
                "asterisk -rx 'module show like external'; нужны chan_rtp.so и res_stasis.so",
            )
    if heard:
        return Finding("rtp", Grade.OK, f"пакет от Asterisk пришёл на {host}:{port} за {heard * 1000:.0f} мс")
    return Finding(
        "rtp",
        Grade.FAULT,
        f"Asterisk не доставил ни одного пакета RTP на {host}:{port} за {WITHIN_S:g} с: голоса не будет",
        "откройте UDP media.ports в брандмауэре между Asterisk и этой машиной; ARI_BRIDGE_MEDIA__HOST должен быть "
        "адресом этой машины, видимым из Asterisk",
    )


@contextlib.contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket | None]:
    """A socket on the last free even port of the range: a daemon at work takes them from the first one on."""
    host = settings.media.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as ear:
        ear.setblocking(False)
        for port in reversed([port for port in settings.media.port_range if port % 2 == 0]):
            try:
                ear.bind((host, port))
            except OSError:
                continue
            yield ear
            return
        yield None


async def _hear(settings: Settings, ear: socket.socket, port: int) -> float | None:
    """Seconds from the request to the first packet; None where none came. Raises `AriError`."""
    app = f"{settings.ari.app[:40]}-check-{secrets.token_hex(4)}"
    client = AriClient(settings.ari.model_copy(update={"app": app}))
    host = settings.media.host
    try:
        await client.connect()
        opened, ended = asyncio.Event(), asyncio.Event()
        channel = f"{app}-rtp"
        line = asyncio.create_task(_listen(client, opened, channel, ended), name="check.rtp.events")
        ready = asyncio.create_task(opened.wait(), name="check.rtp.ready")
        try:
            await asyncio.wait((line, ready), return_when=asyncio.FIRST_COMPLETED)
            if line.done():
                line.result()
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            return await _play(client, app, ear, address, channel=channel, ended=ended)
        finally:
            line.cancel()
            ready.cancel()
            await asyncio.wait((line, ready))
    finally:
        await client.close()


async def _listen(client: AriClient, opened: asyncio.Event, channel: str, ended: asyncio.Event) -> None:
    """An application exists in Asterisk as long as somebody listens to it. `ended`: the channel is gone."""
    async for message in client.events(opened):
        if isinstance(message, dict) and message.get("type") in ("StasisEnd", "ChannelDestroyed"):
            about = message.get("channel")
            if isinstance(about, dict) and about.get("id") == channel:
                ended.set()


async def _play(
    client: AriClient, app: str, ear: socket.socket, address: str, *, channel: str, ended: asyncio.Event
) -> float | None:
    loop = asyncio.get_running_loop()
    await client.call("channels", "externalMedia", app=app, channelId=channel, external_host=address, format="alaw")
    began = loop.time()
    try:
        async with asyncio.timeout(WITHIN_S):
            await _start_silence(client, channel)
            await loop.sock_recv(ear, 2048)
        return loop.time() - began
    except TimeoutError:
        return None
    finally:
        # The line is closed only when the channel is gone: Asterisk 22.10 has locked up its list of applications
        # where an application's line and its last channel ended at the same moment.
        with contextlib.suppress(AriError, TimeoutError):
            async with asyncio.timeout(WITHIN_S):
                await client.call("channels", "hangup", channelId=channel)
                await ended.wait()


async def _start_silence(client: AriClient, channel: str) -> None:
    """Asterisk takes a moment to bring the channel into the application: until then 409 or 404."""
    while True:
        try:
            await client.call("channels", "startSilence", channelId=channel)
            return
        except AriError as error:
            if error.status not in (404, 409, 412):
                raise
        await asyncio.sleep(0.05)
