"""A vosk-server for tests: its protocol on a real socket, ears for speech made of bytes (A-law inside the PCM)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from media.codecs import Codec
from tests.stt.byte_speech import Ears


@dataclass
class VoskSession:
    """What was seen of one connection."""

    config: dict[str, Any] | None = None
    audio: bytearray = field(default_factory=bytearray)


class VoskPeer:
    """`reset_at` gives each connection the ms of audio after which it dies, None: never. `words` False: text alone."""

    def __init__(self, reset_at: Callable[[], int | None] = lambda: None, *, words: bool = True) -> None:
        self.reset_at = reset_at
        self.words = words
        self.sessions: list[VoskSession] = []
        self._server: Server | None = None

    async def __aenter__(self) -> VoskPeer:
        self._server = await serve(
            self._handle, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.2
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def _handle(self, socket: ServerConnection) -> None:
        session = VoskSession()
        self.sessions.append(session)
        ears, dies_at = Ears(final_lag_ms=10**9), self.reset_at()
        heard: list[dict[str, Any]] = []
        with suppress(ConnectionClosed):
            async for frame in socket:
                if isinstance(frame, str) and "config" in frame:
                    session.config = json.loads(frame)["config"]
                    continue
                if isinstance(frame, bytes):
                    audio = Codec.PCMA.encode(np.frombuffer(frame, dtype="<i2"))
                    session.audio += audio
                    ears.hear(audio)
                assert isinstance(frame, bytes) or frame == '{"eof" : 1}'
                tokens = ears.message(flush=frame == '{"eof" : 1}')["tokens"]
                heard += [token for token in tokens if token["is_final"] and token["text"] != "<end>"]
                if frame == '{"eof" : 1}':
                    await socket.send(self._result(heard))
                    return
                if {"text": "<end>", "is_final": True} in tokens:
                    await socket.send(self._result(heard))
                    heard = []
                else:
                    partial = "".join(token["text"] for token in tokens if not token["is_final"])
                    await socket.send(json.dumps({"partial": partial.strip()}))
                if dies_at is not None and ears.total_ms >= dies_at:
                    socket.transport.abort()
                    return

    def _result(self, tokens: list[dict[str, Any]]) -> str:
        words: list[dict[str, Any]] = []
        for token in tokens:
            if token["text"].startswith(" ") or not words:
                words.append({"word": token["text"].strip(), "start": token["start_ms"] / 1000, "conf": 1.0})
            else:
                words[-1]["word"] += token["text"]
            words[-1]["end"] = token["end_ms"] / 1000
        text = " ".join(word["word"] for word in words)
        return json.dumps({"result": words, "text": text} if self.words and words else {"text": text})
