"""What the OpenAPI document says of the report, of numbers and of the playbook. Pure."""

from __future__ import annotations

from typing import Any

from ari_bridge.events import Direction, Summary
from ari_bridge.hub.operations import MOMENT, NULL, TEXT, array, members, operation, path_part, query
from ari_bridge.hub.schema import Schema, enum_schema, reference, value_schema
from ari_bridge.playbooks import PlaybookText, PlaybookVersion, Remark, Shown
from ari_bridge.report import Bucket, CardFigures, Cards, Latency, OperatorFigures, Spent, Talk, TimeBucket

OFFICE_CLASSES = (
    *(Talk, Cards, TimeBucket, OperatorFigures, CardFigures, Latency, Spent),
    *(PlaybookText, PlaybookVersion, Remark, Shown),
)

_NUMBER: Schema = {"type": "integer"}
_STAMP: Schema = {"type": "string", "format": "date-time"}
_OR_NULL: Schema = {"anyOf": [TEXT, NULL]}
_CHECKED: dict[str, Schema] = {
    "ok": {"const": True},
    "company": TEXT,
    "cards": _NUMBER,
    "steps": _NUMBER,
    "selftest": array(reference(Remark)),
}
_EDITING = (400, 401, 413, 415, 422, 503)


def office_paths() -> dict[str, Any]:
    version = path_part("The version", "version")
    saved = members(_CHECKED | {"version": TEXT})
    return {
        "/api/numbers/{number}": {
            "get": operation(
                "The last calls of a client; an operator may ask while a call of that number is his",
                members({"number": TEXT, "total": _NUMBER, "calls": array(_earlier())}),
                errors=(401, 404, 503),
                parameters=[path_part("The client's number, as the call has it", "number")],
            )
        },
        "/api/report": {
            "get": operation(
                "The numbers of a period, the last week where none is given; for supervisors",
                _report(),
                errors=(400, 401, 503),
                parameters=[
                    query("from", "Calls that started at or after", MOMENT),
                    query("to", "Started before", MOMENT),
                    query("operator", "Only calls that this extension took part in"),
                    query("offset", "Where days begin: minutes east of UTC", {"type": "string", "pattern": r"^-?\d*$"}),
                ],
            )
        },
        "/api/playbook": {
            "get": operation("The playbook in force; for supervisors", reference(PlaybookText), errors=(401, 409, 503)),
            "put": operation(
                "Put another text in force; `base` is the version that it was made from",
                saved,
                errors=(409, *_EDITING),
                body=members({"text": TEXT, "base": TEXT}),
            ),
        },
        "/api/playbook/check": {
            "post": operation(
                "Whether a text can be used, and which of its examples do not hold",
                members(_CHECKED),
                errors=_EDITING,
                body=members({"text": TEXT}),
            )
        },
        "/api/playbook/preview": {
            "post": operation(
                "The cards that a text would have shown in past calls (of the last day) beside those that were",
                _preview(),
                errors=_EDITING,
                body=members({"text": TEXT, "from": MOMENT, "to": MOMENT}, optional=("from", "to")),
            )
        },
        "/api/playbook/versions": {
            "get": operation(
                "What was in force, newest first",
                members({"versions": array(reference(PlaybookVersion)), "current": TEXT}),
                errors=(401, 409, 503),
            )
        },
        "/api/playbook/versions/{version}": {
            "get": operation(
                "The text of a version",
                members({"version": TEXT, "text": TEXT}),
                errors=(401, 404, 503),
                parameters=[version],
            )
        },
        "/api/playbook/versions/{version}/restore": {
            "post": operation(
                "Put an earlier version in force again",
                saved,
                errors=(401, 404, 409, 413, 422, 503),
                parameters=[version],
            )
        },
    }


def _earlier() -> Schema:
    return members(
        {
            "id": TEXT,
            "started_at": _STAMP,
            "direction": enum_schema(Direction),
            "operator": _OR_NULL,
            "duration_ms": _NUMBER,
            "reason": TEXT,
            "summary": {"anyOf": [reference(Summary), NULL]},
        }
    )


def _report() -> Schema:
    return members(
        {
            "from": _STAMP,
            "to": _STAMP,
            "operator": _OR_NULL,
            "bucket": enum_schema(Bucket),
            "talk": reference(Talk),
            "cards": reference(Cards),
            "buckets": value_schema(tuple[TimeBucket, ...]),
            "operators": value_schema(tuple[OperatorFigures, ...]),
            "by_card": value_schema(tuple[CardFigures, ...]),
            "latency_edges_ms": array(_NUMBER),
            "latency": value_schema(tuple[Latency, ...]),
            "costs": value_schema(tuple[Spent, ...]),
        }
    )


def _preview() -> Schema:
    line = members(
        {
            "call_id": TEXT,
            "started_at": _STAMP,
            "client_number": _OR_NULL,
            "operator": _OR_NULL,
            "utterance": _NUMBER,
            "start_ms": _NUMBER,
            "text": TEXT,
            "shown": array(reference(Shown)),
            "would": array(reference(Shown)),
        }
    )
    total = members({"card": TEXT, "title": TEXT, "shown": _NUMBER, "would": _NUMBER})
    return members({"calls": _NUMBER, "lines": array(line), "totals": array(total), "more": {"type": "boolean"}})
