"""One reader: what he is told to look for, and when he must go."""

from __future__ import annotations

import pytest

from ari_bridge.accounts import LOCAL, Account, Role
from ari_bridge.events import Event
from ari_bridge.hub.client import Client
from ari_bridge.hub.outbox import Outbox
from ari_bridge.hub.protocol import Message, encode
from tests.hub.calls import STARTED, card, final, gap, level, partial


def message(event: Event, sequence: int = 1) -> Message:
    return encode(event, sequence, STARTED, 0.0)


def client(account: Account = LOCAL, **limits: int) -> Client:
    return Client(1, account, Outbox(**limits), b"", set())


@pytest.mark.parametrize(
    ("event", "urgent"),
    [(gap(), True), (card(), True), (final("да"), True), (partial(" да"), True), (level(0.5), False)],
)
async def test_only_a_level_can_wait(event: Event, urgent: bool) -> None:
    reader, news = client(), list[bool]()
    reader.on_news = news.append
    reader.put(message(event))
    assert news == [urgent]


async def test_many_messages_are_news_once() -> None:
    reader, news = client(), list[bool]()
    reader.on_news = news.append
    reader.put_all([message(gap(), 1), message(level(0.5), 2)])
    assert news == [True]
    assert len(reader.outbox) == 2


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_reader_too_slow_must_go_and_the_first_reason_counts(at_once: bool) -> None:
    reader = client(max_messages=2)
    messages = [message(gap(), sequence) for sequence in range(3)]
    if at_once:
        reader.put_all(messages)
    else:
        for each in messages:
            reader.put(each)
    reader.close(1012, "the daemon stops")
    assert reader.closing.result() == (1013, "reader too slow")


@pytest.mark.parametrize(
    ("account", "overseer"),
    [
        (LOCAL, False),
        (Account("Анна", Role.OPERATOR, ("1001",)), False),
        (Account("Ольга", Role.SUPERVISOR), True),
        (Account("Пётр", Role.ADMIN), True),
    ],
)
async def test_who_looks_at_all_calls_among_others(account: Account, overseer: bool) -> None:
    assert client(account).overseer is overseer
