"""The command `rca`: the cause of one bad call. Exit codes: 0 nothing was wrong, 1 something was, 2 it cannot tell."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ari_bridge.errors import BridgeError, ConfigError
from ari_bridge.events import rfc3339
from ari_bridge.history import CallRecord, History, HistoryQuery
from ari_bridge.ops.rca import Diagnosis, LogLine, diagnose, ended_at
from ari_bridge.settings import load
from ari_bridge.store.opening import open_store

UNIT: Final = "ari-bridge"
MARGIN: Final = timedelta(minutes=1)
LAST: Final = 20
COLUMNS: Final = {"client": "К", "operator": "О", None: " "}


def register(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    rca = commands.add_parser(
        "rca",
        help="what went wrong in a call: its time line and a verdict",
        description="What went wrong in a call: its time line from store and log, and a verdict. Without CALL: a line "
        "for each of the last calls.",
    )
    rca.add_argument("call", nargs="?", metavar="CALL", help="a call's id, or (part of) the client's number: its last")
    rca.add_argument(
        "--log", type=Path, metavar="FILE", help="the daemon's log (default: journalctl, where there is one)"
    )
    rca.add_argument("--json", action="store_true", help="machine-readable")
    rca.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    rca.set_defaults(command=_rca)


def _rca(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config)
    store = open_store(settings.store)
    try:
        found = asyncio.run(_look(store, arguments))
    except BridgeError as error:
        raise ConfigError(f"the store cannot be read: {error}") from None
    if not found and arguments.json:
        print("[]")
    if not found:
        what = f"no call {arguments.call!r} is kept" if arguments.call else "no call is kept"
        print(f"ari-bridge: {what}; `ari-bridge rca` lists the last ones", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps([diagnosis.to_json() for _, diagnosis in found], ensure_ascii=False, indent=2))
    else:
        print("\n".join(_whole(*found[0]) if arguments.call else map(_line, found)))
    return 0 if all(diagnosis.well for _, diagnosis in found) else 1


async def _look(store: Any, arguments: argparse.Namespace) -> list[tuple[CallRecord, Diagnosis]]:
    try:
        records = await _records(store, arguments.call)
        return [(record, await _diagnose(store, record, arguments.log)) for record in records]
    finally:
        await store.close()


async def _records(store: History, wanted: str | None) -> list[CallRecord]:
    if wanted is None:
        page = await store.history(HistoryQuery(limit=LAST))
        records = [await store.call(hit.call.id) for hit in page.hits]
        return [record for record in records if record is not None]
    record = await store.call(wanted)
    if record is None and any(c.isdigit() for c in wanted):
        page = await store.history(HistoryQuery(number=wanted, limit=1))
        record = await store.call(page.hits[0].call.id) if page.hits else None
    return [record] if record is not None else []


async def _diagnose(store: History, record: CallRecord, log: Path | None) -> Diagnosis:
    begin, end = record.call.started_at - MARGIN, ended_at(record) + MARGIN
    around = await store.incidents(begin - timedelta(days=1), end)
    return diagnose(record, around, list(read_log(log, record.call.id, begin, end)))


def read_log(file: Path | None, call_id: str, begin: datetime, end: datetime) -> Iterator[LogLine]:
    """The daemon's lines of one call; none where there is neither a file nor a journal."""
    if file is not None:
        try:
            with file.open(encoding="utf-8", errors="replace") as lines:
                yield from _of_call(lines, call_id)
        except OSError as error:
            raise ConfigError(f"--log: {file}: {error.strerror}") from None
        return
    journal = shutil.which("journalctl")
    if journal is None:
        return
    span = ["--since", f"@{begin.timestamp():.0f}", "--until", f"@{end.timestamp():.0f}"]
    shown = subprocess.run(
        [journal, "--unit", UNIT, "--output", "cat", "--no-pager", *span], capture_output=True, text=True, check=False
    )
    yield from _of_call(shown.stdout.splitlines(), call_id)


def _of_call(lines: Iterable[str], call_id: str) -> Iterator[LogLine]:
    for text in lines:
        if call_id not in text:
            continue
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and line.get("call_id") == call_id:
            yield line


def _whole(record: CallRecord, diagnosis: Diagnosis) -> Iterator[str]:
    yield f"Звонок {diagnosis.call_id}, {_when(record.call.started_at)}"
    yield ""
    for moment in diagnosis.moments:
        since = (moment.at - record.call.started_at).total_seconds()
        yield f"  {_when(moment.at)[11:]}  {since:+7.1f} с  {COLUMNS[moment.leg]}  {moment.what}"
    yield ""
    if diagnosis.well:
        yield "✓ Ничего не нарушено: звук, текст и подсказки шли весь разговор"
    for verdict in diagnosis.verdicts:
        yield f"✗ {verdict}"


def _line(found: tuple[CallRecord, Diagnosis]) -> str:
    record, diagnosis = found
    mark = "✓" if diagnosis.well else "✗"
    said = diagnosis.verdicts[0] if diagnosis.verdicts else "без замечаний"
    more = f" (и ещё {len(diagnosis.verdicts) - 1})" if len(diagnosis.verdicts) > 1 else ""
    return (
        f"{mark} {_when(record.call.started_at)}  {diagnosis.call_id}  {record.call.operator or '—':>5}  {said}{more}"
    )


def _when(at: datetime) -> str:
    """In this machine's time zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if rfc3339(at) else ""
