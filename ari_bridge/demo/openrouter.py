"""An OpenRouter stand-in: a real HTTP server that knows only what it is sent.

async with OpenRouterStandIn() as openrouter:
    … daemon with openrouter.url, key "demo" …
    openrouter.next(Behaviour(cut=Cut.STALL))
    assert openrouter.requests[0].outcome == "complete"
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web

from ari_bridge.demo.openrouter_answers import compose
from ari_bridge.demo.openrouter_wire import Behaviour, Cut, Generation, Step, error_body, stream, whole
from ari_bridge.demo.sockets import reset

DEMO_KEY = "demo"
MODELS = {
    "~anthropic/claude-haiku-latest": "anthropic/claude-haiku-4.5",
    "~anthropic/claude-sonnet-latest": "anthropic/claude-sonnet-4.5",
    "~openai/gpt-mini-latest": "openai/gpt-5-mini",
    "~google/gemini-flash-latest": "google/gemini-2.5-flash",
    "demo/unstructured": "demo/unstructured",
}
"""Aliases and the models that answer for them."""

_UNSTRUCTURED = frozenset({"demo/unstructured"})
_PARAMETERS = ("max_completion_tokens", "temperature", "response_format", "structured_outputs")
_POLL_S = 0.02


@dataclass(slots=True)
class RequestRecord:
    """What the stand-in saw of a request for a completion.

    `at` counts seconds since the stand-in started. `outcome`: `open`, `complete`, `left` (the client went before the
    end), `error`, or a `Cut`'s value. `content` is what was composed, `tokens_sent` how much of it was streamed.
    """

    at: float
    headers: dict[str, str]
    body: Mapping[str, Any]
    model: str | None = None
    content: str = ""
    tokens_sent: int = 0
    seconds: float = 0.0
    outcome: str = "open"

    @property
    def left_early(self) -> bool:
        return self.outcome == "left"


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class OpenRouterStandIn:
    """The service on `host:port` (0: a free port), for as long as the context is entered.

    `keys` are the API keys that work, `unavailable` the models that are down (the request's `models` are tried then).
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: frozenset[str] = frozenset({DEMO_KEY}),
        behaviour: Behaviour | None = None,
    ) -> None:
        self.keys = keys
        self.unavailable: set[str] = set()
        self.requests: list[RequestRecord] = []
        self._host, self._port = host, port
        self._usual = behaviour or Behaviour()
        self._planned: deque[Behaviour] = deque()
        self._spent = 0.0
        self._live: set[asyncio.Transport] = set()
        self._runner: web.AppRunner | None = None
        self._began = 0.0

    def next(self, *behaviours: Behaviour) -> None:
        """How the coming requests for completions are answered, one each."""
        self._planned.extend(behaviours)

    def every(self, behaviour: Behaviour) -> None:
        """How requests without a plan of their own are answered from now on."""
        self._usual = behaviour

    @property
    def url(self) -> str:
        """Of the API, `/api/v1` included."""
        return f"http://{self._host}:{self._port}/api/v1"

    async def __aenter__(self) -> OpenRouterStandIn:
        app = web.Application(client_max_size=1 << 22)
        app.router.add_post("/api/v1/chat/completions", self._completions)
        app.router.add_get("/api/v1/models", self._models)
        app.router.add_get("/api/v1/key", self._key)
        app.router.add_get("/api/v1/credits", self._credits)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        self._began = asyncio.get_running_loop().time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for transport in list(self._live):
            reset(transport)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        record = RequestRecord(loop.time() - self._began, dict(request.headers), {})
        self.requests.append(record)
        try:
            return await self._answer(request, record)
        except _Refused as refused:
            record.outcome = "error"
            return web.json_response(error_body(refused.status), status=refused.status)
        except ConnectionError:
            record.outcome = "left" if record.outcome == "open" else record.outcome
            raise
        finally:
            record.seconds = loop.time() - self._began - record.at

    async def _answer(self, request: web.Request, record: RequestRecord) -> web.StreamResponse:
        self._authorise(request)
        record.body = await _json(request)
        behaviour = self._planned.popleft() if self._planned else self._usual
        if behaviour.status != 200 or behaviour.error_in_200:
            return self._failure(behaviour, record)
        record.model = self._route(record.body)
        messages = record.body["messages"]
        composed = compose(messages, record.body.get("response_format"))
        record.content = composed if behaviour.answer is None else behaviour.answer
        prompt_tokens = len(json.dumps(messages, ensure_ascii=False)) // 4
        generation = Generation(f"gen-{len(self.requests)}", MODELS[record.model], prompt_tokens)
        self._spent += generation.usage(len(record.content) // 3)["cost"]
        headers = {"X-Generation-Id": generation.id}
        if record.body.get("stream") is not True:
            await asyncio.sleep(behaviour.first_token_s)
            record.outcome = "complete"
            return web.json_response(whole(generation, behaviour, record.content), headers=headers)
        return await self._stream(request, record, behaviour, generation)

    def _failure(self, behaviour: Behaviour, record: RequestRecord) -> web.Response:
        record.outcome = "error"
        code = behaviour.error_status if behaviour.error_in_200 else behaviour.status
        headers = {} if behaviour.retry_after_s is None else {"Retry-After": str(behaviour.retry_after_s)}
        body = error_body(code, availability=behaviour.availability)
        return web.json_response(body, status=behaviour.status, headers=headers)

    async def _stream(
        self, request: web.Request, record: RequestRecord, behaviour: Behaviour, generation: Generation
    ) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        response = web.StreamResponse(
            status=behaviour.error_status if behaviour.error_event else 200,
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-cache",
                "X-Generation-Id": generation.id,
            },
        )
        self._live.add(transport)
        try:
            await response.prepare(request)
            for step in stream(generation, behaviour, record.content):
                await _play(step, response, transport, behaviour.split)
                record.tokens_sent += step.tokens
                if step.end is not None:
                    record.outcome = step.end.value
                if step.end is Cut.RESET:
                    reset(transport)
                    return response
            if record.outcome == "open":
                record.outcome = "error" if behaviour.error_event or behaviour.error_shape else "complete"
            await response.write_eof()
        finally:
            self._live.discard(transport)
        return response

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.keys:
            raise _Refused(401)

    def _route(self, body: Mapping[str, Any]) -> str:
        """The model that answers: the first of the request's that is up and can do what is required."""
        wanted = [body["model"], *body.get("models", ())]
        if not all(model in MODELS for model in wanted):
            raise _Refused(400)
        structured = "response_format" in body and body.get("provider", {}).get("require_parameters") is True
        able = [model for model in wanted if not (structured and model in _UNSTRUCTURED)]
        if not able:
            raise _Refused(404)
        up = [model for model in able if model not in self.unavailable]
        if not up:
            raise _Refused(503)
        return str(up[0])

    async def _models(self, request: web.Request) -> web.Response:
        required = set(request.query.get("supported_parameters", "").split(",")) - {""}
        listed = [
            {"id": name, "canonical_slug": MODELS.get(name, name), "name": name, "supported_parameters": supported}
            for name in dict.fromkeys((*MODELS, *MODELS.values()))
            for supported in [list(_PARAMETERS[:2] if name in _UNSTRUCTURED else _PARAMETERS)]
        ]
        return web.json_response({"data": [one for one in listed if required <= set(one["supported_parameters"])]})

    async def _key(self, request: web.Request) -> web.Response:
        return self._account(
            request,
            {
                "label": "demo",
                "limit": 20,
                "limit_remaining": 20 - self._spent,
                "usage": self._spent,
                "is_free_tier": False,
            },
        )

    async def _credits(self, request: web.Request) -> web.Response:
        return self._account(request, {"total_credits": 20, "total_usage": self._spent})

    def _account(self, request: web.Request, data: dict[str, object]) -> web.Response:
        try:
            self._authorise(request)
        except _Refused as refused:
            return web.json_response(error_body(refused.status), status=refused.status)
        return web.json_response({"data": data})


