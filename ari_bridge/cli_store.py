"""The commands `forget` and `backup`. The daemon may be running.

Exit codes: 0 done, 1 not done or not wholly (one line says why), 2 it cannot work.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ari_bridge.accounts import AuditEntry, Deed
from ari_bridge.errors import BridgeError
from ari_bridge.history import Erased
from ari_bridge.settings import Settings, load

LOCAL: Final = "local"


def register(commands: Any) -> None:
    """Add the commands to argparse's subparsers."""
    forget = commands.add_parser(
        "forget", help="delete all calls of a client's telephone number, with their recordings, for good"
    )
    forget.add_argument("number", metavar="NUMBER", help="however it is written: +79001234567, 8 (900) 123-45-67")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    forget.set_defaults(command=_forget)
    backup = commands.add_parser("backup", help="copy the database, whole and consistent, while the daemon runs")
    backup.add_argument("target", metavar="FILE", type=Path, help="replaced where it exists, once the copy is whole")
    backup.set_defaults(command=_backup)
    for parser in (forget, backup):
        parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")


def _forget(arguments: argparse.Namespace) -> int:
    from ari_bridge.hub.rest import is_number

    settings, number = load(arguments.config), arguments.number
    if not is_number(number):
        return _say(f"{number!r} is no telephone number, e.g. +79001234567", 2)
    if sys.stdin.isatty() and not arguments.yes and not _agreed(number):
        return _say("nothing was deleted", 1)
    try:
        erased = asyncio.run(_erase(settings, number))
    except BridgeError as fault:
        return _say(f"store.url: {fault}; not everything was deleted, try again", 2)
    print(
        f"deleted {erased.calls} calls, {erased.utterances} lines, {erased.other_rows} other rows, "
        f"{erased.recordings} recordings"
    )
    if not erased.scrubbed:
        return _say("traces may be left in the database's log while others read it; run the command again", 1)
    return 0


def _agreed(number: str) -> bool:
    with suppress(EOFError):
        return input(f"Delete everything about {number}, for good? [y/N] ").strip().lower() in ("y", "yes", "д", "да")
    return False


async def _erase(settings: Settings, number: str) -> Erased:
    from ari_bridge.store.opening import open_accounts, open_recordings, open_store

    recordings = open_recordings(settings.store, settings.recording)
    accounts = open_accounts(settings.store)
    store = open_store(settings.store, recordings)
    try:
        await accounts.note(_entry("begun"))
        erased = await store.erase_number(number)
        await accounts.note(_entry(" ".join(f"{name}={value}" for name, value in erased.to_json().items())))
        return erased
    finally:
        await store.close()
        await accounts.close()
        recordings.close()


def _backup(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config)
    try:
        asyncio.run(_copy(settings, arguments.target))
    except BridgeError as fault:
        return _say(f"{fault}", 2)
    print(f"copied to {arguments.target}; recordings, where there are any, are files of their own")
    return 0


async def _copy(settings: Settings, target: Path) -> None:
    from ari_bridge.store.opening import open_store

    store = open_store(settings.store)
    try:
        await store.backup(target)
    finally:
        await store.close()


def _entry(detail: str) -> AuditEntry:
    return AuditEntry(datetime.now(UTC), getpass.getuser(), Deed.ERASED, LOCAL, detail=detail)


def _say(message: str, code: int) -> int:
    print(f"ari-bridge: {message}", file=sys.stderr)
    return code
