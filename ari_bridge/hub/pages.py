"""The static page's files and the headers that every answer carries. No I/O beyond listing the folder once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ari_bridge.errors import ConfigError
from ari_bridge.hub.access import Access

SIGN_IN = "login.html"

MIME = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "media-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "ari-bridge",
}
SUBRESOURCE_HEADERS = {"X-Content-Type-Options": HEADERS["X-Content-Type-Options"]}
SUBRESOURCES = ("text/javascript", "text/css")
"""Scripts and styles are no documents and no secret: a policy of theirs binds nothing, and there are many of them."""


@dataclass(frozen=True, slots=True)
class Page:
    route: str
    path: Path
    headers: dict[str, str]
    access: Access


def find_pages(webui: Path) -> list[Page]:
    """One route per file that is there now, so no request can lead anywhere else.

    Raises `ConfigError` where there is no `index.html`.
    """
    index = webui / "index.html"
    if not index.is_file():
        raise ConfigError(f"webui: there is no {index}; install ari-bridge again")
    files = sorted(path for path in webui.rglob("*") if path.is_file() and path.suffix in MIME)
    return [_page("/", index), *(_page(f"/{path.relative_to(webui).as_posix()}", path) for path in files)]


def _page(route: str, path: Path) -> Page:
    cache = "no-store" if path.suffix == ".html" else "no-cache"  # no-cache: asked for again, answered 304
    access = Access.PAGE if path.suffix == ".html" and path.name != SIGN_IN else Access.PUBLIC
    return Page(route, path, {"Content-Type": MIME[path.suffix], "Cache-Control": cache}, access)
