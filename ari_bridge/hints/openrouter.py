"""OpenRouter over HTTP: the only file of this room that imports aiohttp."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import aiohttp

from ari_bridge.errors import BridgeError
from ari_bridge.hints.llm import LlmEvent, Prompt
from ari_bridge.hints.openrouter_protocol import ChunkReader, http_error, request_body
from ari_bridge.hints.sse import SseOverflow, SseParser

TITLE = "ari_bridge"
MAX_ERROR_BODY = 65_536
CONNECT_TIMEOUT_S = 3.0
MAX_CONNECTIONS = 64  # one request in flight per call, and a few hundred calls at most: the rest waits its deadline out


class OpenRouter:
    """An `Llm`. Connections are kept warm between questions; deadlines are the caller's (cancel the iteration)."""

    def __init__(self, url: str, api_key: str, models: Sequence[str]) -> None:
        self._endpoint = f"{url.rstrip('/')}/chat/completions"
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "X-OpenRouter-Title": TITLE,
            "Accept": "text/event-stream",
        }
        self._models = tuple(models)
        self._session: aiohttp.ClientSession | None = None

    async def stream(self, prompt: Prompt) -> AsyncIterator[LlmEvent]:
        """See `Llm.stream`. Leaving the iteration early closes the connection."""
        body = request_body(prompt, self._models)
        try:
            async with self._open().post(self._endpoint, json=body, headers=self._headers) as response:
                if response.status != 200 or response.content_type != "text/event-stream":
                    told = response.headers.get("Retry-After")
                    raise http_error(response.status, await response.content.read(MAX_ERROR_BODY), told)
                reader = ChunkReader(response.headers.get("X-Generation-Id", "")[:100])
                async for event in _events(response, reader):
                    yield event
                yield reader.finish()
        except aiohttp.ClientError as error:
            raise BridgeError("llm_unreachable", f"OpenRouter: {type(error).__name__}", retryable=True) from error
        except TimeoutError as error:
            raise BridgeError("llm_unreachable", "OpenRouter: no connection in time", retryable=True) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
            connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        return self._session

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _events(response: aiohttp.ClientResponse, reader: ChunkReader) -> AsyncIterator[LlmEvent]:
    parser = SseParser()
    async for chunk in response.content.iter_any():
        try:
            found = parser.feed(chunk)
        except SseOverflow as error:
            raise BridgeError("llm_malformed", str(error), retryable=True) from error
        for data in found:
            for event in reader.read(data):
                yield event
            if reader.done:
                return
