"""What the OpenAPI document says of calls, past ones above all. Pure."""

from __future__ import annotations

from typing import Any

from ari_bridge.events import Suggestion, SuggestionKind, Summary
from ari_bridge.history import Erased, Track
from ari_bridge.hub.coaching import MAX_SUMMARY_TEXT, MAX_WHISPER
from ari_bridge.hub.operations import INTEGER_OR_NULL, MOMENT, TEXT, array, members, operation, path_part, query
from ari_bridge.hub.schema import Schema, object_schema, reference

ERASED = object_schema(Erased)
CALL_ID = path_part("The call's `id`")


def calls_paths() -> dict[str, Any]:
    text = TEXT | {"maxLength": MAX_SUMMARY_TEXT}
    detail = {"$ref": "#/components/schemas/CallDetail"}
    return {
        "/api/calls/{id}": {
            "get": operation(
                "One call, live or past, with all that was said; of a past call an operator gets his own part",
                detail,
                errors=(401, 404, 503),
                parameters=[CALL_ID],
            )
        },
        "/api/calls/{id}/reveal": {
            "post": operation(
                "A past call with the personal data that the masked view leaves out; it is noted who asked",
                detail,
                errors=(401, 404, 413, 503),
                parameters=[CALL_ID],
            )
        },
        "/api/calls/{id}/export": {"get": _export_of_one(detail)},
        "/api/history": {
            "get": operation(
                "Calls that are kept, newest first; an operator finds those he took part in",
                members({"calls": array({"$ref": "#/components/schemas/Hit"}), "next": INTEGER_OR_NULL}),
                errors=(400, 401, 503),
                parameters=history_parameters(),
            )
        },
        "/api/export": {"get": _export_of_period()},
        "/api/calls/{id}/recording": {"get": _recording()},
        "/api/numbers/{number}": {
            "delete": operation(
                "Delete all calls of a client's telephone number with their recordings, for administrators",
                ERASED,
                errors=(400, 401, 413, 503),
                parameters=[path_part("The number, however it is written", "number")],
            )
        },
        "/api/calls/{id}/whisper": {
            "post": operation(
                "A supervisor's card for the operator of a live call; the card",
                reference(Suggestion),
                errors=(400, 401, 404, 413, 415, 503),
                parameters=[CALL_ID],
                body=members({"text": TEXT | {"minLength": 1, "maxLength": MAX_WHISPER}}),
            )
        },
        "/api/calls/{id}/summary": {
            "put": operation(
                "The summary in people's own words; an operator's only of a call that nobody else had a part in",
                reference(Summary),
                errors=(400, 401, 404, 413, 415, 503),
                parameters=[CALL_ID],
                body=members(
                    {"need": text, "outcome": text, "actions": array(text)}, optional=("need", "outcome", "actions")
                ),
            )
        },
    }


def history_parameters() -> list[Schema]:
    return [
        query("q", 'Words in any form, `prefix*`, `"a phrase"` or a number; every term must occur'),
        query("from", "Started at or after", MOMENT),
        query("to", "Started before", MOMENT),
        query("operator", "Extension that took part"),
        query("number", "Part of a telephone number"),
        query("answered", "Whether anybody answered", {"type": "string", "enum": ["", "true", "false"]}),
        query("outcome", "Part of the summary's outcome"),
        query("card", "Part of the title of a card that was shown"),
        query("kind", "Kind of a card that was shown", {"type": "string", "enum": ["", *SuggestionKind]}),
        query("before", "`next` of the page before", {"type": "string", "pattern": r"^\d{0,15}$"}),
        query("limit", "At most so many, 50 where not given", {"type": "string", "pattern": r"^\d{0,4}$"}),
    ]


ZONE = query("zone", "Of the times, e.g. Europe/Moscow; UTC where not given")


def _export_of_one(detail: Schema) -> dict[str, Any]:
    described = operation(
        "One call as a file; `reveal` as for the call itself",
        detail,
        errors=(400, 401, 404, 503),
        parameters=[
            CALL_ID,
            query("format", "json where not given", {"type": "string", "enum": ["", "json", "text"]}),
            query("reveal", "With personal data", {"type": "string", "enum": ["", "true", "false"]}),
            ZONE,
        ],
    )
    described["responses"]["200"]["content"]["text/plain"] = {"schema": TEXT}
    return described


def _export_of_period() -> dict[str, Any]:
    delimiter = query("delimiter", "A comma where not given", {"type": "string", "enum": ["", ",", ";"]})
    described = operation(
        "The same calls as a table, one a line",
        TEXT,
        errors=(400, 401, 503),
        parameters=[*history_parameters(), delimiter, ZONE],
    )
    described["responses"]["200"]["content"] = {"text/csv": {"schema": TEXT}}
    return described


def _recording() -> dict[str, Any]:
    track = query("track", "stereo where not given: left the client", {"type": "string", "enum": ["", *Track]})
    described = operation(
        "A call's recording, whole or in part (`Range`); of an operator's part of a call, the rest is silent",
        TEXT,
        errors=(400, 401, 404, 416, 503),
        parameters=[CALL_ID, track],
    )
    audio = {"audio/wav": {"schema": {"type": "string", "contentMediaType": "audio/wav"}}}
    for status, meaning in (("200", "The whole"), ("206", "What `Range` asks for")):
        described["responses"][status] = {"description": meaning, "content": audio}
    return described
