"""The bytes of OpenRouter's answers, good and bad, as a plan that the shell plays. Pure.

Source: OpenRouter's OpenAPI file and streaming, error and structured-output guides (end of 2026).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Content(Enum):
    """How the answer's content is spoilt."""

    GOOD = "good"
    NULL = "null"  # `content: null`, as a reasoning model with a small limit answers
    REASONING = "reasoning"  # reasoning deltas only
    REFUSAL = "refusal"
    FENCED = "fenced"  # ```json … ```
    INVALID = "invalid"  # no JSON
    TRUNCATED = "truncated"  # cut in the middle; `finish_reason: length`


class Shape(Enum):
    """Where an error stands in a stream that had begun well."""

    NUMBER = "number"  # `error.code` is a number, beside a choice with `finish_reason: error`
    STRING = "string"  # `error.code` is a string
    NO_CHOICES = "no_choices"
    IN_CHOICE = "in_choice"  # `choices[0].error`
    NO_CODE = "no_code"  # `error.availability`, no code


class Cut(Enum):
    """How a stream ends too early."""

    EOF = "eof"  # in good order, without finish reason and `[DONE]`
    STALL = "stall"  # nothing more for `stall_s`, then as EOF
    RESET = "reset"  # TCP reset inside an event


class Usage(Enum):
    """Where the usage stands."""

    OWN = "own"  # a chunk without choices
    WITH_CHOICE = "with_choice"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one request is answered. As it stands: well.

    `status` other than 200 is an HTTP error; `error_in_200` is that of `error_status` in a plain 200;
    `error_event_status` answers with that HTTP status and an event stream. `cut` and `error_shape` happen after
    `after_tokens` tokens. `answer` replaces the composed content. `split` bytes go into one write.
    """

    comments: int = 2
    first_token_s: float = 0.15
    token_s: float = 0.01
    split: int | None = None
    crlf: bool = False
    status: int = 200
    error_in_200: bool = False
    error_event: bool = False
    error_status: int = 400
    availability: bool = False
    retry_after_s: int | None = None
    answer: str | None = None
    content: Content = Content.GOOD
    finish_reason: str = "stop"
    usage: Usage = Usage.OWN
    done: bool = True
    after_tokens: int = 3
    error_shape: Shape | None = None
    cut: Cut | None = None
    stall_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """Wait `pause_s`, then write `data`; `end` is how the connection ends after it, `tokens` how many it carries."""

    data: bytes
    pause_s: float = 0.0
    tokens: int = 0
    end: Cut | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """What all parts of one answer share."""

    id: str
    model: str
    prompt_tokens: int

    def head(self, object_name: str) -> dict[str, Any]:
        return {"id": self.id, "provider": "Demo", "model": self.model, "object": object_name, "created": 0}

    def usage(self, tokens: int) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": self.prompt_tokens + tokens,
            "cost": round(self.prompt_tokens * 1e-6 + tokens * 5e-6, 8),
        }


_MESSAGES = {
    400: "Bad Request",
    401: "User not found.",
    402: "Insufficient credits",
    403: "Key limit exceeded",
    404: "No endpoints found matching your data policy",
    408: "Request timed out",
    413: "Payload too large",
    422: "Unprocessable",
    429: "Rate limit exceeded",
    500: "Internal Server Error",
    502: "Provider returned error",
    503: "No available model provider",
    524: "Provider timed out",
    529: "Provider overloaded",
}


def error_body(code: int, *, availability: bool = False) -> dict[str, Any]:
    """An error as JSON; with `availability` as since 2026-08, without a code."""
    error: dict[str, Any] = {"message": _MESSAGES.get(code, "Error"), "metadata": {"provider_name": "Demo"}}
    if code == 404:
        error["metadata"]["reason"] = "privacy_restricted"
    if availability:
        return {"error": error | {"availability": {"retryable": code in (408, 429) or code >= 500, "retry_after": 1}}}
    return {"error": {"code": code, **error}}


def tokens_of(content: str) -> list[str]:
    """Pieces as a model would stream them."""
    return re.findall(r"\s?\w{1,4}|\W", content)


def spoil(content: str, how: Content) -> str | None:
    """The content as the model gives it; None where it gives none."""
    match how:
        case Content.NULL | Content.REASONING | Content.REFUSAL:
            return None
        case Content.FENCED:
            return f"```json\n{content}\n```"
        case Content.INVALID:
            return "Конечно! Вот подсказка: скажите клиенту, что всё хорошо."
        case Content.TRUNCATED:
            return content[: len(content) * 2 // 3]
    return content


def finish_reason(behaviour: Behaviour) -> str:
    return "length" if behaviour.content in (Content.TRUNCATED, Content.NULL) else behaviour.finish_reason


def whole(generation: Generation, behaviour: Behaviour, content: str) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    text = spoil(content, behaviour.content)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if behaviour.content is Content.REFUSAL:
        message["refusal"] = "Не могу помочь с этим."
    if behaviour.content is Content.REASONING:
        message["reasoning"] = "Клиент спрашивает…"
    reason = finish_reason(behaviour)
    choice = {"index": 0, "message": message, "finish_reason": reason, "native_finish_reason": reason}
    body = {**generation.head("chat.completion"), "choices": [choice]}
    return body if behaviour.usage is Usage.ABSENT else body | {"usage": generation.usage(len(tokens_of(text or "")))}


def stream(generation: Generation, behaviour: Behaviour, content: str) -> Iterator[Step]:
    """The event stream, step by step."""
    line_end = "\r\n" if behaviour.crlf else "\n"

    def event(data: str) -> bytes:
        return f"data: {data}{line_end}{line_end}".encode()

    def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "native_finish_reason": reason}
        body = generation.head("chat.completion.chunk") | {"choices": [choice]} | more
        return event(json.dumps(body, ensure_ascii=False))

    if behaviour.error_event:
        yield Step(event(json.dumps(error_body(behaviour.error_status))))
        return
    pause_s = behaviour.first_token_s / (behaviour.comments + 1)
    for _ in range(behaviour.comments):
        yield Step(f": OPENROUTER PROCESSING{line_end}{line_end}".encode(), pause_s)
    text = spoil(content, behaviour.content)
    deltas = _deltas(behaviour.content) if text is None else [{"content": piece} for piece in tokens_of(text)]
    stops = behaviour.cut is not None or behaviour.error_shape is not None
    for index, delta in enumerate(deltas[: behaviour.after_tokens] if stops else deltas):
        yield Step(chunk({"role": "assistant", **delta}), behaviour.token_s if index else pause_s, tokens=1)
    if behaviour.error_shape is not None:
        yield Step(event(json.dumps(_mid_stream_error(generation, behaviour))), behaviour.token_s)
        return
    if behaviour.cut is Cut.RESET:
        half = chunk({"content": "…"})
        yield Step(half[: len(half) // 2], behaviour.token_s, end=Cut.RESET)
        return
    if behaviour.cut is not None:
        yield Step(b"", behaviour.stall_s if behaviour.cut is Cut.STALL else 0.0, end=behaviour.cut)
        return
    usage = {"usage": generation.usage(len(deltas))}
    with_choice = usage if behaviour.usage is Usage.WITH_CHOICE else {}
    yield Step(chunk({"role": "assistant", "content": ""}, finish_reason(behaviour), **with_choice))
    if behaviour.usage is Usage.OWN:
        yield Step(event(json.dumps(generation.head("chat.completion.chunk") | {"choices": []} | usage)))
    if behaviour.done:
        yield Step(event("[DONE]"))


def _deltas(how: Content) -> list[dict[str, Any]]:
    match how:
        case Content.REASONING:
            return [{"content": "", "reasoning": piece} for piece in tokens_of("Клиент спрашивает о цене.")]
        case Content.REFUSAL:
            return [{"refusal": piece} for piece in tokens_of("Не могу помочь с этим.")]
    return [{"content": None}]


def _mid_stream_error(generation: Generation, behaviour: Behaviour) -> dict[str, Any]:
    body = generation.head("chat.completion.chunk")
    code = behaviour.error_status
    choice: dict[str, Any] = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    match behaviour.error_shape:
        case Shape.STRING:
            error = error_body(code)["error"] | {"code": "server_error"}
        case Shape.NO_CODE:
            error = error_body(code, availability=True)["error"]
        case Shape.IN_CHOICE:
            return body | {"choices": [choice | {"error": error_body(code)["error"]}]}
        case _:
            error = error_body(code)["error"]
    return body | {"error": error, "choices": [] if behaviour.error_shape is Shape.NO_CHOICES else [choice]}
