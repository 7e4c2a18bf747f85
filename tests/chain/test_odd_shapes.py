"""Rarer shapes of call on a real Asterisk: trunks called like numbers, forwarding telephones, parking, panels, keys.

As in test_shapes.py each party speaks with a tone of its own; the scenes play side by side, one test looks at each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chain.odd_scenes import OPTIONS, SCENES, SECOND_ADDRESS, TRUNKS, client_number, tones
from tests.chain.scenes import ANSWERED, HELD, TRANSFERRED
from tests.chain.tones import word
from tests.chain.town import Stage, Story, open_town
from tests.lab.conftest_plugin import require, why_no_asterisk

pytestmark = [pytest.mark.asterisk, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module")]

AT_ONCE = 7
HELD_THEN_RUNG = ("ringing", "answered", "held", "answered", "ringing", "answered", "ended")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require("asterisk", why_no_asterisk())
    async with open_town(tmp_path_factory.mktemp("odd"), settings={"ARI__TRUNKS": TRUNKS}, **OPTIONS) as town:
        await town.telephones.trunk(SECOND_ADDRESS)
        stage = Stage(town, SCENES, AT_ONCE)
        yield stage
        await stage.end()


async def told(stage: Stage, scene: str) -> Story:
    await stage.played(scene)
    return await stage.town.story("+" + client_number(scene))


@pytest.mark.parametrize(
    ("scene", "statuses", "operators"),
    [
        ("numbered_trunk", ANSWERED, ["1102"]),
        ("out_over_numbered_trunk", ANSWERED, ["1103"]),
        ("parked", HELD, ["1106", "1107"]),
        ("redirected", TRANSFERRED, ["1108", "1109"]),
        ("redirected_outbound", TRANSFERRED, ["1120", "1121"]),
        ("ring_group", ANSWERED, ["1119"]),
        ("two_telephones", ANSWERED, ["1180"]),
        ("forwarded_by_telephone", ANSWERED, ["+79005551102"]),
        ("forwarded_to_colleague", ANSWERED, ["1124"]),
        ("keys_blind_transfer", HELD_THEN_RUNG, ["1125", "1126"]),
        ("keys_attended_transfer", HELD, ["1127", "1128"]),
        ("survey", ("ringing", "answered", "held", "ended"), ["1129", "1129"]),
        ("passed_on_twice", (*HELD_THEN_RUNG[:-1], *HELD_THEN_RUNG[2:]), ["1130", "1131", "1132"]),
        ("transferred_while_ringing", HELD_THEN_RUNG, ["1133", "1134"]),
        ("into_queue", TRANSFERRED, ["1137", "1135"]),
        ("colleague_asks_client_in", HELD, ["1139", "1138"]),
        ("from_subroutine", ANSWERED, ["1160"]),
        ("stasis_in_subroutine", ANSWERED, ["1168"]),
        ("click_to_call", ANSWERED, ["1161"]),
        ("click_over_local", ANSWERED, ["1163"]),
        ("click_client_first", ANSWERED, ["1162"]),
        ("through_ivr", ANSWERED, ["1165"]),
        ("spied_on", ANSWERED, ["1167"]),
        ("operator_holds_then_client_leaves", ("ringing", "answered", "held", "ended"), ["1169"]),
        ("onto_mobile_over_other_trunk", ANSWERED, ["+79005551101"]),
        ("transfer_fails", ("ringing", "answered", "ringing", "ended"), ["1170"]),
    ],
)
async def test_one_card_with_the_right_people(
    stage: Stage, scene: str, statuses: tuple[str, ...], operators: list[str]
) -> None:
    story = await told(stage, scene)
    client, *others = tones(scene)
    speakers = others[: len(set(operators))]
    if scene == "colleague_asks_client_in":
        speakers.reverse()  # who was called first dials the client
    await story.check(statuses=statuses, operators=operators, client=client, speakers=speakers)


async def test_the_numbers_and_the_direction(stage: Stage) -> None:
    for scene, direction, caller, callee in (
        ("numbered_trunk", "inbound", "+" + client_number("numbered_trunk"), "+74950111102"),
        ("out_over_numbered_trunk", "outbound", "1103", "+" + client_number("out_over_numbered_trunk")),
        ("click_to_call", "outbound", "1161", "+" + client_number("click_to_call")),
        ("click_over_local", "outbound", "1163", "+" + client_number("click_over_local")),
        ("click_client_first", "outbound", "1162", "+" + client_number("click_client_first")),
        ("keys_attended_transfer", "inbound", "+" + client_number("keys_attended_transfer"), "+74950121127"),
    ):
        story = await told(stage, scene)
        assert story.changes("direction") == [direction]
        assert (story.changes("caller"), story.changes("callee")) == ([caller], [callee])


async def test_all_of_a_conference_are_heard_and_nobody_under_the_client(stage: Stage) -> None:
    story = await told(stage, "conference")
    client, anna, boris, _ = tones("conference")
    assert story.changes("status") == list(ANSWERED)
    assert story.changes("operator") == [None, "1104", "1105"]
    assert (story.tones("client"), set(story.tones("operator"))) == ([word(client)], {word(anna), word(boris)})
    await story.check_closed()


async def test_everybody_whose_telephone_rings_is_shown(stage: Stage) -> None:
    story = await told(stage, "ring_group")
    assert max(story.changes("ringing"), key=len) == [str(extension) for extension in range(1110, 1120)]
    assert (await told(stage, "two_telephones")).changes("ringing") == [[], ["1180"], []], (
        "one operator, two telephones"
    )
    assert ["1135", "1136"] in map(sorted, (await told(stage, "into_queue")).changes("ringing"))


async def test_whom_nobody_speaks_with_is_nobodys(stage: Stage) -> None:
    for scene in ("parked", "survey"):
        held = [m["call"] for m in (await told(stage, scene)).messages if m.get("call", {}).get("status") == "held"]
        assert held[-1]["operator"] is None
    story = await told(stage, "keys_attended_transfer")
    held = [m["call"] for m in story.messages if m.get("call", {}).get("status") == "held"]
    assert {call["operator"] for call in held} == {"1127"}, "he asks his colleague meanwhile"


async def test_a_voicemail_is_no_operator(stage: Stage) -> None:
    story = await told(stage, "voicemail")
    assert story.changes("status") == ["ringing", "ended"]
    assert (story.reason, story.lines("client")) == ("Оператор не ответил", {})
    await story.check_closed()


async def test_a_trunk_that_refuses_is_told_from_a_caller_who_gave_up(stage: Stage) -> None:
    await stage.played("second_trunk_takes_over")
    page = stage.town.page
    tries = [card["id"] for card in stage.town.cards() if card["client_number"] == "+79005551104"]
    assert len(tries) == 2
    await page.until(lambda: all(page.of("call_end", call_id) for call_id in tries))
    assert Story(stage.town, tries[0]).reason == "Клиент недоступен"
    assert Story(stage.town, tries[1]).changes("status") == list(ANSWERED)


async def test_nothing_is_left_and_nothing_was_logged_as_an_error(stage: Stage) -> None:
    for scene in SCENES:
        await stage.played(scene)
    async with asyncio.timeout(10):
        while left := [
            one for one in stage.town.asterisk.ari.holdings() if "parking" not in one
        ]:  # Asterisk's lot stays
            await asyncio.sleep(0.1)
    assert left == []
    assert [line for line in stage.town.daemon.log if line["level"] in ("error", "critical")] == []
    assert len(stage.town.cards()) == len(SCENES) + 1, "one card per conversation; a second trunk is a second try"
