from __future__ import annotations

import re

import pytest
from aioswagger11 import load_json

from ari_bridge.demo.pbx_channel_requests import ChannelRequests
from ari_bridge.demo.pbx_swagger import OPERATIONS, RESOURCES, declaration, listing

BASE = "http://127.0.0.1:8088/ari"


def test_a_client_accepts_every_document() -> None:
    document = listing(BASE)
    for api, resource in zip(document["apis"], RESOURCES, strict=True):
        api["api_declaration"] = declaration(resource, BASE)
    load_json(document)  # raises what its validator finds


def test_paths_and_nicknames_are_unique() -> None:
    assert len({(o.method, o.path) for o in OPERATIONS}) == len(OPERATIONS)
    assert len({(o.resource, o.nickname) for o in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.resource}.{o.nickname}")
def test_what_stands_in_the_path_is_a_required_parameter(operation: object) -> None:
    parameters = {p["name"]: p for p in operation.parameters()}  # type: ignore[attr-defined]
    for name in re.findall(r"{(\w+)}", operation.path):  # type: ignore[attr-defined]
        assert parameters[name]["paramType"] == "path"
        assert parameters[name]["required"]


def test_kinds_of_parameters() -> None:
    media = next(o for o in OPERATIONS if o.nickname == "externalMedia")
    parameters = {p["name"]: p for p in media.parameters()}
    assert parameters["app"]["required"]
    assert not parameters["external_host"]["required"]
    assert parameters["variables"]["paramType"] == "body"
    bridge = next(o for o in OPERATIONS if o.nickname == "addChannel")
    assert {p["name"]: p["allowMultiple"] for p in bridge.parameters()}["channel"]


def test_the_events_document_has_its_websocket_and_the_real_event_names() -> None:
    document = declaration("events", BASE)
    assert document is not None
    (operation,) = document["apis"][0]["operations"]
    assert operation["upgrade"] == "websocket"
    models = document["models"]
    assert models["Dial"]["properties"]["peer"] == {"type": "Channel", "required": True}
    assert models["StasisStart"]["properties"]["args"]["type"] == "List[string]"
    assert "ChannelHangup" not in models


def test_there_is_no_document_of_another_resource() -> None:
    assert declaration("recordings", BASE) is None


def test_every_operation_on_channels_and_bridges_is_served() -> None:
    served = set(ChannelRequests(None, None).handlers())  # type: ignore[arg-type]
    assert {f"{o.resource}.{o.nickname}" for o in OPERATIONS if o.resource in ("channels", "bridges")} == served
