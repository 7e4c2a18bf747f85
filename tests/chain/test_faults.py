"""What is wrong is said once, with its cause and cure, and hurts nothing else. Before the virtual PBX, which obeys."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.pbx import VirtualPbx
from ari_bridge.demo.pbx_faults import Fault
from ari_bridge.demo.pbx_requests import DEFAULT_MODULES
from ari_bridge.demo.pbx_script import Way
from ari_bridge.demo.samples import Conversation, load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from tests.chain.conftest import House, open_house
from tests.chain.daemon import Daemon, Message, Page, free_port
from tests.chain.pbx import DemoPbx, Plan


async def readiness(url: str) -> tuple[int, Message]:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as answer:
        return answer.status, await answer.json()


def lines_about(daemon: Daemon, component: str) -> list[Message]:
    return [line for line in daemon.log if line.get("component") == component and line["level"] != "info"]


async def until_reported(daemon: Daemon, component: str) -> Message:
    async with asyncio.timeout(15):
        while not (lines := lines_about(daemon, component)):
            await asyncio.sleep(0.05)
        return lines[0]


async def play_two_calls(url: str, pbx: VirtualPbx, conversations: dict[str, Conversation]) -> Page:
    """Two short calls, one after the other; the page that saw them, left already."""
    async with Page(url) as page:
        for number in ("79000000001", "79000000002"):
            plan = Plan(conversation=conversations["price"], number=number, seconds=4.0)
            await DemoPbx(pbx).play(plan)
        await page.until(lambda: len(page.of("call_end")) == 2)
    return page


async def test_without_keys_calls_still_show_and_it_is_said_once(conversations: dict[str, Conversation]) -> None:
    async with VirtualPbx() as pbx, Daemon(DemoPbx(pbx).variables) as daemon:
        await daemon.until_ready()
        page = await play_two_calls(daemon.url, pbx, conversations)
        system = page.system
        for component, variable in (("stt", "ARI_BRIDGE_SONIOX__API_KEY"), ("llm", "ARI_BRIDGE_OPENROUTER__API_KEY")):
            assert system[component]["state"] == "off"
            assert variable in system[component]["action"]
            assert len(lines_about(daemon, component)) == 1, "one line in the log, not one per call"
        legs = page.of("call_update")[-2]["call"]["legs"]
        assert {leg["state"] for leg in legs.values()} <= {"stt_down", "closed"}


@pytest.mark.parametrize(
    ("wrong", "cause", "cure"),
    [
        ({"ARI__PASSWORD": "mistyped"}, "401", "ARI_BRIDGE_ARI__PASSWORD"),
        ({"ARI__URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9", "http.conf"),
        ({"ARI__TRUNKS": '["PJSIP/beeline"]'}, "PJSIP/1001, PJSIP/1002, PJSIP/1003, PJSIP/mango", "ARI__TRUNKS"),
    ],
)
async def test_a_wrong_setting_is_named_with_its_cure(wrong: dict[str, str], cause: str, cure: str) -> None:
    async with VirtualPbx() as pbx, Daemon(DemoPbx(pbx).variables | wrong) as daemon:
        line = await until_reported(daemon, "ari")
        assert cause in line["reason"]
        assert cure in line["action"]
        status, body = await readiness(daemon.url)
        assert status == 503
        assert line["reason"] in str(body)
        await asyncio.sleep(2.5)  # several attempts later
        assert len(lines_about(daemon, "ari")) == 1, "one state, one line"


async def test_a_missing_module_is_named_and_found_again_when_loaded() -> None:
    without = tuple(m for m in DEFAULT_MODULES if m != "res_stasis_snoop.so")
    async with VirtualPbx(modules=without) as pbx, Daemon(DemoPbx(pbx).variables) as daemon:
        line = await until_reported(daemon, "ari")
        assert "res_stasis_snoop.so" in line["reason"]
        assert "module load res_stasis_snoop.so" in line["action"]
        assert (await readiness(daemon.url))[0] == 503


async def test_a_password_set_right_later_is_found(conversations: dict[str, Conversation]) -> None:
    async with VirtualPbx(password="other") as pbx, Daemon(DemoPbx(pbx).variables) as daemon:
        await until_reported(daemon, "ari")
        pbx.change_password("ari_bridge", "demo")
        await daemon.until_ready()


async def test_notices_are_answered_at_once_whatever_ari_does() -> None:
    async with VirtualPbx() as pbx, Daemon(DemoPbx(pbx).variables) as daemon, aiohttp.ClientSession() as http:
        await daemon.until_ready()
        pbx.faults.add(Fault(delay_s=30.0, times=1000))

        async def ask(query: str) -> tuple[int, float]:
            began = time.monotonic()
            async with http.get(f"{daemon.url}/agi/{query}") as answer:
                await answer.json()
                return answer.status, time.monotonic() - began

        times = []
        for query, expected in (
            ("call_start?caller=79001234567&id=1795406708.99", 400),
            ("call_start?caller=79001234567", 400),
            ("call_start?id=%00", 400),
            ("call_end?id=1795406708.99", 400),
            ("call_end", 400),
        ) * 5:
            status, seconds = await ask(query)
            assert status == expected, query
            times.append(seconds)
        assert sorted(times)[len(times) // 2] < 0.05


async def test_hostile_input_touches_nothing_else(conversations: dict[str, Conversation]) -> None:
    """Malformed RTP, unknown and broken ARI events, nonsense from the page: a call's words are all there."""
    async with open_house("demo") as house, Page(house.daemon.url) as page:
        assert isinstance(house.pbx, DemoPbx)
        pbx = house.pbx.pbx
        nonsense = (b"", b"\x00", b"\x80" * 7, b"\xff" * 40, b"\x90\x08" + b"\xff" * 30, b"\x40" + b"x" * 171)
        count = 0

        def impair(packet: bytes) -> tuple[bytes, ...]:
            nonlocal count
            count += 1
            return (packet, nonsense[count % len(nonsense)]) if count % 5 == 0 else (packet,)

        pbx.rtp.impair = impair
        plan = Plan(conversation=conversations["price"], number="79000000001", way=Way.PASSIVE, seconds=17.0)
        call = asyncio.create_task(house.pbx.play(plan), name="call")
        await page.until(lambda: page.of("transcript"))
        await spoil(house)
        await call
        await page.until(lambda: page.of("call_end"))
        call_id = page.of("call_start")[0]["call"]["id"]
        check_said_so_far(page, call_id, plan.conversation)
        finished = [line for line in house.daemon.log if line["event"] == "leg_finished"]
        assert all(line["malformed"] > 0 for line in finished)
        assert [line for line in house.daemon.log if line["level"] == "error"] == []


