"""Every call is in one share, and every daemon knows its own calls again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.calls.share import Share, mark_of, own
from ari_bridge.calls.supervisor import mint_call_id
from ari_bridge.events import Call, Direction
from ari_bridge.history import CallRecord


@given(st.text(), st.integers(1, 16))
def test_every_channel_is_in_one_share(channel_id: str, parts: int) -> None:
    assert [Share(number, parts).has(channel_id) for number in range(1, parts + 1)].count(True) == 1


def test_shares_are_even() -> None:
    channels = [f"{1764000000 + number}.{number}" for number in range(3000)]
    found = Counter(number for number in (1, 2, 3) for one in channels if Share(number, 3).has(one))
    assert all(900 < count < 1100 for count in found.values())


def test_a_share_never_changes() -> None:
    assert [Share.read("2/3").has(f"1764000000.{number}") for number in range(6)] == [
        Share(2, 3).has(f"1764000000.{number}") for number in range(6)
    ]
    assert mark_of("http://127.0.0.1:8088", Share()) == mark_of("http://127.0.0.1:8088", Share(1, 1))


def test_a_daemon_knows_its_calls_by_their_ids() -> None:
    marks = [mark_of("office", Share()), mark_of("office", Share(1, 2)), mark_of("shop", Share())]
    assert len(set(marks)) == 3
    records = [
        CallRecord(Call(mint_call_id(mark), None, None, None, Direction.INBOUND, datetime.now(UTC))) for mark in marks
    ]
    assert [own(records, mark) for mark in marks] == [[record] for record in records]
    assert len(records[0].call.id) == len(mint_call_id())
