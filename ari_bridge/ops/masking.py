"""What must never stand in a log: phone numbers in full, secrets, speech. Pure.

Numbers are shortened to `+7900…67`: enough to find a call, too little to ring anybody.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import SecretStr

MASK = "**********"

_SECRET_KEY = re.compile(r"password|passwd|secret|token$|api_?key|authorization|cookie|credential", re.IGNORECASE)
_SPEECH_KEYS = frozenset({"text", "tail", "quote", "content", "transcript", "prompt", "utterance_text"})
_SECRET_IN_TEXT = re.compile(
    r"(?P<name>\b(?:api_key|apikey|password|token|secret)=)[^&\s'\"]+"
    r"|(?P<scheme>\b(?:Basic|Bearer)\s+)[A-Za-z0-9+/=._~-]{6,}"
    r"|(?P<url>://[^/\s:@]*:)[^/\s@]+(?=@)",
    re.IGNORECASE,
)
# An unbroken run of 10 to 15 digits (E.164), unless it is part of a word, of a UUID, or the seconds of an Asterisk
# unique id (`1732270800.42`); or a Russian number written in groups.
_PHONE = re.compile(
    r"(?P<uuid>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"
    r"|(?<![0-9A-Za-z.])\+?\d{10,15}(?![0-9A-Za-z]|\.\d)"
    r"|(?<![0-9A-Za-z])(?:\+7|8|7)[\s(-]{1,2}\d{3}[\s)-]{1,2}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)",
    re.IGNORECASE,
)


def shorten_number(number: str) -> str:
    """`+79001234567` → `+7900…67`; short ones (extensions) stay."""
    plus = "+" if number.lstrip().startswith("+") else ""
    digits = "".join(c for c in number if c.isdigit())
    return f"{plus}{digits[:4]}…{digits[-2:]}" if len(digits) >= 7 else number


def mask_text(text: str, secrets: Collection[str] = ()) -> str:
    """The text without known secrets, without credentials in URLs and headers, with shortened numbers."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    text = _SECRET_IN_TEXT.sub(lambda m: (m["name"] or m["scheme"] or m["url"]) + MASK, text)
    return _PHONE.sub(lambda m: m[0] if m["uuid"] else shorten_number(m[0]), text)


def mask_value(key: str, value: Any, secrets: Collection[str] = ()) -> Any:
    """A log member's value as it may be written; the key decides where the value cannot tell."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, SecretStr) or _SECRET_KEY.search(key):
        return MASK
    if key in _SPEECH_KEYS:
        return f"<{len(value)} characters>" if isinstance(value, str) else MASK
    if isinstance(value, str):
        return mask_text(value, secrets)
    if isinstance(value, int):
        return mask_text(str(value)) if "number" in key or "phone" in key or "caller" in key else value
    if isinstance(value, Mapping):
        return {str(k): mask_value(str(k), v, secrets) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_value(key, item, secrets) for item in value]
    return mask_text(str(value), secrets)
