"""The protocol of the common vosk-server (alphacep/vosk-server, `websocket/asr_server.py`). Pure.

The client sends a configuration, binary PCM and, to end, exactly `{"eof" : 1}`. The configuration is not answered;
every other message is, in order: `{"partial": …}` while somebody speaks, `{"result": [words], "text": …}` at an
endpoint and at the end, then the server closes. Words count seconds of the connection's audio; a partial has no
times.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from ari_bridge.interfaces import AudioEncoding, SpeechSpec
from ari_bridge.stt.dialect import Hearing, Token, WireFrame
from ari_bridge.stt.ring import AudioFormat
from media.codecs import Codec

EOF = '{"eof" : 1}'  # the server compares the text
RECOGNITION_LAG_MS = 3000  # a partial's first word began at most so long before it was shown

_DECODERS = {AudioEncoding.MULAW: Codec.PCMU, AudioEncoding.ALAW: Codec.PCMA}


class VoskDialect:
    """Vosk's frames of one session."""

    __slots__ = ("_encoding", "_ended", "_final_ms", "_format", "_partial_from_ms", "_rate", "_total_ms", "_unanswered")

    def __init__(self, spec: SpeechSpec) -> None:
        self._encoding = spec.encoding
        self._rate = spec.sample_rate
        self._format = AudioFormat(spec.encoding, spec.sample_rate)
        self._unanswered: deque[int] = deque()  # ms of each message not answered; bounded by the ring
        self._total_ms = 0
        self._final_ms = 0
        self._partial_from_ms: int | None = None
        self._ended = False

    def start(self) -> WireFrame:
        return json.dumps({"config": {"sample_rate": self._rate, "words": True}})

    def audio(self, audio: bytes) -> WireFrame:
        self._unanswered.append(len(audio) // self._format.bytes_per_ms)
        codec = _DECODERS.get(self._encoding)
        return audio if codec is None else codec.decode(audio).astype("<i2").tobytes()

    def keepalive(self) -> WireFrame | None:
        return None

    def end(self) -> WireFrame:
        self._ended = True
        return EOF

    def parse(self, frame: WireFrame) -> Hearing | None:
        finished = self._ended and not self._unanswered
        before_ms = self._total_ms
        if self._unanswered:
            self._total_ms += self._unanswered.popleft()
        message = _object(frame)
        if message is None:
            return None
        partial = message.get("partial")
        tokens = self._result(message, before_ms) if partial is None else self._partial(_text(partial), before_ms)
        return Hearing(tokens, self._final_ms, self._total_ms, finished)

    def _partial(self, text: str, before_ms: int) -> tuple[Token, ...]:
        if not text:
            self._partial_from_ms = None
            return ()
        if self._partial_from_ms is None:
            self._partial_from_ms = max(before_ms - RECOGNITION_LAG_MS, self._final_ms)
        return (Token(f" {text}", False, self._partial_from_ms, self._total_ms),)

    def _result(self, message: dict[str, Any], before_ms: int) -> tuple[Token, ...]:
        """An endpoint. The next word may have begun in the newest message: final is what ends with the last word."""
        listed = message.get("result")
        words = [word for entry in listed if (word := _word(entry))] if isinstance(listed, list) else []
        text = _text(message.get("text"))
        if not words and text:
            words = [Token(f" {text}", True, self._partial_from_ms, before_ms)]
        self._partial_from_ms = None
        self._final_ms = max([self._final_ms, *(word.end_ms or 0 for word in words)])
        return (*words, Token("", True, ends_utterance=True))


def _object(frame: WireFrame) -> dict[str, Any] | None:
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _word(entry: object) -> Token | None:
    text = _text(entry.get("word")) if isinstance(entry, dict) else ""
    if not isinstance(entry, dict) or not text:
        return None
    return Token(f" {text}", True, _ms(entry.get("start")), _ms(entry.get("end")))


def _ms(value: object) -> int | None:
    """Seconds of the peer as whole ms, None for what is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return round(value * 1000)
