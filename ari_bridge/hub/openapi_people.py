"""What the OpenAPI document says of users. Pure."""

from __future__ import annotations

from typing import Any

from ari_bridge.accounts import MAX_NAME, MAX_PASSWORD, MIN_PASSWORD, Role
from ari_bridge.hub.operations import TEXT, array, listed, members, operation, path_part
from ari_bridge.hub.schema import Schema, enum_schema

USER: Schema = members(
    {
        "name": TEXT,
        "role": enum_schema(Role),
        "extensions": array(TEXT),
        "created_at": {"type": "string", "format": "date-time"},
    }
)


def people_paths() -> dict[str, Any]:
    password = TEXT | {"minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD}
    rights = {"role": enum_schema(Role), "extensions": array(TEXT), "password": password}
    name = path_part("The user's name", "name")
    return {
        "/api/users": {
            "get": operation("Everybody, for administrators", listed("users", USER), errors=(401, 503)),
            "post": operation(
                "A new user, for administrators",
                USER,
                errors=(400, 401, 409, 413, 415, 503),
                body=members({"name": TEXT | {"maxLength": MAX_NAME}, **rights}, optional=("role", "extensions")),
            ),
        },
        "/api/users/{name}": {
            "patch": operation(
                "Change role, extensions or password, at once: open pages come back with the new rights",
                USER,
                errors=(400, 401, 404, 409, 413, 415, 503),
                parameters=[name],
                body=members(rights, optional=tuple(rights)),
            ),
            "delete": operation(
                "Remove a user, at once: open pages are closed",
                {"type": "object"},
                errors=(401, 404, 409, 413, 503),
                parameters=[name],
            ),
        },
    }
