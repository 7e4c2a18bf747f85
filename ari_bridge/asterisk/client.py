"""The ARI client: the only file that imports aioari.

aioari builds its operations from the server's own Swagger documents. Underneath stands our own HTTP client, because
aioari's has no deadline, no heartbeat, and puts the password of the event WebSocket into its URL.
Every method raises `AriError` and nothing else for what Asterisk or the network does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, Final

import aioari
import aiohttp
from aioswagger11.http_client import HttpClient

from ari_bridge.errors import BridgeError
from ari_bridge.settings import AriSettings

MAX_EVENT_BYTES: Final = 1 << 20
MOST_CONNECTIONS: Final = 32  # far below http.conf's sessionlimit of 100
IDLE_S: Final = 6.0
"""aiohttp takes the connection that was idle longest: a few requests every five seconds would keep a whole burst's
open for ever at its usual 15 s; so they keep four."""
CLOSE_WITHIN_S: Final = 1.0  # a line that is given up is not waited for


class AriError(BridgeError):
    """A request to Asterisk failed. `status` is the HTTP status, None where none came.

    `code` is one of `ari_unreachable`, `ari_timeout`, `ari_unauthorized`, `ari_forbidden`, `ari_not_found`,
    `ari_unavailable`, `ari_refused` (any other status), `ari_malformed`, `ari_closed`; the listener adds
    `ari_replaced`, `ari_deaf` and `ari_internal`.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        retryable = code in _RETRYABLE or (status or 0) >= 500
        super().__init__(code, message, retryable=retryable)
        self.status = status


_RETRYABLE: Final = frozenset({"ari_unreachable", "ari_timeout", "ari_unavailable", "ari_closed", "ari_deaf"})
_CODES: Final[Mapping[int, str]] = {
    401: "ari_unauthorized",
    403: "ari_forbidden",
    404: "ari_not_found",
    503: "ari_unavailable",
}


class _DeadlineHttpClient(HttpClient):  # type: ignore[misc]
    """What aioari sends its requests with: each has a deadline, body included, and goes where the settings say.

    The documents name the host that Asterisk believes it is called by, always with `http://`: behind a proxy or TLS
    that is another one (Asterisk `res_ari.c`, `basePath`).
    """

    def __init__(self, settings: AriSettings) -> None:
        password = settings.password.get_secret_value() if settings.password else ""
        self._root = settings.url
        self._heartbeat_s = settings.heartbeat_s
        self._timeout = aiohttp.ClientTimeout(total=settings.request_timeout_s)
        self._session = aiohttp.ClientSession(
            headers={"Authorization": aiohttp.encode_basic_auth(settings.username or "", password)},
            timeout=self._timeout,
            connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=IDLE_S),
        )

    async def close(self) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        url = self._ours(url)
        if self._session.closed:
            raise AriError("ari_closed", "the client is closed")
        try:
            async with self._session.request(method, url, params=params, data=data, headers=headers) as response:
                body = await response.text(errors="replace")
        except TimeoutError:
            raise AriError("ari_timeout", f"{method} {_path(url)}: no answer in {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AriError("ari_unreachable", f"{method} {_path(url)}: {_brief(error)}") from None
        if response.status >= 400:
            code = _CODES.get(response.status, "ari_refused")
            raise AriError(code, f"{method} {_path(url)}: {response.status} {_message(body)}", status=response.status)
        return response

    async def ws_connect(self, url: str, params: Mapping[str, Any] | None = None) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(self._timeout.total):
                return await self._session.ws_connect(
                    self._ours(url),
                    params=params,
                    heartbeat=self._heartbeat_s,
                    max_msg_size=MAX_EVENT_BYTES,
                    compress=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN_S),
                )
        except aiohttp.WSServerHandshakeError as error:
            code = _CODES.get(error.status, "ari_refused")
            raise AriError(code, f"event WebSocket: {error.status}", status=error.status) from None
        except TimeoutError:
            raise AriError("ari_timeout", "event WebSocket: no answer") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AriError("ari_unreachable", f"event WebSocket: {_brief(error)}") from None

    def _ours(self, url: str) -> str:
        """The same path below the address of the settings, whichever host and scheme the documents name."""
        head, slash, path = url.rpartition("/ari/")
        root = self._root if head.startswith("http") else "ws" + self._root.removeprefix("http")
        return root + slash + path


