"""The account's limit of streams."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.stt.soniox_limits import read_limits


def scope(limit: object) -> dict[str, Any]:
    return {"current": {"transcribe_concurrent": 1}, "limits": {"transcribe_concurrent": limit, "tts_concurrent": 3}}


@pytest.mark.parametrize(
    ("project", "organization", "streams"),
    [(10, 25, 10), (25, 10, 10), (None, 50, 50), (7, None, 7), (None, None, None), (0, 5, 5), (True, "9", None)],
)
def test_the_lower_limit_holds(project: object, organization: object, streams: int | None) -> None:
    document = {"project": scope(project), "organization": scope(organization)}
    assert read_limits(200, document) == streams
    assert read_limits(500, document) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["project", "limits"]), inner),
)


@given(json_values)
def test_nonsense_is_no_limit(document: object) -> None:
    assert read_limits(200, document) is None
