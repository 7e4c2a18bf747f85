"""The commands `user`, `token` and `audit`. Exit codes: 0 done, 1 refused (one line says why), 2 it cannot work."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ari_bridge.accounts import AuditEntry, Role
from ari_bridge.errors import BridgeError
from ari_bridge.events import rfc3339
from ari_bridge.ops.desk import Desk, Refused
from ari_bridge.setting_types import without_password
from ari_bridge.settings import load

Work = Callable[[Desk, argparse.Namespace], Awaitable[int]]
MOST_AUDIT = 100_000


def register(commands: Any) -> None:
    """Add the commands to argparse's subparsers."""
    _register_user(commands.add_parser("user", help="who may look: add, list, remove, password"))
    _register_token(commands.add_parser("token", help="API tokens: add, list, remove"))
    audit = commands.add_parser("audit", help="who signed in and who looked at what")
    audit.add_argument("--days", type=int, default=7, help="how far back (default 7)")
    _finish(audit, _audit, as_json=True)


def _register_user(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add = actions.add_parser("add", help="the password is asked for, or read as a line from standard input")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", type=Role, choices=list(Role), default=Role.OPERATOR, help="default: operator")
    add.add_argument(
        "--extension",
        action="append",
        default=[],
        metavar="1001",
        help="of the user's telephone (PJSIP/1001: 1001); may be given several times",
    )
    _finish(add, _add_user)
    _finish(actions.add_parser("list", help="everybody, without passwords"), _list_users, as_json=True)
    remove = actions.add_parser("remove", help="at once: open pages are closed too")
    remove.add_argument("name", metavar="NAME")
    _finish(remove, _remove_user)
    password = actions.add_parser("password", help="set a new one; signed-in pages must sign in again")
    password.add_argument("name", metavar="NAME")
    _finish(password, _set_password)


def _register_token(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add = actions.add_parser("add", help="print a new token, once; it may what its user may")
    add.add_argument("name", metavar="USER")
    add.add_argument("--label", default="", help="what it is for")
    _finish(add, _add_token)
    _finish(actions.add_parser("list", help="all tokens, without their values"), _list_tokens, as_json=True)
    remove = actions.add_parser("remove", help="at once")
    remove.add_argument("id", metavar="ID")
    _finish(remove, _remove_token)


def _finish(parser: argparse.ArgumentParser, work: Work, *, as_json: bool = False) -> None:
    if as_json:
        parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    parser.set_defaults(command=lambda arguments: _at_the_desk(work, arguments))


def _at_the_desk(work: Work, arguments: argparse.Namespace) -> int:
    from ari_bridge.store.opening import open_accounts

    settings = load(arguments.config)

    async def run() -> int:
        store = open_accounts(settings.store)
        try:
            return await work(Desk(store, getpass.getuser()), arguments)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except Refused as refusal:
        print(f"ari-bridge: {refusal}", file=sys.stderr)
        return 1
    except BridgeError as fault:
        print(f"ari-bridge: store.url: {without_password(settings.store.url)}: {fault}; try again", file=sys.stderr)
        return 2


def _ask_password() -> str:
    """Twice at a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise Refused("the two passwords differ")
    return password


async def _add_user(desk: Desk, arguments: argparse.Namespace) -> int:
    await desk.add_user(arguments.name, arguments.role, arguments.extension, _ask_password())
    print(f"added {arguments.name}")
    return 0


async def _remove_user(desk: Desk, arguments: argparse.Namespace) -> int:
    if await desk.remove_user(arguments.name) == 0:
        print("no users are left: the page is now open to whoever sits at this machine", file=sys.stderr)
    print(f"removed {arguments.name}")
    return 0


async def _set_password(desk: Desk, arguments: argparse.Namespace) -> int:
    await desk.require_user(arguments.name)
    await desk.set_password(arguments.name, _ask_password())
    print(f"changed the password of {arguments.name}")
    return 0


async def _list_users(desk: Desk, arguments: argparse.Namespace) -> int:
    users = await desk.users()
    if arguments.json:
        _print_json([u.account.to_json() | {"created_at": rfc3339(u.created_at)} for u in users])
    elif not users:
        print("no users: the page is open to whoever sits at this machine", file=sys.stderr)
    else:
        _print_table([(u.name, u.role.value, ", ".join(u.extensions)) for u in users])
    return 0


async def _add_token(desk: Desk, arguments: argparse.Namespace) -> int:
    print(await desk.add_token(arguments.name, arguments.label))
    return 0


async def _list_tokens(desk: Desk, arguments: argparse.Namespace) -> int:
    tokens = await desk.tokens()
    if arguments.json:
        _print_json(
            [{"id": t.id, "user": who, "label": t.label, "created_at": rfc3339(t.created_at)} for t, who in tokens]
        )
    else:
        _print_table([(t.id, who, t.label, rfc3339(t.created_at) or "") for t, who in tokens])
    return 0


async def _remove_token(desk: Desk, arguments: argparse.Namespace) -> int:
    await desk.remove_token(arguments.id)
    print(f"removed {arguments.id}")
    return 0


async def _audit(desk: Desk, arguments: argparse.Namespace) -> int:
    since = datetime.now(UTC) - timedelta(days=min(max(arguments.days, 0), 36_500))
    entries = await desk.audit(since, MOST_AUDIT)
    if arguments.json:
        _print_json([entry.to_json() for entry in entries])
    else:
        _print_table([_line(entry) for entry in reversed(entries)])
    return 0


def _line(entry: AuditEntry) -> tuple[str, ...]:
    what = " ".join((*entry.calls, entry.detail)).strip()
    return rfc3339(entry.at) or "", entry.who, entry.deed.value, entry.address, what


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