def check_said_so_far(page: Page, call_id: str, conversation: Conversation) -> None:
    """The first utterances of both are there, whole and as they were said; the call ends before the last ones."""
    for leg, recorded in (("client", conversation.client), ("operator", conversation.operator)):
        said = [utterance.text for utterance in recorded.utterances]
        assert page.text(call_id, leg).startswith(" ".join(said[:2]))
        assert recorded.text.startswith(page.text(call_id, leg))


async def spoil(house: House) -> None:
    assert isinstance(house.pbx, DemoPbx)
    events = house.pbx.pbx.events
    for message in (
        {"type": "SomethingNew", "what": [1, 2]},
        {"type": "ChannelDestroyed"},
        {"type": "ChannelEnteredBridge", "channel": "not an object", "bridge": None},
        {"type": "Dial", "peer": {"id": 5}},
        {"no": "type"},
        "{",
        "[]",
        "null",
    ):
        events.inject("ari_bridge", message)
    async with aiohttp.ClientSession() as http:
        for text in ("{", "null", "[]", '{"type":"feedback"}', '{"type":"feedback","id":5,"verdict":"x"}', "x" * 3000):
            async with http.ws_connect(f"{house.daemon.url}/ws") as socket:
                await socket.send_str(text)
                await socket.send_bytes(b"\x00\xff")


async def test_foreign_senders_are_never_heard(conversations: dict[str, Conversation]) -> None:
    """Every port of the range is flooded from another socket with another conversation's speech."""
    async with open_house("demo") as house, Page(house.daemon.url) as page:
        plan = Plan(conversation=conversations["price"], number="79000000001", seconds=17.0)
        call = asyncio.create_task(house.pbx.play(plan), name="call")
        first, last = map(int, house.daemon.variables["MEDIA__PORTS"].split("-"))
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        foreign = conversations["think"].client.alaw
        try:
            for number in range(200):
                block = foreign[number * 160 : number * 160 + 160]
                packet = b"\x80\x08" + number.to_bytes(2, "big") + (number * 160).to_bytes(4, "big") + b"evil" + block
                for port in range(first, min(first + 20, last), 2):
                    transport.sendto(packet, ("127.0.0.1", port))
                await asyncio.sleep(0.02)
        finally:
            transport.close()
        await call
        await page.until(lambda: page.of("call_end"))
        call_id = page.of("call_start")[0]["call"]["id"]
        check_said_so_far(page, call_id, plan.conversation)


async def test_a_call_that_is_not_answered_ends_without_a_word() -> None:
    async with open_house("demo") as house, Page(house.daemon.url) as page:
        await house.pbx.give_up("79000000001", "1001")
        await page.until(lambda: page.of("call_end"))
        [end] = page.of("call_end")
        assert end["duration_ms"] == 0
        assert end["reason"] == "Клиент не дождался ответа"
        assert page.of("transcript") == []
        assert house.soniox.sessions == [], "nothing is billed before the answer"


async def test_soniox_refusing_the_key_is_one_state_for_all_calls(conversations: dict[str, Conversation]) -> None:
    async with (
        VirtualPbx() as pbx,
        SonioxStandIn(Lexicon.of(load_conversations())) as soniox,
        Daemon(
            DemoPbx(pbx).variables
            | {"SONIOX__URL": soniox.url, "SONIOX__API_URL": soniox.api_url, "SONIOX__API_KEY": "wrong"},
            port=free_port(),
        ) as daemon,
    ):
        await daemon.until_ready()
        page = await play_two_calls(daemon.url, pbx, conversations)
        assert page.system["stt"]["state"] == "down"
        assert len(lines_about(daemon, "stt")) == 1
        assert len(page.of("call_end")) == 2


async def test_an_api_that_cannot_be_reached_is_a_warning_only(conversations: dict[str, Conversation]) -> None:
    """The streams' address is plain, the API's is TLS and dead: as with a recogniser of one's own."""
    async with open_house("demo", SONIOX__API_URL="https://127.0.0.1:9/v1") as house, Page(house.daemon.url) as page:
        plan = Plan(conversation=conversations["price"], number="79000000001", seconds=9.0)
        await house.pbx.play(plan)
        await page.until(lambda: page.of("call_end"))
        call_id = page.of("call_start")[0]["call"]["id"]
        assert page.text(call_id, "operator").startswith(plan.conversation.operator.utterances[0].text)
        assert page.system["stt"]["state"] == "up"
        assert [line for line in house.daemon.log if line["level"] == "error"] == []
