"""The oldest Asterisk that is supported: a call in each of the three ways, hold, and both kinds of transfer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chain import scenes
from tests.chain.scenes import ANSWERED, HELD, OPTIONS, TRANSFERRED, client_number, tones
from tests.chain.town import open_town, play
from tests.lab.asterisk import inbound_number
from tests.lab.conftest_plugin import require, why_no_asterisk

pytestmark = pytest.mark.asterisk

WAYS = {"passive": "1030", "stasis": "1031", "notice": "1032"}


async def test_calls_on_asterisk_16(tmp_path: Path) -> None:
    require("asterisk16", why_no_asterisk("16"))
    async with open_town(tmp_path, "16", **OPTIONS) as town:
        calls = [
            play(
                town.operator(extension, 100 + number),
                town.client(inbound_number(way, extension), 110 + number, number=f"790022200{number:02d}", talk_s=4.2),
            )
            for number, (way, extension) in enumerate(WAYS.items())
        ]
        await asyncio.gather(
            *calls, scenes.held_by_client(town), scenes.blind_transfer(town), scenes.attended_transfer(town)
        )
        for number, extension in enumerate(WAYS.values()):
            story = await town.story(f"+790022200{number:02d}")
            await story.check(statuses=ANSWERED, operators=[extension], client=110 + number, speakers=[100 + number])
        for scene, statuses, operators in (
            ("held_by_client", HELD, ["1022"]),
            ("blind_transfer", TRANSFERRED, ["1008", "1009"]),
            ("attended_transfer", HELD, ["1010", "1011"]),
        ):
            client, *speakers = tones(scene)
            story = await town.story("+" + client_number(scene))
            await story.check(
                statuses=statuses, operators=operators, client=client, speakers=speakers[: len(operators)]
            )
        await asyncio.to_thread(town.asterisk.wait_idle)
        assert [line for line in town.daemon.log if line["level"] in ("error", "critical")] == []
