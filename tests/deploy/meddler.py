"""A proxy between the daemon and a provider that can be told to answer instead."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

PASSED_ON: Final = ("Authorization", "Content-Type", "Accept", "Origin", "Host")


class Meddler:
    """`async with Meddler(url)`: what comes to `self.url` goes to `url`, with the headers `adds` besides.

    `answers`: status and document by path, given instead. `date`: what its clock shows, None for the right time. Both
    may be changed while it runs, from any thread.
    """

    def __init__(
        self, upstream: str, *, adds: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._adds, self._tls = dict(adds or {}), tls
        self.answers: dict[str, tuple[int, Any]] = {}
        self.date: str | None = None
        parts = urlsplit(upstream)
        self._upstream, self._path = f"{parts.scheme}://{parts.netloc}", parts.path

    @property
    def port(self) -> int:
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{self._path}"

    async def __aenter__(self) -> Meddler:
        self._http = aiohttp.ClientSession()
        app = web.Application(client_max_size=1 << 22)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._http.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        clock = {"Date": self.date} if self.date else {}
        if request.path in self.answers:
            status, document = self.answers[request.path]
            return web.json_response(document, status=status, headers=clock)
        headers = self._adds | {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        url = f"{self._upstream}{request.path_qs}"
        async with self._http.request(request.method, url, headers=headers, data=await request.read()) as theirs:
            answer = web.StreamResponse(status=theirs.status, headers=clock | {"Content-Type": theirs.content_type})
            await answer.prepare(request)
            async for part in theirs.content.iter_any():
                await answer.write(part)
            await answer.write_eof()
            return answer
