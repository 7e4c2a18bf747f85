"""Every shape of call, on a real Asterisk: one card, the right people under the right leg, nothing torn down.

Each party speaks with a tone of its own. The scenes play side by side, one test looks at each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chain.scenes import ANSWERED, HELD, OPTIONS, RING_S, SCENES, TALK_S, TRANSFERRED, client_number, did, tones
from tests.chain.tones import word
from tests.chain.town import Stage, Story, Town, open_town
from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.lab.line import Line

pytestmark = [pytest.mark.asterisk, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module")]

AT_ONCE = 6
MANY = 50
EXTENSIONS = tuple(str(1030 + index) for index in range(MANY))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require("asterisk", why_no_asterisk())
    async with open_town(tmp_path_factory.mktemp("tones"), **OPTIONS) as town:
        stage = Stage(town, SCENES, AT_ONCE)
        yield stage
        await stage.end()


async def told(stage: Stage, scene: str) -> Story:
    await stage.played(scene)
    return await stage.town.story("+" + client_number(scene))


@pytest.mark.parametrize(
    ("scene", "operator", "speaker"),
    [
        ("inbound", "1001", 1),
        ("outbound", "1002", 1),
        ("busy_then_next", "1004", 2),
        ("no_answer_then_next", "1006", 2),
        ("through_queue", "1015", 2),
        ("picked_up", "1013", 2),
        ("local_channel", "1020", 1),
        ("local_channel_kept", "1021", 1),
        ("forwarded_to_mobile", "+79005550001", 1),
    ],
)
async def test_one_operator_answers(stage: Stage, scene: str, operator: str, speaker: int) -> None:
    story = await told(stage, scene)
    own = tones(scene)
    await story.check(statuses=ANSWERED, operators=[operator], client=own[0], speakers=[own[speaker]])


@pytest.mark.parametrize(
    ("scene", "rung"),
    [
        ("busy_then_next", [["1004"]]),
        ("no_answer_then_next", [["1005"], ["1006"]]),
        ("through_queue", [["1014", "1015"]]),
    ],
)
async def test_whose_telephone_rings_is_shown(stage: Stage, scene: str, rung: list[list[str]]) -> None:
    story = await told(stage, scene)
    at_most = max(map(len, rung))  # two telephones begin to ring one after the other
    shown = [sorted(ringing) for ringing in story.changes("ringing") if len(ringing) == at_most]
    assert shown[-len(rung) :] == rung  # who is busy at once may have been shown for a moment or not at all


async def test_who_holds_is_not_heard_and_the_status_says_held(stage: Stage) -> None:
    story = await told(stage, "held_by_operator")
    client, anna, *_ = tones("held_by_operator")
    await story.check(statuses=HELD, operators=["1007"], client=client, speakers=[anna])


async def test_music_of_the_far_ends_pbx_is_not_transcribed(stage: Stage) -> None:
    story = await told(stage, "held_by_client")
    client, anna, *_ = tones("held_by_client")
    await story.check(statuses=HELD, operators=["1022"], client=client, speakers=[anna])


@pytest.mark.parametrize(
    ("scene", "operators"),
    [
        ("blind_transfer", ["1008", "1009"]),
        ("transfer_of_outbound", ["1023", "1024"]),
        ("transfer_outside", ["1026", "+79005550002"]),
    ],
)
async def test_a_blind_transfer_goes_on_in_the_same_card(stage: Stage, scene: str, operators: list[str]) -> None:
    story = await told(stage, scene)
    client, anna, other, _ = tones(scene)
    await story.check(statuses=TRANSFERRED, operators=operators, client=client, speakers=[anna, other])


async def test_an_attended_transfer_goes_on_in_the_same_card(stage: Stage) -> None:
    story = await told(stage, "attended_transfer")
    client, anna, boris, _ = tones("attended_transfer")
    await story.check(
        statuses=("ringing", "answered", "held", "answered", "ended"),
        operators=["1010", "1011"],
        client=client,
        speakers=[anna, boris],
    )


async def test_an_attended_transfer_outside_merges_into_the_older_card(stage: Stage) -> None:
    story = await told(stage, "attended_transfer_outside")
    client, anna, mobile, _ = tones("attended_transfer_outside")
    await story.check(
        statuses=("ringing", "answered", "held", "answered", "ended"),
        operators=["1025", "+79005550003"],
        client=client,
        speakers=[anna, mobile],
    )
    [consultation] = [card for card in stage.town.cards() if card["client_number"] == "+79005550003"]
    merged = Story(stage.town, consultation["id"])
    assert merged.reason.startswith("Переведён"), "asking the other party was a conversation of its own until then"


async def test_a_client_who_gives_up_is_a_call_without_a_word(stage: Stage) -> None:
    story = await told(stage, "gives_up")
    assert story.changes("status") == ["ringing", "ended"]
    assert story.lines("client") == story.lines("operator") == {}
    assert story.reason == "Клиент не дождался ответа"
    await story.check_closed()


async def test_two_calls_of_one_operator_stay_two(stage: Stage) -> None:
    await stage.played("first_of_two")
    _, anna, *_ = tones("first_of_two")
    for scene in ("first_of_two", "second_of_two"):
        story = await told(stage, scene)
        await story.check(statuses=ANSWERED, operators=["1017"], client=tones(scene)[0], speakers=[anna])


async def test_an_internal_call_is_nobodys_business(stage: Stage) -> None:
    await stage.played("internal")
    assert not [card for card in stage.town.cards() if card["client_number"] in ("1018", "1019")]
    assert not {word(tone) for tone in tones("internal")} & {
        tone for message in stage.town.page.of("transcript") for tone in message["text"].split()
    }


async def test_nothing_is_left_and_nothing_was_logged_as_an_error(stage: Stage) -> None:
    for scene in SCENES:
        await stage.played(scene)
    await asyncio.to_thread(stage.town.asterisk.wait_idle)
    assert [line for line in stage.town.daemon.log if line["level"] in ("error", "critical")] == []
    merged = 1  # the consultation with an outside number is a card of its own at first
    assert len(stage.town.cards()) == len(SCENES) - 1 + merged, "one card per conversation"


async def test_of_fifty_calls_within_a_second_no_tone_comes_under_another_leg(stage: Stage) -> None:
    for scene in SCENES:
        await stage.played(scene)
    town, number = stage.town, "7900111{:04d}"
    lines = await asyncio.gather(*(one_of_many(town, index, number.format(index)) for index in range(MANY)))
    await asyncio.sleep(TALK_S)
    numbers = {"+" + number.format(index) for index in range(MANY)}

    def all_heard() -> bool:
        calls = {card["id"] for card in town.cards() if card["client_number"] in numbers}
        heard = {(m["call_id"], m["leg"]) for m in town.page.of("transcript") if m["call_id"] in calls}
        return len(heard) == 2 * MANY

    await town.page.until(all_heard, timeout_s=60)  # a hundred taps at once may take seconds on a busy machine
    await asyncio.gather(*(line.hang_up() for line in lines))
    for index in range(MANY):
        story = await town.story("+" + number.format(index))
        await story.check(statuses=ANSWERED, operators=[EXTENSIONS[index]], client=index, speakers=[MANY + index])
    await asyncio.to_thread(town.asterisk.wait_idle)


async def one_of_many(town: Town, index: int, number: str) -> Line:
    """A call whose client speaks with tone `index`, whose operator with tone `MANY + index`; the client's line."""
    operator = await town.telephones.operator(EXTENSIONS[index])
    client = await town.telephones.client(number)
    await asyncio.sleep(index * 0.9 / MANY)
    dialled = asyncio.create_task(client.dial(did(EXTENSIONS[index]), town.voice(index)), name=f"dial[{index}]")
    rung = await operator.rung()
    await asyncio.sleep(RING_S)
    rung.answer(town.voice(MANY + index))
    return await dialled
