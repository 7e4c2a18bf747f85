"""Soniox as it is reached and spoken to, on a real socket."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from aiohttp import web
from pydantic import SecretStr

from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.samples import load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from ari_bridge.events import Component, ComponentState, ComponentStatus, Leg, LegState
from ari_bridge.history import Cost
from ari_bridge.interfaces import AudioEncoding, SpeechSpec
from ari_bridge.settings import SonioxSettings
from ari_bridge.stt.soniox import SonioxSpeechToText
from ari_bridge.stt.soniox_protocol import SpeechContext
from tests.stt.byte_speech import conversation
from tests.stt.leg import Ear, speak
from tests.stt.peer import Peer, Plan
from tests.stt.serving import FAST, SPEED, serving, until


async def test_words_come_as_spoken() -> None:
    said = conversation(1, 20)
    async with Peer() as peer, serving(peer.url) as running:
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
        counters = running.stt.counters
        assert counters.billed_seconds_total == pytest.approx(stream.billed_s, rel=0.01)
        assert (counters.sessions_total, counters.audio_seconds_total, counters.gap_seconds_total) == (1, 20, 0)
    assert ear.text == said.text()
    assert ear.faults == []
    assert ear.gaps == []
    assert ear.states == [(LegState.LIVE, None)]
    assert all(utterance.final for utterance in ear.utterances.values())
    assert any(utterance.tail for utterance in ear.told)
    assert running.states == [ComponentState.UP]
    assert 0.8 * 20 / SPEED <= stream.billed_s < 3
    (session,) = peer.sessions
    assert session.headers["Authorization"] == "Bearer k-1"
    assert session.start is not None
    assert "api_key" not in session.start
    assert session.texts == [""]
    assert bytes(session.audio) == said.audio()


async def test_a_slice_goes_out_as_one_message_whatever_its_length() -> None:
    async with Peer() as peer, serving(peer.url) as running:
        stream, _ = running.open()
        await until(lambda: peer.sessions and peer.sessions[0].start)
        for number in range(3):
            stream.feed(bytes(24_000), number * 3000)
            await until(lambda number=number: len(peer.sessions[0].frames) == number + 1)
    assert peer.sessions[0].frames == [24_000] * 3


async def test_the_recorded_conversation_is_heard_by_the_stand_in() -> None:
    conversations = load_conversations()
    told = conversations[0]
    async with SonioxStandIn(Lexicon.of(conversations)) as standin:
        async with serving(standin.url, api_url=standin.api_url, api_key=SecretStr("demo")) as running:
            ear = Ear()
            stream = running.stt.open(SpeechSpec("c", Leg.CLIENT, AudioEncoding.ALAW, 8000), ear)
            await speak(stream, told.client.alaw, SPEED)
            await stream.finish(2.5)
        assert ear.text == told.client.text
        assert ear.faults == []
        assert standin.sessions[0].final_text.split() == told.client.text.split()


async def test_context_helps_every_call() -> None:
    settings = SonioxSettings(url="ws://127.0.0.1:1", api_url="http://127.0.0.1:9/v1", api_key=SecretStr("k"))
    context = SpeechContext(general=(("company", "Окна"),), terms=("стеклопакет",))
    async with Peer() as peer:
        settings = settings.model_copy(update={"url": peer.url})
        stt = SonioxSpeechToText(settings, lambda *_: None, context=context, timing=FAST, random=Random(1))
        task = asyncio.create_task(stt.serve(), name="stt")
        stt.open(
            SpeechSpec("c", Leg.OPERATOR, AudioEncoding.MULAW, 8000, operator_name="Анна", direction="inbound"), Ear()
        )
        await until(lambda: peer.sessions and peer.sessions[0].start)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    start = peer.sessions[0].start
    assert start is not None
    assert start["context"]["terms"] == ["стеклопакет"]
    assert {"key": "operator", "value": "Анна"} in start["context"]["general"]


@asynccontextmanager
async def models(status: int, body: object) -> AsyncIterator[str]:
    """A REST API that answers `GET /v1/models` so."""

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer k-1"
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body))

    app = web.Application()
    app.router.add_get("/v1/models", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/v1"
    finally:
        await runner.cleanup()


async def test_a_field_that_the_model_does_not_take_is_not_sent() -> None:
    listed = {"models": [{"id": "stt-rt-v5", "transcription_mode": "real_time", "supports_max_endpoint_delay": False}]}
    timing = replace(FAST, examine_first_s=3.0)
    async with models(200, listed) as api, Peer() as peer, serving(peer.url, timing, api_url=api) as running:
        running.open()  # it waits for the list
        await until(lambda: peer.sessions and peer.sessions[0].start)
        start = peer.sessions[0].start
        assert start is not None
        assert start["enable_endpoint_detection"] is True
        assert "max_endpoint_delay_ms" not in start


@pytest.mark.parametrize(("set_to", "seen"), [(None, 3), (2, 2)])
async def test_the_account_tells_how_many_streams_there_may_be(set_to: int | None, seen: int) -> None:
    async with SonioxStandIn(Lexicon.of(load_conversations()), stream_limit=3) as standin:
        key = SecretStr("demo")
        timing = replace(FAST, examine_first_s=3.0, examine_s=0.2)
        async with serving(standin.url, timing, api_url=standin.api_url, api_key=key, max_streams=set_to) as running:
            ears = [running.open(Leg.CLIENT, f"c{number}", float(number))[1] for number in range(5)]
            await until(lambda: [ear.states[-1:] for ear in ears].count([(LegState.LIVE, None)]) == seen)
            await until(lambda: running.states[-1:] == [ComponentState.DEGRADED])
            assert len(standin.sessions) == seen  # nobody ran into a refusal
            standin.stream_limit = 4
            allowed = 4 if set_to is None else 2
            await until(lambda: standin.live_streams == allowed)
            await until(lambda: [ear.states[-1] for ear in ears].count((LegState.LIVE, None)) == allowed)


async def test_what_a_leg_cost_is_told_when_it_ends() -> None:
    paid: list[Cost] = []
    said = conversation(1, 6)
    async with Peer() as peer:
        settings = SonioxSettings(url=peer.url, api_url="http://127.0.0.1:9/v1", api_key=SecretStr("k"), usd_per_hour=6)
        stt = SonioxSpeechToText(settings, lambda *_: None, pay=paid.append, timing=FAST, random=Random(1))
        task = asyncio.create_task(stt.serve(), name="stt")
        for leg in Leg:
            stream = stt.open(SpeechSpec("c", leg, AudioEncoding.MULAW, 8000), Ear())
            if leg is Leg.CLIENT:
                await speak(stream, said.audio(), SPEED)
                peer.sessions[0].socket.transport.abort()  # type: ignore[union-attr]
                await until(lambda: len(peer.sessions) == 2)
                await stream.finish(2.5)
                assert [(cost.amount, cost.leg) for cost in paid] == [(stream.billed_s, leg)]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    client, *other = paid
    assert (client.call_id, client.service, client.model, client.unit) == ("c", "soniox", "stt-rt-v5", "seconds")
    assert client.usd == pytest.approx(client.amount * 6 / 3600)
    assert [cost.leg for cost in other] in ([], [Leg.OPERATOR])  # whether it was connected yet when all ended
    assert stt.counters.billed_seconds_total == pytest.approx(sum(cost.amount for cost in paid), rel=0.01)


async def test_an_account_that_refuses_its_limits_stops_nothing() -> None:
    listed = {"models": [{"id": "stt-rt-v5", "transcription_mode": "real_time"}]}
    async with models(200, listed) as api, Peer() as peer, serving(peer.url, api_url=api) as running:
        running.open()
        await until(lambda: running.states == [ComponentState.UP])


async def test_a_wrong_key_is_known_before_the_first_call() -> None:
    async with (
        models(401, {"error_type": "unauthenticated"}) as api,
        serving("ws://127.0.0.1:9", api_url=api) as running,
    ):
        await until(lambda: running.statuses)
    (status,) = running.statuses
    assert status.state is ComponentState.DOWN
    assert status.reason == "Soniox не принимает ключ"
    assert "API_KEY" in (status.action or "")


@pytest.mark.parametrize(("status", "body"), [(500, "oops"), (200, "nonsense"), (200, {"models": 7})])
async def test_an_api_that_cannot_be_understood_stops_nothing(status: int, body: object) -> None:
    async with models(status, body) as api, Peer() as peer, serving(peer.url, api_url=api) as running:
        running.open()
        await until(lambda: running.states == [ComponentState.UP])


async def test_one_tls_context_serves_all(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, *names]
    subprocess.run(made, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    client = ssl.create_default_context(cafile=str(cert))
    conversations = load_conversations()
    statuses: list[ComponentStatus] = []

    def report(component: Component, status: ComponentStatus) -> None:
        statuses.append(status)

    async with SonioxStandIn(Lexicon.of(conversations), tls=server) as standin:
        settings = SonioxSettings(url=standin.url, api_url=standin.api_url, api_key=SecretStr("demo"))
        stt = SonioxSpeechToText(settings, report, timing=FAST, random=Random(1), tls=client)
        task = asyncio.create_task(stt.serve(), name="stt")
        ear = Ear()
        stream = stt.open(SpeechSpec("c", Leg.CLIENT, AudioEncoding.ALAW, 8000), ear)
        await speak(stream, conversations[0].client.alaw[:80_000], SPEED)
        await stream.finish(2.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ear.text
    assert conversations[0].client.text.startswith(ear.text.rstrip("."))
    assert statuses[-1].state is ComponentState.UP


async def test_a_nonsense_certificate_is_a_state_not_a_crash() -> None:
    async with Peer() as peer, serving(peer.url.replace("ws:", "wss:")) as running:
        _, ear = running.open()
        await until(lambda: running.states == [ComponentState.DOWN])
        await until(lambda: ear.states)
    assert ear.states[0][0] is LegState.STT_DOWN


async def test_the_language_and_model_of_the_settings_are_sent() -> None:
    async with Peer() as peer, serving(peer.url, model="stt-rt-v6", language_hints=("ru", "kk")) as running:
        running.open(Leg.OPERATOR, "call-7")
        await until(lambda: peer.sessions and peer.sessions[0].start)
    start = peer.sessions[0].start
    assert start is not None
    assert (start["model"], start["language_hints"]) == ("stt-rt-v6", ["ru", "kk"])
    assert start["client_reference_id"] == "call-7:operator"


async def test_what_no_json_parser_takes_is_counted_and_ignored() -> None:
    said = conversation(5, 10)
    async with Peer(lambda session: Plan("noise", 3000)) as peer, serving(peer.url) as running:
        stream, ear = running.open()
        await speak(stream, said.audio(), SPEED)
        await stream.finish(2.5)
        assert running.stt.counters.unintelligible_total == 4
    assert ear.text == said.text()
    assert len(peer.sessions) == 1
