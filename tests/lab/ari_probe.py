"""A tiny ARI client that shares no code with the daemon: it reads what Asterisk holds and deletes nothing."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

# loopback must not travel through a proxy of the machine
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AriError(Exception):
    """Asterisk answered with an HTTP error; `status` and what it said."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status} {said}")
        self.status = status


class AriProbe:
    """Synchronous requests to one Asterisk; AriError for an HTTP error, OSError when it cannot be reached."""

    def __init__(self, url: str, user: str, password: str, *, timeout_s: float = 5.0) -> None:
        self._base = url.rstrip("/") + "/ari"
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._timeout_s = timeout_s

    def request(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """One request; the decoded JSON answer, None where there is no body."""
        url = self._base + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with _OPENER.open(request, timeout=self._timeout_s) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise AriError(error.code, error.read().decode(errors="replace")) from None
        return json.loads(text) if text.strip() else None

    def get(self, path: str, **query: str) -> Any:
        """GET below /ari."""
        return self.request("GET", path, **query)

    def channels(self) -> list[dict[str, Any]]:
        """Every channel, as ARI describes it."""
        return list(self.get("/channels"))

    def bridges(self) -> list[dict[str, Any]]:
        """Every bridge, those of Dial() included."""
        return list(self.get("/bridges"))

    def applications(self) -> list[dict[str, Any]]:
        """Every registered Stasis application with its subscriptions."""
        return list(self.get("/applications"))

    def application(self, name: str) -> dict[str, Any]:
        """One Stasis application; AriError 404 when nobody registered it."""
        return dict(self.get(f"/applications/{urllib.parse.quote(name, safe='')}"))

    def channel_variable(self, channel_id: str, name: str) -> str:
        """A variable or function of a channel, such as `CHANNEL(linkedid)`."""
        quoted = urllib.parse.quote(channel_id, safe="")
        return str(self.get(f"/channels/{quoted}/variable", variable=name)["value"])

    def holdings(self) -> list[str]:
        """One line for each channel and bridge that exists now; empty means that nothing was left behind."""
        channels = [f"channel {c['id']} {c['name']} {c['state']} {c['dialplan']}" for c in self.channels()]
        return channels + [f"bridge {b['id']} {b['bridge_class']} {b['channels']}" for b in self.bridges()]

    def wait_idle(self, *, timeout_s: float = 5.0) -> None:
        """Waits until there is neither channel nor bridge; AssertionError with the list otherwise."""
        deadline = time.monotonic() + timeout_s
        while left := self.holdings():
            assert time.monotonic() < deadline, "left in Asterisk:\n" + "\n".join(left)
            time.sleep(0.05)
