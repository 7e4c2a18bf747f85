"""Real calls with no daemon anywhere: the ruler with which the daemon is measured is straight."""

from __future__ import annotations

import contextlib
import http.server
import socket
import statistics
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import capture, sipp, speech
from tests.lab.asterisk import Asterisk, Options, inbound_number, outbound_number
from tests.lab.conftest_plugin import require, why_no_asterisk
from tests.lab.sipp import Audio, Party

pytestmark = pytest.mark.asterisk

CLIENT = "Здравствуйте, сколько стоит ваша услуга?"
OPERATOR = "Добрый день, меня зовут Анна. Чем могу помочь?"
TALK_S = 4.0


def audio(text: str, codec: str = "alaw") -> Audio:
    return Audio(file=speech.speak(text, codec=codec, lead_s=0.2), codec=codec)


def talk(asterisk: Asterisk, caller: Party, callee: Party) -> None:
    """Runs the call to its end and asserts that each party heard all the other said, evenly."""
    with capture.Capture(caller.media_ports, callee.media_ports, asterisk.rtp_ports) as recording, callee, caller:
        assert caller.wait() == callee.wait() == sipp.Stats(successful=1, failed=0)
    assert recording.lost == 0
    streams = recording.streams()
    for speaker, listener in ((caller, callee), (callee, caller)):
        [heard] = capture.heard_by(streams, listener.media_ports)
        assert capture.blocks_heard(speaker.audio.file.read_bytes(), capture.payload(heard)) >= 0.95
        [sent] = capture.sent_by(streams, speaker.media_ports)
        assert statistics.median(capture.transit_ms(sent, heard)) < 5


@pytest.mark.parametrize("codec", ["alaw", "ulaw"])
def test_both_parties_hear_each_other_bit_for_bit(asterisk: Asterisk, codec: str) -> None:
    callee = sipp.operator(asterisk, "1001", audio(OPERATOR, codec), ring_s=0.2)
    caller = sipp.trunk_caller(asterisk, inbound_number("passive"), audio(CLIENT, codec), name="Иван", talk_s=TALK_S)
    talk(asterisk, caller, callee)


@pytest.mark.parametrize("way", ["stasis", "notice"])
def test_a_call_connects_while_no_daemon_runs(asterisk: Asterisk, way: str) -> None:
    callee = sipp.operator(asterisk, "1001", audio(OPERATOR), talk_s=TALK_S)
    caller = sipp.trunk_caller(asterisk, inbound_number(way), audio(CLIENT), talk_s=None)
    talk(asterisk, caller, callee)


@pytest.mark.parametrize("way", ["passive", "stasis", "notice"])
def test_an_operator_reaches_the_trunk(asterisk: Asterisk, way: str) -> None:
    callee = sipp.trunk_callee(asterisk, audio(CLIENT))
    caller = sipp.operator_caller(asterisk, "1002", outbound_number(way), audio(OPERATOR), talk_s=TALK_S)
    talk(asterisk, caller, callee)


def test_several_calls_at_once_are_heard_apart(asterisk: Asterisk) -> None:
    callees = [
        sipp.operator(asterisk, extension, audio(f"Добрый день, {extension}.")) for extension in ("1001", "1002")
    ]
    callers = [
        sipp.trunk_caller(asterisk, inbound_number("passive", "1001"), audio("Сколько стоит?"), talk_s=3.0),
        sipp.trunk_caller(asterisk, inbound_number("passive", "1002"), audio("Это дорого."), talk_s=3.0),
    ]
    with contextlib.ExitStack() as stack:
        recording = stack.enter_context(capture.Capture(*(party.media_ports for party in callers + callees)))
        for party in callees + callers:
            stack.enter_context(party)
        assert [party.wait().successful for party in callers + callees] == [1, 1, 1, 1]
    for caller, callee in zip(callers, callees, strict=True):
        for speaker, listener in ((caller, callee), (callee, caller)):
            [heard] = capture.heard_by(recording.streams(), listener.media_ports)
            assert capture.blocks_heard(speaker.audio.file.read_bytes(), capture.payload(heard)) >= 0.95


def test_one_process_makes_many_calls(asterisk: Asterisk) -> None:
    callee = sipp.operator(asterisk, "1001", audio(OPERATOR), calls=5)
    caller = sipp.trunk_caller(
        asterisk, inbound_number("passive"), audio(CLIENT), number="7900000000[call_number]", talk_s=1.0, calls=5
    )
    with callee, caller:
        assert caller.wait() == callee.wait() == sipp.Stats(successful=5, failed=0)
        assert "<sip:79000000005@" in caller.messages()


