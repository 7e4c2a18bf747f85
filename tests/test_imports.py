"""Who may enter which room: read from the import statements, so it holds for code that never runs too."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("ari_bridge/**/*.py"), *ROOT.glob("media/**/*.py")])

CLOSED_TO_EACH_OTHER = ("asterisk", "stt", "hints", "hub", "store", "bus")

PURE = (
    *("media/rtp.py", "media/sequence.py", "media/reception.py", "media/codecs.py", "media/framing.py"),
    *("media/level.py", "ari_bridge/events.py", "ari_bridge/interfaces.py", "ari_bridge/errors.py"),
    *("ari_bridge/asterisk/events.py", "ari_bridge/asterisk/names.py"),
    *("ari_bridge/asterisk/route.py", "ari_bridge/asterisk/media_packets.py"),
    "ari_bridge/calls/share.py",
    *("ari_bridge/calls/leg.py", "ari_bridge/calls/registry.py", "ari_bridge/calls/world.py"),
    *("ari_bridge/calls/dialling.py", "ari_bridge/calls/membership.py", "ari_bridge/calls/reasons.py"),
    *("ari_bridge/calls/health.py", "ari_bridge/stt/soniox_protocol.py", "ari_bridge/stt/utterances.py"),
    *("ari_bridge/stt/patience.py", "ari_bridge/stt/soniox_limits.py", "ari_bridge/stt/recognition.py"),
    *("ari_bridge/hub/protocol.py", "ari_bridge/russian.py", "ari_bridge/history.py", "ari_bridge/accounts.py"),
    "ari_bridge/numbers.py",
    *("ari_bridge/bus/outlet.py", "ari_bridge/bus/reading.py", "ari_bridge/bus/roster.py"),
    *("ari_bridge/bus/scripts.py", "ari_bridge/bus/wire.py"),
    *("ari_bridge/hub/access.py", "ari_bridge/hub/arrival.py", "ari_bridge/hub/gate.py", "ari_bridge/hub/reply.py"),
    *("ari_bridge/hub/rest.py", "ari_bridge/hub/state.py", "ari_bridge/hub/outbox.py", "ari_bridge/hub/throttle.py"),
    *("ari_bridge/hub/turns.py", "ari_bridge/hub/visit.py", "ari_bridge/hub/operations.py"),
    *("ari_bridge/hub/openapi_calls.py", "ari_bridge/hub/openapi_people.py"),
    *("ari_bridge/hub/discretion.py", "ari_bridge/hub/export.py"),
    *("ari_bridge/ops/pbx_plan.py", "ari_bridge/ops/pbx_render.py", "ari_bridge/ops/pbx_files.py"),
    *("ari_bridge/store/alarm.py", "ari_bridge/store/incidents.py", "ari_bridge/store/numbering.py"),
    *("ari_bridge/store/reading.py", "ari_bridge/store/repository.py", "ari_bridge/store/retention.py"),
    *("ari_bridge/store/rows.py", "ari_bridge/store/schema.py", "ari_bridge/store/search.py"),
    *("ari_bridge/store/turnstile.py", "ari_bridge/store/writing.py", "ari_bridge/store/finding.py"),
    *("ari_bridge/store/word_search.py", "ari_bridge/store/schema_postgres.py"),
    *("ari_bridge/store/figures.py", "ari_bridge/store/shelf.py", "ari_bridge/hub/figures.py"),
    *("ari_bridge/report.py", "ari_bridge/playbooks.py", "ari_bridge/hints/rehearsal.py"),
)
IMPURE_MODULES = {"asyncio", "socket", "time", "os", "logging", "structlog", "threading", "subprocess", "aiohttp"}

ONE_FILE_EACH = {
    "aioari": {"ari_bridge/asterisk/client.py"},
    "aioswagger11": {"ari_bridge/asterisk/client.py"},
    "websockets": {"ari_bridge/stt/wire.py", "ari_bridge/asterisk/media_socket.py"},
    "snowballstemmer": {"ari_bridge/russian.py"},
    "argon2": {"ari_bridge/passwords.py"},
    "yaml": {"ari_bridge/hints/playbook_yaml.py"},
    "prometheus_client": {"ari_bridge/ops/metrics.py"},
    "psycopg": {"ari_bridge/store/postgres.py"},
    "redis": {"ari_bridge/redis_link.py"},
    "pydantic_settings": {"ari_bridge/settings.py"},
}
"""One third-party package, one file. aiohttp: one file a protocol (ARI, LLM, webhook, hub, and the stand-ins)."""

AIOHTTP = {
    *("ari_bridge/asterisk/client.py", "ari_bridge/hints/openrouter.py", "ari_bridge/hints/webhook_sender.py"),
    *("ari_bridge/hub/server.py", "ari_bridge/hub/websocket.py"),
}

MEDIA_MAY = {"numpy", "audioop", "soxr", "webrtcvad"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            assert node.module
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


IMPORTS = {name_of(path): imports_of(path) for path in SOURCES}


def room_of(name: str) -> str | None:
    parts = name.split("/")
    return parts[1] if parts[0] == "ari_bridge" and len(parts) > 2 else None


@pytest.mark.parametrize("name", [n for n in IMPORTS if n.startswith("media/")])
def test_media_knows_nothing_of_calls(name: str) -> None:
    tops = {module.split(".")[0] for module in IMPORTS[name]}
    assert tops <= MEDIA_MAY | set(sys.stdlib_module_names) | {"media"}


@pytest.mark.parametrize("name", [n for n in IMPORTS if room_of(n) in CLOSED_TO_EACH_OTHER])
def test_rooms_meet_only_in_events_and_interfaces(name: str) -> None:
    others = {f"ari_bridge.{room}" for room in CLOSED_TO_EACH_OTHER if room != room_of(name)}
    entered = {module for module in IMPORTS[name] for other in others if module.startswith(other)}
    assert not entered


def test_nothing_imports_the_composition_root() -> None:
    allowed = {"ari_bridge/cli.py", "ari_bridge/demo/run.py"}
    roots = {"ari_bridge.app", "ari_bridge.hub_app"}
    assert {n for n, modules in IMPORTS.items() if roots & modules} <= allowed


def test_the_daemon_does_not_know_the_demo() -> None:
    knowing = {n for n, modules in IMPORTS.items() if any(m.startswith("ari_bridge.demo") for m in modules)}
    assert {n for n in knowing if room_of(n) != "demo"} <= {"ari_bridge/cli.py"}


@pytest.mark.parametrize("name", PURE)
def test_pure_files_do_no_io_and_read_no_clock(name: str) -> None:
    assert not {module.split(".")[0] for module in IMPORTS[name]} & IMPURE_MODULES


@pytest.mark.parametrize("package", ONE_FILE_EACH)
def test_one_third_party_package_one_file(package: str) -> None:
    importing = {
        n for n, modules in IMPORTS.items() if any(m.split(".")[0] == package for m in modules) and room_of(n) != "demo"
    }
    assert importing <= ONE_FILE_EACH[package]


def test_aiohttp_is_one_file_a_protocol() -> None:
    importing = {n for n, modules in IMPORTS.items() if any(m.split(".")[0] == "aiohttp" for m in modules)}
    assert {n for n in importing if room_of(n) != "demo"} <= AIOHTTP


def test_only_settings_reads_the_environment() -> None:
    reading = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                reading[name_of(path)].append(node.lineno)
    assert reading.keys() <= {"ari_bridge/settings.py", "ari_bridge/demo/run.py"}


def test_a_broad_except_names_its_boundary() -> None:
    unnamed = []
    for path in SOURCES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            broad = isinstance(node, ast.ExceptHandler) and (
                node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
            )
            if broad and "# boundary" not in lines[node.lineno - 1]:
                unnamed.append(f"{name_of(path)}:{node.lineno}")
    assert not unnamed
