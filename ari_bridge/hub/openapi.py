"""`docs/openapi.json`, made from the code: `python -m ari_bridge.hub.openapi > docs/openapi.json`.

The schemas come from the dataclasses' own annotations; the operations are listed here, and a test holds them against
the routes that the server really has. The daemon serves the same document at `/api/openapi.json`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import ari_bridge
from ari_bridge.accounts import Account, AuditEntry
from ari_bridge.events import (
    Call,
    CallEnded,
    ChecklistStep,
    ComponentStatus,
    Gap,
    Suggestion,
    Summary,
    SystemChanged,
    Transcript,
    Verdict,
)
from ari_bridge.history import Cost, FrameAccount, Participation, Track
from ari_bridge.hub.openapi_calls import calls_paths
from ari_bridge.hub.openapi_office import OFFICE_CLASSES, office_paths
from ari_bridge.hub.openapi_people import people_paths
from ari_bridge.hub.operations import (
    INTEGER_OR_NULL,
    MOMENT,
    NULL,
    TEXT,
    array,
    listed,
    members,
    operation,
    path_part,
    query,
    refusal,
    response,
)
from ari_bridge.hub.rest import CHANNEL_ID
from ari_bridge.hub.schema import Schema, components, enum_schema, object_schema, reference, value_schema
from ari_bridge.interfaces import NoticeResult

RECORDING: Schema = {"anyOf": [listed("tracks", enum_schema(Track)), NULL]}


def document() -> dict[str, Any]:
    """An OpenAPI 3.1 document of all that is not a page."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "ari_bridge", "version": ari_bridge.__version__},
        "paths": _paths(),
        "components": {"schemas": _schemas()},
    }


def _paths() -> dict[str, Any]:
    """Several groups may have operations of one path."""
    paths: dict[str, Any] = {}
    for group in (calls_paths(), people_paths(), office_paths(), _other_paths()):
        for path, operations in group.items():
            paths[path] = paths.get(path, {}) | operations
    return paths


def _other_paths() -> dict[str, Any]:
    return {
        "/api/login": {
            "post": operation(
                "Sign in: the answer's cookie is the session; who has signed in",
                reference(Account),
                errors=(400, 401, 409, 413, 415, 429, 503),
                body=members({"name": TEXT, "password": TEXT}),
            )
        },
        "/api/logout": {
            "post": operation("End the session, at once and everywhere", {"type": "object"}, errors=(503,))
        },
        "/api/me": {"get": operation("Who asks", reference(Account), errors=(401,))},
        "/api/calls": {"get": operation("Live calls", listed("calls", reference(Call)), errors=(401,))},
        "/api/audit": {
            "get": operation(
                "Who signed in and who looked at what, newest first; for administrators",
                listed("entries", reference(AuditEntry)),
                errors=(400, 401, 503),
                parameters=[query("from", "At or after", MOMENT)],
            )
        },
        "/api/suggestions/{id}/feedback": {
            "post": operation(
                "What the operator did with a card; the card as it then stands",
                reference(Suggestion),
                errors=(400, 401, 404, 413, 415),
                parameters=[path_part("The card's `id`")],
                body=members({"verdict": reference(Verdict)}),
            )
        },
        "/api/openapi.json": {"get": operation("This document", {"type": "object"}, errors=(401,))},
        "/agi/call_start": {"get": _notice("A call began", [query("caller", "The caller's number")])},
        "/agi/call_end": {"get": _notice("A call ended (a hint; ARI decides)", [])},
        "/healthz": {"get": operation("The daemon is alive", members({"status": {"const": "alive"}}), gated=False)},
        "/readyz": {"get": _readiness()},
        "/metrics": {"get": _metrics()},
    }


def _schemas() -> dict[str, Schema]:
    named = components(
        *(Call, Transcript, Gap, Suggestion, ChecklistStep, CallEnded, Summary, ComponentStatus, Verdict),
        *(Account, AuditEntry, Cost, FrameAccount, Participation),
        *OFFICE_CLASSES,
    )
    call = object_schema(Call)["properties"]
    said = {
        "transcript": value_schema(tuple[Transcript, ...]),
        "gaps": value_schema(tuple[Gap, ...]),
        "suggestions": value_schema(tuple[Suggestion, ...]),
        "checklist": value_schema(tuple[ChecklistStep, ...]),
        "end": {"anyOf": [reference(CallEnded), NULL]},
        "summary": {"anyOf": [reference(Summary), NULL]},
        "frames": array(reference(FrameAccount)),
    }
    named["CallDetail"] = members(call | said)
    of_kept = {
        "participations": array(reference(Participation)),
        "costs": array(reference(Cost)),
        "masked": {"type": "boolean"},
        "recording": RECORDING,
    }
    named["CallDetail"]["properties"] |= of_kept
    place = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    line = object_schema(Transcript)["properties"]
    snippet = {name: line[name] for name in ("leg", "utterance", "start_ms", "text")} | {"marks": array(place)}
    found = {
        "reason": {"anyOf": [TEXT, NULL]},
        "duration_ms": INTEGER_OR_NULL,
        "outcome": {"anyOf": [TEXT, NULL]},
        "snippets": array(members(snippet)),
    }
    named["Hit"] = members(call | found)
    named["Components"] = object_schema(SystemChanged)
    named["Error"] = members({"error": members({"code": {"type": "string"}, "message": {"type": "string"}})})
    return dict(sorted(named.items()))


def _notice(summary: str, parameters: list[Schema]) -> dict[str, Any]:
    channel_id = {"type": "string", "pattern": CHANNEL_ID}
    channel = query("id", "The channel's unique id, `${UNIQUEID}`", channel_id, required=True)
    results = [result.value for result in NoticeResult if result is not NoticeResult.UNKNOWN]
    answer = members({"result": {"type": "string", "enum": results}})
    return operation(summary, answer, errors=(400, 503), parameters=[channel, *parameters])


def _readiness() -> dict[str, Any]:
    states = {"components": {"$ref": "#/components/schemas/Components"}}
    error = {"error": members({"code": {"const": "not_ready"}, "message": {"type": "string"}})}
    described = operation(
        "Able to take calls: ARI is up", members({"status": {"const": "ready"}} | states), gated=False
    )
    described["responses"]["503"] = response("Not able; the message says why", members(error | states))
    return described


def _metrics() -> dict[str, Any]:
    text = {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}
    errors = {str(status): refusal(status) for status in (401, 403, 404)}
    return {"summary": "Prometheus metrics", "responses": {"200": text, **errors}}


def as_text() -> str:
    return json.dumps(document(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_text())
