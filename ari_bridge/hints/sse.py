"""Server-sent events: bytes in, the `data` of whole events out. WHATWG HTML, "Interpreting an event stream".

Pure. Bytes may be cut anywhere, inside a UTF-8 character or between CR and LF too. Comments (`: OPENROUTER
PROCESSING`) and fields other than `data` give nothing.
"""

from __future__ import annotations

import codecs

MAX_EVENT_CHARS = 262_144


class SseOverflow(ValueError):
    """The peer sends an event without end."""


class SseParser:
    """Feed it what arrives; it returns the `data` of every event completed by that."""

    __slots__ = ("_after_cr", "_data", "_decoder", "_first", "_line", "_size")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line: list[str] = []
        self._data: list[str] = []
        self._size = 0
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[str]:
        """Raises `SseOverflow` where one event grows beyond `MAX_EVENT_CHARS`."""
        text = self._decoder.decode(chunk)
        if self._first and text:
            text, self._first = text.removeprefix("\ufeff"), False
        if self._after_cr and text:
            text, self._after_cr = text.removeprefix("\n"), False
        self._after_cr = self._after_cr or text.endswith("\r")
        pieces = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        events: list[str] = []
        for piece in pieces[:-1]:
            self._grow(piece)
            self._end_line(events)
        self._grow(pieces[-1])
        return events

    def _grow(self, piece: str) -> None:
        self._size += len(piece)
        if self._size > MAX_EVENT_CHARS:
            raise SseOverflow("event too large")
        self._line.append(piece)

    def _end_line(self, events: list[str]) -> None:
        line = "".join(self._line)
        self._line.clear()
        if not line:
            if self._data:
                events.append("\n".join(self._data))
            self._data.clear()
            self._size = 0
            return
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif not name or not self._data:
            self._size -= len(line)  # comments may come for ever
