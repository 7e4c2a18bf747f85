"""The pieces that the OpenAPI document's operations are made of. Pure."""

from __future__ import annotations

from typing import Any

from ari_bridge.hub.reply import JSON
from ari_bridge.hub.schema import Schema

TEXT: Schema = {"type": "string"}
MOMENT: Schema = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}, {"maxLength": 0}]}
NULL: Schema = {"type": "null"}
INTEGER_OR_NULL: Schema = {"anyOf": [{"type": "integer"}, NULL]}


def operation(
    summary: str,
    answer: Schema,
    *,
    errors: tuple[int, ...] = (),
    parameters: list[Schema] | None = None,
    body: Schema | None = None,
    gated: bool = True,
) -> dict[str, Any]:
    statuses = sorted({*errors, *((403,) if gated else ())})
    described: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": response("OK", answer), **{str(status): refusal(status) for status in statuses}},
    }
    if parameters:
        described["parameters"] = parameters
    if body:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    return described


def members(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def listed(name: str, item: Schema) -> Schema:
    return members({name: array(item)})


def array(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def response(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def refusal(status: int) -> dict[str, Any]:
    meaning = {
        400: "A parameter or the body is wrong; the message says how",
        401: "Not signed in, or the name or the password is wrong",
        403: "Not allowed from there, or not for your role",
        404: "There is no such thing, or not for you",
        409: "Not as things stand; the message says why",
        413: "The body is too large",
        416: "Nothing of the file lies there",
        415: "The body is not application/json",
        422: "The playbook cannot be used; `line` (from 1, 0 where unknown) and the message say why",
        429: "Too many tries; `Retry-After` says how long to wait",
        503: "Not now; the message says why",
    }
    return response(meaning[status], {"$ref": "#/components/schemas/Error"})


def query(name: str, description: str, schema: Schema = TEXT, *, required: bool = False) -> Schema:
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def path_part(description: str, name: str = "id") -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": TEXT}
