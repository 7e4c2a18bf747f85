"""Soniox's real-time WebSocket protocol: frames out, messages in. Pure.

Source: Soniox's WebSocket API reference (November 2026). The key travels in the handshake (`Authorization: Bearer`),
never in the start message. An empty TEXT frame ends the stream; an empty binary frame is an empty piece of audio and
ends nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ari_bridge.interfaces import SpeechSpec
from ari_bridge.stt.dialect import Hearing, Token, WireFrame
from ari_bridge.stt.soniox_faults import classify

MARKERS = frozenset({"<end>", "<fin>"})
MAX_REFERENCE = 256  # characters of `client_reference_id`
MAX_CONTEXT = 10_000  # characters; Soniox takes 8,000 tokens, a Russian token is at least about 1.5 characters
KEEPALIVE = '{"type":"keepalive"}'
FINALIZE = '{"type":"finalize"}'
END = ""


@dataclass(frozen=True, slots=True)
class SpeechContext:
    """What helps recognition: facts as pairs, free text, and words that are often said (company, products)."""

    general: tuple[tuple[str, str], ...] = ()
    text: str = ""
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What the start message says apart from the leg itself. `unsupported` fields of the model are never sent."""

    model: str
    language_hints: tuple[str, ...] = ("ru",)
    max_endpoint_delay_ms: int = 2000
    context: SpeechContext = field(default_factory=SpeechContext)
    unsupported: frozenset[str] = frozenset()


def start_message(options: StartOptions, spec: SpeechSpec) -> str:
    """The first TEXT frame of a session."""
    message: dict[str, Any] = {
        "model": options.model,
        "audio_format": spec.encoding.value,
        "sample_rate": spec.sample_rate,
        "num_channels": 1,
        "language_hints": list(options.language_hints),
        "enable_endpoint_detection": True,
        "max_endpoint_delay_ms": options.max_endpoint_delay_ms,
        "client_reference_id": f"{spec.call_id}:{spec.leg.value}"[:MAX_REFERENCE],
        "context": _context(options.context, spec),
    }
    kept = {key: value for key, value in message.items() if key not in options.unsupported and value not in ([], {})}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def _context(context: SpeechContext, spec: SpeechSpec) -> dict[str, Any]:
    """Company's context and the call's, cut to what Soniox takes; terms give way first, from the end."""
    pairs = list(context.general)
    if spec.operator_name:
        pairs.append(("operator", spec.operator_name))
    if spec.direction:
        pairs.append(("direction", spec.direction))
    found: dict[str, Any] = {}
    if pairs:
        found["general"] = [{"key": key, "value": value} for key, value in pairs]
    left = MAX_CONTEXT - sum(len(key) + len(value) for key, value in pairs)
    if context.text and left > 0:
        found["text"] = context.text[:left]
        left -= len(found["text"])
    terms: list[str] = []
    for term in context.terms:
        left -= len(term)
        if left < 0:
            break
        terms.append(term)
    if terms:
        found["terms"] = terms
    return found


def parse(frame: WireFrame) -> Hearing | None:
    """What a server message says; missing and unknown members are tolerated, what is no JSON object gives None."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    listed = message.get("tokens")
    tokens = tuple(token for entry in listed if (token := _token(entry))) if isinstance(listed, list) else ()
    code, kind = message.get("error_code"), message.get("error_type")
    fault = None
    if code is not None or kind is not None:
        fault = classify(
            _whole(code), _text(kind), _text(message.get("error_message")), _text(message.get("request_id"))
        )
    return Hearing(
        tokens=tokens,
        final_ms=_whole(message.get("final_audio_proc_ms")),
        total_ms=_whole(message.get("total_audio_proc_ms")),
        finished=message.get("finished") is True,
        fault=fault,
    )


def _token(entry: object) -> Token | None:
    if not isinstance(entry, dict) or not (text := _text(entry.get("text"))):
        return None
    start_ms, end_ms = _whole(entry.get("start_ms")), _whole(entry.get("end_ms"))
    if text in MARKERS:
        return Token("", True, start_ms, end_ms, ends_utterance=True)
    return Token(text, entry.get("is_final") is True, start_ms, end_ms)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    """A non-negative whole number, or None; floats appear where a proxy re-encodes JSON."""
    if type(value) is int and 0 <= value < 2**53:  # nearly always
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None
    return int(value)


class SonioxDialect:
    """Soniox's frames of one session."""

    __slots__ = ("_start",)

    def __init__(self, options: StartOptions, spec: SpeechSpec) -> None:
        self._start = start_message(options, spec)

    def start(self) -> WireFrame:
        return self._start

    def audio(self, audio: bytes) -> WireFrame:
        return audio

    def keepalive(self) -> WireFrame | None:
        return KEEPALIVE

    def end(self) -> WireFrame:
        return END

    def parse(self, frame: WireFrame) -> Hearing | None:
        return parse(frame)
