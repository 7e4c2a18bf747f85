"""A recogniser that hears tones: for tests of who is who.

It speaks Soniox's protocol and says `t400+1200.` for every 200 ms of these two sines, so a transcript shows whose voice
came under which leg.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from ari_bridge.demo.g711 import decode_alaw, decode_mulaw
from ari_bridge.demo.hearing import HeardWord
from ari_bridge.demo.recognition import Recognition, Tuning
from ari_bridge.demo.soniox_protocol import MODELS, Control, Reply, parse_start, parse_text
from tests.lab import speech

RATE: Final = 8000
WINDOW: Final = RATE // 5
AUDIBLE_RMS: Final = 500.0
NEAR_HZ: Final = 120.0  # sines lie 200 Hz apart; a silence in the window spreads each
ALSO: Final = 0.1  # what has this share of the loudest one's energy is heard too
PURE: Final = 0.8  # share of a window's energy that its sines must have; else it is full of clicks
PULSE_S: Final = 1.0
PAUSE_S: Final = 0.9
PAIRS: Final = tuple(combinations(range(400, 3401, 200), 2))
"""Each tone is two sines, as in DTMF. Both have whole cycles in 20 ms: a lost or repeated packet leaves them pure."""


def word(tone: int) -> str:
    """How the tone with this number, 0 to 119, is transcribed."""
    return _spell(PAIRS[tone])


def _spell(frequencies: Iterable[int]) -> str:
    return f"t{'+'.join(str(hz) for hz in sorted(frequencies))}."


EVERYBODYS: Final = frozenset(map(_spell, PAIRS))
"""What any tone is transcribed as."""


def pulses(folder: Path, tone: int) -> Path:
    """A raw A-law file to be looped: the tone for a second, then silence for long enough to end an utterance."""
    path = folder / f"{tone}.alaw"
    if not path.exists():
        low, high = PAIRS[tone]
        speech.write_tone(path, hz=low, second_hz=high, seconds=PULSE_S, level=0.6)
        silence = bytes([speech.SILENCE["alaw"]]) * round(PAUSE_S * RATE)
        path.write_bytes(path.read_bytes() + silence)
    return path


def heard_in(samples: NDArray[np.float64]) -> str | None:
    """The word for all that sounds in a window, None for silence or noise; two voices at once make a word of nobody."""
    if not len(samples) or float(np.sqrt(np.mean(samples**2))) < AUDIBLE_RMS:
        return None
    energy = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    found: list[int] = []
    loudest, total, explained = 0.0, float(energy.sum()), 0.0
    while len(found) < 5:
        peak = int(np.argmax(energy))
        near = np.abs(frequencies - frequencies[peak]) < NEAR_HZ
        share = float(energy[near].sum())
        loudest = max(loudest, share)
        if share < ALSO * loudest:
            break
        found.append(round(float(frequencies[peak]) / 200) * 200)
        explained += share
        energy[near] = 0.0
    return _spell(found) if explained >= PURE * total else None


class ToneHearing:
    """Stands where `Hearing` does: words of a stream of `alaw`, `mulaw` or 8 kHz linear audio."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._samples: NDArray[np.float64] = np.empty(0)
        self._done = 0  # samples that were listened to
        self.sound_end_ms = 0

    @property
    def received_ms(self) -> int:
        return (self._done + len(self._samples)) * 1000 // RATE

    def feed(self, audio: bytes) -> list[HeardWord]:
        match self._encoding:
            case "alaw":
                linear = decode_alaw(audio)
            case "mulaw":
                linear = decode_mulaw(audio)
            case _:
                linear = np.frombuffer(audio, "<i2")
        self._samples = np.concatenate((self._samples, linear.astype(np.float64)))
        words: list[HeardWord] = []
        while len(self._samples) >= WINDOW:
            words += self._listen(WINDOW)
        return words

    def flush(self) -> list[HeardWord]:
        return self._listen(len(self._samples)) if len(self._samples) >= WINDOW // 2 else []

    def _listen(self, size: int) -> list[HeardWord]:
        window, self._samples = self._samples[:size], self._samples[size:]
        start_ms = self._done * 1000 // RATE
        self._done += size
        end_ms = self._done * 1000 // RATE
        heard = heard_in(window)
        if heard is None:
            return []
        self.sound_end_ms = end_ms
        return [HeardWord(heard, start_ms, end_ms)]


class ToneSoniox:
    """The service, for as long as the context is entered. `streams` counts those that were opened."""

    def __init__(self) -> None:
        self.streams = 0
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/transcribe-websocket"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/transcribe-websocket", self._transcribe)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/concurrency-limits", self._limits)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=512)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _transcribe(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, timeout=1.0)
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            first = await socket.receive()
            if first.type is WSMsgType.TEXT:
                await self._converse(socket, str(first.data))
        return socket

    async def _converse(self, socket: web.WebSocketResponse, start: str) -> None:
        self.streams += 1
        asked = parse_start(start)
        # ToneHearing has Hearing's methods; the two share no base
        recognition = Recognition(asked, ToneHearing(asked.encoding), Tuning())  # type: ignore[arg-type]
        await self._send(socket, [recognition.opening()])
        async for message in socket:
            given = parse_text(message.data) if message.type is WSMsgType.TEXT else bytes(message.data)
            if given is Control.FINALIZE:
                await self._send(socket, [recognition.finalize()])
            elif given is Control.END:
                await self._send(socket, recognition.finish())
                await socket.close()
                return
            elif isinstance(given, bytes):
                await self._send(socket, recognition.feed(given))

    async def _send(self, socket: web.WebSocketResponse, replies: Iterable[Reply]) -> None:
        for reply in replies:
            await socket.send_str(reply.to_json())

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"models": [model.describe() for model in MODELS.values()]})

    async def _limits(self, _: web.Request) -> web.Response:
        scope = {"current": {"transcribe_concurrent": self.streams}, "limits": {"transcribe_concurrent": 1000}}
        return web.json_response({"project": scope, "organization": scope})
