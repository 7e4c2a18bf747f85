from __future__ import annotations

import re
from pathlib import Path

import pytest

from ari_bridge.events import Component, ComponentState, ComponentStatus, SystemChanged
from ari_bridge.hub.openapi import as_text, document
from tests.hub.calls import answered, card, ended, final, gap, hung_up, started
from tests.hub.conforming import assert_conforms
from tests.hub.running import running

PAGE = Path(__file__).parents[2] / "docs" / "openapi.json"
NOT_DESCRIBED = {"/ws"}  # docs/websocket.md


def test_the_document_in_the_repository_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == as_text(), "python -m ari_bridge.hub.openapi > docs/openapi.json"


async def test_the_document_describes_the_routes_that_there_are(tmp_path: Path) -> None:
    async with running(tmp_path) as room:
        routes = {
            (method, path)
            for method, path in room.server.routes()
            if path not in NOT_DESCRIBED and not _is_page(path) and method != "HEAD"
        }
        assert (await room.get("/api/openapi.json"))[1] == document()
    described = {(method.upper(), path) for path, item in document()["paths"].items() for method in item}
    assert routes == described


def test_every_reference_leads_somewhere() -> None:
    text = as_text()
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in document()["components"]["schemas"]


@pytest.mark.parametrize(
    ("path", "described", "status"),
    [
        ("/api/calls", "/api/calls", 200),
        ("/api/calls/c2", "/api/calls/{id}", 200),
        ("/api/calls/nope", "/api/calls/{id}", 404),
        ("/api/history", "/api/history", 200),
        ("/api/history?from=x", "/api/history", 400),
        ("/agi/call_start?id=1.1", "/agi/call_start", 200),
        ("/agi/call_end", "/agi/call_end", 400),
        ("/healthz", "/healthz", 200),
        ("/readyz", "/readyz", 503),
    ],
)
async def test_answers_are_as_described(tmp_path: Path, path: str, described: str, status: int) -> None:
    states = SystemChanged(dict.fromkeys(Component, ComponentStatus(ComponentState.DOWN, "нет связи")))
    async with running(tmp_path) as room:
        for event in (started(), started("c2"), answered("c2"), final("а", call_id="c2"), gap("c2"), states):
            room.publish(event)
        for event in (card(call_id="c2"), hung_up("c2"), ended("c2")):
            room.publish(event)
        got_status, answer = await room.get(path)
    assert got_status == status
    schema = document()["paths"][described]["get"]["responses"][str(status)]["content"]["application/json"]["schema"]
    assert_conforms(answer, schema, document()["components"]["schemas"])


def _is_page(path: str) -> bool:
    return path == "/" or ("." in path and not path.startswith("/api/"))
