from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from ari_bridge.events import Call, Event, Leg, LegStatus, Suggestion, Verdict
from ari_bridge.hub.document import EXAMPLES
from ari_bridge.hub.schema import components, described, object_schema, value_schema
from tests.hub.conforming import assert_conforms


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_the_schema_says_what_an_event_gives(event: Event) -> None:
    named = components(type(event))
    assert set(object_schema(type(event))["properties"]) == set(event.to_json())
    assert_conforms(event.to_json(), object_schema(type(event)), named)


def test_references_are_followed() -> None:
    assert set(components(Call)) == {"Call", "CallStatus", "Direction", "LegState", "LegStatus"}
    assert components(Suggestion)["Verdict"]["enum"] == [v.value for v in Verdict]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str, "string"),
        (int | None, "integer or null"),
        (datetime, "time"),
        (tuple[Verdict, ...], "array of Verdict"),
        (Mapping[Leg, LegStatus], "object {client, operator} of LegStatus"),
    ],
)
def test_in_words(annotation: Any, words: str) -> None:
    assert described(value_schema(annotation)) == words


@pytest.mark.parametrize("annotation", [bytes, tuple[int, str], dict[str, int]])
def test_what_json_has_not(annotation: Any) -> None:
    with pytest.raises((TypeError, KeyError)):
        value_schema(annotation)
