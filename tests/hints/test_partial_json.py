from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.hints.partial_json import MAX_CHARS, Member, PartialObject


def read(*pieces: str) -> PartialObject:
    parser = PartialObject()
    for piece in pieces:
        parser.feed(piece)
    return parser


def test_a_member_grows_until_its_quote_closes() -> None:
    parser = read('{"title": "Воз')
    assert parser.members == {"title": Member("Воз", False)}
    parser.feed('ражение", "content": "')
    assert parser.members == {"title": Member("Возражение", True), "content": Member("", False)}
    parser.feed('x"}')
    assert parser.closed


def test_an_escape_waits_until_it_is_whole() -> None:
    assert read('{"a":"x\\u04').members["a"].text == "x"
    assert read('{"a":"x\\u04', '35"}').members["a"] == Member("xе", True)
    assert read('{"a":"\\ud83d').members["a"].text == ""
    assert read('{"a":"\\ud83d', '\\ude00"}').members["a"].text == "😀"
    assert read('{"a":"\\ud83dx"}').members["a"].text == "\ufffdx"


def test_a_fence_around_it_is_skipped() -> None:
    parser = read('```json\n{"a": "1"}\n```')
    assert parser.closed
    assert parser.members == {"a": Member("1", True)}


@pytest.mark.parametrize(
    "bad",
    ['{"a": 1}', '{"a": null}', '{"a": {"b": "c"}}', '["a"]', '{"a" "b"}', '{"a":"b",}', '{"a":"\\x"}', '{"a":"\n"}',
     '{"a":"1","a":"2"}', "{,}", '{"a":"\\u00zz"}'],
)  # fmt: skip
def test_what_is_no_object_of_strings_is_broken(bad: str) -> None:
    parser = read(bad)
    assert parser.broken
    assert not parser.closed


def test_an_endless_answer_is_broken() -> None:
    assert read('{"a":"' + "x" * MAX_CHARS).broken


@given(st.dictionaries(st.text(), st.text(), min_size=1), st.booleans(), st.integers(min_value=1, max_value=9))
def test_agrees_with_json_however_it_is_cut(value: dict[str, str], ascii_only: bool, size: int) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    value = json.loads(text)
    parser = PartialObject()
    before: dict[str, str] = {}
    for at in range(0, len(text), size):
        parser.feed(text[at : at + size])
        now = {key: member.text for key, member in parser.members.items()}
        assert all(now[key].startswith(before[key]) for key in before), "members only grow"
        before = now
    if not any("\ud800" <= c <= "\udfff" for v in (*value, *value.values()) for c in v):
        assert parser.closed
        assert {key: member.text for key, member in parser.members.items()} == value


@given(st.text())
def test_any_text_is_no_exception(text: str) -> None:
    read(text)
