"""Does a value conform to a schema? As much of JSON Schema as we write ourselves."""

from __future__ import annotations

from typing import Any

KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def assert_conforms(value: Any, schema: dict[str, Any], named: dict[str, dict[str, Any]]) -> None:
    """`named` holds the schemas that `$ref` leads to. No member may be there that the schema does not name."""
    if "$ref" in schema:
        schema = named[schema["$ref"].rsplit("/", 1)[-1]]
    if "anyOf" in schema:
        schema = next(o for o in schema["anyOf"] if (o == {"type": "null"}) is (value is None))
        return assert_conforms(value, schema, named)
    if "const" in schema:
        assert value == schema["const"]
        return None
    assert isinstance(value, KINDS[schema["type"]])
    assert value in schema.get("enum", [value])
    if schema["type"] == "array":
        for item in value:
            assert_conforms(item, schema["items"], named)
    if "properties" in schema:
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for name in value:
            assert_conforms(value[name], schema["properties"][name], named)
    return None
