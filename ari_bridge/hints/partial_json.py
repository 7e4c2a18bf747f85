"""A JSON object of strings, read while it grows. RFC 8259, as far as such an object needs it.

Pure. What stands before the opening brace (a Markdown fence) and after the closing one is skipped. Anything else than
strings as members breaks the object: the schema has nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto

MAX_CHARS = 20_000
_SPACE = " \t\r\n"
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = re.compile(r"[0-9a-fA-F]{4}")


class _At(Enum):
    BEFORE = auto()
    FIRST_KEY = auto()
    KEY = auto()
    COLON = auto()
    VALUE = auto()
    COMMA = auto()
    AFTER = auto()


@dataclass(frozen=True, slots=True)
class Member:
    text: str
    whole: bool


@dataclass(slots=True)
class PartialObject:
    """`members` so far, the last of them perhaps not `whole`; `closed` after the closing brace; `broken` for good."""

    members: dict[str, Member] = field(default_factory=dict)
    broken: bool = False
    _at: _At = _At.BEFORE
    _key: str = ""
    _string: list[str] | None = None
    _escape: str = ""
    _high: int = 0
    _length: int = 0

    @property
    def closed(self) -> bool:
        return self._at is _At.AFTER and not self.broken

    def feed(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_CHARS:
            self.broken = True
        for char in text:
            if self.broken or self._at is _At.AFTER:
                break
            if self._string is not None:
                self._inside(char)
            elif self._at is _At.BEFORE:
                self._before(char)
            elif char not in _SPACE:
                self._between(char)
        if self._at is _At.VALUE and self._string is not None and not self.broken:
            self.members[self._key] = Member("".join(self._string), False)

    def _before(self, char: str) -> None:
        if char == "{":
            self._at = _At.FIRST_KEY
        elif char == "[":
            self.broken = True

    def _between(self, char: str) -> None:
        if char == '"' and self._at in (_At.FIRST_KEY, _At.KEY, _At.VALUE):
            self._string = []
        elif char == ":" and self._at is _At.COLON:
            self._at = _At.VALUE
        elif char == "," and self._at is _At.COMMA:
            self._at = _At.KEY
        elif char == "}" and self._at in (_At.FIRST_KEY, _At.COMMA):
            self._at = _At.AFTER
        else:
            self.broken = True

    def _inside(self, char: str) -> None:
        if self._escape:
            self._unescape(char)
        elif char == "\\":
            self._escape = char
        elif char == '"':
            self._close()
        elif char < " ":
            self.broken = True
        else:
            self._append(char)

    def _unescape(self, char: str) -> None:
        self._escape += char
        if len(self._escape) == 2 and char != "u":
            if char in _ESCAPES:
                self._append(_ESCAPES[char])
            else:
                self.broken = True
            self._escape = ""
        elif len(self._escape) == 6:
            digits, self._escape = self._escape[2:], ""
            if _HEX.fullmatch(digits):
                self._code_unit(int(digits, 16))
            else:
                self.broken = True

    def _code_unit(self, unit: int) -> None:
        """UTF-16: a character beyond the basic plane comes as two escapes; half of one becomes U+FFFD."""
        if 0xDC00 <= unit <= 0xDFFF and self._high:
            high, self._high = self._high, 0
            self._append(chr(0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00)))
            return
        self._flush_half()
        if 0xD800 <= unit <= 0xDBFF:
            self._high = unit
        else:
            self._append("\ufffd" if 0xDC00 <= unit <= 0xDFFF else chr(unit))

    def _flush_half(self) -> None:
        if self._high and self._string is not None:
            self._high = 0
            self._string.append("\ufffd")

    def _append(self, char: str) -> None:
        self._flush_half()
        if self._string is not None:
            self._string.append(char)

    def _close(self) -> None:
        self._flush_half()
        text, self._string = "".join(self._string or ()), None
        if self._at is _At.VALUE:
            self.members[self._key] = Member(text, True)
            self._at = _At.COMMA
        elif text in self.members:
            self.broken = True  # a repeated key would change what was shown already
        else:
            self._key, self._at = text, _At.COLON
