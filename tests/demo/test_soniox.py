"""The stand-in over its sockets, as any client of the service meets it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.samples import load_conversations
from ari_bridge.demo.soniox import DEMO_KEY, SonioxStandIn
from ari_bridge.demo.soniox_faults import Fault, FaultKind, error_fault
from ari_bridge.demo.soniox_protocol import ERRORS
from ari_bridge.demo.soniox_session import Timing
from ari_bridge.errors import IllegalInput

CONVERSATION = load_conversations()[0]
LEXICON = Lexicon.of([CONVERSATION])
LEG = CONVERSATION.client
UTTERANCE = LEG.alaw[LEG.utterances[0].start : LEG.utterances[0].end]
FIRST_TEXT = LEG.utterances[0].text
START = {
    "model": "stt-rt-v5",
    "audio_format": "alaw",
    "sample_rate": 8000,
    "num_channels": 1,
    "enable_endpoint_detection": True,
}
QUICK = Timing(start_timeout_s=0.3, keepalive_timeout_s=0.3, auth_error_delay_s=0.1, max_stream_ms=60_000)


@pytest.fixture
async def soniox() -> AsyncIterator[SonioxStandIn]:
    async with SonioxStandIn(LEXICON, timing=QUICK) as stand_in:
        yield stand_in


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Client:
    """A client of the service that collects all it is told."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws
        self.messages: list[dict[str, Any]] = []

    async def start(self, **fields: object) -> Client:
        await self.ws.send_str(json.dumps(START | fields))
        return self

    async def read_to_the_end(self) -> None:
        async for message in self.ws:
            self.messages.append(json.loads(message.data))

    async def finish(self) -> None:
        await self.ws.send_str("")
        await self.read_to_the_end()

    @property
    def text(self) -> str:
        tokens = [token for message in self.messages for token in message["tokens"] if token["is_final"]]
        return "".join(token["text"] for token in tokens if token["text"] not in ("<end>", "<fin>"))

    @property
    def error(self) -> tuple[int, str | None]:
        return self.messages[-1]["error_code"], self.messages[-1].get("error_type")


@contextlib.asynccontextmanager
async def connected(
    soniox: SonioxStandIn, http: aiohttp.ClientSession, key: str | None = DEMO_KEY
) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    async with asyncio.timeout(20), http.ws_connect(soniox.url, headers=headers) as ws:
        yield Client(ws)


async def said(soniox: SonioxStandIn, http: aiohttp.ClientSession, **fields: object) -> Client:
    """A whole session of one utterance."""
    async with connected(soniox, http) as client:
        await client.start(**fields)
        await client.ws.send_bytes(UTTERANCE)
        await client.finish()
        return client


