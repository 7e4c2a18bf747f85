"""One GET of a JSON document, made in a thread: asked once at the start, nothing waits for it."""

from __future__ import annotations

import asyncio
import json
import ssl
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

MAX_BYTES = 1 << 20


async def get_json(url: str, api_key: str, timeout_s: float, tls: ssl.SSLContext | None) -> tuple[int, object]:
    """Status and document (None where the body is no JSON). Raises `OSError`."""
    return await asyncio.to_thread(_get, url, api_key, timeout_s, tls)


def _get(url: str, api_key: str, timeout_s: float, tls: ssl.SSLContext | None) -> tuple[int, object]:
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=tls))
    request = Request(url, headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"})
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return answer.status, _document(answer.read(MAX_BYTES))
    except HTTPError as refused:
        with refused:
            return refused.code, _document(refused.read(MAX_BYTES))
    except HTTPException as broken:
        raise OSError(str(broken)) from None


def _document(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None
