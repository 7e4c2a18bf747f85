"""One byte range of a file (RFC 9110 §14). Pure."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=\s*(\d{0,15})-(\d{0,15})\s*", re.ASCII)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """From, to (exclusive) of what is asked for; the whole where the header asks for nothing that we understand.

    None: nothing of it is there (416).
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        return (max(size - int(match[2]), 0), size) if int(match[2]) and size else None
    first, last = int(match[1]), int(match[2] or size)
    if match[2] and last < first:
        return 0, size  # not valid: ignored (§14.2)
    return (first, min(last + 1, size)) if first < size else None