class AriClient:
    """One Asterisk's ARI. `connect` first; after that, operations by their Swagger nickname."""

    def __init__(self, settings: AriSettings) -> None:
        self._settings = settings
        self._http = _DeadlineHttpClient(settings)
        self._ari: aioari.Client | None = None

    async def connect(self) -> None:
        """Load the server's Swagger documents, so that operations fit its version."""
        client = aioari.Client(self._settings.url + "/", self._http)
        try:
            await client.init()
        except AriError:
            raise
        except Exception as error:  # boundary: aioari raises whatever a broken document makes it raise
            raise AriError("ari_malformed", f"ARI's documents cannot be read: {_brief(error)}") from None
        self._ari = client

    async def close(self) -> None:
        await self._http.close()

    async def call(self, resource: str, operation: str, **arguments: Any) -> Any:
        """One operation, e.g. `call("channels", "get", channelId=…)`; its decoded JSON answer, None if empty."""
        if self._ari is None:
            raise AriError("ari_closed", "not connected to ARI")
        oper = self._ari.swagger.resources[resource].get_operation(operation) if self._has(resource) else None
        if oper is None:
            raise AriError("ari_not_found", f"this Asterisk's ARI has no {resource}.{operation}", status=404)
        try:
            response = await oper(**arguments)
        except TypeError as error:  # aioswagger's way to say that the documents know no such argument
            raise AriError("ari_refused", f"{resource}.{operation}: {_brief(error)}") from None
        if response.status == 204:
            return None
        try:
            return json.loads(await response.text(errors="replace") or "null")
        except ValueError:
            raise AriError("ari_malformed", f"{resource}.{operation}: the answer is not JSON") from None

    async def subscribe(self) -> None:
        """Have Asterisk send what becomes of all channels and bridges; ends with the line on 22.10, stays on 16.28."""
        await self.call("applications", "subscribe", applicationName=self._settings.app, eventSource="channel:,bridge:")

    async def set_event_filter(self, types: Iterable[str]) -> None:
        """Have Asterisk send these event types alone (≥ 13.26). aioari would wrap the body, so it is sent here."""
        body = json.dumps({"allowed": [{"type": name} for name in types]})
        url = f"{self._settings.url}/ari/applications/{self._settings.app}/eventFilter"
        await self._http.request("PUT", url, data=body, headers={"Content-Type": "application/json"})

    async def events(self, opened: asyncio.Event) -> AsyncGenerator[object]:
        """Decoded messages of the event WebSocket until it closes; sets `opened` once it is up.

        Subscribed to nothing: `subscribeAll` would be to device states too, and Asterisk locks up its list of
        applications where such a line ends while one is on its way (asterisk/asterisk#2170, seen on 22.10.1).

        Ends when Asterisk closes the line; raises `AriError` where it cannot be opened or breaks. A silent line is
        found within twice `heartbeat_s`. A message that is not JSON is yielded as None.
        """
        if self._ari is None:
            raise AriError("ari_closed", "not connected to ARI")
        if not self._has("events"):
            raise AriError("ari_not_found", "this Asterisk's ARI has no events", status=404)
        socket = await self._ari.swagger.events.eventWebsocket(app=self._settings.app)
        try:
            opened.set()
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    yield _decoded(message.data)
                elif message.type is aiohttp.WSMsgType.ERROR:
                    break
            if socket.exception() is not None or socket.close_code not in (1000, 1001):
                raise AriError("ari_closed", f"the event WebSocket broke (close code {socket.close_code})")
        finally:
            await socket.close()

    def _has(self, resource: str) -> bool:
        return self._ari is not None and resource in self._ari.swagger.resources


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _path(url: str) -> str:
    """The path alone: a log line needs no host, and a query may carry a number."""
    return "/" + url.split("://", 1)[-1].partition("/")[2].partition("?")[0]


def _message(body: str) -> str:
    """ARI's own words (`{"message": …}`), short."""
    try:
        decoded = json.loads(body)
    except ValueError:
        return body[:120].strip()
    return str(decoded.get("message", "") if isinstance(decoded, dict) else "")[:200]


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
