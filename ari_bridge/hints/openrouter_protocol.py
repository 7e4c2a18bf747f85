"""OpenRouter's chat completions as values: request body out, stream chunks and error bodies in.

Pure. Sources: openrouter.ai/docs, API reference "Chat completion", "Streaming", "Errors", "Usage accounting".
Whatever a peer sends gives events or one `BridgeError` (code `llm_…`), never another exception.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ari_bridge.errors import BridgeError
from ari_bridge.hints.llm import Finished, LlmEvent, Prompt, TextDelta, Usage

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, 524, 529})
CODES = {
    400: "llm_invalid_request",
    401: "llm_unauthorized",
    402: "llm_no_credit",
    403: "llm_forbidden",
    404: "llm_no_model",
    408: "llm_timeout",
    413: "llm_too_large",
    422: "llm_invalid_request",
    429: "llm_rate_limited",
}
DONE = "[DONE]"
MOST_RETRY_AFTER_S = 1  # words are stale after eight seconds, and an answer takes its time


def request_body(prompt: Prompt, models: Sequence[str]) -> dict[str, Any]:
    """The JSON body; the first model is preferred, the others are tried on any error."""
    body: dict[str, Any] = {
        "model": models[0],
        "stream": True,
        "max_completion_tokens": prompt.max_tokens,
        "temperature": 0.2,
        "session_id": prompt.session[:128],
        "provider": {
            "sort": "latency",
            "require_parameters": True,
            "data_collection": "deny",
            "allow_fallbacks": True,
        },
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": prompt.name, "strict": True, "schema": prompt.schema},
        },
        "messages": [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
        ],
    }
    if len(models) > 1:
        body["models"] = list(models[1:])
    if "anthropic/" in models[0]:
        body["cache_control"] = {"type": "ephemeral"}
    return body


def http_error(status: int, body: bytes, retry_after: str | None = None) -> BridgeError:
    """The error of a response that is no event stream; `retry_after` is its header."""
    return _error(_parse(body), status, _as_int(retry_after))


def _error(payload: object, status: int, retry_after_s: int = 0) -> BridgeError:
    """`error.code` may be a number, a string or missing; `error.availability.retryable` beats our own table.

    Who asks us to stay away longer than a hint can wait is not asked again. The peer's message is not repeated: it may
    echo the request.
    """
    raw = payload.get("error") if isinstance(payload, dict) else None
    error: dict[str, Any] = raw if isinstance(raw, dict) else {}
    code = _as_int(error.get("code")) or status
    availability = error.get("availability")
    told = availability.get("retryable") if isinstance(availability, dict) else None
    retryable = told if isinstance(told, bool) else code in RETRYABLE or code >= 500
    wait = availability.get("retry_after") if isinstance(availability, dict) else None
    wait_s = max(retry_after_s, wait if isinstance(wait, int | float) and not isinstance(wait, bool) else 0)
    retryable = retryable and wait_s <= MOST_RETRY_AFTER_S
    name = CODES.get(code, "llm_unavailable" if code >= 500 else "llm_error")
    return BridgeError(name, f"OpenRouter error {code}", retryable=retryable)


def _as_int(value: object) -> int:
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else 0


def _parse(data: bytes | str) -> object:
    try:
        parsed: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed


class ChunkReader:
    """The `data` of one streamed answer, event by event. `usage` may stand alone or beside a choice."""

    __slots__ = ("_done", "_finish", "_generation", "_model", "_text", "_usage")

    def __init__(self, generation: str = "") -> None:
        self._generation = generation
        self._model = ""
        self._usage = Usage()
        self._finish: str | None = None
        self._text = False
        self._done = False

    def read(self, data: str) -> list[LlmEvent]:
        """Events of one chunk. Raises `BridgeError` for an error inside the stream."""
        if data.strip() == DONE:
            self._done = True
            return []
        chunk = _parse(data)
        if not isinstance(chunk, dict):
            raise BridgeError("llm_malformed", "a chunk is not a JSON object", retryable=True)
        if chunk.get("error") is not None:
            raise _error(chunk, 500)
        self._note(chunk)
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        return self._read_choice(choice) if isinstance(choice, dict) else []

    def _note(self, chunk: dict[str, Any]) -> None:
        if isinstance(chunk.get("model"), str):
            self._model = chunk["model"][:100]
        if isinstance(chunk.get("id"), str):
            self._generation = self._generation or chunk["id"][:100]
        if isinstance(chunk.get("usage"), dict):
            self._usage = _usage(chunk["usage"])

    def _read_choice(self, choice: dict[str, Any]) -> list[LlmEvent]:
        if choice.get("error") is not None:
            raise _error(choice, 500)
        if isinstance(choice.get("finish_reason"), str):
            self._finish = choice["finish_reason"]
            if self._finish == "error":
                raise BridgeError("llm_unavailable", "the stream ended with an error", retryable=True)
        delta = choice.get("delta")
        content = delta.get("content") if isinstance(delta, dict) else None
        if not isinstance(content, str) or not content:
            return []
        self._text = True
        return [TextDelta(content)]

    @property
    def done(self) -> bool:
        """`[DONE]` was read: nothing further is worth waiting for."""
        return self._done

    def finish(self) -> Finished:
        """At the stream's end. Raises `BridgeError` where it is no proper end or no answer."""
        if self._finish is None and not self._done:
            raise BridgeError("llm_cut", "the stream ended without a finish reason", retryable=True)
        if self._finish == "content_filter":
            raise BridgeError("llm_refused", "the provider's filter stopped the answer", retryable=False)
        if not self._text:
            raise BridgeError("llm_empty", "the answer has no text", retryable=False)
        return Finished(self._model, self._generation, self._usage)


def _usage(raw: dict[str, Any]) -> Usage:
    details = raw.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    cost = raw.get("cost")
    sane = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1000
    return Usage(
        prompt_tokens=max(0, _as_int(raw.get("prompt_tokens"))),
        completion_tokens=max(0, _as_int(raw.get("completion_tokens"))),
        cached_tokens=max(0, _as_int(cached)),
        cost_usd=float(cost) if sane and cost is not None else None,
    )
