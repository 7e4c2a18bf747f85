"""What a whole call leaves in the log: known lines alone, the canonical ones among them, and none of its secrets."""

from __future__ import annotations

import re

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.demo.samples import Conversation, load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from tests.chain.daemon import Daemon, Page
from tests.chain.pbx import DemoPbx, Plan
from tests.ops.test_catalogue import DOCUMENTED

NUMBER = "79037654321"
SONIOX_KEY, OPENROUTER_KEY = "canary-of-soniox-8341", "canary-of-openrouter-2217"
CANONICAL = {"leg_finished": 2, "stt_finished": 2, "hints_finished": 1, "call_finished": 1}


async def test_a_call_leaves_canonical_lines_and_no_secret(conversations: dict[str, Conversation]) -> None:
    said = conversations["price"]
    async with (
        VirtualPbx() as pbx,
        SonioxStandIn(Lexicon.of(load_conversations()), keys=frozenset({SONIOX_KEY})) as soniox,
        OpenRouterStandIn(keys=frozenset({OPENROUTER_KEY})) as openrouter,
        Daemon(
            {
                **DemoPbx(pbx).variables,
                "LOG__LEVEL": "debug",
                "SONIOX__URL": soniox.url,
                "SONIOX__API_URL": soniox.api_url,
                "SONIOX__API_KEY": SONIOX_KEY,
                "OPENROUTER__URL": openrouter.url,
                "OPENROUTER__API_KEY": OPENROUTER_KEY,
            }
        ) as daemon,
    ):
        await daemon.until_ready()
        async with Page(daemon.url) as page:
            await DemoPbx(pbx).play(Plan(conversation=said, number=NUMBER, seconds=12.0))
            await page.until(lambda: page.of("call_end"))
            spoken = " ".join(message["text"] for message in page.of("transcript") if message["final"])
        assert await daemon.stop() == 0
        log, text = daemon.log, daemon.log_text()

    assert len(spoken.split()) > 10
    assert {line["event"] for line in log} <= DOCUMENTED.keys()
    (call_id,) = {line["call_id"] for line in log if "call_id" in line}
    counted = {name: sum(line["event"] == name for line in log) for name in CANONICAL}
    assert counted == CANONICAL
    assert all(line["call_id"] == call_id for line in log if line["event"] in CANONICAL)

    assert NUMBER[1:] not in text
    for secret in (SONIOX_KEY, OPENROUTER_KEY, daemon.variables["ARI__PASSWORD"] + '"'):
        assert secret not in text
    words = set(re.findall(r"\w{6,}", spoken.lower()))
    assert len(words) > 5
    assert {word for word in words if word in text.lower()} == set()
