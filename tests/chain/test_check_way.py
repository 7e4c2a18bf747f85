"""`ari-bridge check` tells which way a leg's audio would take, and why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ari_bridge.ops.checks.asterisk import check_asterisk
from ari_bridge.ops.checks.finding import Grade
from tests.chain.test_check import PORTS, one, settings_for
from tests.lab.asterisk import Asterisk, Options
from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.lab.firewall import firewall

pytestmark = pytest.mark.asterisk


@pytest.fixture(scope="module")
def pbx() -> Iterator[Asterisk]:
    require("asterisk", why_no_asterisk())
    with Asterisk(Options()) as started:
        yield started


@pytest.mark.parametrize(
    ("transport", "blocked", "way", "rtp"),
    [
        ("auto", False, "RTP: на 127.0.0.1", Grade.OK),
        ("auto", True, "WebSocket: на 127.0.0.1 не пришло ни одного пакета", Grade.OK),
        ("rtp", True, "RTP: так задано", Grade.FAULT),
        ("websocket", False, "WebSocket: так задано: ARI_BRIDGE_MEDIA__TRANSPORT=websocket; он открывается", None),
    ],
)
async def test_the_way_and_why(pbx: Asterisk, transport: str, blocked: bool, way: str, rtp: Grade | None) -> None:
    settings = settings_for(pbx, MEDIA__TRANSPORT=transport)
    if blocked:
        with firewall(f"udp dport {PORTS[0]}-{PORTS[-1]} drop"):
            findings = await check_asterisk(settings)
    else:
        findings = await check_asterisk(settings)
    assert one(findings, "way").state.startswith(way)
    assert one(findings, "way").grade is Grade.OK
    assert [finding.grade for finding in findings if finding.name == "rtp"] == ([] if rtp is None else [rtp])
    assert pbx.ari.holdings() == []


async def test_a_websocket_that_asterisk_does_not_offer() -> None:
    require("asterisk", why_no_asterisk())
    with Asterisk(Options(without=frozenset({"chan_websocket"}), phones=())) as without:
        finding = one(await check_asterisk(settings_for(without, MEDIA__TRANSPORT="websocket")), "way")
        assert finding.grade is Grade.FAULT
        assert "module load chan_websocket.so" in finding.cure
        assert one(await check_asterisk(settings_for(without)), "way").state.startswith(
            "RTP: в этом Asterisk не загружен"
        )
