"""Whispers and summaries over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ari_bridge.events import Leg
from ari_bridge.hub.coaching import MAX_ACTIONS, MAX_SUMMARY_TEXT, MAX_WHISPER, parse_summary
from ari_bridge.hub.reply import Reply
from tests.hub.calls import STARTED, answered, ended, final, hung_up, started
from tests.hub.running import Running, read, running
from tests.hub.team import enlist, signed_in


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as room:
        await enlist(room.accounts)
        room.publish(started(ringing=("1001",)))
        room.publish(answered())
        yield room


async def send(room: Running, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    async with room.http.request(method, room.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_whisper_is_a_card_for_the_operator_and_takes_his_verdict(room: Running) -> None:
    olga, anna = await signed_in(room, "olga"), await signed_in(room, "anna")
    async with room.page(**anna) as page:
        await read(page)
        status, card = await send(room, "POST", "/api/calls/c1/whisper", {"text": " Скидка 10 % "}, olga)
        assert status == 200
        shown = await read(page)
        assert card.items() <= shown.items()
        assert {name: shown[name] for name in ("type", "kind", "source", "priority", "state", "content")} == {
            "type": "suggestion",
            "kind": "whisper",
            "source": "supervisor",
            "priority": "high",
            "state": "complete",
            "content": "Скидка 10 %",
        }
        for verdicts in (["useful"], ["useful"]):  # the same verdict twice is one
            path = f"/api/suggestions/{card['id']}/feedback"
            assert (await send(room, "POST", path, {"verdict": "useful"}, anna))[1]["verdicts"] == verdicts
        assert (await read(page))["verdicts"] == ["useful"]
    [noted] = [e for e in await room.accounts.audit(STARTED, 100) if e.deed == "whispered"]
    assert (noted.who, noted.calls, noted.detail) == ("Ольга", ("c1",), "")


@pytest.mark.parametrize("text", ["", "  ", None, 7, "я" * (MAX_WHISPER + 1), "\0", "\ud800"])
async def test_what_is_no_whisper_is_refused(room: Running, text: object) -> None:
    status, answer = await send(room, "POST", "/api/calls/c1/whisper", {"text": text}, await signed_in(room, "olga"))
    assert (status, answer["error"]["code"]) == (400, "bad_whisper")


async def test_a_summary_in_ones_own_words_is_told_to_whoever_sees_the_call(room: Running) -> None:
    anna = await signed_in(room, "anna")
    room.publish(hung_up())
    room.publish(ended())
    async with room.page(**await signed_in(room, "olga")) as page:
        await read(page)
        given = {"need": "Тариф", "outcome": "Выслать счёт", "actions": ["счёт", " "], "unknown": 1}
        status, summary = await send(room, "PUT", "/api/calls/c1/summary", given, anna)
        assert (status, summary["actions"]) == (200, ["счёт"])
        message = await read(page)
    assert (message["type"], message["outcome"]) == ("summary", "Выслать счёт")


async def test_a_call_that_others_had_a_part_in_is_not_one_operators_to_sum_up(room: Running) -> None:
    await room.keep(started("both"), answered("both", "1002", zero_at=STARTED))
    await room.keep(answered("both", "1001", zero_at=STARTED), final("да", call_id="both", leg=Leg.OPERATOR))
    await room.keep(hung_up("both", "1001"), ended("both"))
    for who, expected in (("anna", 403), ("olga", 200)):
        path = "/api/calls/both/summary"
        assert (await send(room, "PUT", path, {"outcome": "Да"}, await signed_in(room, who)))[0] == expected


@pytest.mark.parametrize(
    "members",
    [
        {"need": 1},
        {"outcome": "я" * (MAX_SUMMARY_TEXT + 1)},
        {"actions": "счёт"},
        {"actions": [None]},
        {"actions": ["а"] * (MAX_ACTIONS + 1)},
        {"need": "\ud800"},
    ],
)
def test_what_is_no_summary_is_refused(members: dict[str, object]) -> None:
    answer = parse_summary("c1", members)
    assert isinstance(answer, Reply)
    assert answer.status == 400
