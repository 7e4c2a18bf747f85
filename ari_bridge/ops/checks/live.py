"""`check --live`: a short recording to the real recogniser and one question to the real model: text, delay, cost."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ari_bridge.errors import BridgeError
from ari_bridge.events import Component, ComponentState, ComponentStatus, Leg, LegState
from ari_bridge.hints.conversation import Line
from ari_bridge.hints.llm import Finished
from ari_bridge.hints.openrouter import OpenRouter
from ari_bridge.hints.playbook_file import read_playbook
from ari_bridge.hints.prompt import suggestion_prompt, system_prompt
from ari_bridge.interfaces import AudioEncoding, SpeechSpec, Utterance
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.settings import Settings
from ari_bridge.stt.soniox import SonioxSpeechToText

SLICE_S: Final = 0.1
BYTES_A_SECOND: Final = 8000  # A-law
WITHIN_S: Final = 20.0
USD_AN_HOUR: Final = 0.12  # Soniox's price of a stream
ASKED: Final = "Здравствуйте, я посмотрел цены, это слишком дорого для нас."


async def check_live(settings: Settings, clip: bytes) -> list[Finding]:
    """`clip`: headerless A-law, 8 kHz. Costs a fraction of a cent; a key that is not set is passed over."""
    findings = []
    if settings.soniox.api_key is not None:
        findings.append(await _recognise(settings, clip))
    if settings.openrouter.api_key is not None:
        findings.append(await _ask(settings))
    return findings


class _Ear:
    """A `SpeechListener` that keeps the text and when its first word came."""

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}
        self.first_at: float | None = None
        self.down: str | None = None

    @property
    def text(self) -> str:
        return " ".join(line.strip() for line in self._lines.values())

    def on_utterance(self, utterance: Utterance) -> None:
        self.first_at = self.first_at or time.monotonic()
        self._lines[utterance.number] = utterance.text + utterance.tail

    def on_speech_gap(self, start_ms: int, end_ms: int, reason: str) -> None:
        self.down = reason

    def on_speech_state(self, state: LegState, reason: str | None) -> None:
        if state is LegState.STT_DOWN:
            self.down = reason


async def _recognise(settings: Settings, clip: bytes) -> Finding:
    faults: list[ComponentStatus] = []

    def report(component: Component, status: ComponentStatus) -> None:
        if status.state in (ComponentState.DOWN, ComponentState.DEGRADED):
            faults.append(status)

    speech, ear = SonioxSpeechToText(settings.soniox, report), _Ear()
    began = time.monotonic()
    try:
        async with asyncio.timeout(WITHIN_S), _serving(speech):
            stream = speech.open(SpeechSpec("check", Leg.CLIENT, AudioEncoding.ALAW, 8000), ear)
            step = round(SLICE_S * BYTES_A_SECOND)
            for start in range(0, len(clip), step):
                stream.feed(clip[start : start + step], start * 1000 // BYTES_A_SECOND)
                await asyncio.sleep(SLICE_S)
            await stream.finish(settings.soniox.drain_timeout_s)
    except TimeoutError:
        return Finding("soniox live", Grade.FAULT, f"за {WITHIN_S:g} с не закончилось", "проверьте исходящую связь")
    if not ear.text:
        fault = faults[0] if faults else ComponentStatus(ComponentState.DOWN, ear.down or "текста нет")
        return Finding("soniox live", Grade.FAULT, fault.reason or "", fault.action or "проверьте модель и язык")
    delay = ear.first_at - began if ear.first_at is not None else 0.0
    cost = len(clip) / BYTES_A_SECOND / 3600 * USD_AN_HOUR
    return Finding(
        "soniox live", Grade.OK, f"«{ear.text}» (первое слово через {delay:.1f} с от начала записи, ≈ ${cost:.4f})"
    )


@asynccontextmanager
async def _serving(speech: SonioxSpeechToText) -> AsyncIterator[None]:
    serving = asyncio.create_task(speech.serve(), name="check.live.speech")
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.wait((serving,))


async def _ask(settings: Settings) -> Finding:
    """One hint, as in a call."""
    router = settings.openrouter
    assert router.api_key is not None
    llm = OpenRouter(router.url, router.api_key.get_secret_value(), router.models)
    system = system_prompt(read_playbook(settings.hints.playbook))
    line = Line(Leg.CLIENT, 1, ASKED, 0)
    prompt = suggestion_prompt(
        system, [line], None, nonce=secrets.token_hex(8), session=f"check-{secrets.token_hex(4)}"
    )
    began, first, text, finished = time.monotonic(), None, "", Finished()
    try:
        async with asyncio.timeout(WITHIN_S):
            async for event in llm.stream(prompt):
                if isinstance(event, Finished):
                    finished = event
                else:
                    first = first or time.monotonic() - began
                    text += event.text
    except (BridgeError, TimeoutError) as error:
        why = str(error) or f"нет ответа за {WITHIN_S:g} с"
        return Finding("openrouter live", Grade.FAULT, why, "ключ, средства, модели: строки openrouter и models")
    finally:
        await llm.aclose()
    took, usd = time.monotonic() - began, finished.usage.cost_usd
    cost = f"${usd:.4f}" if usd is not None else "цена неизвестна"
    speed = f"{finished.model}: первые слова через {first or took:.1f} с, всё за {took:.1f} с, {cost}"
    return Finding("openrouter live", Grade.OK if text else Grade.FAULT, f"{text or 'пустой ответ'} ({speed})")
