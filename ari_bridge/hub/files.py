"""A file of the page as it goes over the wire: without its comments, packed, named by what is in it; read anew when it
changed. Third-party code goes out as it was published.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_WHOLE_LINES: Final = {
    ".js": re.compile(rb"^[ \t]*(?://[^\n]*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.M),
    ".css": re.compile(rb"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.M),
}
_LINE_ENDS: Final = re.compile(rb"(?<=[;,(){}\[\]]) +// [^\n\"'`]*$", re.M)  # no quote follows: it is in no text
_INDENTATION: Final = re.compile(rb"^[ \t]+", re.M)
WORTH_PACKING: Final = 200  # bytes; below that gzip's own header eats what it saves


@dataclass(frozen=True, slots=True)
class Representation:
    """`encoding`: what the body is packed with, None for nothing; `etag` quoted, of exactly these bytes."""

    body: bytes
    etag: str
    encoding: str | None = None


class PageFile:
    """Keeps the file at `path` in memory in both forms; the page's files are a hundred kilobytes in all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._plain = Representation(b"", '""')
        self._packed = self._plain

    def representation(self, accept_encoding: str) -> Representation:
        """The file as it is now, packed for whoever takes that. Raises `OSError` where it cannot be read."""
        stat = self._path.stat()
        stamp = stat.st_mtime_ns, stat.st_size
        if stamp != self._stamp:
            self._read()
            self._stamp = stamp
        return self._packed if takes_gzip(accept_encoding) else self._plain

    def _read(self) -> None:
        body = lean(self._path)
        digest = hashlib.sha256(body).hexdigest()[:12]
        self._plain = self._packed = Representation(body, f'"{digest}"')
        packed = gzip.compress(body, compresslevel=9, mtime=0)
        if len(body) > WORTH_PACKING and len(packed) < len(body):
            self._packed = Representation(packed, f'"{digest}-gz"', "gzip")


def lean(path: Path) -> bytes:
    """Our own scripts and styles without comments, as far as these are easily told; every other file as it is."""
    body, whole_lines = path.read_bytes(), _WHOLE_LINES.get(path.suffix)
    if whole_lines is None or "vendor" in path.parts:
        return body
    body = whole_lines.sub(b"", body)
    if path.suffix == ".js":
        body = _LINE_ENDS.sub(b"", body)
    return _INDENTATION.sub(b"", body)


def takes_gzip(accept_encoding: str) -> bool:
    """RFC 9110 §12.5.3; a weight of nought means no."""
    for part in accept_encoding.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether who asks has these bytes already (RFC 9110 §13.1.2: compared weakly)."""
    return any(tag.strip().removeprefix("W/") in ("*", etag) for tag in if_none_match.split(","))
