"""Names: which channels are whose, how our own are called, telephone numbers. Pure.

A channel's name is `TECHNOLOGY/RESOURCE-SUFFIX` (`PJSIP/mango-0000000c`); the endpoint is what stands before the last
hyphen. A Local channel has two halves, `Local/1001@ctx-00000001;1` and `;2` (Asterisk `main/core_local.c`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

UNIQUE_ID: Final = re.compile(r"[A-Za-z0-9_.:@-]{1,150}")
"""What a channel's unique id may look like: `1795406708.12`, or with `systemname` before it."""

_KINDS: Final = ("snoop", "media", "tap")
_SHORT_EXTENSION: Final = re.compile(r"[0-9]{2,5}")

LONGEST_NUMBER: Final = 40
"""E.164 has 15 digits; what is longer is nobody's number."""


def endpoint_of(channel_name: str) -> str:
    """`PJSIP/mango-0000000c` → `PJSIP/mango`; a name without a suffix is returned as it is."""
    return channel_name.rpartition("-")[0] or channel_name


def resource_of(channel_name: str) -> str:
    """`PJSIP/1001-0000000d` → `1001`."""
    return endpoint_of(channel_name).partition("/")[2]


def is_local(channel_name: str) -> bool:
    return channel_name.startswith("Local/")


def other_half(channel_name: str) -> str | None:
    """The name of a Local channel's other half, None for any other channel."""
    base, semicolon, half = channel_name.rpartition(";")
    if not is_local(channel_name) or not semicolon:
        return None
    return f"{base};{'2' if half == '1' else '1'}"


def is_extension(resource: str) -> bool:
    """Whether a resource looks like an operator's extension rather than a trunk: two to five digits."""
    return _SHORT_EXTENSION.fullmatch(resource) is not None


@dataclass(frozen=True, slots=True)
class TapNames:
    """Ids of what one tap makes in Asterisk: fixed by the tapped channel, so that a second create fails (a fence)."""

    snoop: str
    media: str
    bridge: str


def tap_names(app: str, channel_id: str) -> TapNames:
    return TapNames(*(f"{app}-{kind}-{channel_id}" for kind in _KINDS))


def tapped_channel(app: str, made_id: str) -> str | None:
    """The channel id inside an id made by `tap_names`; None where the id is not ours."""
    for kind in _KINDS:
        prefix = f"{app}-{kind}-"
        if made_id.startswith(prefix):
            return made_id.removeprefix(prefix)
    return None


def e164(number: str | None) -> str | None:
    """A number as E.164 where that can be known: a Russian one (`89001234567`, `79001234567`, `9001234567` →
    `+79001234567`), or one abroad that is written in full (`375291234567`, `810375291234567`).

    An extension and whatever cannot be understood come back as they are, cut to `LONGEST_NUMBER` printable characters
    (the far end writes what it likes); nothing (or `anonymous`) is None.
    """
    number = "".join(filter(str.isprintable, number or ""))[:LONGEST_NUMBER]
    stripped = re.sub(r"[\s()\-.]|;.*", "", number)  # parameters of a `tel:` number go too (RFC 3966)
    if not re.search(r"[0-9]", stripped):
        return None
    if re.fullmatch(r"\+[0-9]{7,15}", stripped):
        return stripped
    if re.fullmatch(r"[78][3-9][0-9]{9}", stripped):
        return "+7" + stripped[1:]
    if abroad := re.fullmatch(r"(?:810|00)([1-9][0-9]{6,14})", stripped):  # the prefixes for abroad
        return "+" + abroad[1]
    if re.fullmatch(r"[1-69][0-9]{10,14}", stripped):  # abroad, as providers write it: no number of ours is so long
        return "+" + stripped
    if re.fullmatch(r"[3489][0-9]{9}", stripped):
        return "+7" + stripped
    return number


def dialled_number(dialstring: str, fallback: str | None) -> str | None:
    """The number in a Dial event's dial string (`89001234567@mango`, `mango/sip:89001234567@host`), else `fallback`."""
    match = re.search(r"(?:^|/|sip:)(\+?[0-9]{3,})(?:@|$)", dialstring)
    return match[1] if match else fallback