async def test_a_session_from_start_to_finished(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    client = await said(soniox, http, client_reference_id="7:client")
    assert client.messages[0] == {"tokens": [], "final_audio_proc_ms": 0, "total_audio_proc_ms": 0}
    assert client.text == FIRST_TEXT
    assert client.messages[-1]["finished"] is True
    assert client.messages[-1]["tokens"] == []
    assert client.messages[-1]["total_audio_proc_ms"] == len(UTTERANCE) // 8
    assert client.ws.close_code == 1000
    (record,) = soniox.sessions
    assert (record.outcome, record.ended, record.final_text) == ("finished", True, FIRST_TEXT)
    assert (record.audio_bytes, record.audio_ms) == (len(UTTERANCE), len(UTTERANCE) // 8)
    assert record.start is not None
    assert record.start.client_reference_id == "7:client"
    assert record.headers["Authorization"] == f"Bearer {DEMO_KEY}"


async def test_empty_binary_is_nothing_and_base64_is_audio(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    async with connected(soniox, http) as client:
        await client.start()
        await client.ws.send_bytes(b"")
        await client.ws.send_str(base64.b64encode(UTTERANCE[:4000]).decode())
        await client.ws.send_bytes(UTTERANCE[4000:])
        await client.ws.send_bytes(b"")
        await client.finish()
        assert client.text == FIRST_TEXT


async def test_finalize_answers_with_fin(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    async with connected(soniox, http) as client:
        await client.start()
        await client.ws.send_bytes(UTTERANCE)
        await client.ws.send_str('{"type":"finalize"}')
        await client.finish()
        assert client.text == FIRST_TEXT
        assert {"text": "<fin>", "is_final": True} in [t for m in client.messages for t in m["tokens"]]


async def test_a_wrong_key_passes_the_upgrade_and_fails_after_it(
    soniox: SonioxStandIn, http: aiohttp.ClientSession
) -> None:
    async with connected(soniox, http, "wrong") as silent:
        before = time.monotonic()
        await silent.read_to_the_end()
        assert silent.error == (401, "unauthenticated")
        assert time.monotonic() - before >= 0.09
    async with connected(soniox, http, "wrong") as client:
        await client.start()
        await client.read_to_the_end()
        assert client.error == (401, "unauthenticated")


async def test_the_key_may_still_stand_in_the_start_message(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    for key, expected in ((DEMO_KEY, "finished"), ("wrong", "unauthenticated"), (None, "unauthenticated")):
        async with connected(soniox, http, None) as client:
            await client.start(**({"api_key": key} if key else {}))
            await client.ws.send_bytes(UTTERANCE)
            await client.finish()
        assert soniox.sessions[-1].outcome == expected


async def test_silence_of_the_client_is_a_timeout_unless_kept_alive(
    soniox: SonioxStandIn, http: aiohttp.ClientSession
) -> None:
    async with connected(soniox, http) as client:
        await client.start()
        for _ in range(5):
            await asyncio.sleep(0.1)
            await client.ws.send_str('{"type":"keepalive"}')
        for _ in range(2):
            await asyncio.sleep(0.1)
            await client.ws.send_bytes(b"")
        before = time.monotonic()
        await client.read_to_the_end()
        assert time.monotonic() - before < 0.25, "empty audio keeps nothing alive"
        assert client.error == (408, "request_timeout")
        assert soniox.sessions[0].keepalives == 5


async def test_no_start_closes_with_1001_unless_kept_alive(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    async with connected(soniox, http) as client:
        await asyncio.sleep(0.2)
        await client.ws.send_str('{"type": "keepalive"}')
        before = time.monotonic()
        await client.read_to_the_end()
        assert time.monotonic() - before >= 0.25
        assert client.messages == []
        assert client.ws.close_code == 1001
        assert soniox.sessions[0].outcome == "no_start"


async def test_no_audio_is_an_invalid_request(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    async with connected(soniox, http) as client:
        await client.start()
        await client.finish()
        assert client.error == (400, "invalid_request")
        assert client.messages[-1]["error_message"] == "No audio received."


async def test_a_bad_start_and_bad_text_are_refused(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    async with connected(soniox, http) as client:
        await client.start(model="stt-rt-v9")
        await client.read_to_the_end()
        assert client.error == (400, "model_not_available")
    async with connected(soniox, http) as client:
        await client.start()
        await client.ws.send_str('{"type":"stop"}')
        await client.read_to_the_end()
        assert client.error == (400, "invalid_request")


async def test_a_stream_has_a_longest_duration(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    async with connected(soniox, http) as client:
        await client.start()
        await client.ws.send_bytes(b"\xd5" * 480_000)
        await client.read_to_the_end()
        assert client.error == (413, "max_duration_reached")


async def test_streams_and_connections_are_limited(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    soniox.stream_limit = 1
    async with connected(soniox, http) as first:
        await first.start()
        assert (await first.ws.receive_json())["tokens"] == []
        async with connected(soniox, http) as second:
            await second.start()
            await second.read_to_the_end()
            assert second.error == (429, "limit_exceeded")
        assert (soniox.live_streams, await limits(soniox, http)) == (1, (1, 1))
        soniox.connection_limit = 1
        async with connected(soniox, http) as third:
            await third.start()
            await third.read_to_the_end()
            assert third.error == (429, "max_concurrent_connections_reached")
    soniox.connection_limit = None
    assert (await said(soniox, http)).text == FIRST_TEXT


async def limits(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> tuple[int, int]:
    headers = {"Authorization": f"Bearer {DEMO_KEY}"}
    async with http.get(f"{soniox.api_url}/concurrency-limits", headers=headers) as response:
        scope = (await response.json())["organization"]
        return scope["current"]["transcribe_concurrent"], scope["limits"]["transcribe_concurrent"]


async def test_rest_lists_models_to_those_with_a_key(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    url = f"{soniox.api_url}/models"
    async with http.get(url, headers={"Authorization": f"Bearer {DEMO_KEY}"}) as response:
        models = (await response.json())["models"]
        assert "stt-rt-v5" in [model["id"] for model in models]
    async with http.get(url) as response:
        assert response.status == 401
        assert (await response.json())["error_type"] == "unauthenticated"


@pytest.mark.parametrize("error_type", list(ERRORS))
async def test_every_error_can_strike_in_mid_stream(
    soniox: SonioxStandIn, http: aiohttp.ClientSession, error_type: str
) -> None:
    soniox.faults.next(error_fault(error_type, after_audio_ms=500))
    async with connected(soniox, http) as client:
        await client.start()
        await client.ws.send_bytes(UTTERANCE[:8000])
        await client.read_to_the_end()
        assert client.error == (ERRORS[error_type].code, error_type)
        assert soniox.sessions[0].outcome == error_type
    assert (await said(soniox, http)).text == FIRST_TEXT, "the next session is well"


async def test_an_untyped_error(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    soniox.faults.next(error_fault("service_unavailable", typed=False))
    async with connected(soniox, http) as client:
        await client.start()
        await client.read_to_the_end()
        assert client.error == (503, None)


async def test_a_fault_may_come_by_the_clock(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    soniox.faults.next(Fault(FaultKind.ERROR, after_s=0.1))
    async with connected(soniox, http) as client:
        before = time.monotonic()
        await client.start()
        await client.read_to_the_end()
        assert 0.09 <= time.monotonic() - before < 0.29
        assert client.error == (503, "service_unavailable")


@pytest.mark.parametrize(
    ("kind", "close_codes"),
    [(FaultKind.RESET, {1006}), (FaultKind.EOF, {1006}), (FaultKind.CLOSE, {1000})],
)
async def test_a_live_session_can_be_struck(
    soniox: SonioxStandIn, http: aiohttp.ClientSession, kind: FaultKind, close_codes: set[int]
) -> None:
    async with connected(soniox, http) as client, connected(soniox, http) as spared:
        await client.start()
        await spared.start()
        assert await client.ws.receive_json()
        assert await spared.ws.receive_json()
        soniox.strike(Fault(kind), soniox.sessions[0])
        message = await client.ws.receive()
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
        assert client.ws.close_code in close_codes
        await spared.ws.send_bytes(UTTERANCE)
        await spared.finish()
        assert spared.text == FIRST_TEXT
    assert soniox.sessions[0].outcome == kind.name.lower()


async def test_a_frozen_session_answers_no_ping(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    async with connected(soniox, http) as client:
        await client.start()
        assert await client.ws.receive_json()
        soniox.strike(Fault(FaultKind.FREEZE))
        await client.ws.ping()
        await client.ws.send_bytes(UTTERANCE)
        with pytest.raises(TimeoutError):
            await client.ws.receive(timeout=0.5)
    for _ in range(100):
        if soniox.sessions[0].outcome != "open":
            break
        await asyncio.sleep(0.02)
    assert soniox.sessions[0].outcome == "freeze"
    assert soniox.live_streams == 0


async def test_broken_and_strange_json_are_followed_by_the_text(
    soniox: SonioxStandIn, http: aiohttp.ClientSession
) -> None:
    soniox.faults.next(Fault(FaultKind.BROKEN_JSON, after_audio_ms=100), Fault(FaultKind.STRANGE_JSON, after_s=0))
    async with connected(soniox, http) as client:
        await client.start()
        await client.ws.send_bytes(UTTERANCE)
        await client.ws.send_str("")
        texts = [message.data async for message in client.ws]
    broken = [text for text in texts if not is_json(text)]
    assert len(broken) == 1
    assert "[]" in texts
    assert soniox.sessions[0].final_text == FIRST_TEXT


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


async def test_a_slow_reader_pushes_back_and_then_catches_up(http: aiohttp.ClientSession) -> None:
    async with SonioxStandIn(LEXICON, receive_buffer=4096) as soniox, connected(soniox, http) as client:
        await client.start()
        sock = client.ws.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        soniox.strike(Fault(FaultKind.SLOW_READER, duration_s=0.6))
        await asyncio.sleep(0.05)
        before = time.monotonic()
        for start in range(0, len(LEG.alaw), 800):
            await client.ws.send_bytes(LEG.alaw[start : start + 800])
        for _ in range(4):
            await client.ws.send_bytes(b"\xd5" * 80_000)
        assert time.monotonic() - before > 0.4, "sending had to wait"
        await client.finish()
        assert client.text == LEG.text


async def test_late_finals_come_after_the_end_only(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    soniox.faults.next(Fault(FaultKind.LATE_FINALS, duration_s=0.2), Fault(FaultKind.FINALS_IN_FINISHED))
    async with connected(soniox, http) as client:
        await client.start()
        await client.ws.send_bytes(LEG.alaw)
        await client.ws.send_str('{"type":"keepalive"}')
        before = time.monotonic()
        await client.finish()
        assert time.monotonic() - before >= 0.2
        assert client.text == LEG.text
        late = [m for m in client.messages if any(t["is_final"] for t in m["tokens"])]
        assert late == client.messages[-1:]
        assert client.messages[-1]["finished"] is True


async def test_tokens_may_come_bare(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    soniox.faults.every(Fault(FaultKind.BARE_TOKENS))
    client = await said(soniox, http)
    assert client.text == FIRST_TEXT
    assert {key for message in client.messages for token in message["tokens"] for key in token} == {"text", "is_final"}


async def test_a_connection_may_be_refused_before_the_upgrade(
    soniox: SonioxStandIn, http: aiohttp.ClientSession
) -> None:
    soniox.faults.every(Fault(FaultKind.REFUSE))
    with pytest.raises(aiohttp.ClientError):
        async with connected(soniox, http):
            pass
    soniox.faults.every()
    assert (await said(soniox, http)).text == FIRST_TEXT


async def test_what_can_only_be_planned_cannot_strike(soniox: SonioxStandIn) -> None:
    with pytest.raises(IllegalInput, match="LATE_FINALS"):
        soniox.strike(Fault(FaultKind.LATE_FINALS))


async def test_a_client_that_leaves_is_noted(soniox: SonioxStandIn, http: aiohttp.ClientSession) -> None:
    async with connected(soniox, http) as client:
        await client.start()
        assert await client.ws.receive_json()
    await asyncio.sleep(0.05)
    assert soniox.sessions[0].outcome == "client_left"
    assert soniox.live_streams == 0


async def test_leaving_the_context_ends_live_sessions_at_once(http: aiohttp.ClientSession) -> None:
    async with SonioxStandIn(LEXICON) as soniox:
        ws = await http.ws_connect(soniox.url)
        await ws.send_str(json.dumps(START | {"api_key": DEMO_KEY}))
        assert await ws.receive_json()
        soniox.strike(Fault(FaultKind.FREEZE))
        before = time.monotonic()
    assert time.monotonic() - before < 2
    await ws.close()
