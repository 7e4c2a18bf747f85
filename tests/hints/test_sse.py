from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.hints.sse import MAX_EVENT_CHARS, SseOverflow, SseParser

STREAM = (
    "\ufeff: OPENROUTER PROCESSING\n\n"
    'data: {"a":"Ё"}\n\n'
    "event: x\nid: 7\ndata: one\ndata:two\n\n"
    ": ping\n"
    "data: [DONE]\n\n"
    "data: unfinished"
)
EVENTS = ['{"a":"Ё"}', "one\ntwo", "[DONE]"]


def parse(chunks: list[bytes]) -> list[str]:
    parser = SseParser()
    return [data for chunk in chunks for data in parser.feed(chunk)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_cut_anywhere_with_any_line_end(line_end: str, size: int) -> None:
    raw = STREAM.replace("\n", line_end).encode()
    assert parse([raw[at : at + size] for at in range(0, len(raw), size)]) == EVENTS


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM.encode()))))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    raw = STREAM.encode()
    edges = [0, *sorted(cuts), len(raw)]
    assert parse([raw[a:b] for a, b in itertools.pairwise(edges)]) == EVENTS


@given(st.binary())
def test_arbitrary_bytes_are_no_error(raw: bytes) -> None:
    parse([raw])


def test_an_endless_event_is_refused_but_comments_may_come_for_ever() -> None:
    parser = SseParser()
    for _ in range(100):
        parser.feed(b": " + b"x" * 10_000 + b"\n")
    with pytest.raises(SseOverflow):
        parser.feed(b"data: " + b"x" * (MAX_EVENT_CHARS + 1))