_SHAPE = {"model": str, "models": list, "messages": list, "provider": dict, "response_format": dict}


async def _json(request: web.Request) -> Mapping[str, Any]:
    """The request's body; all that is read later has its type."""
    try:
        body = await request.json()
    except ValueError:
        raise _Refused(400) from None
    if not isinstance(body, dict) or not {"model", "messages"} <= body.keys():
        raise _Refused(400)
    if not all(isinstance(body[name], kind) for name, kind in _SHAPE.items() if name in body):
        raise _Refused(400)
    if not body["messages"] or not all(isinstance(message, dict) for message in body["messages"]):
        raise _Refused(400)
    if not all(isinstance(model, str) for model in body.get("models", ())):
        raise _Refused(400)
    return body


async def _play(step: Step, response: web.StreamResponse, transport: asyncio.Transport, split: int | None) -> None:
    """Wait and write; ConnectionResetError as soon as the client is seen to have left."""
    loop = asyncio.get_running_loop()
    until = loop.time() + step.pause_s
    while True:
        if transport.is_closing():
            raise ConnectionResetError
        if (remaining := until - loop.time()) <= 0:
            break
        await asyncio.sleep(min(remaining, _POLL_S))
    for start in range(0, len(step.data), split or max(1, len(step.data))):
        await response.write(step.data[start : start + (split or len(step.data))])
        if split:
            await asyncio.sleep(0)  # one write, one segment
