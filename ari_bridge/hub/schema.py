"""JSON Schema of our dataclasses, read from their annotations. Pure.

Both documents, the WebSocket's and the REST API's, are made from it, so neither can tell another story than the code.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Union

from ari_bridge.events import SystemChanged

Schema = dict[str, Any]

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
}


def object_schema(cls: type[Any]) -> Schema:
    """What the dataclass's `to_json` gives: every field that is sent is there, also where it is null."""
    hints = typing.get_type_hints(cls)
    sent = [f.name for f in dataclasses.fields(cls) if not f.metadata.get("unsent")]
    properties = {name: value_schema(hints[name]) for name in sent}
    if cls is SystemChanged:
        properties = properties["components"]["properties"]
    return {"type": "object", "properties": properties, "required": list(properties)}


def value_schema(annotation: Any) -> Schema:
    """Schema of one annotation; classes of ours are referred to by name. Raises TypeError for one that JSON has not."""
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return reference(annotation)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return reference(annotation)
    return _generic_schema(annotation)


def reference(cls: type[Any]) -> Schema:
    return {"$ref": f"#/components/schemas/{cls.__name__}"}


def enum_schema(cls: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [member.value for member in cls]}


def components(*classes: type[Any]) -> dict[str, Schema]:
    """Schemas of the classes and of every class that they refer to, by name."""
    found: dict[str, Schema] = {}
    todo = list(classes)
    while todo:
        cls = todo.pop(0)
        if cls.__name__ in found:
            continue
        found[cls.__name__] = enum_schema(cls) if issubclass(cls, StrEnum) else object_schema(cls)
        todo.extend(_classes_in(cls))
    return dict(sorted(found.items()))


def described(schema: Schema) -> str:
    """The schema as a reader's word: `string`, `integer or null`, `array of LegStatus`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(described(option) for option in schema["anyOf"])
    if schema["type"] == "array":
        return f"array of {described(schema['items'])}"
    if schema["type"] == "object":
        values = {described(value) for value in schema["properties"].values()}
        return f"object {{{', '.join(schema['properties'])}}} of {' or '.join(sorted(values))}"
    return "time" if schema.get("format") == "date-time" else str(schema["type"])


def _generic_schema(annotation: Any) -> Schema:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if a is type(None) else value_schema(a) for a in arguments]}
    if origin is tuple and arguments[1:] == (...,):
        return {"type": "array", "items": value_schema(arguments[0])}
    if origin is Mapping and issubclass(arguments[0], StrEnum):
        names = [member.value for member in arguments[0]]
        properties = {name: value_schema(arguments[1]) for name in names}
        return {"type": "object", "properties": properties, "required": names}
    raise TypeError(f"no JSON schema for {annotation!r}")


def _classes_in(cls: type[Any]) -> list[type[Any]]:
    if not dataclasses.is_dataclass(cls):
        return []
    hints = typing.get_type_hints(cls)
    nested = [hints[f.name] for f in dataclasses.fields(cls)]
    return [c for annotation in nested for c in _leaves(annotation) if c not in _PLAIN]


def _leaves(annotation: Any) -> list[type[Any]]:
    arguments = typing.get_args(annotation)
    if not arguments:
        return [annotation] if isinstance(annotation, type) and annotation is not type(None) else []
    if typing.get_origin(annotation) is Mapping:
        arguments = arguments[1:]
    return [leaf for argument in arguments for leaf in _leaves(argument)]