def test_two_instances_run_side_by_side(asterisk: Asterisk) -> None:
    with Asterisk(Options(app="other")) as other:
        assert {asterisk.http_port, asterisk.sip_port}.isdisjoint({other.http_port, other.sip_port})
        assert "1001" in other.cli("pjsip show endpoints")
        assert "Executing" not in other.log_text()
        home, pid = other.home, other.pid
    assert not home.exists()
    assert not Path(f"/proc/{pid}").exists()
    assert str(asterisk.root) not in Path("/proc/self/mounts").read_text()


def test_an_operator_holds_and_resumes(asterisk: Asterisk) -> None:
    callee = sipp.operator_who_holds(asterisk, "1001", audio(OPERATOR), talk_s=0.5, hold_s=0.5)
    with callee, sipp.trunk_caller(asterisk, inbound_number("passive"), audio(CLIENT), talk_s=2.0) as caller:
        assert caller.wait() == callee.wait()
    assert "Started music on hold" in asterisk.log_text()


def test_an_operator_transfers_blindly(asterisk: Asterisk) -> None:
    second = sipp.operator(asterisk, "1002", audio("Здравствуйте, это Ольга."))
    first = sipp.operator_who_transfers(asterisk, "1001", audio(OPERATOR), talk_s=0.5, target="1002")
    caller = sipp.trunk_caller(asterisk, inbound_number("passive"), audio(CLIENT), talk_s=4.0)
    with capture.Capture(caller.media_ports) as recording, second, first, caller:
        assert first.wait() == caller.wait() == second.wait()
    heard = b"".join(capture.payload(flow) for flow in capture.heard_by(recording.streams(), caller.media_ports))
    assert capture.blocks_heard(second.audio.file.read_bytes(), heard) >= 0.9


def test_a_client_gives_up_and_an_operator_is_busy(asterisk: Asterisk) -> None:
    did = inbound_number("passive")
    away = sipp.operator_who_is_away(asterisk, "1001", audio(OPERATOR))
    with (
        away,
        sipp.trunk_caller_who_gives_up(asterisk, did, audio(CLIENT), after_s=0.3) as caller,
    ):
        assert caller.wait() == away.wait()
    with sipp.operator_who_is_away(asterisk, "1001", audio(OPERATOR), busy=True) as busy:
        with sipp.trunk_caller(asterisk, did, audio(CLIENT)) as caller, pytest.raises(sipp.CallFailed, match="486"):
            caller.wait()
        busy.wait()


def test_the_dialplan_tells_the_hub_of_start_and_end(asterisk: Asterisk) -> None:
    with notices(asterisk.hub_port) as paths:
        callee = sipp.operator(asterisk, "1001", audio(OPERATOR))
        caller = sipp.trunk_caller(asterisk, inbound_number("notice"), audio(CLIENT), number="79007654321", talk_s=0.5)
        with callee, caller:
            caller.wait()
            callee.wait()
        asterisk.wait_idle()
    start, end = paths
    prefix = "/agi/call_start?caller=79007654321&id="
    assert start.startswith(prefix)
    assert end == "/agi/call_end?id=" + start.removeprefix(prefix)


def test_a_hub_that_hangs_costs_the_caller_little(asterisk: Asterisk) -> None:
    with socket.create_server(("127.0.0.1", asterisk.hub_port)):
        callee = sipp.operator(asterisk, "1001", audio(OPERATOR))
        caller = sipp.trunk_caller(asterisk, inbound_number("notice"), audio(CLIENT), talk_s=0.5)
        with callee, caller:
            caller.wait()
            at = {line: moment for moment, line in reversed(caller.timeline())}
        asterisk.wait_idle()
    waited = at["SIP/2.0 180 Ringing"] - at["SIP/2.0 100 Trying"]
    assert 0.2 < waited < 0.6


def test_a_failed_call_says_why(asterisk: Asterisk) -> None:
    nobody_answers = sipp.trunk_caller(asterisk, "00000", audio(CLIENT))
    with nobody_answers, pytest.raises(sipp.CallFailed, match="404 Not Found"):
        nobody_answers.wait()


def test_asterisk_comes_back_after_a_crash() -> None:
    require("asterisk", why_no_asterisk())
    with Asterisk() as own:
        first = own.pid
        own.kill()
        own.start()
        assert own.pid != first
        assert own.ari.holdings() == []


@contextlib.contextmanager
def notices(port: int) -> Iterator[list[str]]:
    """An HTTP server in the hub's place that notes the paths it was asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield paths
        server.shutdown()
        thread.join()
