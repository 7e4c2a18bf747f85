from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

from ari_bridge.events import Event
from ari_bridge.hub.document import EXAMPLES, MEANINGS, document, field_names

PAGE = Path(__file__).parents[2] / "docs" / "websocket.md"


def test_the_page_in_the_repository_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "python -m ari_bridge.hub.document > docs/websocket.md"


def test_every_event_is_described() -> None:
    assert {type(example) for example in EXAMPLES} == set(_members(Event))


def test_every_field_has_its_meaning_and_nothing_else_has() -> None:
    assert set(MEANINGS) == field_names()


def test_every_example_is_json_with_the_envelope() -> None:
    examples = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", document(), re.DOTALL)]
    assert len(examples) == len(EXAMPLES) + 4
    for example in examples:
        assert {"type", "cursor", "at"} <= example.keys()
        assert ("prev" in example) is (example["type"] != "snapshot")


def _members(union: object) -> list[object]:
    return [leaf for member in get_args(union) for leaf in (_members(member) or [member])]
