"""Telephone numbers, in whatever way they are written. Pure."""

from __future__ import annotations

import re
from typing import Final

NATIONAL_DIGITS: Final = 10  # +7 900…, 8 900… and 900… are one number


def digits_of(number: str | None) -> str:
    return re.sub(r"[^0-9]", "", number or "")


def number_key(number: str | None) -> str:
    """What all ways to write one number have in common: its last ten digits; "" where it has none."""
    return digits_of(number)[-NATIONAL_DIGITS:]
