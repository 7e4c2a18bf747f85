"""What the settings leave out for some calls, over the whole chain: nothing of such a call leaves the machine."""

from __future__ import annotations

import asyncio
import json

from ari_bridge.demo.samples import Conversation
from tests.chain.conftest import open_house
from tests.chain.daemon import Page
from tests.chain.pbx import Plan

SWITCHES = [
    {"numbers": ["8 900 000-00-01"], "off": ["stt"]},
    {"operators": ["1002"], "off": ["llm"]},
    {"numbers": ["79000000003"], "off": ["hints"]},
]


async def test_each_call_goes_as_far_as_its_switches_allow(conversations: dict[str, Conversation]) -> None:
    async with open_house("demo", POLICY__SWITCHES=json.dumps(SWITCHES)) as house, Page(house.daemon.url) as page:
        plans = [("79000000001", "1001"), ("79000000002", "1002"), ("79000000003", "1003")]
        async with asyncio.TaskGroup() as calls:
            for number, extension in plans:
                plan = Plan(conversation=conversations["price"], number=number, extension=extension)
                calls.create_task(house.pbx.play(plan), name=f"call[{number}]")
        await page.until(lambda: len(page.of("call_end")) == len(plans))
        last = {m["call"]["client_number"]: m["call"] for m in page.of("call_update")}
        assert [last[f"+{number}"]["off"] for number, _ in plans] == [["stt"], ["llm"], ["hints"]]
        ids = {number: last[f"+{number}"]["id"] for number, _ in plans}

        spoken = {message["call_id"] for message in page.of("transcript")}
        assert spoken == {ids["79000000002"], ids["79000000003"]}
        starts = [session.start for session in house.soniox.sessions if session.start is not None]
        assert {str(start.client_reference_id).partition(":")[0] for start in starts} == spoken
        legs = [m["call"]["legs"] for m in page.of("call_update") if m["call"]["id"] == ids["79000000001"]]
        assert any("policy.switches" in (leg["client"]["reason"] or "") for leg in legs)

        cards = {card["call_id"]: card for card in page.of("suggestion")}
        assert set(cards) == {ids["79000000002"]}
        assert {card["source"] for card in page.of("suggestion")} == {"playbook"}
        assert house.openrouter.requests == []
