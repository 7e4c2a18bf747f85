"""This machine: ports for the legs, the clock, the disk, the database."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from ari_bridge.errors import ConfigError
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.ops.checks.providers import tls_for
from ari_bridge.settings import Settings
from ari_bridge.store.opening import database_file, open_accounts, recordings_folder

CLOCK_TOLERANCE_S: Final = 5.0
LITTLE_DISK: Final = 1 << 30
NO_DISK: Final = 100 << 20
RECORDING_BYTES_PER_HOUR: Final = 4 * 8000 * 2 * 3600  # stereo, and each leg once more
FEW_HOURS: Final = 100
TIMEOUT_S: Final = 8.0


def check_ports(settings: Settings) -> Finding:
    """Whether media.host is ours, and how many legs the port range holds; what a daemon at work has taken is fine."""
    host, ports = settings.media.host, [port for port in settings.media.port_range if port % 2 == 0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                cure = "задайте в ARI_BRIDGE_MEDIA__HOST адрес этой машины"
                return Finding("media", Grade.FAULT, f"UDP {host}:{port} не занять: {error.strerror}", cure)
        return Finding(
            "media", Grade.OK, f"UDP {host}:{settings.media.ports}, до {len(ports) // 2} звонков одновременно"
        )
    return Finding(
        "media", Grade.FAULT, f"все порты {settings.media.ports} заняты", "задайте другие в ARI_BRIDGE_MEDIA__PORTS"
    )


def check_disk(settings: Settings) -> Finding:
    path = database_file(settings.store.url)
    if path is None:
        return Finding("disk", Grade.OK, "данные хранит сервер PostgreSQL")
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free >= LITTLE_DISK:
        return Finding("disk", Grade.OK, f"свободно {free / 1e9:.0f} ГБ")
    return Finding(
        "disk",
        Grade.WARNING if free >= NO_DISK else Grade.FAULT,
        f"на диске с {path} осталось {free / 1e6:.0f} МБ: скоро нечем будет записывать разговоры",
        "освободите место или уменьшите ARI_BRIDGE_STORE__CALLS_DAYS",
    )


def check_recordings(settings: Settings) -> Finding:
    """Whether calls are recorded, where to, and how many hours of talk its disk still takes."""
    if not settings.recording.enabled:
        return Finding("recording", Grade.OK, "запись разговоров выключена")
    folder = recordings_folder(settings.store, settings.recording).absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        cure = f"отдайте папку службе: chown ari-bridge: {there}"
        return Finding("recording", Grade.FAULT, f"в {there} нельзя писать: разговоры не записать", cure)
    hours = shutil.disk_usage(there).free // RECORDING_BYTES_PER_HOUR
    if hours >= FEW_HOURS:
        return Finding("recording", Grade.OK, f"записи в {folder}, места на {hours} ч разговоров")
    return Finding(
        "recording",
        Grade.WARNING,
        f"на диске с {folder} места на {hours} ч разговоров",
        "освободите место или уменьшите ARI_BRIDGE_RECORDING__DAYS",
    )


async def check_database(settings: Settings) -> Finding:
    """Opens it as the daemon does. A file that is not there yet is not made."""
    path = database_file(settings.store.url)
    if path is not None and not path.exists():
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if os.access(folder, os.W_OK):
            return Finding("database", Grade.OK, f"{path} появится при первом запуске")
        cure = f"отдайте папку службе: chown ari-bridge: {folder}"
        return Finding("database", Grade.FAULT, f"в {folder} нельзя писать: {path} не создать", cure)
    try:
        accounts = await asyncio.to_thread(open_accounts, settings.store)
    except ConfigError as error:
        cure = "файл должен принадлежать пользователю службы; повреждённый восстановите из копии"
        return Finding("database", Grade.FAULT, str(error), cure)
    await accounts.close()
    closed = next((part for part in (path, path.parent) if not os.access(part, os.W_OK)), None) if path else None
    if closed is not None:
        cure = f"chown ari-bridge: {closed}; mount | grep ' ro': не подключён ли диск только для чтения"
        return Finding("database", Grade.FAULT, f"в {closed} нельзя писать: звонки не сохранить", cure)
    return Finding("database", Grade.OK, f"открывается: {path or 'PostgreSQL'}")


async def check_clock(settings: Settings) -> Finding:
    """Against the clock of whichever provider answers first."""
    for url in (settings.soniox.api_url, settings.openrouter.url):
        theirs = await asyncio.to_thread(_clock_of, url)
        if theirs is None:
            continue
        ahead = time.time() - theirs
        if abs(ahead) <= CLOCK_TOLERANCE_S:
            return Finding("clock", Grade.OK, "часы верны")
        way = "спешат" if ahead > 0 else "отстают"
        return Finding(
            "clock",
            Grade.WARNING,
            f"часы этой машины {way} на {abs(ahead):.0f} с: время звонков в истории будет неверным",
            "timedatectl set-ntp true",
        )
    return Finding("clock", Grade.OK, "не с чем сверить: провайдеры не отвечают")


def _clock_of(url: str) -> float | None:
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=tls_for(url)))
    try:
        with opener.open(Request(url, method="HEAD"), timeout=TIMEOUT_S) as answer:
            stamp = answer.headers.get("Date")
    except HTTPError as refused:
        with refused:
            stamp = refused.headers.get("Date")
    except (OSError, HTTPException):
        return None
    try:
        return parsedate_to_datetime(stamp).timestamp() if stamp else None
    except ValueError:
        return None
