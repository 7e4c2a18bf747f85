"""Soniox's real-time protocol as its server speaks it (end of 2026). Pure: parses the client, writes the answers.

Source: Soniox' WebSocket API reference, error reference and endpoint-detection guide.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

ENCODINGS = frozenset({"alaw", "mulaw", "pcm_s16le"})
"""The raw formats that the stand-in can hear; the service knows more."""


@dataclass(frozen=True, slots=True)
class SonioxError:
    """An error frame. The connection is closed after it."""

    code: int
    type: str | None
    message: str

    def to_json(self) -> str:
        body: dict[str, Any] = {"tokens": [], "error_code": self.code}
        if self.type is not None:
            body |= {"error_type": self.type, "more_info": "https://soniox.com/docs", "request_id": "demo"}
        return json.dumps(body | {"error_message": self.message})


ERRORS = {
    error.type: error
    for error in (
        SonioxError(400, "invalid_request", "Invalid request."),
        SonioxError(400, "model_not_available", "Model is not available."),
        SonioxError(401, "unauthenticated", "Incorrect API key provided."),
        SonioxError(402, "organization_balance_exhausted", "Organization balance exhausted."),
        SonioxError(402, "organization_monthly_budget_exhausted", "Organization monthly budget exhausted."),
        SonioxError(402, "project_monthly_budget_exhausted", "Project monthly budget exhausted."),
        SonioxError(403, "permission_denied", "Permission denied."),
        SonioxError(403, "temp_api_key_session_expired", "Temporary API key session expired."),
        SonioxError(408, "request_timeout", "Request timeout."),
        SonioxError(413, "max_duration_reached", "Maximum audio duration reached."),
        SonioxError(429, "limit_exceeded", "Limit for concurrent requests exceeded."),
        SonioxError(429, "max_concurrent_connections_reached", "Limit for concurrent connections exceeded."),
        SonioxError(500, "internal_error", "The server had an error processing your request."),
        SonioxError(503, "service_unavailable", "Cannot continue request (code 2). Please restart the request."),
    )
}


class Refused(Exception):
    """The client's message cannot be served; `error` is the answer."""

    def __init__(self, error: SonioxError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Model:
    """A model as `GET /v1/models` lists it; `optional` are the start fields that not every model supports."""

    id: str
    aliased_model_id: str | None
    optional: frozenset[str]

    def describe(self) -> dict[str, object]:
        return {
            "id": self.id,
            "aliased_model_id": self.aliased_model_id,
            "name": f"Speech-to-Text Real-time {self.id[-2:]}",
            "transcription_mode": "real_time",
            "languages": [{"code": "ru", "name": "Russian"}, {"code": "en", "name": "English"}],
            **{f"supports_{field}": field in self.optional for field in sorted(_OPTIONAL)},
        }


_OPTIONAL = frozenset(
    {"max_endpoint_delay", "endpoint_sensitivity", "endpoint_latency_adjustment", "language_hints_strict"}
)
_FIELD_OF = {
    "max_endpoint_delay_ms": "max_endpoint_delay",
    "endpoint_sensitivity": "endpoint_sensitivity",
    "endpoint_latency_adjustment_level": "endpoint_latency_adjustment",
    "language_hints_strict": "language_hints_strict",
}
MODELS = {
    model.id: model
    for model in (
        Model("stt-rt-v5", None, _OPTIONAL),
        Model("stt-rt-v4", "stt-rt-v5", _OPTIONAL),
        Model("stt-rt-v3", None, frozenset({"language_hints_strict"})),
    )
}


@dataclass(frozen=True, slots=True)
class StartRequest:
    """The client's first message, checked. `api_key` is the deprecated way to authenticate."""

    model: str
    encoding: str
    sample_rate: int
    endpoint_detection: bool
    max_endpoint_delay_ms: int
    language_identification: bool
    client_reference_id: str | None
    api_key: str | None
    fields: Mapping[str, Any]


def parse_start(text: str) -> StartRequest:
    """The start message, or `Refused` with the error that the service answers."""
    try:
        fields = json.loads(text)
    except ValueError:
        raise _invalid("Start request is not valid JSON.") from None
    if not isinstance(fields, dict):
        raise _invalid("Start request must be an object.")
    model = MODELS.get(_field(fields, "model", str))
    if model is None:
        raise Refused(ERRORS["model_not_available"])
    for name, feature in _FIELD_OF.items():
        if name in fields and feature not in model.optional:
            raise _invalid(f"{name} is not supported by the model.")
    _number(fields, "endpoint_sensitivity", -1, 1, 0)
    _number(fields, "endpoint_latency_adjustment_level", 0, 3, 0)
    hints = _field(fields, "language_hints", list, [])
    if not all(isinstance(hint, str) for hint in hints):
        raise _invalid("Invalid language_hints.")
    _field(fields, "context", dict, {})
    if len(_field(fields, "client_reference_id", str, "")) > 256:
        raise _invalid("client_reference_id is too long.")
    return StartRequest(
        model=model.id,
        encoding=_encoding(fields),
        sample_rate=_field(fields, "sample_rate", int),
        endpoint_detection=_field(fields, "enable_endpoint_detection", bool, False),
        max_endpoint_delay_ms=int(_number(fields, "max_endpoint_delay_ms", 500, 3000, 2000)),
        language_identification=_field(fields, "enable_language_identification", bool, False),
        client_reference_id=fields.get("client_reference_id"),
        api_key=_field(fields, "api_key", str, "") or None,
        fields={name: value for name, value in fields.items() if name != "api_key"},
    )


def _encoding(fields: Mapping[str, Any]) -> str:
    encoding = str(_field(fields, "audio_format", str))
    if encoding not in ENCODINGS:
        raise _invalid("Invalid audio_format.")
    rates = (8000, 16000) if encoding == "pcm_s16le" else (8000,)
    if _field(fields, "sample_rate", int) not in rates or _field(fields, "num_channels", int) != 1:
        raise _invalid("Invalid sample_rate or num_channels.")
    return encoding


_MISSING = object()


def _field(fields: Mapping[str, Any], name: str, kind: type, default: Any = _MISSING) -> Any:
    value = fields.get(name, default)
    if value is _MISSING or not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _invalid(f"Missing or invalid {name}.")
    return value


def _number(fields: Mapping[str, Any], name: str, low: float, high: float, default: float) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _invalid(f"{name} must be between {low} and {high}.")
    return value


def _invalid(message: str) -> Refused:
    return Refused(SonioxError(400, "invalid_request", message))


class Control(Enum):
    """What a TEXT frame after the start asks for."""

    KEEPALIVE = "keepalive"
    FINALIZE = "finalize"
    END = ""


def parse_text(text: str) -> Control | bytes:
    """A TEXT frame after the start: a control, or audio in base64. `Refused` for anything else."""
    if not text:
        return Control.END
    try:
        message = json.loads(text)
    except ValueError:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise _invalid("Text frame is neither a control message nor audio.") from None
    kind = message.get("type") if isinstance(message, dict) else None
    if kind in ("keepalive", "finalize"):
        return Control(kind)
    raise _invalid("Unknown control message.")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text that carries its own spaces. Markers (`<end>`, `<fin>`) have no times."""

    text: str
    is_final: bool
    start_ms: int | None = None
    end_ms: int | None = None
    confidence: float | None = None
    language: str | None = None

    def to_dict(self, *, bare: bool = False) -> dict[str, object]:
        body: dict[str, object] = {"text": self.text, "is_final": self.is_final}
        if bare:
            return body
        timed = {"start_ms": self.start_ms, "end_ms": self.end_ms, "confidence": self.confidence}
        return body | {key: value for key, value in (timed | {"language": self.language}).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reply:
    """A message of the server: finals (once), then the whole present tail; times count this connection's audio."""

    tokens: tuple[Token, ...]
    final_audio_proc_ms: int
    total_audio_proc_ms: int
    finished: bool = False

    def to_json(self, *, bare: bool = False) -> str:
        body: dict[str, object] = {
            "tokens": [token.to_dict(bare=bare) for token in self.tokens],
            "final_audio_proc_ms": self.final_audio_proc_ms,
            "total_audio_proc_ms": self.total_audio_proc_ms,
        }
        return json.dumps(body | {"finished": True} if self.finished else body, ensure_ascii=False)
